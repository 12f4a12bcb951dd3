"""Laws of Gaussian smoothing."""

import math

import numpy as np
import pytest
from scipy import ndimage

from phantomsim.algorithms.gaussian import smooth

SPACING = (3.0, 0.7, 1.1)


def impulse(shape=(21, 65, 49)):
    image = np.zeros(shape, np.float32)
    image[tuple(n // 2 for n in shape)] = 1000.0
    return image


@pytest.mark.parametrize("fwhm_mm", [1.0, 3.0, 6.0])
def test_impulse_spreads_to_the_asked_width_in_millimetres_along_every_axis(fwhm_mm):
    out = smooth(impulse(), SPACING, fwhm_mm).astype(float)
    for axis, d in enumerate(SPACING):
        profile = out.sum(tuple(a for a in range(3) if a != axis))
        x = (np.arange(profile.size) - profile.size // 2) * d
        variance = (profile * x**2).sum() / profile.sum()
        assert variance == pytest.approx(fwhm_mm**2 / (8 * math.log(2)), rel=2e-3)


def test_mean_is_kept_and_a_constant_is_a_fixed_point():
    noise = np.random.default_rng(1).normal(-1000, 50, (8, 33, 30)).astype(np.float32)
    assert smooth(noise, SPACING, 4.0).mean(dtype=float) == pytest.approx(noise.mean(dtype=float), rel=1e-6)
    flat = np.full((4, 9, 9), 40.0, np.float32)
    np.testing.assert_allclose(smooth(flat, SPACING, 4.0), 40.0, rtol=1e-6)


def test_two_passes_add_in_quadrature():
    image = np.random.default_rng(2).normal(size=(9, 32, 32)).astype(np.float32)
    twice = smooth(smooth(image, SPACING, 3.0), SPACING, 4.0)
    np.testing.assert_allclose(twice, smooth(image, SPACING, 5.0), atol=2e-5)


def test_agrees_with_scipy_where_the_kernel_is_wide():
    image = np.random.default_rng(3).normal(size=(12, 40, 40)).astype(np.float32)
    fwhm_mm, spacing = 12.0, (1.5, 1.0, 1.0)
    sigma = [fwhm_mm / math.sqrt(8 * math.log(2)) / d for d in spacing]
    rival = ndimage.gaussian_filter(image.astype(float), sigma, mode="reflect", truncate=6)
    np.testing.assert_allclose(smooth(image, spacing, fwhm_mm), rival, atol=0.004 * image.std())


def test_slice_mode_keeps_slices_apart_and_zero_width_changes_nothing():
    out = smooth(impulse(), SPACING, 4.0, mode="slice")
    assert np.abs(np.delete(out, 10, axis=0)).max() < 1e-3
    np.testing.assert_allclose(smooth(impulse(), SPACING, 0.0), impulse(), atol=1e-3)
