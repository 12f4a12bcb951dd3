"""What lies at the isocentre: head protocols image the brain, not the neck below it."""

import numpy as np
import pytest

from phantomsim import spec
from phantomsim.grid import Grid
from phantomsim.phantom import Phantom
from phantomsim.scanners.mr.spec import MRScanner
from phantomsim.scanners.position import isocentre

TISSUES = ("air", "soft-tissue", "grey-matter", "white-matter", "csf")
HEADS = ("mr-0.055t", "mr-0.55t", "mr-1.5t", "mr-3t", "mr-7t")


def body(brain: bool) -> Phantom:
    """A cylinder with fluid all along it, and in its upper part a ball of white matter in grey matter."""
    grid = Grid.centred((60, 40, 40), (4.0, 4.0, 4.0))
    z, y, x = np.meshgrid(*grid.axes_mm(), indexing="ij")
    label = (np.hypot(x, y) < 70).astype(np.uint8)
    label[np.hypot(x, y) < 8] = 4
    if brain:
        away = np.sqrt(x**2 + y**2 + (z - 50) ** 2)
        label[away < 60], label[away < 30] = 2, 3
    return Phantom(grid, label, 1.0, (), (), TISSUES)


def test_the_brain_is_put_at_the_isocentre_and_else_the_middle():
    assert isocentre(body(True), "brain") == pytest.approx((0.0, 0.0, 50.0), abs=0.1)
    assert isocentre(body(True), "phantom") == pytest.approx((0.0, 0.0, 0.0))
    assert isocentre(body(False), "brain") == pytest.approx((0.0, 0.0, 0.0))


@pytest.mark.parametrize("name", HEADS)
def test_protocols_of_head_arrays_image_the_brain(name):
    assert {p.centre_on for p in spec.read(name, MRScanner).protocols.values()} == {"brain"}
