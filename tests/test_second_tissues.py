"""An overlay with a tissue of its own in every voxel is the same as one overlay for each tissue."""

import dataclasses

import jax
import numpy as np
import pytest

from phantomsim.errors import TissueError
from phantomsim.formats.zarr_store import read_phantom, write_phantom
from phantomsim.grid import Grid
from phantomsim.phantom import Organs, Overlay, Phantom
from phantomsim.scanners.ct.volume import cut
from phantomsim.scanners.mr.bloch.populate import _parts
from phantomsim.scanners.mr.signal.layers import layers

TISSUES = ("air", "soft-tissue", "csf", "white-matter")


@pytest.fixture
def phantom():
    rng = np.random.default_rng(4)
    grid = Grid.centred((9, 10, 11), (2.0, 2.0, 2.0))
    label = rng.integers(0, 4, grid.shape).astype(np.uint8)
    second = rng.integers(0, 4, (5, 6, 7)).astype(np.uint8)
    share = (0.5 * rng.random(second.shape) * (rng.random(second.shape) < 0.4)).astype(np.float32)
    vessel = Overlay(1, np.full((2, 2, 2), 0.25, np.float32), (3, 3, 3))
    organs = Organs((label == 3).astype(np.uint8), ("", "cerebrum"))
    return Phantom(grid, label, 1.0, (Overlay(second, share, (2, 3, 1)), vessel), (), TISSUES, organs=organs)


@pytest.fixture
def split(phantom):
    return dataclasses.replace(phantom, overlays=tuple(one for many in phantom.overlays for one in many.single()))


def test_fractions_sum_to_one_and_are_those_of_single_overlays(phantom, split):
    assert len(split.overlays) > 3
    total = sum(np.asarray(phantom.fraction(t)) for t in TISSUES)
    np.testing.assert_allclose(total, 1.0, atol=1e-6)
    for tissue in TISSUES:
        np.testing.assert_allclose(phantom.fraction(tissue), split.fraction(tissue), atol=1e-6)


def test_ct_slabs_cut_second_tissues(phantom, split):
    for first, count in ((-3, 8), (4, 8)):
        part, want = cut(phantom, first, count), cut(split, first, count)
        for i, _ in enumerate(TISSUES):
            table = np.eye(4, dtype=np.float32)[i]
            both = [Phantom(Grid.centred((8, 10, 11), (2.0,) * 3), p.label, 1.0, p.overlays, (), TISSUES).mix(table)
                    for p in (part, want)]  # fmt: skip
            inside = part.inside.astype(bool)
            np.testing.assert_allclose(both[0][inside], both[1][inside], atol=1e-6)


def test_mr_reads_second_tissues(phantom, split):
    for i, _ in enumerate(TISSUES):
        one, many = (
            sum(np.where(s.tissue == i, s.share, 0).sum(0) for s in [layers(p)])
            + np.where(p.label == i, layers(p).rest, 0)
            for p in (phantom, split)
        )
        np.testing.assert_allclose(one, many, atol=1e-6)
    rows = np.ones(9, bool)
    assert sum(f.sum() for _, _, f in _parts(phantom, rows)) == pytest.approx(phantom.label.size, rel=1e-5)


def test_stores_keep_second_tissues_and_organs(tmp_path, phantom):
    write_phantom(tmp_path / "p.ome.zarr", phantom)
    again = read_phantom(tmp_path / "p.ome.zarr")
    assert jax.tree_util.tree_all(jax.tree_util.tree_map(np.array_equal, phantom, again))
    assert again.organs.names == phantom.organs.names
    assert again.organs.mask("cerebrum").sum() == (phantom.label == 3).sum()
    with pytest.raises(TissueError, match='no organ "liver"; it has cerebrum'):
        again.organs.mask("liver")
