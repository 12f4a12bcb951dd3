"""Iterative reconstructions against dense least squares, closed forms and conservation laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr import nufft, patterns, reconstruct
from phantomsim.scanners.mr.laws.nufft import complex_normal, direct, spokes
from phantomsim.scanners.mr.reconstruct.cg_sense import cg_sense
from phantomsim.scanners.mr.reconstruct.compressed_sensing import l1_wavelet, largest
from phantomsim.scanners.mr.reconstruct.conjugate_gradient import conjugate_gradient
from phantomsim.scanners.mr.reconstruct.density import radial
from phantomsim.scanners.mr.reconstruct.encoding import Cartesian, non_cartesian
from phantomsim.scanners.mr.reconstruct.off_resonance import interpolators, off_resonance
from phantomsim.scanners.mr.reconstruct.wavelet import analyse, low_pass, padded, synthesise


def apart(found, want):
    return float(np.linalg.norm(np.asarray(found) - want) / np.linalg.norm(want))


def cartesian(rng, shape, coils=4, share=0.5):
    maps = jnp.asarray(complex_normal(rng, coils, *shape))
    return Cartesian(maps, jnp.asarray(rng.uniform(size=shape) < share, jnp.float32))


@pytest.mark.parametrize("shape", [(8, 9), (4, 6, 5)])
def test_cartesian_encoding_has_its_adjoint_and_normal_operator(shape):
    rng = np.random.default_rng(1)
    encoding, image = cartesian(rng, shape), jnp.asarray(complex_normal(rng, *shape))
    data, seen = complex_normal(rng, 4, *shape), encoding.forward(image)
    assert abs(np.vdot(data, seen) - np.vdot(encoding.adjoint(data), image)) < 1e-5 * np.linalg.norm(data) ** 2
    assert apart(encoding.normal(image), np.asarray(encoding.adjoint(seen))) < 1e-5


def test_cartesian_data_stand_in_the_order_of_the_fourier_transform():
    rng = np.random.default_rng(2)
    image = jnp.asarray(complex_normal(rng, 9, 12))
    data = Cartesian(jnp.ones((1, 9, 12), jnp.complex64), jnp.ones((9, 12), bool)).forward(image)
    assert apart(reconstruct.to_image(data[0], (9.0, 12.0)), np.asarray(image)) < 1e-5


@pytest.mark.parametrize("regularisation", [0.0, 0.1])
def test_cg_sense_of_regular_lines_is_the_closed_unfolding(regularisation):
    rng = np.random.default_rng(3)
    maps, mask = complex_normal(rng, 6, 16, 10), np.zeros((16, 10), np.float32)
    mask[::2] = 1
    data = complex_normal(rng, 6, 16, 10) * mask
    weights, _, _ = reconstruct.unfolding(maps[None], np.eye(6), 2, regularisation)
    want = reconstruct.unfold(reconstruct.to_image(data[None, :, ::2], (16.0, 10.0), 2), weights)[0]
    found = cg_sense(Cartesian(jnp.asarray(maps), jnp.asarray(mask)), data, regularisation, iterations=40)
    assert apart(found, np.asarray(want)) < 1e-4


def test_slices_can_be_mapped():
    rng = np.random.default_rng(4)
    mask = jnp.ones((8, 8), bool)
    maps, truth = jnp.asarray(complex_normal(rng, 3, 4, 8, 8)), complex_normal(rng, 3, 8, 8)
    data = jax.vmap(lambda m, x: Cartesian(m, mask).forward(x))(maps, truth)
    assert apart(jax.vmap(lambda m, y: cg_sense(Cartesian(m, mask), y))(maps, data), truth) < 1e-3


def test_radial_data_of_several_coils_give_back_the_image():
    rng = np.random.default_rng(5)
    n, points = 16, spokes(16, 20)
    y, x = (np.indices((n, n)) - 7.5) / n
    maps = np.stack([np.exp(1j * a * x) * (1.2 + np.cos(a + x * 3 + y)) for a in range(4)]).astype(np.complex64)
    truth = complex_normal(rng, n, n)
    data = direct(maps * truth, points).astype(np.complex64)
    encoding = non_cartesian(jnp.asarray(maps), points, radial(16, 20, 1 / 20).ravel())
    image = jnp.asarray(truth)
    assert apart(encoding.normal(image), np.asarray(encoding.adjoint(encoding.forward(image)))) < 1e-3
    assert apart(encoding.forward(image), data) < 1e-4
    found = np.asarray(cg_sense(encoding, jnp.asarray(data), iterations=60))
    assert apart(direct(maps * found, points), data) < 0.01


def test_conjugate_gradients_stand_still_once_done():
    diagonal = jnp.asarray([1.0, 2.0, 3.0])
    found, left = conjugate_gradient(lambda x: diagonal * x, jnp.asarray([1, 1j, -1], jnp.complex64), 30)
    np.testing.assert_allclose(found, [1, 0.5j, -1 / 3], rtol=1e-5)
    assert float(left[-1]) < 1e-6
    nothing, left = conjugate_gradient(lambda x: diagonal * x, jnp.zeros(3, jnp.complex64), 3)
    assert not np.any(np.isnan(left))
    assert not np.any(nothing)


@pytest.mark.parametrize("name", ["haar", "db4"])
@pytest.mark.parametrize("shape", [(48, 1, 32), (8, 24)])
def test_wavelets_are_orthonormal(name, shape):
    x = complex_normal(np.random.default_rng(6), *shape)
    found = analyse(x, 3, name)
    assert apart(synthesise(found, 3, name), x) < 1e-6
    assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(x), rel=1e-5)


def test_daubechies_filter_has_its_moments_and_its_published_taps():
    low = low_pass("db4")
    high = low[::-1] * (-1.0) ** np.arange(8)
    for power in range(4):
        assert abs(np.sum(high * np.arange(8.0) ** power)) < 1e-8
    # Daubechies 1992, Ten Lectures on Wavelets, table 6.1.
    np.testing.assert_allclose(low[:3], [0.2303778133, 0.7148465706, 0.6308807679], atol=1e-9)


def test_sizes_that_cannot_be_halved_are_refused_with_the_next_that_can():
    assert padded((50, 3, 64), 3) == (56, 3, 64)
    with pytest.raises(ScannerError, match="56"):
        analyse(jnp.ones((50, 64)), 3)


def piecewise(n):
    y, x = (np.indices((n, n)) - (n - 1) / 2) / n
    head = 1.0 * (y**2 / 0.2 + x**2 / 0.14 < 1)
    return head + 0.5 * ((y - 0.1) ** 2 + (x + 0.1) ** 2 < 0.01) - 0.4 * ((abs(y + 0.15) < 0.07) & (abs(x) < 0.1))


def test_sparse_reconstruction_beats_zero_filling_and_least_squares_at_a_quarter_of_k_space():
    n = 60  # not a multiple of 16: continued beyond the image
    truth = piecewise(n)
    mask = patterns.poisson_disc((n, n), 4.0, 10, 1)
    encoding = Cartesian(jnp.ones((1, n, n), jnp.complex64), jnp.asarray(mask))
    data = encoding.forward(jnp.asarray(truth, jnp.complex64))
    zeros = apart(encoding.adjoint(data) / n**2, truth)
    squares = apart(cg_sense(encoding, data), truth)
    key = jax.random.key(0, impl="threefry2x32")
    found = l1_wavelet(encoding, data, 0.002, 100, wavelet="haar", key=key)
    assert apart(found, truth) < 0.5 * min(zeros, squares)
    assert np.array_equal(found, l1_wavelet(encoding, data, 0.002, 100, wavelet="haar", key=key))


def test_threshold_of_one_leaves_no_detail():
    rng = np.random.default_rng(8)
    encoding = cartesian(rng, (16, 16), share=2.0)
    one = Cartesian(encoding.maps[:1] / jnp.abs(encoding.maps[:1]), encoding.mask)
    found = analyse(l1_wavelet(one, one.forward(encoding.maps[1]), 1.0, 50, levels=2), 2)
    assert float(jnp.abs(found.at[:4, :4].set(0)).max()) < 1e-4 * float(jnp.abs(found).max())


def test_largest_eigenvalue_is_that_of_the_dense_operator():
    rng = np.random.default_rng(9)
    encoding = cartesian(rng, (4, 5))
    dense = np.stack([np.asarray(encoding.normal(e.reshape(4, 5))).ravel() for e in np.eye(20, dtype=np.complex64)])
    assert float(largest(encoding, (4, 5))) == pytest.approx(np.linalg.eigvalsh(dense)[-1], rel=0.05)


def test_time_segments_are_the_direct_sum_with_precession():
    rng = np.random.default_rng(10)
    n, points = 12, rng.uniform(-0.5, 0.5, (150, 2)).astype(np.float32)
    times, field = np.linspace(0.002, 0.02, 150), rng.uniform(-60, 90, (n, n))
    maps, image = complex_normal(rng, 2, n, n), complex_normal(rng, n, n)
    encoding = off_resonance(jnp.asarray(maps), points, times, field, kernel=nufft.Kernel.within(1e-5))
    pixels = np.stack([a.ravel() for a in np.indices((n, n)) - (n - 1) / 2])
    wave = np.exp(-2j * np.pi * (points.astype(float) @ pixels + np.outer(times, field.ravel())))
    want = np.einsum("mn,cn->cm", wave, (maps * image).reshape(2, -1))
    found = np.asarray(encoding.forward(jnp.asarray(image)))
    assert apart(found, want) < 2e-3
    data = complex_normal(rng, 2, 150)
    left, right = np.vdot(data, found), np.vdot(encoding.adjoint(jnp.asarray(data)), image)
    assert abs(left - right) < 1e-5 * np.linalg.norm(data) * np.linalg.norm(found)


def test_no_field_needs_one_segment_and_a_wild_one_is_refused():
    instants, shares = interpolators(np.linspace(0, 0.01, 50), 0.0, 0.0)
    assert len(instants) == 1
    np.testing.assert_allclose(shares, 1, atol=1e-9)
    with pytest.raises(ScannerError, match="segments"):
        interpolators(np.linspace(0, 1.0, 50), -500.0, 500.0)


@pytest.mark.parametrize(("lines", "acceleration", "calibration"), [(64, 4, 8), (65, 2.5, 0), (16, 1, 4)])
def test_random_lines_are_as_many_as_asked_for_and_the_same_again(lines, acceleration, calibration):
    found = patterns.variable_density(lines, acceleration, calibration, 3)
    assert len(np.unique(found)) == round(lines / acceleration)
    start = lines // 2 - calibration // 2
    assert set(range(start, start + calibration)) <= set(found.tolist())
    assert np.array_equal(found, patterns.variable_density(lines, acceleration, calibration, 3))


def test_discs_keep_points_apart_and_count():
    mask = patterns.poisson_disc((40, 33), 5.0, 6, 0)
    assert mask.sum() == round(40 * 33 / 5)
    assert mask[17:23, 13:19].all()
    inner, outer = mask[10:30, 8:24].mean(), mask.mean()
    assert inner > outer
    far = np.argwhere(mask)
    far = far[np.max(np.abs(far - [20, 16]), 1) > 8]
    gaps = np.linalg.norm(far[:, None] - far, axis=-1) + 99 * np.eye(len(far))
    assert gaps.min() >= 1.4
    with pytest.raises(ScannerError, match="calibrat"):
        patterns.variable_density(64, 8, 20, 0)


def test_coils_that_do_not_fit_are_refused():
    encoding = Cartesian(jnp.ones((2, 8, 8), jnp.complex64), jnp.ones((8, 8), bool))
    with pytest.raises(ScannerError, match="3 coils and maps of 2"):
        cg_sense(encoding, jnp.ones((3, 8, 8), jnp.complex64))
    with pytest.raises(ScannerError, match="at least 1"):
        l1_wavelet(encoding, jnp.ones((2, 8, 8), jnp.complex64), iterations=0)
