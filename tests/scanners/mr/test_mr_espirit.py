"""ESPIRiT against the true maps and a dense eigen-decomposition."""

import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr import coils
from phantomsim.scanners.mr.laws.chain import small_scanner
from phantomsim.scanners.mr.laws.parallel import ellipses, loop_maps, noise
from phantomsim.scanners.mr.reconstruct import espirit
from phantomsim.scanners.mr.reconstruct.centred import pixels, to_samples


def agreement(found, maps):
    true = maps / np.sqrt(np.sum(np.abs(maps) ** 2, 0))
    return np.abs(np.sum(np.conj(true) * np.asarray(found), 0))


@pytest.mark.parametrize("shape", [(96, 96), (97, 64), (64, 110)])
def test_maps_agree_with_the_true_ones(shape):
    maps, head = loop_maps(*shape), ellipses(*shape)
    block = espirit.calibration_block(to_samples(maps * head), (24, 24))
    found, value = espirit.espirit(block, shape)
    assert agreement(found, maps)[head > 0].min() > 0.999
    assert np.asarray(value)[head > 0].min() > 0.99
    assert np.asarray(value).max() < 1.001
    assert not np.asarray(found)[:, np.asarray(value) < 0.9].any()
    size = np.sum(np.abs(np.asarray(found)) ** 2, 0)
    np.testing.assert_allclose(size[size > 0], 1, rtol=1e-5)


def test_maps_of_a_finer_grid_have_the_phase_of_the_virtual_coil():
    maps, head = loop_maps(64, 64), ellipses(64, 64)
    block = np.asarray(espirit.calibration_block(to_samples(maps * head), (20, 24)))
    found, _ = espirit.espirit(block, (100, 80))
    assert agreement(found, loop_maps(100, 80))[ellipses(100, 80) > 0].min() > 0.998
    turn = np.einsum("c,cyx->yx", espirit._principal(block).conj(), found)
    assert np.abs(np.imag(turn)).max() < 1e-5
    assert np.real(turn).min() > -1e-5


def test_maps_of_a_volume():
    z, y, x = np.meshgrid(pixels(20) * 150, pixels(32) * 220, pixels(28) * 220, indexing="ij")
    maps = coils.sensitivity(small_scanner().coils, np.stack([x, y, z], -1))
    ball = (z / 60) ** 2 + (y / 80) ** 2 + (x / 70) ** 2 < 1
    full = to_samples((maps * ball).astype(np.complex64), (-3, -2, -1))
    found, _ = espirit.espirit(espirit.calibration_block(full, (14, 14, 14)), (20, 32, 28), kernel=4, crop=0.8)
    assert np.mean(agreement(found, maps)[ball]) > 0.999
    assert agreement(found, maps)[ball].min() > 0.98


def test_noise_in_the_calibration_lines_changes_little():
    maps, head = loop_maps(96, 96), ellipses(96, 96)
    full = np.asarray(to_samples(maps * head))
    noisy = full + noise(1, *full.shape) * np.abs(full).max() * 3e-4
    found, _ = espirit.espirit(espirit.calibration_block(noisy, (24, 24)), (96, 96))
    assert agreement(found, maps)[head > 0].min() > 0.998


def test_few_rows_at_a_time_give_the_same(monkeypatch):
    block = espirit.calibration_block(to_samples(loop_maps(40, 36) * ellipses(40, 36)), (20, 20))
    whole, _ = espirit.espirit(block, (37, 33), crop=0.5)
    monkeypatch.setattr(espirit, "ROWS_BYTES", 8 * 64 * 33 * 5)
    parts, _ = espirit.espirit(block, (37, 33), crop=0.5)
    np.testing.assert_allclose(whole, parts, atol=1e-5)


def test_dominant_eigenvectors_are_those_of_a_dense_solver():
    rng = np.random.default_rng(2)
    a = rng.normal(size=(50, 6, 3)) + 1j * rng.normal(size=(50, 6, 3))
    a[:, :, 0] *= 2
    matrices = a @ np.conj(np.swapaxes(a, 1, 2))
    value, vectors = np.linalg.eigh(matrices)
    reference = np.eye(6, dtype=np.complex64)[0]
    found, size = espirit.dominant(np.moveaxis(matrices, 0, -1).astype(np.complex64), reference, 120)
    np.testing.assert_allclose(size, value[:, -1], rtol=1e-4)
    np.testing.assert_allclose(np.abs(np.sum(np.conj(vectors[:, :, -1]) * np.asarray(found).T, 1)), 1, atol=1e-3)
    assert np.abs(np.imag(found[0])).max() < 1e-6


@pytest.mark.parametrize("coils", [2, 12])
def test_the_projection_is_that_of_the_singular_vectors(coils):
    block = noise(3, coils, 9, 8)
    patches = [block[:, y : y + 4, x : x + 3].ravel() for y in range(6) for x in range(6)]
    left, size, _ = np.linalg.svd(np.array(patches).T, full_matrices=False)
    kept = left[:, size > 0.3 * size[0]]
    np.testing.assert_allclose(espirit._projection(block, (4, 3), 0.3), kept @ kept.conj().T, atol=1e-4)


def test_nothing_has_no_direction():
    vectors, size = espirit.dominant(np.zeros((3, 3, 4), np.complex64), np.ones(3, np.complex64), 3)
    assert not np.asarray(vectors).any()
    assert not np.asarray(size).any()


def test_one_coil_has_the_map_one():
    head = ellipses(48, 48)
    found, _ = espirit.espirit(espirit.calibration_block(to_samples(head[None] + 0j), (24, 24)), (48, 48))
    np.testing.assert_allclose(np.asarray(found)[0][head > 0], 1, atol=1e-5)


def test_bad_calibration_lines_are_refused():
    block = np.ones((4, 20, 20), np.complex64)
    for args, said in [
        ((block[:, :5], (32, 32)), "at least as large"),
        ((block, (32, 32, 32)), "as many axes"),
        ((block * np.nan, (32, 32)), "no finite signal"),
        ((block * 0, (32, 32)), "no finite signal"),
    ]:
        with pytest.raises(ScannerError, match=said):
            espirit.espirit(*args)
