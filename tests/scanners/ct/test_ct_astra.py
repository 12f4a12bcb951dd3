"""ASTRA's conventions: against the closed form of an off-centre blob, and against ASTRA where it is installed."""

import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct import astra, orbits
from phantomsim.scanners.ct.geometry import Geometry

BLOB_MM, SIGMA_MM = np.array([40.0, -25.0, 6.0]), 6.0
FLAT = orbits.flat_panel(541.0, 949.0, 8, 220, 24, 2.0, 2.5, column_offset=0.25)
PARALLEL = orbits.parallel(8, 180, 1.5, 20, 2.0, column_offset=-0.3)
FAN = orbits.fan(541.0, 949.0, 8, 220, 2.0, column_offset=0.25)


def blob(start, direction):
    """Line integrals of a Gaussian: sqrt(2 pi) s exp(-distance^2 / 2 s^2)."""
    direction = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    away = BLOB_MM[: start.shape[-1]] - start
    along = (away * direction).sum(-1)
    distance2 = (away**2).sum(-1) - along**2
    return np.sqrt(2 * np.pi) * SIGMA_MM * np.exp(-distance2 / (2 * SIGMA_MM**2))


def by_our_cells(geometry: Geometry):
    """Of our own geometry [view, row, column]."""
    cells = geometry.cells()
    source = geometry.source_mm[:, None, None]
    return blob(cells, source + 0 * cells) if geometry.beam == "parallel" else blob(source, cells - source)


