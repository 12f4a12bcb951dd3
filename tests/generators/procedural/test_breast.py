"""Breasts: maps that keep volume, the same woman hanging and compressed, published populations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim import catalogue, spec
from phantomsim.generators.procedural import asked, generate, painting
from phantomsim.generators.procedural.breast import compression, draw, frame, gland, laws
from phantomsim.generators.procedural.spec import Procedural


@pytest.fixture(scope="module")
def woman():
    what = spec.read(catalogue.root() / "generators" / "breast-compressed.toml", Procedural)
    return generate.person(what, 7, 2)[1]


def within(f, count=300):
    """Points in the half ellipsoid, not within a twentieth of its surface."""
    u = np.random.default_rng(0).normal(size=(count, 3))
    u *= 0.95 * np.random.default_rng(1).uniform(0.001, 1.0, (count, 1)) ** (1 / 3) / np.linalg.norm(u, axis=1)[:, None]
    return jnp.asarray(abs(u) * np.sign(u) ** [1, 2, 1] * [f.a, f.c, f.b], jnp.float32)


@pytest.mark.parametrize("compressed", [pytest.param(False, marks=pytest.mark.slow), True])
def test_maps_keep_volume_and_have_inverses(woman, compressed):
    f = frame.frame(woman)
    k = compression.plates(f, woman["compressed_mm"])
    forth = (lambda q: compression.world(q, f, k)) if compressed else (lambda q: frame.world(q, f))
    back = (lambda q: compression.material(q, f, k)) if compressed else (lambda q: frame.material(q, f))
    e = within(f)
    p = jax.vmap(lambda q: jnp.stack(forth(tuple(q))))(e)
    again = jax.vmap(lambda q: jnp.stack(back(tuple(q))))(p)
    np.testing.assert_allclose(again, e, atol=0.02)
    slopes = jax.vmap(jax.jacfwd(lambda q: jnp.stack(back(tuple(q)))))(p)
    np.testing.assert_allclose(jnp.linalg.det(slopes), 1.0, atol=1e-4)
    if compressed:
        assert float(abs(p[:, 2]).max()) < k.half_mm
        assert float(compression.outline(tuple(p.T), k).max()) < 0.0


def test_the_outline_of_a_compressed_breast_holds_the_volume_of_the_hanging_one(woman):
    f = frame.frame(woman)
    k = compression.plates(f, woman["compressed_mm"])
    x, y, z = np.ix_(np.arange(-140, 140, 1.0), np.arange(0.5, 160, 1.0), np.arange(-50, 50, 1.0))
    inside = compression.outline((jnp.asarray(x), jnp.asarray(y + compression.BASE_Y_MM), jnp.asarray(z)), k) < 0
    assert float(inside.sum()) / 1000 == pytest.approx(float(woman["breast_mL"]), rel=0.01)


def test_waves_have_unit_variance_and_the_spectrum_that_they_name():
    rows = np.asarray(gland.waves(jax.random.key(3)))
    x = jnp.asarray(np.random.default_rng(2).uniform(-500, 500, (3, 1, 100, 200)), jnp.float32)
    field = gland._sum((x[0], x[1], x[2]), jnp.asarray(rows))
    assert float(field.std()) == pytest.approx(1.0, abs=0.05)
    f = np.linalg.norm(rows[:, :3], axis=1)
    # Power per volume of frequencies: each wave stands for a shell of its own, of volume 4 pi f^3 dln f.
    slope = np.polyfit(np.log(f), np.log(rows[:, 4] ** 2 / f**3), 1)[0]
    assert -slope == pytest.approx(gland.POWER, abs=1e-3)


def test_exponent_is_that_of_a_known_picture():
    n = 128
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(n), np.fft.fftfreq(n)))
    f[0, 0] = 1.0
    white = np.fft.fft2(np.random.default_rng(0).normal(size=(n, n)))
    assert laws.exponent(np.fft.ifft2(white * f**-1.5).real, 1.0) == pytest.approx(3.0, abs=0.4)


@pytest.mark.slow
def test_the_same_woman_hangs_and_is_compressed(woman):
    held = {}
    for name, region in (("breast-procedural", draw.REGION), ("breast-compressed", draw.COMPRESSED)):
        what = spec.read(catalogue.root() / "generators" / f"{name}.toml", Procedural)
        p = generate.generate(what.model_copy(update={"voxel_mm": 4.0, "shape": region.plan_shape}), 7, 2)
        total = np.array([float(p.fraction(t).sum()) for t in p.tissues])
        assert total.sum() == pytest.approx(np.prod(region.plan_shape), rel=1e-5)
        gland_mL = float(p.fraction("breast-gland").sum()) * p.grid.voxel_mL
        held[name] = (p.facts.covariates["breast_mL"], p.facts.covariates["gland_mL"], gland_mL)
    lying, squeezed = held.values()
    assert lying[:2] == squeezed[:2]
    assert lying[2] == pytest.approx(squeezed[2], rel=0.1)
    assert lying[2] == pytest.approx(lying[1], rel=0.1)


@pytest.mark.slow
def test_gland_has_its_volume_on_a_finer_grid():
    what = spec.read("breast-procedural", Procedural)
    for law in asked.fine_laws(what, draw.REGION, 5, laws.SIZED):
        assert law.measured == pytest.approx(1.0, abs=0.05), law.what


@pytest.mark.slow
def test_sampled_breasts_obey_published_figures():
    broken = [law.what for law in laws.laws(60) if not law.passed]
    assert not broken, broken


@pytest.mark.slow
def test_painting_reads_place_alone(woman):
    first = painting.first_mm((8, 20, 20), 4.0, (0.0, -60.0, 0.0))
    levels, _, _ = generate.planned(draw.COMPRESSED, woman)
    args = (draw.COMPRESSED.draw, tuple(draw.COMPRESSED.organs), (8, 20, 20), 3, jnp.float32(4.0))
    whole = painting.paint_slab(*args, jnp.asarray(first), woman, levels)
    upper = painting.paint_slab(*args, jnp.asarray(first) + jnp.array([0.0, 0.0, 16.0]), woman, levels)
    np.testing.assert_array_equal(whole.first[4:], upper.first[:4])
