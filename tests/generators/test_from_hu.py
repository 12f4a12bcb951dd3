"""CT volumes become mixtures that have the CT numbers they were made from."""

from pathlib import Path

import numpy as np
import pytest

from phantomsim import materials, spec
from phantomsim.errors import GeneratorError
from phantomsim.formats import nifti
from phantomsim.generators.from_hu import body, mixture
from phantomsim.generators.generate import generate
from phantomsim.generators.labels_spec import LabelTable
from phantomsim.generators.spec import FromHU, Ladder, Segmentation
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


def back(phantom: Phantom, ladder: Ladder) -> np.ndarray:
    """CT numbers of a phantom in the ladder's beam [HU]."""
    beam = materials.spectrum(ladder.kVp, ladder.filtration)
    mu = materials.effective_attenuation(["water", "air", *phantom.tissues], beam)
    return 1000 * (np.asarray(phantom.mix(mu[2:])) * phantom.density - mu[0]) / (mu[0] - mu[1])


@pytest.fixture
def labelled(tmp_path: Path, table: LabelTable) -> FromHU:
    """A body of muscle at 55 HU with a liver at 70 HU, in which are a gas bubble and a vessel that holds iodine."""
    hu = np.full((6, 40, 40), -1000.0, np.float32)
    labels = np.zeros(hu.shape, np.uint8)
    hu[:, 8:32, 8:32], labels[:, 8:32, 8:32] = 55.0, 7
    hu[:, 12:24, 12:24], labels[:, 12:24, 12:24] = 70.0, 3
    hu[:, 14:16, 14:16] = -600.0
    hu[:, 20:22, 20:22] = 250.0
    grid = Grid.centred(hu.shape, (3.0, 3.0, 3.0))
    nifti.write(tmp_path / "a.nii.gz", hu, grid)
    nifti.write(tmp_path / "a_seg.nii.gz", labels, grid)
    beside = Segmentation(file="{name}_seg.nii.gz", labels=table, enhanced=("liver",))
    return FromHU(kind="from-hu", folder=str(tmp_path), pattern="a.nii.gz", segmentation=beside)


def test_labels_give_the_tissue_and_ct_numbers_the_density_or_the_iodine(labelled):
    phantom = generate(labelled, 0, 0)
    hu, _ = nifti.read(f"{labelled.folder}/a.nii.gz")
    np.testing.assert_allclose(back(phantom, labelled.ladder), hu, atol=1.5)
    share = {t: np.asarray(phantom.fraction(t)) for t in phantom.tissues}
    assert share["muscle"][2, 9, 9] == 1
    assert share["liver"][2, 14, 14] == 0  # gas: the ladder
    assert share["lung"][2, 14, 14] > 0.5
    step = materials.hu(["liver", "iodine-liver-20"], materials.spectrum(120.0, {"al_mm": 6.8}))
    assert share["iodine-liver-20"][2, 20, 20] == pytest.approx((250 - step[0]) / (step[1] - step[0]), abs=1e-3)
    assert share["bone-cancellous"][:, 12:24, 12:24].max() == 0
    assert phantom.facts.covariates["core_mL"] == pytest.approx(6 * 144 * 0.027)


def test_labels_on_another_grid_are_refused(labelled, tmp_path):
    labels, grid = nifti.read(tmp_path / "a_seg.nii.gz")
    nifti.write(tmp_path / "a_seg.nii.gz", labels, Grid(grid.shape, grid.spacing_mm, (0.0, 0.0, 0.0)))
    with pytest.raises(GeneratorError, match="Resample it to the CT's"):
        generate(labelled, 0, 0)


@pytest.mark.parametrize("name", ["torso-from-ct", "torso-from-labelled-ct"])
def test_real_ct_keeps_its_ct_numbers(data_dir, monkeypatch, name):
    monkeypatch.setenv("PHANTOMSIM_CTS", str(data_dir / "torso"))
    read = spec.read(name, FromHU)
    phantom = generate(read, 0, 0)
    path = data_dir / "torso" / f"{phantom.facts.subject}.nii.gz"
    hu, _ = nifti.read(path)
    within = body(hu, read.body_HU)
    error = back(phantom, read.ladder)[within] - np.clip(hu[within], -1000, None)
    assert np.abs(error).max() < 3  # metal of 3382 HU is dense bone
    assert np.sqrt((error**2).mean()) < 0.5


def test_metal_at_the_end_of_the_ladder_is_metal():
    hu = patient()
    hu[1, 15, 20] = 7000.0
    ladder = Ladder(tissues=(*Ladder().tissues, "titanium"))
    label, density, overlays = mixture(hu, GRID, ladder)
    phantom = Phantom(GRID, label, density, overlays, (), ladder.tissues)
    assert np.asarray(phantom.fraction("titanium"))[1, 15, 20] > 0.4
    assert back(phantom, ladder)[1, 15, 20] == pytest.approx(7000.0, abs=5)
