"""Meshes become phantoms: held against closed forms, trimesh's signed volume, and a rival test of points."""

import numpy as np
import pytest
import trimesh
from scipy import ndimage
from scipy.spatial import ConvexHull

from phantomsim.errors import FormatError, GeneratorError, GridError
from phantomsim.formats.mesh import Mesh
from phantomsim.generators.from_meshes import paint
from phantomsim.generators.generate import generate, subjects
from phantomsim.generators.meshes_spec import FromMeshes, MeshPart
from phantomsim.generators.solid import joined, solid
from phantomsim.generators.voxelise import inside
from phantomsim.grid import Grid
from phantomsim.phantom import Phantom

ANGLES = (0.3, 0.4, 0.5)


def plain(made: trimesh.Trimesh) -> Mesh:
    return Mesh(np.asarray(made.vertices, float), np.asarray(made.faces, np.int64))


def moved(made: trimesh.Trimesh, shift=(0.0, 0.0, 0.0), angles=None) -> trimesh.Trimesh:
    made = made.copy()
    if angles:
        made.apply_transform(trimesh.transformations.euler_matrix(*angles))
    made.apply_translation(shift)
    return made


@pytest.fixture(scope="module")
def ball():
    return trimesh.creation.icosphere(4, radius=20.0)


def test_sphere_and_torus_have_their_volumes(ball):
    grid = Grid.centred((60, 90, 130), (1.0, 0.7, 0.5), (0.11, 0.23, 0.31))
    ring = trimesh.creation.torus(16.0, 6.0, major_sections=160, minor_sections=80)
    for made, exact in ((ball, 4 / 3 * np.pi * 8.0), (ring, 2 * np.pi**2 * 16 * 0.036)):
        found = inside(plain(made), grid).sum() * grid.voxel_mL
        assert found == pytest.approx(made.volume / 1000, rel=2e-3)
        assert found == pytest.approx(exact, rel=7e-3)  # facets cut corners


def test_points_inside_are_those_behind_every_face_of_a_convex_mesh():
    """The rival: half-spaces of a convex hull, by a matrix product."""
    cloud = np.random.default_rng(3).normal(size=(60, 3)) * (12, 9, 15)
    hull = trimesh.convex.convex_hull(cloud)
    grid = Grid((24, 31, 37), (1.5, 1.1, 0.9), (-17.0, -16.0, -18.0), tuple(map(tuple, _turn(ANGLES))))
    points = grid.world(np.indices(grid.shape).reshape(3, -1).T)
    facets = ConvexHull(cloud).equations
    rival = (points @ facets[:, :3].T + facets[:, 3] <= 0).all(axis=1).reshape(grid.shape)
    assert rival.any()
    assert np.array_equal(inside(plain(hull), grid), rival)


def _turn(angles):
    return trimesh.transformations.euler_matrix(*angles)[:3, :3].tolist()


def test_turning_and_moving_mesh_and_grid_together_changes_nothing(ball):
    egg = ball.copy()
    egg.apply_scale([1.0, 0.7, 0.4])
    grid = Grid.centred((40, 50, 60), (0.9, 0.8, 0.7))
    still = inside(plain(egg), grid)
    turn = np.array(_turn(ANGLES))
    with_it = Grid(grid.shape, grid.spacing_mm, tuple(turn @ grid.origin_mm + 5.0), tuple(map(tuple, turn.tolist())))
    assert np.array_equal(inside(plain(moved(egg, (5, 5, 5), ANGLES)), with_it), still)
    volumes = [inside(plain(moved(egg, (t, t / 2, t / 3), ANGLES)), grid).sum() * grid.voxel_mL for t in (0, 0.2, 0.4)]
    assert volumes == pytest.approx([egg.volume / 1000] * 3, rel=5e-3)


@pytest.mark.parametrize("angles", [None, ANGLES], ids=["straight", "turned"])
@pytest.mark.parametrize("offset", [0.0, 0.25, 0.5])
def test_meshes_that_touch_leave_no_gap_and_no_overlap(angles, offset):
    """Their common wall runs through voxel centres, and has other triangles on either side."""
    left = moved(trimesh.creation.box(bounds=[[-20, -15, -10], [0, 15, 12]]), angles=angles)
    right = trimesh.creation.box(bounds=[[0, -15, -10], [17, 15, 12]]).subdivide().subdivide()
    whole = moved(trimesh.creation.box(bounds=[[-20, -15, -10], [17, 15, 12]]), angles=angles)
    grid = Grid.centred((60, 70, 80), (1.0, 1.0, 1.0), (offset,) * 3)
    a, b, both = (inside(plain(m), grid) for m in (left, moved(right, angles=angles), whole))
    assert not (a & b).any()
    assert np.array_equal(a | b, both)
    label, overlays = paint([plain(left), plain(moved(right, angles=angles))], [1, 2], grid, 2, 3)
    phantom = Phantom(grid, label, 1.0, overlays, (), ("air", "liver", "spleen"))
    assert np.asarray(phantom.fraction("air"))[ndimage.binary_erosion(both, np.ones((3, 3, 3)))].max() == 0


