import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim.errors import GridError
from phantomsim.scanners.ct.joseph import levels
from phantomsim.scanners.ct.joseph.lines import Box, fan
from phantomsim.scanners.ct.orbits import third_generation
from phantomsim.scanners.ct.projector import Projector, line_integrals
from phantomsim.scanners.ct.siddon import line_integral

GEOMETRY = third_generation(541.0, 949.0, 12, 61, 6, 8.0, 4.0, 0.25)
SPACING = (3.0, 2.0, 1.5)
CENTRE = (7.0, -11.0, 2.5)


def blobs(shape=(20, 70, 80)):
    """Smooth, without any symmetry, zero at the edges."""
    z, y, x = (((np.arange(n) - (n - 1) / 2) * d) for n, d in zip(shape, SPACING))
    volume = np.zeros(shape)
    for a, cx, cy, cz, s in ((1.0, 20, 10, 5, 12.0), (0.7, -25, 15, -6, 9.0), (0.5, 5, -30, 3, 10.0)):
        volume += a * np.exp(-((x - cx) ** 2 + (y[:, None] - cy) ** 2 + (z[:, None, None] - cz) ** 2) / (2 * s**2))
    return volume


def siddon(volume, geometry, view, row, column, samples=6):
    """Mean over one cell."""
    parts = (np.arange(samples) + 0.5) / samples - 0.5
    ends = geometry.cells(geometry.columns_from_centre[column] + parts, geometry.rows_from_centre[row] + parts)[view]
    source = geometry.source_mm[view]
    return np.mean([line_integral(volume, SPACING, CENTRE, source, end) for end in ends.reshape(-1, 3)])


def test_projector_agrees_with_siddon():
    volume = blobs()
    fast = np.asarray(line_integrals(jnp.asarray(volume[None], jnp.float32), SPACING, CENTRE, GEOMETRY))[0]
    rng = np.random.default_rng(0)
    picks = [(rng.integers(12), rng.integers(6), rng.integers(15, 46)) for _ in range(40)]
    slow = np.array([siddon(volume, GEOMETRY, *pick) for pick in picks])
    quick = np.array([fast[pick] for pick in picks])
    # Siddon takes voxels as boxes: where a ray runs along an axis that differs from linear interpolation.
    assert np.sqrt(np.mean((quick - slow) ** 2)) < 0.002 * fast.max()
    assert np.abs(quick - slow).max() < 0.01 * fast.max()


def test_projector_integrates_gaussians():
    """Closed form: a Gaussian at distance a from a line integrates to sqrt(2 pi) s exp(-a^2 / 2 s^2)."""
    geometry = third_generation(541.0, 949.0, 12, 61, 6, 8.0, 4.0, 0.25)
    shape, spacing, s, centre = (44, 90, 90), (1.0, 1.0, 1.0), 9.0, np.array([6.0, -5.0, 1.0])
    z, y, x = ((np.arange(n) - (n - 1) / 2) * d for n, d in zip(shape, spacing))
    r2 = (x - centre[0]) ** 2 + (y[:, None] - centre[1]) ** 2 + (z[:, None, None] - centre[2]) ** 2
    volume = jnp.asarray(np.exp(-r2 / (2 * s**2))[None], jnp.float32)
    measured = np.asarray(line_integrals(volume, spacing, (0, 0, 0), geometry))[0]
    exact = np.zeros(measured.shape)
    parts = (np.arange(6) + 0.5) / 6 - 0.5
    for part, side in itertools.product(parts, parts):
        u = geometry.cells(geometry.columns_from_centre + side, geometry.rows_from_centre + part)
        u = u - geometry.source_mm[:, None, None]
        u /= np.linalg.norm(u, axis=-1, keepdims=True)
        to = (centre - geometry.source_mm)[:, None, None]
        apart2 = np.sum(to**2, -1) - np.sum(to * u, -1) ** 2
        exact += np.sqrt(2 * np.pi) * s * np.exp(-apart2 / (2 * s**2)) / 36
    inner = np.s_[:, 1:5]  # the volume ends where the Gaussian still has a tail in the outer rows
    assert np.sqrt(np.mean((measured - exact)[inner] ** 2)) < 1e-3 * exact.max()


