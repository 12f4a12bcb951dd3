"""Surfaces of phantoms: held against closed forms, the phantom's own volumes, and trimesh's opinion of a solid."""

import numpy as np
import pytest
import trimesh

from phantomsim.generators.isosurface import isosurface
from phantomsim.generators.surface import surface, surfaces
from phantomsim.generators.voxelise import inside
from phantomsim.grid import Grid
from phantomsim.phantom import Lesion, Organs, Overlay, Phantom

TURNED = tuple(map(tuple, trimesh.transformations.euler_matrix(0.3, -0.2, 0.9)[:3, :3].tolist()))
GRID = Grid((40, 50, 60), (1.2, 1.0, 0.9), (-20.0, -30.0, -10.0), TURNED)


def by(mesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.points_mm, mesh.faces, process=False)


def radius(grid=GRID) -> np.ndarray:
    return np.linalg.norm(grid.world(np.moveaxis(np.indices(grid.shape), 0, -1)) - grid.centre_mm, axis=-1)


def test_a_ball_is_a_ball_where_it_was_and_looks_outwards():
    mesh = isosurface(30 - radius(), GRID, 30 - 15.0)
    assert mesh.volume_mL() == pytest.approx(4 / 3 * np.pi * 3.375, rel=5e-3)
    distance = np.linalg.norm(mesh.points_mm - GRID.centre_mm, axis=1)
    assert distance == pytest.approx(15.0, abs=0.1)
    assert by(mesh).euler_number == 2


def test_any_field_has_a_closed_surface():
    noise = np.random.default_rng(0).random((12, 13, 14))  # every case of every tetrahedron, and the grid's edge
    made = by(isosurface(noise, Grid.centred(noise.shape, (1.0, 2.0, 3.0)), 0.4))
    assert made.is_watertight
    assert made.is_winding_consistent
    assert made.volume > 0


@pytest.fixture
def phantom() -> Phantom:
    """A liver with a thin rind of skin and a lump that is smaller than two voxels, at an angle."""
    r = radius()
    label = np.where(r < 16, 2, np.where(r < 17.5, 1, 0)).astype(np.uint8)
    lump = Overlay(3, np.full((2, 2, 2), 0.6, np.float32), (18, 24, 29))
    lesion = Lesion(lump, (0.0, 0.0, 0.0), 1.0, 1.0, "blob", "liver", "tumour")
    organs = Organs((np.indices(GRID.shape)[2] > 30) * (r < 16).astype(np.uint8), ("", "left lobe"))
    return Phantom(GRID, label, 1.0, (), (lesion,), ("air", "skin", "liver", "tumour"), organs=organs)


def test_surfaces_are_solids_of_the_phantoms_volumes(phantom):
    found = {(kind, name): (volume, mesh) for kind, name, volume, mesh in surfaces(phantom)}
    parts = {("tissue", "skin"), ("tissue", "liver"), ("tissue", "tumour")}
    assert set(found) == parts | {("organ", "left lobe"), ("lesion", "1-tumour")}
    for volume, mesh in found.values():
        assert by(mesh).is_volume
        assert mesh.volume_mL() == pytest.approx(volume, rel=0.02)
    again = inside(found["tissue", "liver"][1], GRID) & (phantom.label > 0)
    assert again.sum() == pytest.approx((phantom.label == 2).sum(), rel=0.02)
    assert (again == (phantom.label == 2)).mean() > 0.99


def test_what_is_not_there_has_no_surface(phantom):
    assert not [name for kind, name, *_ in surfaces(phantom.with_lesions(False)) if "tumour" in name]
    assert not len(surface(np.zeros((5, 5, 5), np.float32), Grid.centred((5, 5, 5), (1.0, 1.0, 1.0))).faces)
