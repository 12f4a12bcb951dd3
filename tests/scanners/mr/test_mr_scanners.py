"""The catalogue's MR scanners: they read, can null what they say, and their noise follows physics."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from phantomsim import catalogue, spec
from phantomsim.materials import relaxation
from phantomsim.scanners.mr import coils, noise
from phantomsim.scanners.mr.fields.transmit import dielectric
from phantomsim.scanners.mr.spec import MRScanner

NAMES = ("mr-0.055t", "mr-0.55t", "mr-0.55t-torso", "mr-1.5t", "mr-3t", "mr-7t")
FOLDER = Path(catalogue.root()) / "scanners"


@pytest.fixture(scope="module", params=NAMES)
def scanner(request):
    return MRScanner.model_validate(tomllib.loads((FOLDER / f"{request.param}.toml").read_text()))


def test_the_catalogue_has_scanners_of_five_fields():
    fields = {tomllib.loads((FOLDER / f"{name}.toml").read_text())["field_T"] for name in NAMES}
    assert fields == {0.055, 0.55, 1.5, 3.0, 7.0}


def test_conductivity_is_that_of_the_cole_cole_terms(scanner):
    """Gabriel et al. 1996, mean of grey and white matter (heads)."""
    if scanner.name.endswith("torso"):
        pytest.skip("a torso")
    conductivity, permittivity = (np.mean(v) for v in zip(*(brain(scanner.field_T, t) for t in TERMS), strict=True))
    assert scanner.load.conductivity_S_per_m == pytest.approx(conductivity, abs=0.02)
    assert scanner.load.permittivity == pytest.approx(permittivity, rel=0.02)


TERMS = (  # permittivity step, time constant [s], spread; grey, then white matter; Gabriel 1996 table 1
    (4.0, ((45, 7.958e-12, 0.1), (400, 15.915e-9, 0.15), (2e5, 106.103e-6, 0.22), (4.5e7, 5.305e-3, 0.0))),
    (4.0, ((32, 7.958e-12, 0.1), (100, 7.958e-9, 0.1), (4e4, 53.052e-6, 0.3), (3.5e7, 7.958e-3, 0.02))),
)


def brain(field_T, tissue):
    w, static = noise.larmor_rad_per_s(field_T), 0.02
    infinite, terms = tissue
    total = infinite + sum(d / (1 + (1j * w * t) ** (1 - a)) for d, t, a in terms) + static / (1j * w * 8.854e-12)
    return -total.imag * w * 8.854e-12, total.real


def test_flair_nulls_csf(scanner):
    if "flair" not in scanner.protocols:
        pytest.skip("no FLAIR")
    p = scanner.protocols["flair"]
    mr = relaxation(["csf", "white-matter"], scanner.field_T)
    inverted, late = (2 * np.exp(-t / mr.T1_ms) for t in (p.TI_ms, p.TR_ms - p.TE_ms / 2))
    csf, white = (1 - inverted + late - np.exp(-p.TR_ms / mr.T1_ms)) * np.exp(-p.TE_ms / mr.T2_ms)
    assert abs(csf) < 0.02 * white


def test_every_scanner_hears_the_middle_and_makes_finite_noise(scanner):
    heard = coils.sensitivity(scanner.coils, np.array([[0.0, 0.0, 0.0], [20.0, 30.0, 40.0]]))
    assert np.linalg.norm(heard, axis=0).min() > 0
    resistance = noise.resistance_ohm(scanner.coils, scanner.load, scanner.field_T)
    assert resistance.shape == (len(heard),) * 2
    assert np.linalg.eigvalsh(resistance).min() > 0


def share_of_coils(scanner):
    own = noise.own_ohm(scanner.coils, scanner.load, scanner.field_T)
    return float(np.mean(own / np.diag(noise.resistance_ohm(scanner.coils, scanner.load, scanner.field_T))))


def heads():
    whole = [tomllib.loads((FOLDER / f"{name}.toml").read_text()) for name in NAMES if "torso" not in name]
    return [MRScanner.model_validate(one) for one in whole]


def test_coils_make_the_noise_at_low_field_and_patients_at_high_field():
    shares = [share_of_coils(one) for one in heads()]
    assert shares[0] > 0.6 > shares[1] > shares[2] > shares[3]
    assert shares[3] < 0.2
    assert shares[4] < 0.2


def test_snr_of_the_whole_chain_grows_with_the_field():
    """Signal of fully relaxed water in the middle over noise, per root hertz and mm^3."""
    snr = []
    for one in heads():
        heard = coils.sensitivity(one.coils, np.zeros(3))
        resistance = noise.resistance_ohm(one.coils, one.load, one.field_T)
        snr.append(noise.emf_uV(one.field_T) * np.sqrt((heard.conj() @ np.linalg.solve(resistance, heard)).real))
    assert all(np.diff(snr) > 0)
    exponents = np.diff(np.log(snr)) / np.diff(np.log([one.field_T for one in heads()]))
    assert np.all((exponents > 0.7) & (exponents < 2.1))


def test_seven_tesla_is_brighter_in_the_middle_than_three():
    three, seven = heads()[3:5]
    rim = [dielectric(one.load, one.field_T, np.array([50.0]))[0] for one in (three, seven)]
    assert rim[1] < 0.5 < rim[0]


def test_gradients_can_encode_what_the_protocols_ask(scanner):
    """Readout gradient = bandwidth / (gamma-bar FOV)."""
    for p in scanner.protocols.values():
        fov = p.fov_mm[1] if p.phase_axis == "y" else p.fov_mm[0]
        gradient = p.bandwidth_Hz / (42.577e3 * fov * 1e-3)
        assert gradient < scanner.hardware.max_gradient_mT_per_m


def test_what_a_file_adds_to_its_base_comes_first(tmp_path):
    text = Path(FOLDER / "mr-3t.toml").read_text()
    own = "[protocols.own]" + text.split("[protocols.t2-tse]")[1].split("\n[")[0] + "\n[protocols.flair]\nslices = 2\n"
    (tmp_path / "mine.toml").write_text('base = "mr-3t"\nname = "mine"\n' + own)
    names = list(spec.read(tmp_path / "mine.toml", MRScanner).protocols)
    assert names == ["own", *spec.read("mr-3t", MRScanner).protocols]


def test_noise_at_the_wires_of_a_solenoid_is_not_made_loud():
    """Where the coil hears next to nothing, an image divided by its sensitivity would be noise alone."""
    scanner = spec.read("mr-0.055t", MRScanner)
    scan = scanner.build(scanner.protocols["t1-spin-echo"].model_copy(update={"slices": 1}))
    sd = scan.noise_sd(scanner.reconstructions["sense"])
    assert sd.max() < 10.5 * np.median(sd)
    middle = sd.shape[1] // 2, sd.shape[2] // 2
    heard = np.abs(np.asarray(scan._maps)).ravel()
    assert heard.min() < 0.05 * np.median(heard)  # or nothing was tried
    assert sd[0][middle] == pytest.approx(np.median(sd), rel=0.5)
