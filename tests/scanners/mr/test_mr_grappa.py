"""GRAPPA against full data, against its own image-space form and against replicas of noise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr import coils
from phantomsim.scanners.mr.laws.chain import PLAIN, small_protocol, small_scanner
from phantomsim.scanners.mr.laws.parallel import ellipses, lines, loop_maps, noise
from phantomsim.scanners.mr.reconstruct import gfactor, grappa
from phantomsim.scanners.mr.reconstruct.centred import pixels, to_pixels, to_samples
from phantomsim.scanners.mr.reconstruct.lattice import find_lattice


def full_kspace(ny, nx):
    return np.asarray(to_samples(loop_maps(ny, nx) * ellipses(ny, nx)))


def relative(found, want):
    return float(np.linalg.norm(np.asarray(found) - want) / np.linalg.norm(want))


@pytest.mark.parametrize(
    ("ny", "nx", "r", "first"),
    [(96, 80, 2, 0), (97, 80, 3, 0), (97, 80, 3, 2), (128, 64, 4, 1), (81, 77, 2, 1)],
)
def test_noise_free_lines_are_filled(ny, nx, r, first):
    full, taken = full_kspace(ny, nx), lines(ny, r, 28, first)
    filled = np.asarray(grappa.grappa(full * taken[:, None], taken, r))
    assert relative(filled, full) < 0.03
    assert relative(full * taken[:, None], full) > 0.1
    np.testing.assert_array_equal(filled[:, taken], full[:, taken])


def test_volumes_are_filled_along_both_axes():
    array = small_scanner().coils.model_copy(update={"rings": 2, "ring_distance_mm": 100.0})
    z, y, x = np.meshgrid(pixels(24) * 200, pixels(40) * 220, pixels(32) * 220, indexing="ij")
    maps = coils.sensitivity(array, np.stack([x, y, z], -1))
    ball = np.clip(2 - 2 * np.sqrt((z / 85) ** 2 + (y / 85) ** 2 + (x / 80) ** 2), 0, 1)
    full = np.asarray(to_samples((maps * ball).astype(np.complex64), (-3, -2, -1)))
    lattice = np.zeros((24, 40), bool)
    lattice[1::2, ::2] = True
    kernel = grappa.calibrate(full[:, 4:20, 8:32], (2, 2))
    some = full * lattice[:, :, None]
    filled = np.asarray(grappa.grappa(some, lattice, (2, 2), kernel=kernel))
    assert relative(filled, full) < 0.02
    assert relative(some, full) > 0.8
    np.testing.assert_array_equal(filled[:, lattice], full[:, lattice])


def test_one_plane_of_a_volume_is_the_plane():
    full, taken = full_kspace(64, 48), lines(64, 2, 24)
    some = full * taken[:, None]
    volume = grappa.grappa(some[:, None], taken[None], (1, 2))[:, 0]
    np.testing.assert_allclose(volume, grappa.grappa(some, taken, 2), rtol=1e-5, atol=1e-3)


def test_partitions_are_filled_as_lines_are():
    full, taken = full_kspace(64, 48), lines(64, 2, 24)
    some = full * taken[:, None]
    turned = grappa.grappa(some[:, :, None], taken[:, None], (2, 1))[:, :, 0]
    np.testing.assert_allclose(turned, grappa.grappa(some, taken, 2), rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("r", [2, 3])
def test_image_weights_are_the_convolution(r):
    ny, nx = 24 * r, 60
    full = full_kspace(ny, nx)
    kernel = grappa.calibrate(full[:, ny // 2 - 14 : ny // 2 + 14], r)
    inner = np.zeros((8, ny, nx), np.complex64)  # far from the edges, where the two differ
    inner[:, 5 * r : -5 * r, 8:-8] = noise(1, 8, ny - 10 * r, nx - 16)
    inner *= lines(ny, r, 0)[:, None]
    by_lines = to_pixels(grappa.fill(inner, kernel, 0))
    weights = grappa.image_weights(kernel, (ny, nx))
    by_pixels = jnp.einsum("oiyx,iyx->oyx", weights, to_pixels(inner), precision="highest")
    np.testing.assert_allclose(by_lines, by_pixels, atol=2e-5 * np.abs(by_pixels).max())


def test_predicted_g_is_that_of_replicas():
    n, r = 64, 2
    maps, head = loop_maps(n, n), ellipses(n, n)
    full = np.asarray(to_samples(maps * head))
    mixing = np.linalg.cholesky(np.eye(8) + 0.5)
    kernel = grappa.calibrate(full[:, n // 2 - 14 : n // 2 + 14], r, regularisation=1e-4)
    combine = np.conj(maps) / np.sum(np.abs(maps) ** 2, 0)
    g = np.asarray(grappa.g_factor(grappa.image_weights(kernel, (n, n)), combine, mixing @ mixing.T, r))

    def image(kspace):
        return jnp.sum(combine * to_pixels(grappa.fill(kspace, kernel, 0)), 0)

    key, zero = jax.random.key(2, impl="threefry2x32"), jnp.zeros_like(full)
    measured = lines(n, r, 0)[:, None]
    some = np.asarray(gfactor.noise_map(image, zero, mixing @ mixing.T, key, 32, measured))
    closed = np.sqrt(np.real(np.einsum("iyx,ij,jyx->yx", combine, mixing @ mixing.T, combine.conj()))) / n / 2**0.5
    ratio = (some / (g * np.sqrt(r) * closed))[head > 0]
    assert np.sqrt(np.mean(ratio**2)) == pytest.approx(1, abs=0.03)
    assert np.std(ratio) < 1.3 / np.sqrt(4 * 32)
    assert g[head > 0].max() > 1.02


def test_a_linear_kernel_gives_linear_filling():
    kernel = grappa.calibrate(full_kspace(32, 32), 2)
    a, b = noise(3, 8, 32, 32), noise(4, 8, 32, 32)
    both = grappa.fill(a + 2j * b, kernel, 1)
    np.testing.assert_allclose(both, grappa.fill(a, kernel, 1) + 2j * grappa.fill(b, kernel, 1), atol=1e-4)


def test_lines_beyond_a_partial_scan_stay_empty():
    full, taken = full_kspace(96, 64), lines(96, 2, 24)
    taken[:30] = False
    filled = np.asarray(grappa.grappa(full * taken[:, None], taken, 2))
    assert not filled[:, :29].any()
    assert relative(filled[:, 36:], full[:, 36:]) < 0.03


def test_an_earlier_calibration_can_be_used_again():
    full, taken, few = full_kspace(64, 64), lines(64, 2, 24), lines(64, 2, 0)
    whole = find_lattice(taken, 2).calibration[1]
    kernel = grappa.calibrate(full[:, whole], 2)
    found = np.asarray(grappa.grappa(full * few[:, None], few, 2, kernel=kernel))
    want = np.asarray(grappa.grappa(full * taken[:, None], taken, 2))
    np.testing.assert_allclose(found[:, ~taken], want[:, ~taken], atol=1e-5 * np.abs(full).max())


def test_lattice_and_calibration_are_found():
    for first in range(3):
        found = find_lattice(lines(100, 3, 20, first), 3)
        assert found.first == (0, first)
        whole = found.calibration[1]
        assert whole.start <= 40
        assert whole.stop >= 60
    assert find_lattice(np.ones((4, 6), bool), (2, 3)).calibration == (slice(0, 4), slice(0, 6))
    assert find_lattice(lines(33, 2, 0, 1), 2).calibration[1] == slice(0, 0)


def test_bad_requests_are_refused():
    full, taken = full_kspace(64, 64), lines(64, 2, 24)
    some = full * taken[:, None]
    for args, said in [
        ((some, taken[:-1], 2), "they must be the same"),
        ((some, lines(64, 2, 0), 2), "calibration lines"),
        ((some, lines(64, 2, 6), 2), "too few calibration lines"),
        ((some, lines(64, 3, 0), 2), "no regular lattice"),
        ((some, taken, 1), "nothing to fill"),
        ((some, taken, 0), "1 or more"),
        ((np.zeros_like(some), taken, 2), "no finite signal"),
        ((some * np.nan, taken, 2), "no finite signal"),
    ]:
        with pytest.raises(ScannerError, match=said):
            grappa.grappa(*args)


def test_one_coil_does_not_fail():
    full, taken = full_kspace(64, 64)[:1], lines(64, 2, 24)
    assert np.isfinite(grappa.grappa(full * taken[:, None], taken, 2)).all()


@pytest.mark.parametrize("change", [{"acceleration": 2}, {"encoding": "3d", "acceleration_z": 2}])
def test_lines_missing_along_either_axis_need_calibration_lines(change):
    scan = small_scanner().build(small_protocol(**change))
    with pytest.raises(ScannerError, match=r"acceleration 2 has 0 calibration lines; set calibration_lines = 24"):
        scan.check(PLAIN.model_copy(update={"method": "grappa"}))
