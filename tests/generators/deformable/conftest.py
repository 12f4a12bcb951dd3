"""Small people: a core in a rind, of three sizes and shapes, and a generator that learns them."""

from pathlib import Path

import numpy as np
import pytest

from phantomsim.formats import nifti
from phantomsim.generators.deformable.spec import Deformable, Group, Layer, Training
from phantomsim.generators.labels_spec import LabelTable
from phantomsim.grid import Grid

VOXEL_MM = 4.0
SHAPE = (36, 36, 36)


def person(radii_mm: tuple[float, float, float], rind_mm: float) -> np.ndarray:
    """An ellipsoid with radii along z, y, x and a rind around it, with a nose towards +y."""
    z, y, x = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * VOXEL_MM for n in SHAPE], indexing="ij")
    a, b, c = radii_mm
    out = lambda grown: (z / (a + grown)) ** 2 + (y / (b + grown)) ** 2 + (x / (c + grown)) ** 2 < 1  # noqa: E731
    nose = np.hypot(z, x) + abs(y - b - rind_mm - 4) < 10
    return np.where(out(0), 3, np.where(out(rind_mm) | nose, 7, 0)).astype(np.int16)


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    radii = {"ann": (36, 40, 34), "bob": (44, 44, 38), "cat": (40, 46, 36), "dan": (38, 38, 40)}
    for name, r in radii.items():
        nifti.write(folder / f"{name}.nii.gz", person(r, 10.0), Grid.centred(SHAPE, (VOXEL_MM,) * 3))
    return folder


@pytest.fixture(scope="session")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Deformable:
    table = LabelTable(
        name="toy",
        source="test",
        default_ids="a",
        tissues={"nothing": "air", "core": "liver", "rind": "muscle"},
        ids={"a": {"nothing": 0, "core": 3, "rind": 7}},
    )
    groups = (Group(name="air", structures=("nothing",)), Group(name="rind"), Group(name="core", structures=("core",)))
    training = Training(
        lattice_mm=16.0,
        lattice_shape=(9, 9, 9),
        centre_on=("core",),
        cut_fraction=0.5,  # at 4 mm the ends of an ellipsoid are blunt
        rounds=1,
        affine_iterations=40,
        coarse_iterations=20,
        fine_iterations=20,
        components=4,
        latent_epochs=3,
        atlas_mm=4.0,
    )
    return Deformable(
        kind="deformable",
        name="toy",
        model=str(tmp_path_factory.mktemp("model") / "toy.safetensors.gz"),
        labels=table,
        groups=groups,
        quantities={"core_mL": ("core",)},
        layer=Layer(name="rind_mm", inside=("core",), of=("rind",), above_mm=(-5.0, 5.0), elevation_deg=30.0),
        voxel_mm=4.0,
        shape=SHAPE,
        training=training,
    )
