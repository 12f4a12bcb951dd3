"""A real head with an acute haemorrhage in white matter looks as radiologists know it, by CT and by MR alike.

CT numbers: acute parenchymal clot 50 to 70 HU, white matter 25 to 35 HU, CSF 0 to 15 HU, cortical bone above 500 HU
(Bushberg et al., The Essential Physics of Medical Imaging, 3rd ed. 2012, chapter 10; Parizel et al. 2001,
doi:10.1007/s003300000800; both unverified). MR: acute clot is dark on T2*-weighted gradient echo, by deoxyhaemoglobin.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

import phantomsim
from phantomsim.grid import Grid
from phantomsim.phantom import Phantom
from phantomsim.trials.scan import Scanned

FULL = 0.99  # share of a voxel above which it counts as of one tissue


@dataclass
class Head:
    """One patient at both scanners, on one grid."""

    phantom: Phantom
    ct: Scanned
    mr: Scanned

    def inside(self, tissue: str) -> np.ndarray:
        """Voxels deep in a tissue, one voxel away from any other and from the lesion."""
        pure = (tissue_fraction(self.phantom, tissue, self.ct.image.grid) > FULL) & (self.ct.lesion_fraction == 0)
        return ndimage.binary_erosion(pure, np.ones((1, 3, 3)))

    @property
    def lesion(self) -> np.ndarray:
        """Voxels deep in the lesion."""
        return ndimage.binary_erosion(self.ct.lesion_fraction > FULL, np.ones((1, 3, 3)))


def tissue_fraction(phantom: Phantom, tissue: str, grid: Grid) -> np.ndarray:
    """Share of a tissue in the voxels of a grid that are thicker than the phantom's, by sampling its labels."""
    here = (np.asarray(phantom.label) == phantom.tissue_index(tissue)).astype(np.float32)
    z, y, x = np.meshgrid(*(np.arange(n, dtype=float) for n in grid.shape), indexing="ij")
    total = np.zeros(grid.shape)
    offsets = (np.arange(10) + 0.5) / 10 - 0.5
    for dz in offsets:
        at = phantom.grid.index(grid.world(np.stack([z + dz, y, x], -1)))
        total += ndimage.map_coordinates(here, np.moveaxis(at, -1, 0), order=0)
    return total / len(offsets)


@pytest.fixture(scope="module")
def head(data_dir: Path) -> Head:
    sets = [f"population.generator.folder={data_dir / 'heads'}", "population.lesions.volume_mL={min=5.0, max=8.0}"]
    population = phantomsim.load_trial("head-ct-haemorrhage-dose", sets).population
    phantom = phantomsim.make_patient(population, 7, 0)
    ct = phantomsim.make_arm("ct-64", "head-slab", None, ["protocol.centre_on=lesion"])
    same_grid = ["centre_on=lesion", "matrix=[256,256]", "fov_mm=[256,256]", "slices=2", "slice_mm=5", "gap_mm=0"]
    # Air in the head shifts MR's edges by up to 3 pixels at 200 Hz a pixel; here the scanner's geometry is looked at.
    sets = [*(f"protocol.{s}" for s in same_grid), "scanner.fields.susceptibility=false"]
    mr = phantomsim.make_arm("mr-3t", "t2star-gre", None, sets)
    return Head(phantom, phantomsim.scan_phantom(phantom, ct, seed=7), phantomsim.scan_phantom(phantom, mr, seed=7))


def values(scanned: Scanned) -> np.ndarray:
    return np.asarray(scanned.image.values)


def test_lesion_has_the_volume_that_was_asked_for_and_lies_in_white_matter(head: Head) -> None:
    (lesion,) = head.phantom.lesions
    assert (lesion.tissue, lesion.host) == ("haematoma-acute", "white-matter")
    assert 5.0 <= float(lesion.volume_mL) <= 8.0
    voxels = float(np.asarray(lesion.overlay.fraction).sum()) * head.phantom.grid.voxel_mL
    assert voxels == pytest.approx(float(lesion.volume_mL), rel=0.01)
    at = np.rint(head.phantom.grid.index([float(c) for c in lesion.centre_mm])).astype(int)
    assert head.phantom.tissues[int(np.asarray(head.phantom.label)[tuple(at)])] == "white-matter"


