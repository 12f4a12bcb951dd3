"""Filtered backprojection against closed forms: every geometry, helices without stairs, gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct import fdk, helical, kernels, orbits, redundancy
from phantomsim.scanners.ct.laws import reconstruct as laws_reconstruct

AXIAL = orbits.third_generation(541.0, 949.0, 240, 130, 12, 3.5, 3.5, 0.25)


@pytest.mark.slow
def test_laws_of_reconstruction_hold():
    failed = [law for law in laws_reconstruct.laws() if not law.passed]
    assert not failed


@pytest.mark.parametrize(
    "geometry",
    [
        orbits.third_generation(541.0, 949.0, 90, 40, 1, 6.0, 1.0, 0.25),
        orbits.flat_panel(541.0, 949.0, 110, 40, 1, 6.0, 1.0, 0.0, arc_deg=220.0),
        orbits.flat_panel(541.0, 949.0, 150, 40, 1, 6.0, 1.0, 0.0, arc_deg=300.0),
        orbits.parallel(90, 40, 6.0, arc_deg=250.0),
    ],
)
def test_shares_of_a_line_sum_to_one(geometry):
    # All lines within 60 mm of the axis, integrated over direction and distance, each measurement by its share.
    share = redundancy.weights(geometry)
    fan = geometry.fan if geometry.beam == "cone" else np.zeros(geometry.columns)
    if geometry.beam == "parallel":
        distance = np.broadcast_to(geometry.columns_from_centre * geometry.column_mm, share.shape)
        density = geometry.column_mm
    else:
        distance = np.broadcast_to(geometry.radius_mm * np.sin(fan), share.shape)
        density = np.gradient(fan) * geometry.radius_mm * np.cos(fan)
    inner = np.abs(distance) < 60
    step = geometry.angles[1] - geometry.angles[0]
    covered = (share * density * step)[inner].sum()
    assert covered == pytest.approx(np.pi * 120, rel=0.06)


def test_arc_too_short_is_an_error():
    with pytest.raises(ScannerError, match="filtered backprojection needs 2"):
        redundancy.weights(orbits.flat_panel(541.0, 949.0, 180, 130, 1, 3.5, 3.5, arc_deg=180.0))
    with pytest.raises(ScannerError, match="needs 180"):
        redundancy.weights(orbits.parallel(180, 130, 2.0, arc_deg=150.0))


def test_shifted_detector_sees_twice_the_field():
    shifted = orbits.flat_panel(541.0, 949.0, 240, 90, 1, 3.5, 3.5, 35.0)
    middle, radii = np.array([40.0, 30.0, 0.0]), np.array([50.0, 30.0, 1e5])
    paths = jnp.asarray(laws_reconstruct.chords(shifted, middle, radii), jnp.float32)
    image = np.asarray(fdk.reconstruct(paths, shifted, "smooth", (1, 80, 80), (1.0, 2.5, 2.5)))[0]
    at = (np.arange(80) - 39.5) * 2.5
    r = np.hypot((at - 40) / 50, (at[:, None] - 30) / 30)
    assert abs(image[r < 0.8] - 1).max() < 0.02
    assert image[r > 1.3].std() < 0.03  # streaks of few views
    assert abs(image[r > 1.3].mean()) < 0.003


@pytest.mark.slow
def test_several_scans_give_what_each_gives_alone():
    for geometry in (AXIAL, orbits.helical(541.0, 949.0, 60, 3, 16.0, 50, 6, 9.0, 7.0)):
        data = jax.random.normal(jax.random.key(0), (2, *geometry.shape))
        both = fdk.reconstruct(data, geometry, "smooth", (3, 24, 24), (3.0, 5.0, 5.0))
        one = fdk.reconstruct(data[1], geometry, "smooth", (3, 24, 24), (3.0, 5.0, 5.0))
        np.testing.assert_allclose(both[1], one, atol=1e-5 * float(abs(one).max()))


def test_helical_method_agrees_with_feldkamp_on_a_circle():
    middle, radii = np.array([31.0, -22.0, 2.0]), np.array([40.0, 25.0, 1e4])
    paths = jnp.asarray(laws_reconstruct.chords(AXIAL, middle, radii), jnp.float32)
    arguments = (paths, AXIAL, "smooth", (3, 64, 64), (3.0, 2.5, 2.5))
    one, other = np.asarray(fdk.reconstruct(*arguments)), np.asarray(helical.reconstruct(*arguments))
    assert np.sqrt(np.mean((one - other) ** 2)) < 0.02  # streaks of few views differ
    at = (np.arange(64) - 31.5) * 2.5
    inside = np.hypot((at - 31) / 40, (at[:, None] + 22) / 25) < 0.7
    assert np.abs(other[:, inside] - 1).max() < 0.01


@pytest.mark.parametrize("pitch", [pytest.param(0.5, marks=pytest.mark.slow), 1.0, 1.5])
def test_tilted_rod_has_no_stairs_along_a_helix(pitch):
    # An ellipsoid so long that its edges are straight, leaning 45 degrees: by symmetry its cut moves evenly with z.
    collimation = 16 * 2.0 * 541 / 949
    helix = orbits.helical(541.0, 949.0, 300, 6, collimation * pitch, 120, 16, 3.0, 2.0, 0.25)
    lean = np.array([1.0, 0.0, 1.0]) / np.sqrt(2)
    ray = helix.cells() - helix.source_mm[:, None, None]
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    across = ray - (ray @ lean)[..., None] * lean
    start = helix.source_mm - (helix.source_mm @ lean)[:, None] * lean
    a, b = (across**2).sum(-1), np.einsum("vrci,vi->vrc", across, start)
    chord = 2 * np.sqrt(np.maximum(b**2 - a * ((start**2).sum(-1)[:, None, None] - 15.0**2), 0)) / a
    slices = 13
    image = np.asarray(
        fdk.reconstruct(jnp.asarray(chord, jnp.float32), helix, "smooth", (slices, 64, 64), (2.0, 1.5, 1.5))
    )
    x = (np.arange(64) - 31.5) * 1.5
    z = (np.arange(slices) - (slices - 1) / 2) * 2.0
    weight = image * (image > 0.3)
    centre = (weight * x).sum((1, 2)) / weight.sum((1, 2))
    assert np.abs(centre - z).max() < 0.4
    assert np.ptp(image[:, 30:34, :][np.abs(x - z[:, None])[:, None].repeat(4, 1) < 8]) < 0.05
    # An edge against the ideal: the cut of a circular rod at 45 degrees is an ellipse of half axes 21.2 and 15 mm.
    y = ((np.arange(64) - 31.5) * 1.5)[:, None]
    near = np.hypot((x - z[:, None, None]) / np.sqrt(2), y) < 15 + 6
    area = ((image * near).sum((1, 2)) * 1.5**2) / (np.pi * 15 * 15 * np.sqrt(2))
    assert np.abs(area - 1).max() < 0.02


def test_slice_of_a_helix_is_as_thick_as_asked():
    # A thin disc in the middle: its mean over slices of 4 mm falls as the box and the rows' box do.
    collimation = 16 * 2.0 * 541 / 949
    helix = orbits.helical(541.0, 949.0, 240, 5, collimation, 100, 16, 3.5, 2.0, 0.25)
    middle, radii = np.array([0.0, 0.0, 0.3]), np.array([30.0, 30.0, 0.5])
    chord = np.mean([laws_reconstruct.chords(helix, middle - [0, 0, dz], radii) for dz in np.linspace(-0.5, 0.5, 8)], 0)
    image = fdk.reconstruct(jnp.asarray(chord, jnp.float32), helix, "smooth", (41, 16, 16), (0.5, 2.0, 2.0))
    z = (np.arange(41) - 20) * 0.5
    thin = np.asarray(image)[:, 4:12, 4:12].mean((1, 2))
    assert (thin * z).sum() / thin.sum() == pytest.approx(0.3, abs=0.15)
    # Slices thinner than a row are one row thick (1.14 mm): the profile is that box, the row's own and the disc's.
    width = (thin > thin.max() / 2).sum() * 0.5
    assert 1.0 <= width <= 2.5
    thick = fdk.reconstruct(jnp.asarray(chord, jnp.float32), helix, "smooth", (5, 16, 16), (4.0, 2.0, 2.0))
    share = np.asarray(thick)[:, 4:12, 4:12].mean((1, 2))
    assert share[2] / share.sum() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("kind", [pytest.param("curved", marks=pytest.mark.slow), "helix"])
def test_gradient_is_the_slope(kind):
    helix = orbits.helical(541.0, 949.0, 16, 2, 16.0, 20, 4, 20.0, 10.0)
    geometry = helix if kind == "helix" else orbits.third_generation(541.0, 949.0, 16, 20, 4, 20.0, 10.0)
    data, way = jax.random.normal(jax.random.key(1), (2, *geometry.shape))

    def loss(d):
        return jnp.sum(jnp.sin(50 * fdk.reconstruct(d, geometry, "ramp", (2, 8, 8), (4.0, 10.0, 10.0))))

    slope = float(jnp.sum(jax.grad(loss)(data) * way))
    step = 0.02
    difference = float(loss(data + step * way) - loss(data - step * way)) / (2 * step)
    assert slope == pytest.approx(difference, rel=0.02, abs=0.02)


def test_linear_interpolation_is_made_up_for_in_the_kernel():
    frequency, pitch = np.linspace(0, 0.8, 81), 0.57
    made_up = kernels.window("standard", frequency, pitch) * np.sinc(frequency * pitch) ** 2
    half, tenth = (0.1 * f for f in kernels.MTF_PER_CM["standard"])
    assert np.interp(half, frequency, made_up) == pytest.approx(0.5, abs=0.005)
    assert np.interp(tenth, frequency, made_up) == pytest.approx(0.1, abs=0.005)


def test_keys_response_is_its_kernels_transform():
    # Closed form: 3 / (pi f)^2 x (sinc^2 f - sinc 2f) + 2 / (pi f)^2 x (3 sinc^2 2f - 2 sinc 2f - sinc 4f), a = -1/2.
    f = np.array([0.05, 0.2, 0.35, 0.5])
    first = 3 / (np.pi * f) ** 2 * (np.sinc(f) ** 2 - np.sinc(2 * f))
    second = -0.5 * 2 / (np.pi * f) ** 2 * (3 * np.sinc(2 * f) ** 2 - 2 * np.sinc(2 * f) - np.sinc(4 * f))
    np.testing.assert_allclose(kernels.keys_response(f), first + second, atol=1e-5)
