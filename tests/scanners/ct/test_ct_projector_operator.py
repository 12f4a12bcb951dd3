from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim.errors import GridError, ScannerError
from phantomsim.scanners.ct import orbits
from phantomsim.scanners.ct.joseph import oblique
from phantomsim.scanners.ct.joseph.lines import Box
from phantomsim.scanners.ct.projector import Projector

# One shape and one volume where they will do: compiling takes longer than projecting.
SHAPE, SPACING, CENTRE = (30, 42, 37), (2.0, 1.9, 2.1), (6.0, -4.0, 3.0)
GEOMETRIES = {
    "flat": orbits.flat_panel(541, 949, 21, 40, 24, 6.5, 7.2),
    "curved": orbits.third_generation(541, 949, 21, 60, 12, 3.5, 4.2, 0.25),
    "helical": orbits.helical(541, 949, 20, 3, 60.0, 40, 8, 3.5, 4.2, 0.25),
    "steps": orbits.step_and_shoot(541, 949, 10, 3, 40.0, 40, 6, 3.5, 4.2, 0.25),
    "parallel": orbits.parallel(21, 50, 2.1, 30, 2.3),
    "fan": orbits.fan(541, 949, 30, 60, 3.5),
}
# What does not depend on the path of the rays is tried each time in one plane and along a helix.
MOST = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in ("fan", "helical") else pytest.mark.slow) for n in GEOMETRIES]
)
# Points are what cells are summed of: their rays too are tried there each time.
PATHS = pytest.mark.parametrize(
    ("name", "footprint"),
    [
        pytest.param(n, f, marks=() if f == "cell" or n in ("fan", "helical") else pytest.mark.slow)
        for n in GEOMETRIES
        for f in ("point", "cell")
    ],
)
FOOTPRINTS = pytest.mark.parametrize("footprint", [pytest.param("point", marks=pytest.mark.slow), "cell"])


def draw(shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@PATHS
def test_adjoint_is_the_transpose_of_forward(name, footprint):
    projector = Projector(GEOMETRIES[name], SHAPE, SPACING, CENTRE, footprint)
    x, y = draw((1, *SHAPE)), draw((1, *GEOMETRIES[name].shape), 2)
    forward, adjoint = (np.asarray(a, np.float64) for a in (projector.forward(x), projector.adjoint(y)))
    apart = abs(np.sum(forward * y) - np.sum(adjoint * x))
    assert apart < 1e-7 * np.linalg.norm(forward) * np.linalg.norm(y)


GAUSSIANS = (((20.0, -30.0, 10.0), 9.0, 1.0), ((-30.0, 5.0, -25.0), 7.0, 0.7), ((10.0, 30.0, 28.0), 8.0, 1.2))


def gaussians(shape, spacing):
    z, y, x = ((np.arange(n) - (n - 1) / 2) * d for n, d in zip(shape, spacing))
    parts = [
        a * np.exp(-((x - c[0]) ** 2 + (y[:, None] - c[1]) ** 2 + (z[:, None, None] - c[2]) ** 2) / (2 * s**2))
        for c, s, a in GAUSSIANS
    ]
    return sum(parts).astype(np.float32)


def integrals_of_gaussians(geometry, samples):
    """sqrt(2 pi) s exp(-a^2 / 2 s^2) at distance a, mean over samples x samples points of each cell."""
    total, parts = 0, (np.arange(samples) + 0.5) / samples - 0.5
    for side in parts:
        for part in parts:
            point = geometry.cells(geometry.columns_from_centre + side, geometry.rows_from_centre + part)
            start = geometry.source_mm[:, None, None]
            u, at = (start, point) if geometry.beam == "parallel" else (point - start, start)
            u = u / np.linalg.norm(u, axis=-1, keepdims=True)
            for c, s, a in GAUSSIANS:
                to = np.asarray(c) - at
                apart2 = np.sum(to**2, -1) - np.sum(to * u, -1) ** 2
                total = total + a * np.sqrt(2 * np.pi) * s * np.exp(-apart2 / (2 * s**2))
    return total / samples**2


@PATHS
def test_projector_integrates_gaussians_in_every_geometry(name, footprint):
    shape, spacing = (64, 64, 64), (2.0, 2.0, 2.0)
    geometry = GEOMETRIES[name]
    measured = Projector(geometry, shape, spacing, footprint=footprint).forward(gaussians(shape, spacing)[None])[0]
    exact = integrals_of_gaussians(geometry, 1 if footprint == "point" else 5)
    # Gaussians are cut at the volume's ends, and linear interpolation widens them by up to a third of a voxel.
    assert np.sqrt(np.mean((measured - exact) ** 2)) < 2.5e-3 * exact.max()


@MOST
def test_derivative_of_each_is_the_other(name):
    geometry = GEOMETRIES[name]
    projector = Projector(geometry, SHAPE, SPACING, CENTRE)
    x, y = draw((1, *SHAPE)), draw((1, *geometry.shape), 2)
    slope = jax.grad(lambda v: jnp.vdot(projector.forward(v), y))(x)
    np.testing.assert_allclose(slope, projector.adjoint(y), atol=1e-3)
    slope = jax.grad(lambda d: jnp.vdot(projector.adjoint(d), x))(y)
    np.testing.assert_allclose(slope, projector.forward(x), atol=1e-3)


@MOST
def test_volumes_together_equal_one_by_one(name):
    projector = Projector(GEOMETRIES[name], SHAPE, SPACING, CENTRE)
    x = draw((5, *SHAPE))
    together = projector.forward(x)
    alone = jnp.concatenate([projector.forward(one[None]) for one in x])
    np.testing.assert_allclose(together, alone, atol=2e-4 * np.abs(alone).max())
    back = projector.adjoint(together)
    np.testing.assert_allclose(back[3], projector.adjoint(together[3:4])[0], atol=2e-4 * np.abs(back).max())


def test_projector_is_a_pytree_that_jit_takes():
    geometry = GEOMETRIES["flat"]
    projector = Projector(geometry, SHAPE, SPACING, CENTRE)
    x = draw((1, *SHAPE))
    inside = jax.jit(lambda p, v: p.adjoint(p.forward(v)))(projector, x)
    np.testing.assert_allclose(inside, projector.adjoint(projector.forward(x)), rtol=1e-4, atol=1e-2)


def test_helix_without_feed_is_an_axial_scan():
    helix = orbits.helical(541, 949, 24, 1, 1e-6, 40, 8, 3.5, 4.2, 0.25)
    axial = orbits.third_generation(541, 949, 24, 40, 8, 3.5, 4.2, 0.25)
    x = draw((1, *SHAPE))
    one, two = (Projector(geometry, SHAPE, SPACING, CENTRE).forward(x) for geometry in (helix, axial))
    np.testing.assert_allclose(one, two, atol=1e-3)


def test_moving_the_volume_along_the_helix_moves_the_views():
    """A turn later along the helix a volume that has moved by the feed looks the same."""
    geometry = orbits.helical(541, 949, 20, 3, 60.0, 40, 8, 3.5, 4.2, 0.25)
    x = draw((1, *SHAPE))
    low, high = (Projector(geometry, SHAPE, SPACING, (6.0, -4.0, z)).forward(x) for z in (-60.0, 0.0))
    np.testing.assert_allclose(low[:, :40], high[:, 20:], atol=1e-2)


def test_impossible_input_is_refused():
    geometry = GEOMETRIES["flat"]
    with pytest.raises(ScannerError, match="inside the volume"):
        Projector(geometry, (10, 600, 600), (2.0, 2.0, 2.0))
    with pytest.raises(GridError, match="spacing"):
        Projector(geometry, SHAPE, (0.0, 1.0, 1.0))
    with pytest.raises(GridError, match="projector needs"):
        Projector(geometry, SHAPE, SPACING).forward(jnp.zeros((1, 3, 3, 3)))
    with pytest.raises(ScannerError, match="footprint"):
        Projector(geometry, SHAPE, SPACING, footprint="blob")


def turned(geometry):
    """The whole scanner in another attitude: no detector column stands along z any more."""
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0]
    vectors = (geometry.source_mm, geometry.centre_mm, geometry.along_mm, geometry.up_mm)
    names = ("source_mm", "centre_mm", "along_mm", "up_mm")
    return replace(geometry, orbit=None, **{n: v @ turn.T for n, v in zip(names, vectors)})


