"""Laws of non-local means."""

import itertools
import math

import numpy as np
import pytest

from phantomsim.algorithms.non_local_means import noise_level, non_local_means


def by_definition(image, strength, sd, patch, search):
    """The double loop of the paper, in float64, voxel by voxel."""
    pad = [(p + s,) * 2 for p, s in zip(patch, search)]
    wide = np.pad(image.astype(float), pad, mode="symmetric")
    out = np.empty(image.shape)

    def around(centre):
        return wide[tuple(slice(c - p, c + p + 1) for c, p in zip(centre, patch))]

    for index in np.ndindex(image.shape):
        centre = tuple(i + p + s for i, p, s in zip(index, patch, search))
        total = weights = 0.0
        for shift in itertools.product(*(range(-s, s + 1) for s in search)):
            other = tuple(c + t for c, t in zip(centre, shift))
            distance = np.mean((around(centre) - around(other)) ** 2)
            weight = math.exp(-max(distance - 2 * sd**2, 0.0) / (strength * sd) ** 2)
            total += weight * wide[other]
            weights += weight
        out[index] = total / weights
    return out


@pytest.mark.parametrize(
    ("mode", "patch", "search"), [("slice", (0, 1, 1), (0, 2, 2)), ("volume", (1, 1, 1), (2, 2, 2))]
)
def test_agrees_with_the_double_loop(mode, patch, search):
    rng = np.random.default_rng(1)
    image = np.where(np.arange(9) > 4, 60.0, 30.0) + rng.normal(0, 8, (3, 8, 9))
    out = non_local_means(image, 0.6, 8.0, patch_radius=1, search_radius=2, mode=mode)
    np.testing.assert_allclose(out, by_definition(image, 0.6, 8.0, patch, search), rtol=2e-5, atol=2e-3)


def test_noise_level_of_white_noise_is_its_sd():
    image = np.random.default_rng(2).normal(40, 12.5, (4, 128, 128))
    assert noise_level(image) == pytest.approx(12.5, rel=0.02)
    edges = image + np.where(np.arange(128) % 32 > 15, 500.0, 0.0)
    assert noise_level(edges) == pytest.approx(12.5, rel=0.02)


def test_units_do_not_matter():
    """Filtering commutes with a x + b: HU or 1/mm give the same picture."""
    image = np.random.default_rng(3).normal(0, 1, (2, 24, 24)).astype(np.float32)
    np.testing.assert_allclose(non_local_means(7 * image - 1000), 7 * non_local_means(image) - 1000, atol=3e-3)


def test_noise_falls_and_an_edge_stays():
    rng = np.random.default_rng(4)
    clean = np.where(np.arange(48) >= 24, 100.0, 0.0) * np.ones((2, 48, 1))
    out = non_local_means(clean + rng.normal(0, 10, clean.shape), strength=0.6, noise_sd=10.0)
    assert (out - clean)[:, :, 4:-4].std() < 4.0
    step = out[:, :, 24].mean() - out[:, :, 23].mean()
    assert step == pytest.approx(100, abs=5)


def test_constant_image_comes_back():
    np.testing.assert_array_equal(non_local_means(np.full((2, 8, 8), 3.0)), np.full((2, 8, 8), 3.0, np.float32))


def test_changing_numbers_does_not_recompile():
    from phantomsim.algorithms.non_local_means import _filter

    image = np.random.default_rng(5).normal(size=(2, 16, 16))
    non_local_means(image, 0.4, 1.0, 1, 2)
    before = _filter._cache_size()
    non_local_means(image, 0.9, 2.0, 1, 2)
    assert _filter._cache_size() == before
