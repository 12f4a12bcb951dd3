"""What the tables of materials must reproduce: NIST, IEC 61267 and published CT numbers."""

from __future__ import annotations

from phantomsim.laws import Law
from phantomsim.materials.attenuation import mass_attenuation
from phantomsim.materials.hounsfield import hu
from phantomsim.materials.spectra import Spectrum, spectrum
from phantomsim.materials.tissues import table

NIST = "NIST XCOM / Hubbell and Seltzer 1995, physics.nist.gov/xaamdi"
NIST_CM2_PER_G = [  # material, keV, mu/rho
    ("water", 30.0, 0.3756),
    ("water", 60.0, 0.2059),
    ("water", 100.0, 0.1707),
    ("air", 60.0, 0.1875),
    ("aluminium", 60.0, 0.2778),
    ("copper", 60.0, 1.593),
    ("bone-cortical", 60.0, 0.3148),
]
NIST_TOLERANCE = 0.005  # relative; three libraries differ by as much

IEC = "IEC 61267:2005, RQR first half-value layer and RQT added copper and half-value layer"
RQT = [  # name, kVp, HVL of the RQR beam [mm Al], added copper [mm], HVL of the RQT beam [mm Al]
    ("RQT 8", 100.0, 3.97, 0.20, 6.9),
    ("RQT 9", 120.0, 5.00, 0.25, 8.4),
    ("RQT 10", 150.0, 6.57, 0.30, 10.1),
]
HVL_TOLERANCE = 0.01  # relative
RQT_ANODE_DEG = 16.0  # calibration laboratories' tubes have about 20 (unverified); the largest of the bank

TEXTBOOK = "ranges of Prokop 2003 and Buzug 2008, doi:10.1007/978-3-540-39408-2"
CATPHAN = "Catphan 600 manual, range of measured CT numbers"
CT_NUMBERS_HU = [  # tissue, lowest, highest, source
    ("grey-matter", 37.0, 45.0, TEXTBOOK),
    ("white-matter", 20.0, 32.0, TEXTBOOK + "; upper end by 2 HU for calibration"),
    ("csf", 0.0, 15.0, "Prokop 2003, unverified"),
    ("haematoma-acute", 50.0, 70.0, "within 40 to 90 of " + TEXTBOOK),
    ("blood", 30.0, 65.0, TEXTBOOK + " (45 to 65); 30 to 45 elsewhere"),
    ("liver", 45.0, 65.0, TEXTBOOK),
    ("spleen", 35.0, 55.0, TEXTBOOK),
    ("kidney", 20.0, 40.0, TEXTBOOK),
    ("muscle", 35.0, 60.0, "Prokop 2003, unverified"),
    ("adipose", -120.0, -90.0, "Hounsfield scale, fat"),
    ("lung", -910.0, -700.0, TEXTBOOK + " (inspiration), -800 to -700 elsewhere"),
    ("ldpe", -121.0, -87.0, CATPHAN),
    ("pmma", 92.0, 137.0, CATPHAN),
    ("teflon", 941.0, 1060.0, CATPHAN),
]
# Water-like tissues: textbooks give one range for every voltage. Fat and plastics move by 20 HU and more.
ALIKE_AT_80_kVp = (
    "grey-matter",
    "white-matter",
    "csf",
    "haematoma-acute",
    "blood",
    "liver",
    "spleen",
    "kidney",
    "muscle",
)
CT_ALUMINIUM_MM = 6.8  # filtration of a usual CT tube: HVL 7 mm Al at 120 kVp


def ct_beam(kVp: float) -> Spectrum:
    """The beam of a usual CT tube without bow-tie filter."""
    return spectrum(kVp, {"al_mm": CT_ALUMINIUM_MM})


def rqt_beam(kVp: float, rqr_mm: float, copper_mm: float) -> Spectrum:
    """An IEC 61267 beam made as the standard says: aluminium up to the RQR half-value layer, then copper."""
    from scipy.optimize import brentq

    bare = spectrum(kVp, anode_deg=RQT_ANODE_DEG)
    al_mm = brentq(lambda d: bare.filtered("Al", d).half_value_layer_mm() - rqr_mm, 0.5, 8.0)
    return bare.filtered("Al", al_mm).filtered("Cu", copper_mm)


def laws() -> list[Law]:
    """Every law of the materials."""
    return [*_nist(), *_beams(), *_ct_numbers()]


def _nist() -> list[Law]:
    return [
        Law(
            f"mu/rho of {name} at {energy:g} keV [cm^2/g]",
            NIST,
            value,
            float(mass_attenuation(table()[name].composition, [energy])[0]),
            NIST_TOLERANCE * value,
        )
        for name, energy, value in NIST_CM2_PER_G
    ]


def _beams() -> list[Law]:
    return [
        Law(f"HVL of {name} [mm Al]", IEC, hvl, rqt_beam(kVp, rqr, copper).half_value_layer_mm(), HVL_TOLERANCE * hvl)
        for name, kVp, rqr, copper, hvl in RQT
    ]


def _ct_numbers() -> list[Law]:
    rows = [(row, kVp) for kVp in (80.0, 120.0) for row in CT_NUMBERS_HU if kVp == 120 or row[0] in ALIKE_AT_80_kVp]
    numbers = {kVp: dict(zip(_names(), hu(_names(), ct_beam(kVp)))) for kVp in (80.0, 120.0)}
    return [
        Law(
            f"CT number of {name} at {kVp:g} kVp [HU]",
            source,
            (low + high) / 2,
            float(numbers[kVp][name]),
            (high - low) / 2,
        )
        for (name, low, high, source), kVp in rows
    ]


def _names() -> list[str]:
    return [row[0] for row in CT_NUMBERS_HU]
