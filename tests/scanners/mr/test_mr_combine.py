"""Combination of coils, and noise by replicas, against closed forms."""

import jax
import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.laws.parallel import ellipses, loop_maps, noise
from phantomsim.scanners.mr.reconstruct import combine, gfactor
from phantomsim.scanners.mr.reconstruct.centred import to_pixels

KEY = jax.random.key(4, impl="threefry2x32")


def covariance(coils, seed=0):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(coils, coils)) + 1j * rng.normal(size=(coils, coils)) + 3 * np.eye(coils)
    return mixing @ mixing.conj().T


@pytest.mark.parametrize("axis", [-3, -4])
def test_optimal_combination_gives_back_the_magnetisation(axis):
    shape = (2, 5, 6, 7) if axis == -3 else (5, 3, 6, 7)
    maps, m = noise(0, *shape), noise(1, *np.delete(shape, axis))
    found = combine.optimal(maps * np.expand_dims(m, axis), maps, covariance(5), axis)
    np.testing.assert_allclose(found, m, rtol=2e-3, atol=1e-4)


def test_noise_of_the_optimal_combination_is_the_least():
    c, maps = covariance(4), noise(2, 4, 1, 1)
    root = np.linalg.cholesky(c).astype(np.complex64)
    coils = np.tensordot(root, noise(3, 4, 400, 400) / 2**0.5, 1)
    s = maps[:, 0, 0]
    best = 1 / np.real(s.conj() @ np.linalg.solve(c, s))
    assert np.mean(np.abs(combine.optimal(coils, maps, c)) ** 2) == pytest.approx(best, rel=0.02)


def test_sum_of_squares_of_whitened_coils():
    c, images = covariance(3), noise(4, 2, 3, 5, 6)
    want = np.sqrt(np.real(np.einsum("scyx,cd,sdyx->syx", images.conj(), np.linalg.inv(c), images)))
    np.testing.assert_allclose(combine.sum_of_squares(images, c), want, rtol=1e-4)
    np.testing.assert_allclose(combine.sum_of_squares(images), np.linalg.norm(images, axis=1), rtol=1e-5)


def test_nothing_is_combined_where_no_coil_senses():
    maps = np.zeros((3, 4, 4), np.complex64)
    assert not np.asarray(combine.optimal(noise(5, 3, 4, 4), maps, np.eye(3))).any()


def test_adaptive_combination_reaches_the_optimal_snr():
    maps, head, c = loop_maps(64, 48), ellipses(64, 48), covariance(8, 6) / 20
    clean = (10 * maps * head).astype(np.complex64)
    coils = clean + np.tensordot(np.linalg.cholesky(c), noise(7, 8, 64, 48) / 2**0.5, 1).astype(np.complex64)
    image, vectors = combine.adaptive(coils, c)
    white = np.asarray(combine.whiten(clean, c))
    share = np.abs(np.sum(np.conj(vectors) * white, 0)) / np.maximum(np.linalg.norm(white, axis=0), 1e-9)
    assert share[head > 0].mean() > 0.99
    seen = np.asarray(combine.sum_of_squares(coils, c))
    np.testing.assert_allclose(np.abs(image)[head > 0], seen[head > 0], rtol=0.2)
    assert np.mean(np.abs(image)[head == 0]) < 0.8 * np.mean(seen[head == 0])


def test_adaptive_combination_in_parts_is_the_same(monkeypatch):
    coils = noise(8, 4, 23, 19)
    whole = combine.adaptive(coils, np.eye(4), (5, 3))[0]
    monkeypatch.setattr(combine, "ROWS_BYTES", 8 * 16 * 19 * 4)
    np.testing.assert_allclose(combine.adaptive(coils, np.eye(4), (5, 3))[0], whole, rtol=1e-3, atol=1e-4)


def test_adaptive_combination_of_volumes_and_of_one_coil():
    coils = noise(9, 3, 5, 8, 7)
    image, vectors = combine.adaptive(coils, np.eye(3), 3)
    assert image.shape == (5, 8, 7)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=0), 1, rtol=1e-4)
    alone = combine.adaptive(coils[:1, 0], np.eye(1) * 4)[0]
    np.testing.assert_allclose(np.abs(alone), np.abs(coils[0, 0]) / 2, rtol=1e-4)


def test_bad_combinations_are_refused():
    with pytest.raises(ScannerError, match="wanted \\(3, 3\\)"):
        combine.sum_of_squares(noise(0, 3, 4, 4), np.eye(2))
    with pytest.raises(ScannerError, match="odd"):
        combine.adaptive(noise(0, 3, 4, 4), np.eye(3), 4)
    with pytest.raises(ScannerError, match="replicas"):
        gfactor.noise_map(lambda k: k, noise(0, 1, 2), np.eye(1), KEY, 1)


@pytest.mark.parametrize("traceable", [True, False])
def test_replicas_measure_the_noise_of_a_transform(traceable):
    c = covariance(2)
    found = gfactor.noise_map(to_pixels, noise(0, 2, 8, 8) * 100, c, KEY, 400, traceable=traceable)
    want = np.sqrt(np.real(np.diag(c)) / 2) / 8
    np.testing.assert_allclose(np.sqrt(np.mean(np.square(found), (1, 2))), want, rtol=0.02)


def test_replicas_of_a_real_image_and_of_unmeasured_samples():
    measured = np.array([1.0, 0.0])[:, None]
    found = gfactor.noise_map(lambda k: k.real, noise(0, 1, 2, 500), np.eye(1), KEY, 50, measured)
    assert np.mean(found[0, 0]) == pytest.approx(0.5**0.5, rel=0.03)
    assert not np.asarray(found[0, 1]).any()
    g = gfactor.g_factor(found * 3, found, 4)
    assert np.asarray(g[0, 0]) == pytest.approx(1.5)
    assert not np.asarray(g[0, 1]).any()
