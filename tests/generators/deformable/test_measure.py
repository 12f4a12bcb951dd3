"""The girth of an ellipsoid: by Ramanujan's formula, upright, nodding, and with a voxel that floats beside it."""

import numpy as np
import pytest

from phantomsim.generators.body import largest_piece
from phantomsim.generators.deformable import measure

RADII_MM = np.array([60.0, 90.0, 70.0])  # z, y, x
SPACING_MM = (2.0, 1.5, 1.5)


def ellipse_mm(a: float, b: float) -> float:
    """Circumference by Ramanujan's second formula, 1914; off by less than 1e-6 here."""
    h = ((a - b) / (a + b)) ** 2
    return np.pi * (a + b) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h)))


@pytest.mark.parametrize("nod_deg", [0.0, 20.0])
def test_the_girth_of_an_ellipsoid_however_it_nods(nod_deg: float):
    c, s = np.cos(np.deg2rad(nod_deg)), np.sin(np.deg2rad(nod_deg))
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    shape = (112, 140, 140)
    z, y, x = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * d for n, d in zip(shape, SPACING_MM)], indexing="ij")
    own = np.stack([z, y, x], axis=-1) @ turn  # back to where it does not nod
    body = ((own / RADII_MM) ** 2).sum(axis=-1) < 1
    centre = (np.array(shape) - 1) / 2 * SPACING_MM
    assert measure.girth_mm(body, SPACING_MM, centre, turn) == pytest.approx(ellipse_mm(90, 70), rel=0.01)
    body[:, 2, 2] = True
    assert measure.girth_mm(largest_piece(body.astype(np.uint8))[0] > 0, SPACING_MM, centre, turn) == pytest.approx(
        ellipse_mm(90, 70), rel=0.01
    )
    assert measure.girth_mm(body, SPACING_MM, centre, turn) > 1.05 * ellipse_mm(90, 70)


def test_planes_that_hold_a_line_of_voxels_do_not_count():
    body = np.zeros((60, 60, 60), bool)
    body[10:32, 20:41, 20:41] = True
    body[32:50, 30, 20:41] = True
    found = measure.girth_mm(body, (2.0, 2.0, 2.0), np.array([60.0, 60.0, 60.0]))
    assert found == pytest.approx(4 * 40 + np.pi * 2.0)
