"""Laws of the beam: half-value layers, transmission, heel, bowtie, energy nodes, and HU behind a bowtie."""

from __future__ import annotations

import numpy as np

from phantomsim import materials
from phantomsim.laws import Law
from phantomsim.materials.laws import IEC, NIST, RQT, rqt_beam
from phantomsim.scanners.ct import bowtie, heel
from phantomsim.scanners.ct.bases import Bases
from phantomsim.scanners.ct.beam import WHOLE, Beam, beam
from phantomsim.scanners.ct.orbits import flat_panel, third_generation
from phantomsim.scanners.ct.rays import rays
from phantomsim.scanners.ct.spec import AnalyticBowtie, CTProtocol, CTScanner, EnergyIntegrating
from phantomsim.scanners.ct.transmission import transmission
from phantomsim.scanners.ct.water import water_correction, water_paths

SCANNER = CTScanner(
    name="laws",
    source_to_isocentre_mm=541.0,
    source_to_detector_mm=949.0,
    columns=222,
    rows=4,
    column_mm=4.0,
    row_mm=17.0,
    heel=True,
    filtration={"al_mm": 5.8},
    bowties={"body": AnalyticBowtie(cylinder_mm=300.0, strength=0.4, centre_mm=1.0)},
    detector=EnergyIntegrating(thickness_mm=1.5),
)
GEOMETRY = third_generation(541.0, 949.0, 1, 222, 4, 4.0, 17.0, 0.25)
WATER_CM2_PER_G = {30.0: 0.3756, 60.0: 0.2059, 100.0: 0.1707}
SPEKPY = "SpekPy 2.5.4 (casim, its own attenuation), 7 deg, 6.8 mm Al, bins of 0.5 keV"
# -log of the energy fluence behind 200 mm of water over that before:
# s = Spek(kvp=k, th=7, dk=0.5, mas=1); s.filter("Al", 6.8); s.filter("Water, Liquid", 200)
# e, f = s.get_spectrum(); e @ f
# Its attenuation is that of PENELOPE, which for water lies 0.25 % above NIST's from 50 keV on.
WATER_200_MM = {80.0: 4.4543, 100.0: 4.1612, 120.0: 3.9726, 140.0: 3.8277}
# Energy fluence x cm beside the central ray 1 m away, over that on it, inverse square taken out:
# s = Spek(kvp=k, th=anode, dk=0.5, x=x, mas=1, obli=False); s.filter("Al", 6.8); e @ f * (1 + (x / 100) ** 2)
HEEL = {  # kVp, anode [deg], x [cm]: negative towards the anode
    (120.0, 7.0, -3.5): 0.9300,
    (120.0, 7.0, 3.5): 1.0424,
    (120.0, 10.0, -7.0): 0.9169,
    (120.0, 10.0, 7.0): 1.0363,
    (80.0, 7.0, -3.5): 0.9587,
    (140.0, 7.0, -3.5): 0.9202,
}
CATPHAN = "Catphan 503/600 manual (The Phantom Laboratory), section Sensitometry: HU range"
CATPHAN_HU = {"ldpe": (-121.0, -87.0), "pmma": (92.0, 137.0), "teflon": (941.0, 1060.0)}
WATER_MM, SAMPLE_MM = 200.0, 5.0


def laws() -> list[Law]:
    """Measure every law of the beam (some seconds)."""
    return [*_nist(), *_half_value_layers(), *_water(), *_heel(), _flat_field(), *_nodes(), *_hounsfield()]


def _nist() -> list[Law]:
    water = materials.table()["water"].composition
    return [
        Law(
            f"mu/rho of water at {keV:g} keV [cm^2/g]",
            NIST,
            value,
            float(materials.mass_attenuation(water, [keV])[0]),
            0.003 * value,
        )
        for keV, value in WATER_CM2_PER_G.items()
    ]


def _half_value_layers() -> list[Law]:
    return [
        Law(f"HVL of {name} [mm Al]", IEC, hvl, rqt_beam(kVp, rqr, copper).half_value_layer_mm(), 0.01 * hvl)
        for name, kVp, rqr, copper, hvl in RQT
    ]


def _water() -> list[Law]:
    rows = []
    for kVp, published in WATER_200_MM.items():
        spectrum = materials.spectrum(kVp, {"al_mm": 6.8}, 7.0)
        behind = spectrum.filtered("water", 200.0)
        before, after = (s.photons_per_mAs_per_mm2_at_1m @ s.energy_keV for s in (spectrum, behind))
        what = f"-log transmission of 200 mm water at {kVp:g} kVp [1]"
        rows.append(Law(what, SPEKPY, published, float(np.log(before / after)), 0.005 * published))
    return rows


def heel_ratio(kVp: float, anode_deg: float, x_cm: float) -> float:
    """Energy fluence beside the central ray over that on it; x negative towards the anode, 1 m from the focus."""
    seen = rays(flat_panel(500.0, 1000.0, 1, 1, 2, 1.0, 20 * abs(x_cm)))
    tungsten = heel.path_mm(seen, anode_deg, kVp, {"al_mm": 6.8})[:, 0]
    central = materials.spectrum(kVp, {"al_mm": 6.8}, anode_deg)
    mu = materials.attenuation_matrix([heel.MATERIAL], central.energy_keV)[0]
    signal = central.photons_per_mAs_per_mm2_at_1m * central.energy_keV
    anode_side, cathode_side = np.exp(-np.outer(tungsten[::-1], mu)) @ signal / signal.sum()
    return float(anode_side if x_cm < 0 else cathode_side)


