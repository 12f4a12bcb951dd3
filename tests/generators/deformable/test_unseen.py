"""Volumes beyond a field of view, against a cylinder whose missing end has a closed volume."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim.generators.deformable import unseen
from phantomsim.generators.deformable.affine import Affine
from phantomsim.generators.deformable.lattice import Lattice
from phantomsim.generators.deformable.person import Person
from phantomsim.grid import Grid

LATTICE = Lattice((24, 24, 24), 8.0, (0.0, 0.0, 0.0))
RADIUS, HALF = 40.0, 60.0


@pytest.mark.parametrize(("cut_mm", "longer"), [(-30.0, 1.0), (-30.0, 1.2), (-500.0, 1.0)])
def test_the_missing_end_of_a_cylinder(cut_mm, longer):
    """The mean is a cylinder along z, the person one longer and wider that is cut below a plane."""
    z, y, x = np.moveaxis(LATTICE.refined(2).points(), -1, 0)
    along, across = (np.clip(inside / 4.0 + 0.5, 0, 1) for inside in (HALF - abs(z), RADIUS - np.hypot(y, x)))
    parts = along * across
    wider = 1.1
    pose = Affine(np.diag([longer, wider, 1.0]).astype(np.float32), np.array([3.0, 0.0, 0.0], np.float32))
    grid = Grid.centred((100, 100, 100), (2.0,) * 3)
    centre = np.full(3, 99.0)
    first_plane = max(0, round((cut_mm + centre[0]) / 2.0))
    box = (slice(first_plane, 100), slice(0, 100), slice(0, 100))
    someone = Person("cut", np.zeros((100,) * 3, np.uint8), grid, centre, box)
    found = unseen.volumes_mL(jnp.asarray(parts)[..., None], LATTICE, someone, pose, np.zeros((*LATTICE.shape, 3)))
    edge_mm = -centre[0] + 2.0 * first_plane - 1.0
    missing = max(0.0, edge_mm - (3.0 - HALF * longer))
    # At cuts lattice points are seen or not: half a spacing of 4 mm, times the stretch.
    one_plane = math.pi * RADIUS**2 * wider * 4.0 * longer / 1000
    assert found[0] == pytest.approx(math.pi * RADIUS**2 * wider * missing / 1000, abs=0.5 * one_plane + 1.0)
