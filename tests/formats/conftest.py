"""Small volumes that no symmetry can hide a mistake in."""

import numpy as np
import pytest

from phantomsim.grid import Grid
from phantomsim.image import Image
from phantomsim.phantom import Facts, Lesion, Overlay, Phantom


def turned(degrees=7.0):
    a = np.deg2rad(degrees)
    c, s = np.cos(a), np.sin(a)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return tuple(map(tuple, turn.tolist()))


@pytest.fixture(params=["straight", "oblique"])
def grid(request):
    place = ((6, 7, 9), (2.5, 0.7, 0.9), (-12.3, 4.56, 78.9))
    return Grid(*place) if request.param == "straight" else Grid(*place, turned())


@pytest.fixture
def image(grid):
    values = np.random.default_rng(1).normal(40, 300, grid.shape).astype(np.float32)
    return Image(values, grid, "HU")


@pytest.fixture
def phantom(grid):
    rng = np.random.default_rng(2)
    tissues = ("air", "soft-tissue", "bone-cortical", "haematoma-acute")
    label = rng.integers(0, 3, grid.shape).astype(np.uint8)
    density = rng.normal(1, 0.02, grid.shape).astype(np.float32)
    vessel = Overlay(1, rng.random((2, 3, 4)).astype(np.float32), (0, 1, 2))
    blood = Overlay(3, rng.random((3, 3, 3)).astype(np.float32), (2, 2, 4))
    lesion = Lesion(blood, (1.5, -2.25, 3.1), 0.1234567890123, 0.0, "star", "white-matter", "haematoma-acute")
    facts = Facts("head_01", {"age_years": 54.0, "sex": "F"}, {"seed": 7, "refused": [1, 2], "by": {"k": None}})
    return Phantom(grid, label, density, (vessel,), (lesion,), tissues, facts)