def _heel() -> list[Law]:
    what = "heel effect at {:g} kVp, {:g} deg anode, {:g} cm off the axis at 1 m [1]"
    return [Law(what.format(*at), SPEKPY, ratio, heel_ratio(*at), 0.01 * ratio) for at, ratio in HEEL.items()]


def _flat_field() -> Law:
    """Spread of what passes a full bowtie and its cylinder, at the energy that it is made for."""
    shape = AnalyticBowtie(material="ptfe", cylinder_mm=300.0)
    fan = np.linspace(0.0, np.arcsin(150 / 541), 50)
    chord = 2 * np.sqrt(150.0**2 - np.square(541.0 * np.sin(fan)))
    water, material = materials.attenuation_matrix(["water", "ptfe"], [bowtie.MATCH_KEV])[:, 0]
    optical = water * chord + material * bowtie.thickness_mm(shape, fan, 541.0)
    source = "definition of the ideal bowtie: cylinder and filter together are even"
    return Law("spread of the signal behind bowtie and cylinder, 60 keV [1]", source, 0.0, float(np.ptp(optical)), 1e-6)


def _nodes() -> list[Law]:
    source = "all energies of the spectrum, and every tissue a basis of its own, on 2000 random paths"
    rows = []
    for kVp, tin_mm in ((80.0, 0.0), (100.0, 0.0), (120.0, 0.0), (140.0, 0.0), (140.0, 0.4)):
        protocol = CTProtocol(kVp=80.0, second_kVp=kVp, second_filtration={"sn_mm": tin_mm}, bowtie="body")
        few, whole = (beam(SCANNER, protocol, GEOMETRY, second=True, count=n) for n in (None, WHOLE))
        what = f"largest error of a line integral by {few.count} energies, {kVp:g} kVp, {tin_mm:g} mm Sn [1]"
        rows.append(Law(what, source, 0.0, node_error(few, whole), 1e-4))
    return rows


def node_error(few: Beam, whole: Beam, count: int = 2000) -> float:
    """Largest difference in the logarithm of any response between two beams, on random paths of four materials."""
    rng = np.random.default_rng(0)
    reach = {"water": 450.0, "bone-cortical": 80.0, "iodine-blood-20": 40.0, "titanium": 10.0}
    paths = rng.uniform(0, list(reach.values()), (count, 4)) * (rng.random((count, 4)) < [0.9, 0.6, 0.5, 0.3])
    cells = rng.integers(0, few.filter_exponent[0].size, count)
    found = []
    for one in (few, whole):
        optical = paths @ materials.attenuation_matrix(tuple(reach), one.energy_keV)
        optical += one.filter_exponent.reshape(len(one.energy_keV), -1)[:, cells].T
        found.append(np.exp(-optical) @ one.weights.T)
    return float(np.abs(np.log(found[0] / found[1])).max())


def insert_HU(names: tuple[str, ...], kVp: float) -> np.ndarray:
    """HU of thin samples in 200 mm of water, and of the water itself, through the chain behind bowtie and heel.

    Returns:
        float64 [T + 1, row, column]; the last is the water's.
    """
    bases = Bases(beam(SCANNER, CTProtocol(kVp=kVp, bowtie="body"), GEOMETRY), ("air", "water", *names))
    excess = bases.coefficients[2:] - bases.air
    ends = np.stack(
        [*((WATER_MM - SAMPLE_MM) * bases.water + SAMPLE_MM * one for one in excess), WATER_MM * bases.water]
    )
    paths = np.broadcast_to(ends.T[:, :, None, None], (*ends.T.shape, GEOMETRY.rows, GEOMETRY.columns))
    read = -np.log(np.asarray(transmission(paths.astype(np.float32), bases.table)[0]))
    beyond = np.asarray(water_paths(read, water_correction(bases)), float) - WATER_MM
    return 1000 * beyond / np.array([*[SAMPLE_MM] * len(names), WATER_MM])[:, None, None]


def _hounsfield() -> list[Law]:
    names = (*CATPHAN_HU, "iodine-water-5")
    every = insert_HU(names, 120.0)
    found = dict(zip(names, every[:, :, GEOMETRY.columns // 2].mean(-1).tolist()))
    rows = [
        Law(f"{name} at 120 kVp behind a bowtie [HU]", CATPHAN, (a + b) / 2, found[name], (b - a) / 2)
        for name, (a, b) in CATPHAN_HU.items()
    ]
    rows.append(
        Law(
            "iodine at 120 kVp [HU per mg/mL]",
            "published, 25 to 30 (unverified)",
            28.0,
            found["iodine-water-5"] / 5,
            2.0,
        )
    )
    worst = float(every[-1].ravel()[np.abs(every[-1]).argmax()])
    rows.append(Law("water in the worst cell behind bowtie and heel [HU]", "definition of the HU", 0.0, worst, 1.0))
    return rows
