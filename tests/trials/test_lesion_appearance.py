"""What lesions look like in acquired images: CT numbers at 120 kVp and MR contrasts, against published ranges.

Ranges are those that the files of `generators/lesions` cite. Images are made by the scanners of the catalogue, with
noise, and read where a lesion fills the voxels.
"""

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from phantomsim.generators.lesions import bodies, catalogue
from phantomsim.generators.lesions.place import place
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.generators.resample import nearest
from phantomsim.phantom import Phantom
from phantomsim.trials.scan import Scanned, make_arm, scan_phantom

FULL = ("protocol.mAs=400", "protocol.centre_on=lesion", "reconstruction.beam_hardening=bone")
BONE_HU, CLEAR_PIXELS = 200.0, 3  # what is so near to bone is blurred by it


def diseased(body: Phantom, kind: str, volume_mL: float, **more: Any) -> Phantom:
    return place(body, Lesions(kind=catalogue.kind(kind), count=1, volume_mL=volume_mL, **more), 3, 0)


def ct(body: Phantom, kind: str, volume_mL: float, **more: Any) -> tuple[float, float]:
    """Mean CT numbers of the lesion, away from bone, and of what is around it [HU]."""
    found = scan_phantom(diseased(body, kind, volume_mL, **more), make_arm("ct-64", "quick", "quick", FULL))
    image = np.asarray(found.image.values)
    bone = ndimage.binary_dilation(image > BONE_HU, iterations=CLEAR_PIXELS)
    inside = (found.lesion_fraction >= 0.99) & ~bone
    assert inside.sum() >= 6
    return float(image[inside].mean()), around(found, ~bone)


def around(found: Scanned, where: np.ndarray) -> float:
    """Median in a ring of four pixels."""
    f = found.lesion_fraction
    ring = ndimage.binary_dilation(f > 0, iterations=4) & ~ndimage.binary_dilation(f > 0) & where
    return float(np.median(np.asarray(found.image.values)[ring]))


@pytest.mark.parametrize(
    ("kind", "volume_mL"),
    [
        ("haemorrhage-deep", 15.0),
        ("haemorrhage-intraventricular", 6.0),
        pytest.param("haemorrhage-subdural", 50.0, marks=pytest.mark.slow),
        pytest.param("haemorrhage-epidural", 40.0, marks=pytest.mark.slow),
    ],
)
def test_acute_blood_reads_50_to_70_hu(kind, volume_mL):
    blood, brain = ct(bodies.head(2.0), kind, volume_mL, mass_effect=False)
    assert 50 < blood < 70
    assert blood > brain + 10


def test_hypovascular_metastasis_lies_20_to_50_hu_below_portal_venous_liver():
    lesion, liver = ct(bodies.trunk(("liver",)), "liver-metastasis-hypovascular", 5.0, phase="portal-venous")
    assert 95 < liver < 125
    assert -50 < lesion - liver < -20


@pytest.mark.parametrize(
    ("kind", "volume_mL", "low_HU", "high_HU"),
    [("solid-nodule", 2.0, 15.0, 45.0), ("ground-glass-nodule", 4.0, -700.0, -500.0)],
)
def test_nodules_read_soft_tissue_or_ground_glass(kind, volume_mL, low_HU, high_HU):
    nodule, lung = ct(bodies.trunk(("lung",)), kind, volume_mL)
    assert low_HU < nodule < high_HU
    assert lung < nodule - 80


@pytest.mark.parametrize(
    ("protocol", "sign"), [("t1-spin-echo", -1), ("t2-tse", 1), pytest.param("flair-tse", 1, marks=pytest.mark.slow)]
)
def test_ms_lesion_is_bright_on_t2_and_flair_and_dark_on_t1(protocol, sign):
    patient = diseased(bodies.head(2.0), "ms-lesion", 1.5)
    small = ("protocol.centre_on=lesion", "protocol.slices=1", "protocol.matrix=[96, 96]")
    found = scan_phantom(patient, make_arm("mr-1.5t", protocol, "sense", small))
    image, f = np.asarray(found.image.values), found.lesion_fraction
    label = nearest(np.asarray(patient.label), patient.grid, found.image.grid)
    white = ndimage.binary_erosion(label[0] == patient.tissue_index("white-matter"), iterations=2)[None]
    white &= ~ndimage.binary_dilation(f > 0, iterations=2)
    lesion, host = float(image[f >= 0.9].mean()), float(np.median(image[white]))
    assert sign * (lesion - host) > 0.02 * host  # at 1.5 T 4 % on T1: noise of the mean is below 0.5 %
