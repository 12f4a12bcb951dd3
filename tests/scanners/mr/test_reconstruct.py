"""Unfolding against a dense weighted least-squares solution of the whole column."""

import numpy as np
import pytest

from phantomsim.scanners.mr import reconstruct


def random(rng, *shape):
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


@pytest.mark.parametrize("acceleration", [1, 2, 4])
def test_sense_is_the_weighted_least_squares_of_the_whole_column(acceleration):
    rng = np.random.default_rng(acceleration)
    coils, n = 6, 16
    maps = random(rng, coils, n)
    mixing = rng.normal(size=(coils, coils)) + 3 * np.eye(coils)
    covariance = mixing @ mixing.T
    lines = np.arange(n)[(np.arange(n) - n // 2) % acceleration == 0]
    x = np.arange(n) - (n - 1) / 2
    fourier = np.exp(-2j * np.pi * np.outer(lines - n // 2, x) / n)
    system = np.concatenate([fourier * m for m in maps])  # [coil x line, pixel]
    data = random(rng, coils, len(lines))
    inverse = np.kron(np.linalg.inv(covariance), np.eye(len(lines)))
    normal = system.conj().T @ inverse @ system
    want = np.linalg.solve(normal, system.conj().T @ inverse @ data.ravel())
    images = reconstruct.to_image(data[None, :, :, None], (float(n), 1.0), acceleration)
    weights, g, _ = reconstruct.unfolding(maps[None, :, :, None], covariance, acceleration)
    np.testing.assert_allclose(reconstruct.unfold(images, weights)[0, :, 0], want, rtol=2e-3, atol=2e-4)
    closed = np.sqrt(np.real(np.diag(np.linalg.inv(normal)) * np.diag(normal)))
    np.testing.assert_allclose(g[0, :, 0], closed, rtol=2e-3)


def test_whitened_noise_is_white():
    rng = np.random.default_rng(4)
    mixing = rng.normal(size=(4, 4))
    covariance = mixing @ mixing.T + np.eye(4)
    root = reconstruct.whitening(covariance)
    np.testing.assert_allclose(root @ covariance @ root.conj().T, np.eye(4), atol=1e-12)
