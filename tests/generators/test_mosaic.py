import numpy as np

from phantomsim.generators.mosaic import colour, planes
from phantomsim.grid import Grid
from phantomsim.phantom import Overlay, Phantom


def test_shared_voxels_have_mixed_colours_on_their_side():
    label = np.zeros((9, 9, 9), np.uint8)
    label[1:8, 1:8, 1:8] = 1
    second = np.full((9, 9, 2), 2, np.uint8)
    share = np.full(second.shape, 0.25, np.float32)  # the lowest x of the body: the patient's left, the viewer's right
    phantom = Phantom(Grid.centred((9, 9, 9), (1.0,) * 3), label, 1.0, (Overlay(second, share, (0, 0, 1)),), (),
                      ("air", "liver", "spleen"))  # fmt: skip
    axial = planes(phantom, 9)[:, :9]
    liver, spleen = (np.array(colour(t), np.float32) for t in ("liver", "spleen"))
    np.testing.assert_allclose(axial[4, 2], liver, atol=1e-6)
    np.testing.assert_allclose(axial[4, 7], 0.75 * liver + 0.25 * spleen, atol=1e-6)
    np.testing.assert_allclose(axial[4, 8], colour("air"), atol=1e-6)
