"""Whole scans: every way of scanning gives water its HU, and what a protocol asks for it gets."""

import jax
import numpy as np
import pytest

from phantomsim.catalogue import names
from phantomsim.grid import Grid
from phantomsim.phantom import Phantom
from phantomsim.scanners.ct.scan import Scan
from phantomsim.scanners.ct.spec import Breathing, CTProtocol, CTReconstruction, CTScanner, Modulation, RigidMotion
from phantomsim.spec import read

ORIGIN = (0.0, 0.0, 0.0)
SIZE_MM, IODINE_MM = 220.0, 45.0  # diameter of the water, and how far the iodine lies from its middle
IODINE_MG_PER_ML = 5.0


def patient() -> Phantom:
    """A long water cylinder with 5 mg/mL of iodine to the right of its middle."""
    grid = Grid.centred((40, 80, 80), (4.0, 3.5, 3.5))
    _, y, x = grid.axes_mm()
    label = (np.hypot(x, y[:, None]) < SIZE_MM / 2).astype(np.uint8)
    label[np.hypot(x - IODINE_MM, y[:, None]) < 14] = 2
    return Phantom(grid, np.broadcast_to(label, grid.shape), 1.0, (), (), ("air", "water", "iodine-water-5"))


def changed(**changes: object) -> tuple[CTScanner, CTProtocol, CTReconstruction]:
    """The quick protocol of ct-64, changed."""
    scanner = read("ct-64", CTScanner)
    return scanner, scanner.protocol("quick").model_copy(update=changes), scanner.reconstruction("quick")


def images(scan: Scan, wanted: CTReconstruction) -> tuple[np.ndarray, np.ndarray]:
    """Without noise, and noise alone."""
    expected = scan.expected(patient(), ORIGIN, jax.random.key(1))
    clean = np.asarray(scan.reconstruct(scan.noise_free(expected), wanted).values)
    noisy = np.asarray(scan.reconstruct(scan.acquire(expected, jax.random.key(0)), wanted).values)
    return clean, noisy - clean


def middle(image: np.ndarray, reach: int = 6) -> np.ndarray:
    at = image.shape[-1] // 2
    return image[:, at - reach : at + reach, at - reach : at + reach]


WAYS = {
    "helix": {"path": "helical", "turns": 4.0, "pitch": 0.9, "rows": 64},
    "turns side by side": {"turns": 2.0},
    "bowtie and modulated current": {"bowtie": "body", "modulation": Modulation()},
    "breathing": {"motion": Breathing(phases=2)},
    "focal spot and rotation": {"focal_samples": (2, 1), "rotation_samples": 2},
}


FAST = ("helix", "bowtie and modulated current")  # the others have tests of their own; each takes long to compile


@pytest.mark.parametrize("way", [pytest.param(w, marks=() if w in FAST else pytest.mark.slow) for w in WAYS])
def test_water_reads_zero_however_it_is_scanned(way):
    scanner, protocol, wanted = changed(**WAYS[way])
    clean, noise = images(scanner.build(protocol), wanted)
    assert middle(clean).mean() == pytest.approx(0.0, abs=2.0)
    assert 0.5 < middle(noise).std() < 5.0


def test_noise_asked_for_is_noise_measured():
    scanner, protocol, _ = changed(mAs=None, noise_HU=6.0)
    wanted = CTReconstruction(kernel="standard", fov_mm=200.0, matrix=100, slices=2, slice_mm=5.0)
    _, noise = images(scanner.build(protocol), wanted)
    assert middle(noise, 12).std() == pytest.approx(6.0, rel=0.1)


def test_motion_of_nothing_is_rest():
    scanner, protocol, wanted = changed()
    still = images(scanner.build(protocol), wanted)[0]
    frozen = images(scanner.build(protocol.model_copy(update={"motion": RigidMotion()})), wanted)[0]
    assert np.array_equal(still, frozen)


def test_two_voltages_tell_iodine_and_water_reads_zero():
    scanner, protocol, wanted = changed(second_kVp=140.0)
    scan = scanner.build(protocol)
    expected = scan.expected(patient(), ORIGIN, jax.random.key(1))
    raw, noisy = scan.noise_free(expected), scan.acquire(expected, jax.random.key(0))
    plain, noise = (np.asarray(scan.reconstruct(data, wanted).values) for data in (raw, noisy))
    assert middle(plain).mean() == pytest.approx(0.0, abs=2.0)
    assert 0.5 < middle(noise - plain).std() < 5.0
    clean = np.asarray(scan.reconstruct(raw, wanted.model_copy(update={"image": "iodine"})).values)
    pixel = wanted.fov_mm / wanted.matrix
    shifted = np.roll(clean, -round(IODINE_MM / pixel), 2)
    assert middle(shifted, 2).mean() == pytest.approx(IODINE_MG_PER_ML, rel=0.03)
    assert middle(clean, 2).mean() == pytest.approx(0.0, abs=0.1)


def test_a_radiograph_shows_the_thickest_water_in_the_middle():
    scanner = read("radiography", CTScanner)
    protocol = scanner.protocol("quick")
    scan = scanner.build(protocol)
    image = scan.reconstruct(scan.noise_free(scan.expected(patient(), ORIGIN)), CTReconstruction())
    row = np.asarray(image.values)[image.grid.shape[0] // 2, 0]
    x = image.grid.axes_mm()[2]
    inside = np.abs(x) < SIZE_MM / 2 - 10
    assert row[~inside & (np.abs(x) > SIZE_MM / 2 + 15)].max() < 0.05
    assert row[inside].min() > 1.0
    # monotonous in the path but for the iodine: on the left the path falls to the edge
    left = row[(x < -5) & (x > -SIZE_MM / 2 + 10)]
    assert np.all(np.diff(left) > -0.02)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in names("scanners") if not n.startswith("mr")])
def test_every_scanner_of_the_catalogue_scans(name):
    scanner = read(name, CTScanner)
    if "quick" not in scanner.protocols or scanner.protocol("quick").path == "radiograph":
        pytest.skip("no quick protocol with slices")
    clean, noise = images(scanner.build(scanner.protocol("quick")), scanner.reconstruction("quick"))
    assert middle(clean).mean() == pytest.approx(0.0, abs=4.0)
    assert middle(noise).std() > 0.5