def test_fractions_hold_volumes_that_voxels_do_not(ball):
    seed = trimesh.creation.icosphere(3, radius=2.0)
    grid = Grid.centred((20, 20, 20), (3.0, 3.0, 3.0), (0.4, 0.7, 0.2))
    label, overlays = paint([plain(ball), plain(seed)], [1, 2], grid, 6, 3)
    phantom = Phantom(grid, label, 1.0, overlays, (), ("air", "liver", "tumour"))
    seen = [np.asarray(phantom.fraction(t), float).sum() * grid.voxel_mL for t in phantom.tissues]
    assert seen[2] == pytest.approx(seed.volume / 1000, rel=0.04)
    assert seen[1] == pytest.approx((ball.volume - seed.volume) / 1000, rel=2e-3)
    assert sum(seen) == pytest.approx(8000 * 0.027, rel=1e-5)


def test_parts_are_united_and_cavities_kept(ball):
    second, core = moved(ball, (24, 0, 0)), trimesh.creation.icosphere(3, radius=9.0)
    core.invert()
    lens = np.pi * (20 - 12) ** 2 * (2 * 20 + 12) / 3 * 2 / 1000  # two caps of height 8
    both = solid(joined([plain(ball), plain(second)]), "two")
    assert both.volume_mL() == pytest.approx(2 * ball.volume / 1000 - lens, rel=3e-3)
    hollow = joined([plain(ball), plain(core)])
    for made in (hollow, Mesh(hollow.points_mm, hollow.faces[:, ::-1])):  # inside out as a whole
        assert solid(made, "hollow").volume_mL() == pytest.approx((ball.volume + core.volume) / 1000, rel=1e-6)
    soup = plain(ball).points_mm[ball.faces].reshape(-1, 3)  # as STL holds it, a third of the faces turned round
    faces = np.arange(len(soup)).reshape(-1, 3)
    faces[::3] = faces[::3, ::-1]
    assert solid(Mesh(soup, faces), "soup").volume_mL() == pytest.approx(ball.volume / 1000, rel=1e-6)


def test_holes_are_told_or_closed(ball):
    torn = Mesh(np.asarray(ball.vertices), np.delete(np.asarray(ball.faces), [5, 700], axis=0))
    with pytest.raises(FormatError, match=r"lung\.stl: the mesh has 2 holes \(6 open edges, near .*repair = true"):
        solid(torn, "lung.stl")
    assert solid(torn, "lung.stl", repair=True).volume_mL() == pytest.approx(ball.volume / 1000, rel=1e-3)
    with pytest.raises(GridError, match="not closed"):
        inside(torn, Grid.centred((99, 99, 99), (0.5, 0.5, 0.5)))
    strip = Mesh(np.random.default_rng(0).normal(size=(6, 3)), np.array([[0, 1, 2], [0, 1, 2]]))
    with pytest.raises(FormatError, match=r"holes|no inside"):
        solid(strip, "strip")


@pytest.fixture
def patients(tmp_path, ball):
    for name, scale in (("ann", 1.0), ("bob", 0.8)):
        (tmp_path / name).mkdir()
        moved(ball).apply_scale(scale).export(tmp_path / name / "body.stl")
        moved(ball, (3, 0, 0)).apply_scale(0.2 * scale).export(tmp_path / name / "lump.ply")
    parts = (MeshPart(file="body.stl", tissue="liver"), MeshPart(file="lump.ply", tissue="tumour"))
    return FromMeshes(
        kind="from-meshes", name="toy", folder=str(tmp_path), pattern="*", parts=parts, voxel_mm=(2.0, 1.5, 1.0)
    )


def test_folders_become_patients(patients):
    assert subjects(patients) == ["ann", "bob"]
    made = [generate(patients, 1, p) for p in range(3)]
    assert [p.facts.subject for p in made] == ["ann", "bob", "ann"]
    assert made[0].tissues == ("air", "liver", "tumour")
    assert made[0].grid.spacing_mm == (2.0, 1.5, 1.0)
    tumour = np.asarray(made[0].fraction("tumour"), float).sum() * made[0].grid.voxel_mL
    assert made[0].facts.covariates["lump_mL"] == pytest.approx(tumour, rel=0.03)
    assert made[1].facts.covariates["body_mL"] == pytest.approx(made[0].facts.covariates["body_mL"] * 0.512, rel=1e-4)


def test_slips_are_told(patients):
    metres = tuple(p.model_copy(update={"unit": "m"}) for p in patients.parts)
    with pytest.raises(GeneratorError, match="give the parts their `unit`"):
        generate(patients.model_copy(update={"parts": metres}), 1, 0)
    with pytest.raises(GeneratorError, match="Raise voxel_mm"):
        generate(patients.model_copy(update={"voxel_mm": 0.01}), 1, 0)
    with pytest.raises(GeneratorError, match="no folder"):
        generate(patients.model_copy(update={"pattern": "x*"}), 1, 0)
    with pytest.raises(FormatError, match="no such file"):
        generate(patients.model_copy(update={"pattern": ""}), 1, 0)
    with pytest.raises(ValueError, match="patient's folder"):
        MeshPart(file="../body.stl", tissue="liver")
