"""K-space against closed forms."""

import numpy as np
import pytest

from phantomsim.grid import Grid
from phantomsim.scanners.mr import encode, reconstruct
from phantomsim.scanners.mr.laws import small_protocol, uniform_kspace
from phantomsim.scanners.mr.signal.engine import middles_mm
from phantomsim.scanners.mr.signal.slab import slab

BOX = np.zeros(1)  # one node: an ideal slice


def taken_mm(protocol, count, height):
    rows = (np.arange(count) - (count - 1) / 2) * height
    return slab(middles_mm(protocol), BOX, protocol.slice_mm, rows, height).weight[..., 0].sum(1)


def test_slab_takes_the_whole_of_every_slice_inside_the_phantom():
    np.testing.assert_allclose(taken_mm(small_protocol(slices=5, slice_mm=4.7, gap_mm=0.9), 40, 1.3), 4.7, rtol=1e-5)


def test_slab_takes_nothing_from_outside_the_phantom():
    found = taken_mm(small_protocol(slices=9, slice_mm=5.0), 10, 2.0)  # 20 mm of phantom, 45 mm of slices
    np.testing.assert_allclose(found, [0, 0, 2.5, 5, 5, 5, 2.5, 0, 0], atol=1e-5)


@pytest.mark.parametrize("height", [0.7, 2.0, 9.0])
def test_a_profile_is_integrated_whole(height):
    """A triangle 4 mm high at its middle and 8 mm wide, whatever the rows are."""
    nodes, rows = np.linspace(-4.0, 4.0, 33), (np.arange(40) - 19.2) * height
    weight = slab(np.array([0.3]), nodes, 5.0, rows, height).weight[0]
    assert weight.sum(0) @ (4.0 - np.abs(nodes)) == pytest.approx(16.0, rel=1e-6)
    centre = (weight @ (4.0 - np.abs(nodes))) @ rows[slab(np.array([0.3]), nodes, 5.0, rows, height).start[0] :][
        : len(weight)
    ]
    assert centre / 16.0 == pytest.approx(0.3, abs=0.5 * height)


def test_parseval_holds_between_kspace_and_image():
    rng = np.random.default_rng(0)
    kspace = (rng.normal(size=(3, 16, 24)) + 1j * rng.normal(size=(3, 16, 24))).astype(np.complex64)
    image = np.asarray(reconstruct.to_image(kspace, (160.0, 120.0)))
    pixel = 10.0 * 5.0
    np.testing.assert_allclose(np.sum(np.abs(image) ** 2) * pixel, np.sum(np.abs(kspace) ** 2) / (160 * 120), rtol=1e-5)


def test_image_of_voxels_on_pixels_is_those_voxels_but_for_their_sinc():
    """Where voxels and pixels coincide, the transform pair is the identity after division by the voxel's sinc."""
    rng = np.random.default_rng(2)
    m = rng.uniform(size=(1, 32, 32)).astype(np.float32)
    k = encode.k_per_mm(32, 64.0)
    kspace = uniform_kspace(m, Grid.centred(m.shape, (3.0, 2.0, 2.0)), np.arange(32) - 16, 64.0, 3.0)
    flat = kspace / np.outer(np.sinc(2 * k), np.sinc(2 * k))
    image = np.asarray(reconstruct.to_image(flat.astype(np.complex64), (64.0, 64.0))) / 3.0
    np.testing.assert_allclose(image.real, m[0], atol=2e-5)
    np.testing.assert_allclose(image.imag, 0, atol=2e-5)


def test_decimation_keeps_the_field_of_view_and_removes_what_lies_outside():
    k = encode.k_per_mm(64, 128.0)
    inside = encode.readout(64, 128.0, np.array([21.0]), 2.0, 8)
    np.testing.assert_allclose(inside[:, 0], encode.fourier(k, np.array([21.0]), 2.0)[:, 0], atol=0.05)
    outside = encode.readout(64, 128.0, np.array([101.0]), 2.0, 2)
    folded = encode.readout(64, 128.0, np.array([101.0]), 2.0, 1)
    assert np.linalg.norm(outside) < 0.05 * np.linalg.norm(folded)


@pytest.mark.parametrize("count", [31, 32])
def test_kspace_has_its_zero_in_the_middle(count):
    assert encode.k_per_mm(count, 100.0)[count // 2] == 0
