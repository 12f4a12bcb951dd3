"""The readout gradient of a low field scanner bends the field as Maxwell says."""

import numpy as np
import pytest

from phantomsim.scanners.mr.laws import small_protocol, small_scanner
from phantomsim.scanners.mr.played import played
from phantomsim.scanners.mr.signal.simulate import bent


@pytest.mark.parametrize(("phase_axis", "read"), [("y", "x"), ("x", "y")])
def test_readout_gradient_bends_the_field_with_the_square_of_the_height(phase_axis, read):
    """Bernstein et al. 1998, doi:10.1002/mrm.1910390218: gamma G^2 z^2 / (2 B0) of a gradient across B0 along z."""
    scanner = small_scanner(field_T=0.055)
    plays = played(scanner, small_protocol(phase_axis=phase_axis, bandwidth_Hz=20000.0))
    axes = tuple(np.array([-70.0, 0.0, 50.0]) for _ in range(3))
    found = np.asarray(bent(scanner, plays, axes))
    tesla_per_m = 20000.0 / 0.192 / 42.577478518e6  # one bandwidth over one field of view
    want = 42.577478518e6 * tesla_per_m**2 * (np.array([-0.07, 0.0, 0.05]) ** 2) / (2 * 0.055)
    np.testing.assert_allclose(found, np.broadcast_to(want[:, None, None], found.shape), rtol=1e-4, atol=1e-4)
