"""Loose pieces of organs that are one piece in everyone."""

import numpy as np
import pytest

from phantomsim.generators.procedural.painted import Painted
from phantomsim.generators.procedural.wholes import LOOSE_mL, whole

FAT, LIVER, VEIN = 1, 2, 3


@pytest.fixture
def body():
    """Fat with a liver that holds a vein, a crumb of liver with soft edges, and a piece that the frame cuts."""
    first = np.full((20, 20, 20), FAT, np.uint8)
    first[4:12, 4:12, 4:12] = LIVER
    first[7, 7, 4:12] = VEIN
    first[15:17, 15:17, 15:17] = LIVER
    first[0, 17:19, 0:2] = LIVER
    second, share = first.copy(), np.zeros(first.shape, np.float32)
    second[14, 15, 15], share[14, 15, 15] = LIVER, 0.3
    second[12, 8, 8], share[12, 8, 8] = LIVER, 0.4
    return Painted(first, second, share)


def test_a_crumb_and_its_soft_edge_go_to_the_fat(body):
    made = whole(body, ((LIVER, VEIN),), 1.0)
    assert (made.first[15:17, 15:17, 15:17] == FAT).all()
    assert made.share[14, 15, 15] == 0
    assert made.second[14, 15, 15] == FAT
    kept = np.ones(body.first.shape, bool)
    kept[14:18, 14:18, 14:18] = False
    assert all((np.asarray(a)[kept] == np.asarray(b)[kept]).all() for a, b in zip(made, body))


def test_what_was_given_is_unchanged(body):
    before = [a.copy() for a in body]
    whole(body, ((LIVER, VEIN),), 1.0)
    assert all((a == b).all() for a, b in zip(before, body))


def test_a_large_piece_stays_for_the_laws_to_tell(body):
    spacing_mm = 1.01 * (LOOSE_mL * 1000 / 8) ** (1 / 3)
    made = whole(body, ((LIVER, VEIN),), spacing_mm)
    assert (made.first[15:17, 15:17, 15:17] == LIVER).all()


def test_organs_that_are_not_named_stay_in_pieces(body):
    assert whole(body, ((VEIN,),), 1.0) is body
