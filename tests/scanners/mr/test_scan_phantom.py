"""Tissues in a phantom: their signals add, their relaxation times are never averaged."""

import jax
import numpy as np
import pytest

from phantomsim.grid import Grid
from phantomsim.phantom import Overlay, Phantom
from phantomsim.scanners.mr.laws import PLAIN, small_protocol, small_scanner

TISSUES = ("air", "white-matter", "csf")
GRID = Grid.centred((6, 100, 100), (3.0, 2.0, 2.0))  # as in test_scan, to compile once


def phantom(csf):
    """White matter of which a share is CSF, everywhere."""
    label = np.ones(GRID.shape, np.uint8)
    part = Overlay(2, np.full(GRID.shape, csf, np.float32), (0, 0, 0))
    return Phantom(GRID, label, 1.0, (part,), (), TISSUES)


@pytest.fixture(scope="module")
def scan():
    changes = {"sequence": "inversion-recovery", "TR_ms": 6000.0, "TE_ms": 10.0, "TI_ms": 1000.0, "flip_deg": 90.0}
    return small_scanner().build(small_protocol(**changes))


def centre(scan, csf):
    expected = scan.expected(phantom(csf), (0.0, 0.0, 0.0))
    return np.asarray(scan.reconstruct(scan.noise_free(expected), PLAIN).values)[:, 24:40, 24:40].mean()


def test_inverted_tissue_cancels_recovered_tissue_in_one_voxel(scan):
    _, white, csf = np.asarray(scan.signal(TISSUES), float)
    assert white > 0 > csf
    share = white / (white - csf)
    assert centre(scan, 0.0) == pytest.approx(white, rel=3e-3)
    assert centre(scan, share) < 0.01 * white
    assert centre(scan, 1.0) == pytest.approx(-csf, rel=3e-3)


def test_air_gives_no_signal_and_a_key_moves_the_tissues(scan):
    mean, one, same = (np.asarray(scan.signal(TISSUES, key)) for key in (None, jax.random.key(1), jax.random.key(1)))
    assert mean[0] == 0
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - mean)[1] > 0
