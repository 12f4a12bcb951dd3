"""Second-order corrections: bone, the Hounsfield scale, radiographs."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim.scanners.ct import bone, calibration, fdk, orbits, radiograph
from phantomsim.scanners.ct.beam import Bases, beam
from phantomsim.scanners.ct.transmission import transmission
from phantomsim.scanners.ct.water import water_correction, water_paths

GEOMETRY = orbits.third_generation(541.0, 949.0, 240, 150, 1, 3.2, 3.2, 0.25)
PIXEL, SIDE = 2.0, 110


@pytest.fixture(scope="module")
def bases(scanner):
    return Bases(beam(scanner, 120.0), ("water", "bone-cortical"))


def chords(geometry, x, y, radius):
    """Exact, of an upright cylinder, for each view and column of one row."""
    to = np.array([x, y]) - geometry.source_mm[:, None, :2]
    u = geometry.directions
    apart = to[..., 0] * u[..., 1] - to[..., 1] * u[..., 0]
    return 2 * np.sqrt(np.maximum(radius**2 - apart**2, 0))[:, None]


def disc(x, y, radius):
    at = (np.arange(SIDE) - (SIDE - 1) / 2) * PIXEL
    return np.hypot(at - x, at[:, None] - y) < radius


def test_bone_correction_lifts_the_dark_band_between_two_bones(bases):
    whole = chords(GEOMETRY, 0, 0, 90.0)
    dense = chords(GEOMETRY, -45, 0, 18.0) + chords(GEOMETRY, 45, 0, 18.0)
    # The bases are water and bone, and air in the room is left out: their amounts are the paths.
    excess = np.stack([(whole - dense) * w + dense * b for w, b in zip(bases.water, bases.coefficients[1] - bases.air)])
    read = transmission(jnp.asarray(excess, jnp.float32), bases.table)[0]
    correction = water_correction(bases)
    first = water_paths(-jnp.log(read), correction)
    table = bone.bone_correction(bases, correction)
    second = bone.second_pass(first, GEOMETRY, table)
    images = fdk.reconstruct(jnp.stack([first, second]), GEOMETRY, "smooth", (1, SIDE, SIDE), (1.0, PIXEL, PIXEL))
    hu = 1000 * (np.asarray(images)[:, 0] - 1)
    between, away = disc(0, 0, 15.0), disc(0, 60, 12.0)
    dark, lifted = hu[0][between].mean(), hu[1][between].mean()
    assert dark < -30
    assert abs(lifted) < 3
    assert abs(hu[1][away].mean()) < 3
    # A single energy: bone of one number, the one that the table says.
    assert hu[1][disc(45, 0, 12.0)].mean() == pytest.approx(1000 * (table.ratio - 1), rel=0.03)


def test_bone_correction_leaves_water_alone(bases):
    correction = water_correction(bases)
    paths = jnp.asarray(np.broadcast_to(chords(GEOMETRY, 0, 0, 90.0), GEOMETRY.shape), jnp.float32)
    second = bone.second_pass(paths, GEOMETRY, bone.bone_correction(bases, correction))
    np.testing.assert_allclose(second, paths, atol=0.02)


@pytest.mark.parametrize("kernel", ["smooth", "sharp"])
@pytest.mark.parametrize("detector", ["curved", "flat"])
def test_calibrated_water_reads_zero_hu(bases, kernel, detector):
    fan = orbits.fan(541.0, 949.0, 240, 150, 3.2, 0.25, detector)
    correction = water_correction(bases)
    slope = calibration.slope(fan, kernel, bases, correction)
    amount = bases.water[:, None, None, None] * chords(fan, 20.0, -10.0, 70.0)
    read = transmission(jnp.asarray(amount, jnp.float32), bases.table)[0]
    image = fdk.reconstruct(water_paths(-jnp.log(read), correction), fan, kernel, (1, SIDE, SIDE), (1, PIXEL, PIXEL))
    hu = 1000 * (slope * np.asarray(image)[0] - 1)
    assert abs(hu[disc(20.0, -10.0, 55.0)].mean()) < 0.5
    assert abs(slope - 1) < 2e-3
    assert hu[disc(-85.0, 0.0, 5.0)].mean() == pytest.approx(-1000, abs=3)


@pytest.mark.parametrize("kind", ["curved", "flat"])
def test_radiograph_shows_a_ball_where_it_is(kind):
    fan = orbits.flat_panel(541.0, 949.0, 1, 121, 41, 3.0, 3.0, 2.0) if kind == "flat" else None
    geometry = fan or dataclasses.replace(orbits.third_generation(541.0, 949.0, 8, 121, 41, 3.0, 3.0, 2.0))
    at, radius = np.array([30.0, 0.0, 14.0]), 8.0
    ray = geometry.cells()[0] - geometry.source_mm[0]
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    apart = np.linalg.norm(np.cross(at - geometry.source_mm[0], ray), axis=-1)
    chord = 2 * np.sqrt(np.maximum(radius**2 - apart**2, 0))
    values = np.asarray(radiograph.picture(jnp.asarray(chord[None], jnp.float32), geometry))
    shape, spacing, corner = radiograph.layout(geometry)
    assert values.shape == shape
    z, _, x = (np.arange(n) * d + c for n, d, c in zip(shape, spacing, corner[::-1]))
    assert (values.sum((0, 1)) * x).sum() / values.sum() == pytest.approx(30.0, abs=0.25)
    assert (values.sum((1, 2)) * z).sum() / values.sum() == pytest.approx(14.0, abs=0.25)
    assert values.max() == pytest.approx(2 * radius, rel=0.03)
