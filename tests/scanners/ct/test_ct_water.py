"""Water correction behind bowtie and heel against the definition of the Hounsfield unit."""

import numpy as np
import pytest

from phantomsim import materials
from phantomsim.scanners.ct import fdk
from phantomsim.scanners.ct.bases import Bases
from phantomsim.scanners.ct.beam import beam
from phantomsim.scanners.ct.laws import beam as laws_beam
from phantomsim.scanners.ct.laws.beam import GEOMETRY, SCANNER
from phantomsim.scanners.ct.orbits import third_generation
from phantomsim.scanners.ct.spec import CTProtocol
from phantomsim.scanners.ct.transmission import transmission
from phantomsim.scanners.ct.water import water_correction, water_paths


def _read(bases: Bases, path_mm: np.ndarray) -> np.ndarray:
    """Line integrals behind water of some paths [view, row, column]."""
    length = (bases.water[:, None, None, None] * path_mm).astype(np.float32)
    return -np.log(np.asarray(transmission(length, bases.table)[0]))


@pytest.mark.parametrize("name", ["none", "body"])
@pytest.mark.parametrize("kVp", [80.0, 140.0])
def test_every_cell_returns_its_path_of_water(kVp: float, name: str) -> None:
    bases = Bases(beam(SCANNER, CTProtocol(kVp=kVp, bowtie=name), GEOMETRY), ("water",))
    path = np.array([1.0, 10.0, 100.0, 250.0, 450.0, 590.0])
    found = np.asarray(
        water_paths(
            _read(bases, np.broadcast_to(path[:, None, None], (6, *GEOMETRY.shape[1:]))), water_correction(bases)
        )
    )
    np.testing.assert_allclose(found, np.broadcast_to(path[:, None, None], found.shape), rtol=1e-4, atol=2e-3)


def test_water_cylinder_behind_a_bowtie_reads_zero_HU() -> None:
    """Closed-form chords, the chain by hand, reconstruction: flat within 1 HU; without correction it is not."""
    geometry = third_generation(541.0, 949.0, 240, 360, 1, 1.6, 2.0, 0.25)
    scanner = SCANNER.model_copy(update={"heel": False})
    bases = Bases(beam(scanner, CTProtocol(kVp=120.0, bowtie="body"), geometry), ("water",))
    chord = 2 * np.sqrt(np.maximum(100.0**2 - np.square(541.0 * np.sin(geometry.fan)), 0))
    integrals = _read(bases, np.broadcast_to(chord, geometry.shape))
    radius = np.hypot(*np.meshgrid(*2 * (2.0 * (np.arange(110) - 54.5),)))
    images = []
    for corrected in (True, False):
        paths = water_paths(integrals, water_correction(bases, corrected))
        images.append(
            1000 * (np.asarray(fdk.reconstruct(paths, geometry, "smooth", (1, 110, 110), (1.0, 2, 2)))[0] - 1)
        )
    ring = [float(image[(radius < r) & (radius >= r - 15)].mean()) for image in images for r in (15, 50, 85)]
    np.testing.assert_allclose(ring[:3], 0.0, atol=1.0)
    assert abs(ring[5] - ring[3]) > 10


def test_uncorrected_readings_are_scaled_on_200_mm_of_water() -> None:
    bases = Bases(beam(SCANNER, CTProtocol(kVp=120.0, bowtie="body"), GEOMETRY), ("water",))
    read = _read(bases, np.full(GEOMETRY.shape, 200.0))
    found = np.asarray(water_paths(read, water_correction(bases, corrected=False)))
    middle = GEOMETRY.rows // 2, GEOMETRY.columns // 2
    assert found[0][middle] == pytest.approx(200.0, rel=1e-4)
    assert found[0, middle[0], 0] < 199.0  # a harder beam at the edge reads less


def test_inserts_behind_a_bowtie_read_their_HU() -> None:
    """Against attenuation in the spectrum behind filters and 200 mm of water, at the central ray and at the edge."""
    names = ("ldpe", "muscle", "pmma")
    found = laws_beam.insert_HU(names, 120.0)
    one = beam(SCANNER, CTProtocol(kVp=120.0, bowtie="body"), GEOMETRY)
    for row, column in ((1, 111), (2, 5)):
        weight = one.weights[0] * np.exp(-one.filter_exponent[:, row, column])
        mu = materials.attenuation_matrix([*names, "water", "air"], one.energy_keV)
        weight = weight * np.exp(-200 * (mu[-2] - mu[-1]))
        *sample, water, air = mu @ weight / weight.sum()
        expected = 1000 * (np.array(sample) - water) / (water - air)
        np.testing.assert_allclose(found[:-1, row, column], expected, atol=1.5)