FEW = {
    "flat": orbits.flat_panel(541, 949, 6, 20, 12, 13.0, 14.4),
    "curved": orbits.third_generation(541, 949, 6, 30, 6, 7.0, 8.4, 0.25),
    "parallel": orbits.parallel(7, 25, 4.2, 15, 4.6),
}
SMALL = ((15, 21, 18), (4.0, 3.9, 4.1), (6.0, -4.0, 3.0))


@pytest.mark.parametrize("name", FEW)
def test_general_path_equals_upright_path(name):
    x = draw((2, *SMALL[0]))
    data, forms = oblique.plan(FEW[name], Box.of(*SMALL), cell=False)
    upright = Projector(FEW[name], *SMALL, footprint="point", shift=1e-3).forward(x)
    general = oblique.forward(x, data, forms)
    assert np.abs(general - upright).max() < 1e-4 * np.abs(upright).max()


@pytest.mark.parametrize("name", FEW)
@FOOTPRINTS
def test_adjoint_of_tilted_detectors_is_the_transpose(name, footprint):
    geometry = turned(FEW[name])
    projector = Projector(geometry, *SMALL, footprint)
    x, y = draw((2, *SMALL[0])), draw((2, *geometry.shape), 2)
    forward, adjoint = (np.asarray(a, np.float64) for a in (projector.forward(x), projector.adjoint(y)))
    assert abs(np.sum(forward * y) - np.sum(adjoint * x)) < 1e-6 * np.linalg.norm(forward) * np.linalg.norm(y)


@FOOTPRINTS
def test_tilted_detectors_integrate_gaussians(footprint):
    geometry = turned(GEOMETRIES["flat"]).subset(slice(None, None, 5))
    shape, spacing = (64, 64, 64), (2.0, 2.0, 2.0)
    measured = Projector(geometry, shape, spacing, footprint=footprint).forward(gaussians(shape, spacing)[None])[0]
    exact = integrals_of_gaussians(geometry, 1 if footprint == "point" else 5)
    assert np.sqrt(np.mean((measured - exact) ** 2)) < 2.5e-3 * exact.max()


def test_subset_of_views_projects_as_those_views_of_all():
    geometry = GEOMETRIES["helical"]
    x = draw((1, *SHAPE))
    whole = Projector(geometry, SHAPE, SPACING, CENTRE).forward(x)
    part = Projector(geometry.subset(slice(2, None, 7)), SHAPE, SPACING, CENTRE).forward(x)
    np.testing.assert_allclose(part, whole[:, 2::7], atol=1e-3)
    with pytest.raises(ScannerError, match="1 or more"):
        geometry.subset(slice(0, 0))
