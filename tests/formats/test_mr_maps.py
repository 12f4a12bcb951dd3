"""Maps of MR properties: values per tissue, mixtures and their sidecars."""

import json

import nibabel as nib
import numpy as np
import pytest

from phantomsim.errors import FormatError
from phantomsim.formats.mr_maps import write_mr_maps
from phantomsim.grid import Grid
from phantomsim.materials import relaxation
from phantomsim.phantom import Overlay, Phantom

NAMES = ("air", "white-matter", "csf", "blood")


@pytest.fixture
def head() -> Phantom:
    grid = Grid.centred((4, 5, 6), (2.0, 1.5, 1.0), (3.0, 4.0, 5.0))
    label = np.ones(grid.shape, np.uint8)
    label[0], label[1] = 0, 2
    vessel = Overlay(3, np.array([[[0.3, 0.8]]], np.float32), (2, 2, 2))
    return Phantom(grid, label, np.float32(1.01), (vessel,), (), NAMES)


def test_maps_hold_the_tissues_values_and_never_average_times(tmp_path, head):
    values = relaxation(NAMES, 1.5)
    write_mr_maps(tmp_path, "000007", head, values, 1.5, {"Seed": 3})
    maps, about = {}, {}
    for suffix in ("PDmap", "T1map", "T2map", "T2starmap", "Chimap"):
        stem = tmp_path / "sub-000007" / "anat" / f"sub-000007_{suffix}"
        image = nib.load(f"{stem}.nii.gz")
        np.testing.assert_allclose(image.affine, head.grid.affine, atol=1e-5)
        maps[suffix] = np.asarray(image.dataobj).T
        about[suffix] = json.loads(stem.with_name(f"{stem.name}.json").read_text())
    assert maps["T1map"][1, 0, 0] * 1000 == pytest.approx(values.T1_ms[2], rel=1e-5)
    assert list(maps["T2map"][2, 2, 2:4] * 1000) == pytest.approx([values.T2_ms[1], values.T2_ms[3]], rel=1e-5)
    mixed = 0.3 * values.PD[3] + 0.7 * values.PD[1]
    assert maps["PDmap"][2, 2, 2] == pytest.approx(1.01 * mixed, rel=1e-5)
    assert maps["Chimap"][2, 2, 3] == pytest.approx(0.8 * values.chi_ppm[3] + 0.2 * values.chi_ppm[1], rel=1e-5)
    assert [about[s]["Units"] for s in ("T1map", "Chimap")] == ["s", "ppm"]
    assert about["T1map"]["MagneticFieldStrength"] == 1.5
    assert "never averaged" in about["T2map"]["Voxels"]
    assert about["T1map"]["Tissues"]["white-matter"]["Value"] * 1000 == pytest.approx(values.T1_ms[1], rel=1e-4)
    assert "1.5 T" in about["T1map"]["Tissues"]["blood"]["Source"]
    assert json.loads((tmp_path / "dataset_description.json").read_text())["DatasetType"] == "derivative"


def test_subjects_that_bids_does_not_allow_are_refused(tmp_path, head):
    with pytest.raises(FormatError, match="letters and digits"):
        write_mr_maps(tmp_path, "../a", head, relaxation(NAMES, 3.0), 3.0, {})
