"""Partial Fourier against full data, Hermitian symmetry and direct sums."""

import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.laws.parallel import ellipses
from phantomsim.scanners.mr.reconstruct import homodyne
from phantomsim.scanners.mr.reconstruct.centred import pixels, to_pixels, to_samples


def random(seed, *shape):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


@pytest.mark.parametrize("shape", [(8, 10), (7, 9), (1, 6), (5, 1)])
def test_centred_transform_is_the_sum_over_waves(shape):
    samples = random(0, 2, *shape)
    waves = [np.exp(2j * np.pi * np.outer(pixels(n), np.arange(n) - n // 2)) / n for n in shape]
    want = np.einsum("yj,xk,cjk->cyx", *waves, samples)
    np.testing.assert_allclose(to_pixels(samples), want, atol=1e-5)
    np.testing.assert_allclose(to_samples(to_pixels(samples)), samples, atol=1e-5)


def test_centred_transform_of_volumes():
    samples = random(1, 2, 4, 5, 6)
    found = to_pixels(samples, (-3, -2, -1))
    np.testing.assert_allclose(to_pixels(to_pixels(samples, (-3,)), (-2, -1)), found, atol=1e-6)
    np.testing.assert_allclose(to_samples(found, (-3, -2, -1)), samples, atol=1e-5)


@pytest.mark.parametrize("count", [16, 17, 64])
@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("ramp", [1, 3, 100])
def test_weights_of_mirrored_lines_sum_to_two(count, early, ramp):
    taken = homodyne.partial_lines(count, 0.66, early)
    weights, middle = homodyne.weighting(taken, ramp), count // 2
    reach = (count - 1) // 2
    mirrored = weights[middle - reach : middle + reach + 1]
    np.testing.assert_allclose(mirrored + mirrored[::-1], 2)
    assert (weights[~taken] == 0).all()
    assert (np.diff(mirrored if not early else mirrored[::-1]) >= 0).all()


@pytest.mark.parametrize("count", [64, 63])
@pytest.mark.parametrize("fraction", [0.55, 5 / 8, 0.75])
def test_homodyne_of_a_real_object_is_that_of_all_lines(count, fraction):
    head, taken = ellipses(count, 40), homodyne.partial_lines(count, fraction, early=True)
    full = np.asarray(to_samples(head.astype(np.complex64)))
    found = homodyne.homodyne(full * taken[:, None], taken, (float(count), 40.0))
    zero = np.abs(homodyne.zero_filled(full * taken[:, None], (float(count), 40.0)))
    assert np.abs(np.real(found) - head).max() < 0.02
    assert np.abs(zero - head).max() > 0.1


def test_homodyne_of_all_lines_is_the_image_without_its_phase():
    image = ellipses(32, 30) * np.exp(1j * 0.7)
    full = to_samples(image.astype(np.complex64))
    found = homodyne.homodyne(full, np.ones(32, bool), (32.0, 30.0))
    np.testing.assert_allclose(found[image != 0], np.abs(image)[image != 0], atol=1e-3)


@pytest.mark.parametrize("early", [False, True])
def test_smooth_phase_is_taken_out_coil_by_coil(early):
    n = 96
    head, (y, x) = ellipses(n, n), np.meshgrid(pixels(n), pixels(n), indexing="ij")
    phases = np.stack([np.exp(1j * (0.5 + 2 * y - x)), np.exp(1j * (3 * x - 1))])
    full = np.asarray(to_samples((head * phases).astype(np.complex64)))
    taken = homodyne.partial_lines(n, 5 / 8, early)
    some, fov = full * taken[:, None], (float(n), float(n))

    def error(image):
        return np.sqrt(np.mean((np.asarray(image) - head) ** 2))

    zero = error(np.abs(homodyne.zero_filled(some, fov)))
    assert error(np.real(homodyne.homodyne(some, taken, fov))) < zero / 2
    assert error(np.abs(homodyne.pocs(some, taken, fov))) < zero / 3


def test_pocs_keeps_the_measured_lines_away_from_the_gap():
    n = 64
    taken = homodyne.partial_lines(n, 5 / 8)
    full = np.asarray(to_samples(ellipses(n, n) * np.complex64(np.exp(0.3j))))
    image = homodyne.pocs(full * taken[:, None], taken, (float(n), float(n)), ramp=4)
    kept = homodyne.weighting(taken, 4) >= 1
    np.testing.assert_allclose(to_samples(image)[kept], full[kept], atol=1e-3 * np.abs(full).max())
    once = homodyne.pocs(full * taken[:, None], taken, (float(n), float(n)), iterations=0)
    np.testing.assert_allclose(
        once, homodyne.zero_filled(full * taken[:, None], (float(n), float(n))), atol=1e-4, rtol=1e-4
    )


def test_masks_that_are_no_partial_fourier_are_refused():
    for taken in ([0, 1, 1, 0, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1, 1, 1], [0] * 8, [0, 1, 1, 1, 1, 1, 1, 0]):
        with pytest.raises(ScannerError, match="one run of lines"):
            homodyne.weighting(np.array(taken, bool))
    with pytest.raises(ScannerError, match=r"must be above 0\.5"):
        homodyne.partial_lines(64, 0.5)


def test_other_numbers_do_not_compile_again():
    kspace = random(3, 48, 16)
    for fraction in (0.6, 0.7):
        for ramp in (2, 5):
            homodyne.homodyne(kspace, homodyne.partial_lines(48, fraction), (1.0, fraction), ramp)
            homodyne.pocs(kspace, homodyne.partial_lines(48, fraction), (1.0, fraction), ramp, ramp)
    assert homodyne._homodyne._cache_size() <= 12
