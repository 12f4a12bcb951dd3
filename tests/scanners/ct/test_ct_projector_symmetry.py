from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim.scanners.ct import orbits
from phantomsim.scanners.ct.joseph import symmetry
from phantomsim.scanners.ct.joseph.lines import Box
from phantomsim.scanners.ct.projector import Projector

FAN = (541.0, 949.0, 16, 31, 12.0)
CONES = {
    "fan": (orbits.fan(*FAN), (1, 40, 40)),
    "flat": (orbits.flat_panel(541.0, 949.0, 12, 20, 6, 12.0, 12.0), (10, 30, 30)),
    "curved": (orbits.third_generation(541.0, 949.0, 12, 21, 6, 12.0, 12.0), (10, 26, 30)),
    "quarter": (orbits.third_generation(541.0, 949.0, 12, 21, 6, 12.0, 12.0, 0.25), (10, 30, 30)),
}
SPACING = (5.0, 5.0, 5.0)
MARK = "footprint"


def turns(geometry, shape, centre=(0.0, 0.0, 0.0), spacing=SPACING):
    found = symmetry.find(geometry, Box.of(shape, spacing, centre))
    return 1 if found is None else len(found[1].turns)


def lopsided(shape, seed=0):
    """Smooth along z, where rays are read by groups of slabs, and without any symmetry."""
    volume = np.random.default_rng(seed).random((2, *shape))
    return jnp.asarray(volume if shape[0] == 1 else np.repeat(volume[:, :1], shape[0], 1), jnp.float32)


def test_full_circles_have_eight_images_and_quarter_offsets_four():
    assert {name: turns(*case) for name, case in CONES.items()} == {"fan": 8, "flat": 8, "curved": 8, "quarter": 4}


def test_no_symmetry_is_found_where_there_is_none():
    whole = orbits.fan(*FAN)
    assert turns(whole.subset(np.arange(1, 16)), (1, 40, 40)) == 1  # a view is missing
    assert turns(orbits.fan(541.0, 949.0, 18, 31, 12.0), (1, 40, 40)) == 1  # not four quarters
    assert turns(whole, (1, 40, 40), (1.0, 0.0, 0.0)) == 1  # the axis is on no symmetric place
    assert turns(whole, (1, 40, 41)) == 1  # middle on a voxel and beside one
    assert turns(whole, (1, 40, 40), spacing=(5.0, 5.0, 4.0)) == 1
    assert turns(whole, (1, 40, 80)) == 1  # square, it would be twice as large
    moved = whole.source_mm.copy()
    moved[3, 0] += 0.01
    assert turns(replace(whole, source_mm=moved), (1, 40, 40)) == 1
    helix = orbits.helical(541.0, 949.0, 16, 2.0, 24.0, 31, 4, 12.0, 12.0)
    assert turns(helix, (10, 40, 40)) == 1


@pytest.mark.parametrize(MARK, ["point", "cell"])
@pytest.mark.parametrize("name", CONES)
def test_images_give_what_each_view_gives_alone(name, footprint):
    """A subset without its images takes the way without symmetry."""
    geometry, shape = CONES[name]
    alone = geometry.subset(np.array([0, 1, 5]))
    assert turns(alone, shape) == 1
    volume = lopsided(shape)
    together = Projector(geometry, shape, SPACING, footprint=footprint, shift=1e-6).forward(volume)
    single = Projector(alone, shape, SPACING, footprint=footprint, shift=1e-6).forward(volume)
    assert np.allclose(np.asarray(together)[:, [0, 1, 5]], single, atol=2e-5 * float(single.max()))


@pytest.mark.parametrize(MARK, ["point", "cell"])
@pytest.mark.parametrize("name", CONES)
def test_adjoint_through_images_is_the_transpose(name, footprint):
    geometry, shape = CONES[name]
    projector = Projector(geometry, shape, SPACING, (5.0, -10.0, 1.0), footprint)
    volume = lopsided(shape)
    data = jnp.asarray(np.random.default_rng(1).random((2, *geometry.shape)), jnp.float32)
    forward, back = (np.asarray(a, float) for a in (projector.forward(volume), projector.adjoint(data)))
    ahead, behind = (forward * np.asarray(data, float)).sum(), (back * np.asarray(volume, float)).sum()
    assert abs(ahead - behind) < 1e-6 * np.linalg.norm(forward) * np.linalg.norm(np.asarray(data, float))


def test_fan_through_images_integrates_a_gaussian():
    """Closed form: at distance a from a line it integrates to sqrt(2 pi) s exp(-a^2 / 2 s^2)."""
    geometry, middle, sigma = CONES["fan"][0], np.array([20.0, -30.0, 0.0]), 18.0
    place = (np.arange(80) - 39.5) * 2.5
    blob = np.exp(-((place - middle[0]) ** 2 + (place[:, None] - middle[1]) ** 2) / (2 * sigma**2))
    projector = Projector(geometry, (1, 80, 80), (5.0, 2.5, 2.5), footprint="point")
    found = np.asarray(projector.forward(jnp.asarray(blob[None, None], jnp.float32)))[0, :, 0]
    along = geometry.cells()[:, 0] - geometry.source_mm[:, None]
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    to = (middle - geometry.source_mm)[:, None]
    apart2 = np.sum(to**2, -1) - np.sum(to * along, -1) ** 2
    exact = np.sqrt(2 * np.pi) * sigma * np.exp(-apart2 / (2 * sigma**2))
    assert np.sqrt(np.mean((found - exact) ** 2)) < 1e-3 * exact.max()
