"""Small phantoms and label maps."""

from pathlib import Path

import numpy as np
import pytest

from phantomsim.formats import nifti
from phantomsim.generators.labels_spec import LabelTable
from phantomsim.grid import Grid
from phantomsim.phantom import Facts, Phantom


@pytest.fixture
def table() -> LabelTable:
    return LabelTable(
        name="toy",
        source="test",
        default_ids="a",
        tissues={"nothing": "air", "core": "liver", "rind": "muscle"},
        ids={"a": {"nothing": 0, "core": (3, 43), "rind": 7}, "b": {"nothing": 0, "core": 1, "rind": 2}},
    )


@pytest.fixture
def labels() -> np.ndarray:
    """An off-centre box of label 7 with a smaller one of label 3 in it, unlike along every axis."""
    volume = np.zeros((20, 24, 28), np.int16)
    volume[3:15, 4:20, 5:25] = 7
    volume[5:10, 6:16, 8:20] = 3
    return volume


@pytest.fixture
def folder(tmp_path: Path, labels: np.ndarray) -> Path:
    grid = Grid((20, 24, 28), (2.0, 1.5, 1.0), (-10.0, 5.0, 7.0))
    for name in ("one", "two"):
        nifti.write(tmp_path / f"{name}.nii.gz", labels, grid)
    return tmp_path


@pytest.fixture
def block() -> Phantom:
    """Liver in muscle in air, 1 mm, with a bone plane through it."""
    label = np.zeros((60, 60, 60), np.uint8)
    label[4:56, 4:56, 4:56] = 1
    label[10:50, 10:50, 10:50] = 2
    label[:, 10:50, 28:30] = 3
    grid = Grid.centred((60, 60, 60), (1.0, 1.0, 1.0), (5.0, -3.0, 11.0))
    return Phantom(grid, label, 1.0, (), (), ("air", "muscle", "liver", "bone-cortical"), Facts("block"))