def test_ct_numbers_are_those_of_a_head(head: Head) -> None:
    hu = values(head.ct)
    assert head.ct.image.unit == "HU"
    assert 50 < hu[head.lesion].mean() < 70
    assert 25 < hu[head.inside("white-matter")].mean() < 35
    assert 0 < hu[head.inside("csf")].mean() < 20
    assert hu[head.inside("bone-cortical")].mean() > 500
    assert np.percentile(hu[head.inside("bone-cortical")], 1) > 500
    assert hu[head.inside("air")].mean() == pytest.approx(-1000, abs=5)
    for deep in (head.lesion, head.inside("white-matter"), head.inside("csf"), head.inside("bone-cortical")):
        assert deep.sum() >= 50


def test_haemorrhage_is_bright_in_ct_and_dark_in_mr(head: Head) -> None:
    hu, signal = values(head.ct), values(head.mr)
    white, lesion = head.inside("white-matter"), head.lesion
    assert hu[lesion].mean() > hu[white].mean() + 20
    assert signal[lesion].mean() < 0.6 * signal[white].mean()
    # T2* weighting: fluid brightest, bone and air without signal
    assert signal[head.inside("csf")].mean() > signal[white].mean() > 5 * signal[head.inside("bone-cortical")].mean()


def test_truth_of_ct_and_mr_is_equal_voxel_for_voxel(head: Head) -> None:
    assert head.ct.image.grid.shape == head.mr.image.grid.shape
    assert np.allclose(head.ct.image.grid.affine, head.mr.image.grid.affine)
    assert head.ct.lesion_fraction.max() == 1
    assert np.array_equal(head.ct.lesion_fraction, head.mr.lesion_fraction)


def test_lesion_is_seen_where_the_truth_has_it(head: Head) -> None:
    """Midway between lesion and white matter lies the edge, in both images: smoothed a little against noise."""
    truth = head.ct.lesion_fraction >= 0.5
    near = ndimage.binary_dilation(truth, np.ones((1, 9, 9))) & (tissue_near(head) | truth)
    for scanned, sign in ((head.ct, 1), (head.mr, -1)):
        smooth = sign * ndimage.gaussian_filter(values(scanned), (0, 1, 1))
        middle = (smooth[head.lesion].mean() + smooth[head.inside("white-matter")].mean()) / 2
        seen = (smooth > middle) & near
        dice = 2 * (seen & truth).sum() / (seen.sum() + truth.sum())
        assert dice > 0.9


def tissue_near(head: Head) -> np.ndarray:
    """White matter, against which the lesion's edge is known."""
    return tissue_fraction(head.phantom, "white-matter", head.ct.image.grid) > FULL


def outline(mask: np.ndarray) -> np.ndarray:
    """The head in a slice without its holes, and its outer edge's distance map [pixels of 1 mm]."""
    pieces, _ = ndimage.label(mask)
    return ndimage.binary_fill_holes(pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:]))


def test_edges_of_the_head_agree(head: Head) -> None:
    """Skin against air at half its own value: the edge lies within half a pixel on average, never 3 pixels off."""
    skin = values(head.mr)[tissue_fraction(head.phantom, "skin", head.mr.image.grid) > FULL].mean()
    for ct, mr in zip(values(head.ct), values(head.mr)):
        a, b = outline(ct > -500), outline(mr > skin / 2)
        edge = a ^ ndimage.binary_erosion(a)
        away = np.where(b, ndimage.distance_transform_edt(b) - 0.5, 0.5 - ndimage.distance_transform_edt(~b))
        depth = away[edge] - 0.5  # 0 where a pixel of one edge is one of the other's
        assert edge.sum() > 400
        assert abs(depth.mean()) < 0.5
        assert np.abs(depth).max() < 3
        assert 2 * (a & b).sum() / (a.sum() + b.sum()) > 0.99
