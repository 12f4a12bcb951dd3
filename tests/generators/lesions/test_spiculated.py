"""A star with cones against the definition, cone by cone in double precision."""

import jax
import numpy as np
import pytest

from phantomsim.generators.lesions.spiculated import CONES, spiculated
from phantomsim.generators.lesions.star import star


@pytest.mark.parametrize("count", [0, 1, CONES, CONES + 3])
def test_size_is_the_least_of_star_and_cones(count):
    rng = np.random.default_rng(0)
    core = star(jax.random.key(1), 0.2, 2.0)
    form = spiculated(jax.random.key(2), core, rng.uniform(1.3, 2.5, count), rng.uniform(0.1, 0.3, count))
    assert len(form.axis) == count
    points = 6.0 * rng.normal(size=(5000, 3))
    sizes = [core.size(points).astype(float)]
    for axis, length, width in zip(form.axis, form.length, form.width):
        along = points @ axis
        beside = np.linalg.norm(points - along[:, None] * axis, axis=1)
        sizes.append(np.where(along > 0, along / length + beside / width, np.inf))
    np.testing.assert_allclose(form.size(points), np.min(sizes, axis=0) / form.scale, rtol=1e-3)