def test_projector_gives_chords_of_a_sphere():
    shape, spacing = (48, 120, 120), (1.0, 1.0, 1.0)
    z, y, x = (np.arange(n) - (n - 1) / 2 for n in shape)
    fine = np.zeros(shape)
    for dz, dy, dx in np.ndindex(3, 3, 3):
        r2 = (x + (dx - 1) / 3) ** 2 + (y[:, None] + (dy - 1) / 3) ** 2 + (z[:, None, None] + (dz - 1) / 3) ** 2
        fine += (r2 < 20.0**2) / 27
    geometry = third_generation(541.0, 949.0, 9, 91, 4, 1.0, 1.0)
    rays = geometry
    measured = np.asarray(line_integrals(jnp.asarray(fine[None], jnp.float32), spacing, (0, 0, 0), rays, "point"))[0]
    u = np.concatenate(
        [
            np.broadcast_to(rays.directions[:, None], (9, 4, 91, 2)),
            np.broadcast_to(rays.row_slopes[None, :, None, None], (9, 4, 91, 1)),
        ],
        -1,
    )
    u = u / np.linalg.norm(u, axis=-1, keepdims=True)
    along = np.einsum("vrci,vi->vrc", u, rays.source_mm)
    apart2 = np.sum(rays.source_mm**2, -1)[:, None, None] - along**2
    chord = 2 * np.sqrt(np.maximum(20.0**2 - apart2, 0))
    deep = chord > 15
    assert deep.sum() > 500
    assert np.sqrt(np.mean((measured - chord)[deep] ** 2)) < 0.006 * 40
    assert abs(np.mean((measured - chord)[deep])) < 0.0015 * 40


def test_projector_is_linear_and_keeps_bases_apart():
    volume = blobs().astype(np.float32)
    both = line_integrals(jnp.stack([volume, 2 * volume]), SPACING, CENTRE, GEOMETRY)
    one = line_integrals(jnp.asarray(volume[None]), SPACING, CENTRE, GEOMETRY)
    np.testing.assert_allclose(both[0], one[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(both[1], 2 * one[0], rtol=1e-4, atol=1e-4)


def test_march_by_levels_agrees_with_march_by_slabs():
    volume = jnp.asarray(blobs()[None], jnp.float32)
    geometry = third_generation(541.0, 949.0, 12, 240, 3, 2.0, 8.0, 0.25)
    data, forms = levels.tables(fan(geometry), geometry, Box.of(volume.shape[1:], SPACING, CENTRE))
    by_levels = levels.integrate(volume, data, np.float32(SPACING[0]), forms, geometry.shape)
    by_slabs = Projector(geometry, volume.shape[1:], SPACING, CENTRE, shift=0.01).forward(volume)
    assert np.abs(by_levels - by_slabs).max() < 1e-2 * by_slabs.max()
    assert np.sqrt(np.mean((by_levels - by_slabs) ** 2)) < 1e-3 * by_slabs.max()


def test_rays_that_miss_read_zero():
    volume = jnp.ones((1, 4, 10, 10))
    paths = np.asarray(line_integrals(volume, (1.0, 1.0, 1.0), (0, 0, 0), GEOMETRY))
    assert np.all(paths[..., :20] == 0)
    assert np.all(paths[..., -20:] == 0)
    assert paths.max() > 9


def test_volume_without_bases_is_refused():
    with pytest.raises(GridError, match=r"\[K, z, y, x\]"):
        line_integrals(jnp.ones((4, 4, 4)), (1.0, 1.0, 1.0), (0, 0, 0), GEOMETRY)
