"""Labels through maps, shells made thicker, pieces dissolved."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from phantomsim.generators import clean
from phantomsim.generators.deformable import layer, warp
from phantomsim.generators.deformable.affine import IDENTITY
from phantomsim.generators.deformable.fine import Fine
from phantomsim.generators.deformable.lattice import Lattice
from phantomsim.generators.deformable.layer import Shell
from phantomsim.generators.deformable.shares import shares

TO = Lattice((24, 24, 24), 1.0, (0.0, 0.0, 0.0))
NODES = Lattice((14, 14, 14), 2.0, (0.0, 0.0, 0.0))
GROUP = np.array([0, 1, 2], np.uint8)


def fine(label: np.ndarray) -> Fine:
    first = np.array([-(n - 1) / 2 for n in label.shape])
    return Fine("x", label, first, np.ones(3), IDENTITY, np.zeros(0))


def test_identity_and_shift_move_labels_exactly():
    label = np.random.default_rng(0).integers(0, 3, (24, 24, 24)).astype(np.uint8)
    nodes = jnp.asarray(NODES.points())
    assert np.array_equal(warp.warp(fine(label), nodes, NODES, TO, GROUP), label)
    moved = warp.warp(fine(label), nodes + jnp.array([2.0, -1.0, 3.0]), NODES, TO, GROUP)
    assert np.array_equal(moved[:-2, 1:, :-3], label[2:, :-1, 3:])


def test_a_thin_tilted_sheet_stays_whole_where_nearest_neighbours_tear_it():
    """Sheet of 1.5 voxels between two tissues, magnified and turned."""
    z, y, x = np.indices((24, 24, 24))
    height = z - 12 - 0.3 * (y - 12) - 0.2 * (x - 12)
    label = np.where(np.abs(height) < 0.9, 2, (height > 0).astype(int)).astype(np.uint8)
    turn = np.array([[0.9, -0.35, 0.1], [0.35, 0.9, 0.1], [-0.1, 0.0, 1.0]])
    places = jnp.asarray(NODES.points() @ turn.T, jnp.float32)
    got = warp.warp(fine(label), places, NODES, TO, GROUP)
    core = got[4:-4, 4:-4, 4:-4]
    assert ndimage.label(core == 2, np.ones((3, 3, 3)))[1] == 1
    assert not (ndimage.binary_dilation(core == 0) & (core == 1)).any()  # nothing leaks through


def test_groups_are_not_outvoted_when_they_are_made_of_several_structures():
    """A plane of structures 1 and 2, of one group, in structure 0: three against two voxels, but the group has more."""
    label = np.zeros((24, 24, 24), np.uint8)
    label[11:13, ::2], label[11:13, 1::2] = 1, 2
    places = jnp.asarray(NODES.points() + np.array([0.45, 0.5, 0.0]), jnp.float32)
    together, apart = (warp.warp(fine(label), places, NODES, TO, np.array(g, np.uint8)) for g in ((0, 1, 1), (0, 1, 2)))
    assert (together[4:-4, 4:-4, 4:-4] > 0).sum() >= (apart[4:-4, 4:-4, 4:-4] > 0).sum()
    assert (together[11] > 0)[2:-2, 2:-2].all()


@pytest.mark.parametrize("finer", [1, 2])
def test_a_whole_keeps_its_volume_though_each_of_its_groups_is_outvoted_at_its_surface(finer: int):
    """A ball of twelve scattered structures, each a group, in one that is even: magnified, it keeps its volume."""
    z, y, x = np.indices((24, 24, 24)) - 11.5
    ball = z**2 + y**2 + x**2 < 8.0**2
    mixed = np.random.default_rng(1).integers(1, 13, ball.shape)
    label = np.where(ball, mixed, 0).astype(np.uint8)
    group = np.arange(13).astype(np.uint8)
    places = jnp.asarray(NODES.points() * 0.8, jnp.float32)
    whole = (group > 0)[None]
    asked = (fine(label), places, NODES, TO, group)
    kept, lost = (int((warp.warp(*asked, w, finer) > 0).sum()) for w in (whole, None))
    truth = ball.sum() / 0.8**3
    assert kept == pytest.approx(truth, rel=0.05)  # interpolation rounds a surface off
    assert lost < 0.95 * truth < kept


def test_wholes_are_decided_in_order_and_then_groups():
    """Votes for air, bone, brain and fluid, where first brain and fluid, then bone stand against all else."""
    weights, members = [0.3, 0.25, 0.25, 0.2], [0b00, 0b10, 0b01, 0b01]
    assert warp.majority(weights, members, 1) == [0.3, 0.25, 0.0, 0.0]
    assert warp.majority(weights, members, 2) == [0.3, 0.0, 0.0, 0.0]
    assert warp.majority([0.2, 0.25, 0.35, 0.2], members, 2) == [0.0, 0.0, 0.35, 0.2]


def test_shares_of_a_half_filled_cell():
    label = np.zeros((24, 24, 24), np.uint8)
    label[:, :, 12:] = 1
    cells = Lattice((5, 5, 5), 4.0, (0.0, 0.0, 0.0))
    found = shares(fine(label), cells.points(), GROUP, 3)
    assert np.allclose(found.sum(-1), 1)
    assert np.allclose(found[..., 1].sum(axis=(0, 1)) / 25, [0, 0, 0.5, 1, 1])


def test_a_thicker_shell_is_thicker_by_its_factor_and_moves_the_outside():
    """Sphere of 40 mm with a shell of 8 mm: rays through the map meet 8 x 1.5 mm of it."""
    lattice = Lattice((64, 64, 64), 2.0, (0.0, 0.0, 0.0))
    p = lattice.points()
    r = np.linalg.norm(p, axis=-1, keepdims=True)
    field = np.concatenate([r - 40, p / np.maximum(r, 1e-3)], axis=-1)
    shell = Shell(jnp.asarray(field), jnp.array([-1000.0, -999.0]), jnp.float32(8.0))
    rays = layer.ray_points(np.zeros(3), 20.0)
    for factor in (0.6, 1.0, 1.5):
        at = np.asarray(layer.thickened(jnp.asarray(rays), shell, lattice, jnp.float32(factor)))
        from_mm = np.linalg.norm(at, axis=-1)
        inside = (from_mm > 39.99) & (from_mm < 47.99)
        assert inside.sum(axis=1).mean() * layer.STEP_MM == pytest.approx(8 * factor, abs=0.3)  # steps of 0.5 mm
        assert np.allclose(from_mm[:, 40], 20.5)  # what is enclosed does not move
        assert np.allclose(from_mm[:, 117], 59 - 8 * (factor - 1), atol=0.1)


def test_small_pieces_go_to_their_neighbours_and_the_largest_stays():
    label = np.ones((20, 20, 20), np.uint8)
    label[2:8, 2:8, 2:8] = 2
    label[12, 12, 12:15] = 2
    assert clean.dissolve(label, ((2,),), 10.0) == 3
    assert (label == 2).sum() == 216
    assert clean.dissolve(label, ((2,),), 1000.0) == 0
