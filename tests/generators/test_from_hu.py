"""CT volumes become mixtures that have the CT numbers they were made from."""

import numpy as np
import pytest

from phantomsim import materials
from phantomsim.errors import GeneratorError
from phantomsim.formats import nifti
from phantomsim.generators.from_hu import body, mixture
from phantomsim.generators.generate import generate
from phantomsim.generators.spec import FromHU, Ladder
from phantomsim.grid import Grid
from phantomsim.phantom import Phantom

GRID = Grid.centred((4, 30, 40), (3.0, 2.0, 2.0))


def patient() -> np.ndarray:
    """An ellipse of soft tissue with fat, lung and bone, beside a couch."""
    _, y, x = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in GRID.shape), indexing="ij")
    hu = np.full(GRID.shape, -1000.0, np.float32)
    hu[(x / 15) ** 2 + (y / 10) ** 2 < 1] = -100.0
    inside = (x / 13) ** 2 + (y / 9) ** 2 < 1
    hu[inside] = np.random.default_rng(1).uniform(-850, 1800, int(inside.sum()))
    hu[:, -1] = 100.0
    return hu


def test_mixture_has_the_ct_number_it_was_made_from():
    ladder = Ladder()
    hu = patient()
    label, density, overlays = mixture(hu, GRID, ladder)
    mu = materials.effective_attenuation(
        ["water", "air", *ladder.tissues], materials.spectrum(ladder.kVp, ladder.filtration)
    )
    mixed = np.asarray(Phantom(GRID, label, 1.0, overlays, (), ladder.tissues).mix(mu[2:])) * density
    again = 1000 * (mixed - mu[0]) / (mu[0] - mu[1])
    np.testing.assert_allclose(again, np.clip(hu, -1000, None), atol=3.0)


def test_fractions_sum_to_one():
    label, _, overlays = mixture(patient(), GRID, Ladder())
    phantom = Phantom(GRID, label, 1.0, overlays, (), Ladder().tissues)
    total = sum(np.asarray(phantom.fraction(name)) for name in phantom.tissues)
    np.testing.assert_allclose(total, 1.0, atol=1e-6)


def test_couch_is_not_part_of_the_body_and_lungs_are():
    hu = np.full((3, 60, 60), -1000.0)
    hu[:, 10:50, 10:50] = 40.0
    hu[:, 20:30, 20:40] = -850.0
    hu[:, 55:57, 5:55] = 200.0
    inside = body(hu, -300.0)
    assert not inside[:, 55:57].any()
    assert inside[:, 20:30, 20:40].all()


def test_a_file_becomes_a_patient(tmp_path):
    hu = np.full((6, 40, 40), -1000.0, np.float32)
    hu[:, 8:32, 8:32] = 40.0
    grid = Grid.centred(hu.shape, (3.0, 3.0, 3.0))
    nifti.write(tmp_path / "a.nii.gz", hu, grid)
    phantom = generate(FromHU(kind="from-hu", folder=str(tmp_path), voxel_mm=2.0), 0, 0)
    assert phantom.facts.subject == "a"
    assert phantom.grid.spacing_mm == (2.0, 2.0, 2.0)
    middle = np.asarray(phantom.fraction("muscle"))[4, 30, 30]
    steps = materials.hu(["adipose", "muscle"], materials.spectrum(120.0, {"al_mm": 6.8}))
    assert middle == pytest.approx((40 - steps[0]) / (steps[1] - steps[0]), abs=1e-3)


def test_a_volume_without_a_body_is_refused(tmp_path):
    nifti.write(
        tmp_path / "a.nii.gz", np.full((4, 8, 8), -1000.0, np.float32), Grid.centred((4, 8, 8), (3.0, 3.0, 3.0))
    )
    with pytest.raises(GeneratorError, match="body_HU"):
        generate(FromHU(kind="from-hu", folder=str(tmp_path)), 0, 0)


def test_a_ladder_that_does_not_rise_is_refused(tmp_path):
    with pytest.raises(GeneratorError, match="rise"):
        mixture(patient(), GRID, Ladder(tissues=("air", "muscle", "adipose")))