def by_astra_rule(vectors: astra.Vectors):
    """As ASTRA's documentation reads a table: cells counted from the detector's middle, data [row, view, column]."""
    size = vectors.table.shape[1] // 4 if vectors.table.shape[1] == 12 else 2
    source, middle, u, *v = np.split(vectors.table, vectors.table.shape[1] // size, -1)
    column = np.arange(vectors.columns) - (vectors.columns - 1) / 2
    row = np.arange(vectors.rows) - (vectors.rows - 1) / 2
    cells = middle[:, None] + u[:, None] * column[:, None] + np.zeros((vectors.rows, 1, 1, 1))
    if v:
        cells = cells + v[0][:, None] * row[:, None, None, None]
    source = source[:, None]
    return blob(cells, source + 0 * cells) if "parallel" in vectors.kind else blob(source, cells - source)


@pytest.mark.parametrize("geometry", [FLAT, PARALLEL, FAN])
def test_vectors_see_an_off_centre_blob_where_the_geometry_does(geometry):
    seen = by_astra_rule(astra.to_vectors(geometry)).transpose(1, 0, 2)
    np.testing.assert_allclose(seen, by_our_cells(geometry), atol=1e-9)


@pytest.mark.parametrize("geometry", [FLAT, PARALLEL, FAN])
def test_there_and_back_is_the_same_geometry(geometry):
    back = astra.from_vectors(astra.to_vectors(geometry))
    assert back.shape == geometry.shape
    np.testing.assert_allclose(back.cells(), geometry.cells(), atol=1e-9)
    np.testing.assert_allclose(back.source_mm, geometry.source_mm, atol=1e-9)


def test_planar_vectors_are_those_of_space_without_z():
    planar, space = astra.to_vectors(FAN, planar=True), astra.to_vectors(FAN)
    assert (planar.kind, space.kind) == ("fanflat_vec", "cone_vec")
    np.testing.assert_array_equal(planar.table, space.table[:, [0, 1, 3, 4, 6, 7]])
    np.testing.assert_allclose(astra.from_vectors(planar).cells(), FAN.cells(), atol=1e-9)


def test_what_astra_cannot_hold_is_an_error():
    with pytest.raises(ScannerError, match="curved"):
        astra.to_vectors(orbits.third_generation(541.0, 949.0, 8, 60, 4, 2.0, 2.0))
    with pytest.raises(ScannerError, match="one row"):
        astra.to_vectors(FLAT, planar=True)
    with pytest.raises(ScannerError, match=r"\[view, 12\]"):
        astra.from_vectors(astra.Vectors("cone_vec", 4, 4, np.zeros((3, 6))))
    with pytest.raises(ScannerError, match="cyl_cone_vec"):
        astra.from_vectors(astra.Vectors("cyl_cone_vec", 4, 4, np.zeros((3, 13))))  # type: ignore[arg-type]


def test_window_is_the_edges_of_the_volume():
    assert astra.window_mm((4, 10, 20), (2.0, 1.0, 0.5), (1.0, 2.0, 3.0)) == [-4.0, 6.0, -3.0, 7.0, -1.0, 7.0]
    assert astra.window_mm((10, 20), (1.0, 0.5)) == [-5.0, 5.0, -5.0, 5.0]


# With the toolbox. It is under the GPL: a peer to compare with here, never a part of phantomsim.


@pytest.fixture(scope="module")
def toolbox():
    return pytest.importorskip("astra", reason="astra-toolbox is not installed (pip install astra-toolbox)")


def image(n=200):
    """The blob on 1 mm pixels, row 0 at the largest y."""
    x = np.arange(n) - (n - 1) / 2
    r2 = (x - BLOB_MM[0]) ** 2 + (x[::-1, None] - BLOB_MM[1]) ** 2
    return np.exp(-r2 / (2 * SIGMA_MM**2)).astype(np.float32)


@pytest.mark.parametrize(
    ("geometry", "kind"), [(FAN, "line_fanflat"), (orbits.parallel(8, 180, 1.5, column_offset=-0.3), "line")]
)
def test_astra_projects_an_off_centre_blob_as_the_closed_form(toolbox, geometry, kind):
    vectors = astra.to_vectors(geometry, planar=True)
    beam = toolbox.create_proj_geom(vectors.kind, vectors.columns, vectors.table)
    window = toolbox.create_vol_geom(200, 200, *astra.window_mm((200, 200), (1.0, 1.0)))
    _, sinogram = toolbox.create_sino(image(), toolbox.create_projector(kind, beam, window))
    flat = BLOB_MM * [1, 1, 0]
    away = flat - geometry.source_mm[:, None] if geometry.beam == "cone" else flat - geometry.cells()[:, 0]
    ray = (
        geometry.cells()[:, 0] - geometry.source_mm[:, None] if geometry.beam == "cone" else geometry.source_mm[:, None]
    )
    ray = ray / np.linalg.norm(ray, axis=-1, keepdims=True)
    distance = np.linalg.norm(np.cross(away, ray), axis=-1)
    exact = np.sqrt(2 * np.pi) * SIGMA_MM * np.exp(-(distance**2) / (2 * SIGMA_MM**2))
    # ASTRA takes pixels as boxes: rays along an axis see stairs, at most half a pixel x the steepest slope, e^-1/2 / s.
    # A shift by one cell would be three times as much.
    assert np.abs(sinogram - exact).max() < 0.5 * np.exp(-0.5) / SIGMA_MM * exact.max()


def test_cone_vectors_are_those_that_astra_makes_of_angles(toolbox):
    """ASTRA's own conversion of a circle, with its angle and its direction of columns."""
    geometry = orbits.flat_panel(541.0, 949.0, 8, 220, 24, 2.0, 2.5)
    angle = geometry.angles + np.pi
    theirs = toolbox.geom_2vec(toolbox.create_proj_geom("cone", 2.0, 2.5, 24, 220, angle, 541.0, 949.0 - 541.0))[
        "Vectors"
    ]
    ours = astra.to_vectors(geometry).table
    np.testing.assert_allclose(ours * np.repeat([1, 1, -1, 1], 3), theirs, atol=1e-9)


def test_parallel_vectors_are_those_that_astra_makes_of_angles(toolbox):
    geometry = orbits.parallel(8, 180, 1.5, 20, 2.0)
    theirs = toolbox.geom_2vec(toolbox.create_proj_geom("parallel3d", 1.5, 2.0, 20, 180, geometry.angles))["Vectors"]
    np.testing.assert_allclose(astra.to_vectors(geometry).table, theirs, atol=1e-9)
