"""Small scanners and phantoms of known shape."""

import numpy as np
import pytest

from phantomsim.grid import Grid
from phantomsim.phantom import Phantom
from phantomsim.scanners.ct.spec import CTProtocol, CTReconstruction, CTScanner


@pytest.fixture(scope="session")
def scanner() -> CTScanner:
    """Real distances, few and large cells."""
    return CTScanner(
        name="small",
        source_to_isocentre_mm=541.0,
        source_to_detector_mm=949.0,
        columns=300,
        rows=16,
        column_mm=3.0,
        row_mm=4.0,
        filtration={"al_mm": 6.8},
        detector={"kind": "energy-integrating", "thickness_mm": 1.5, "fill": 0.8, "electronic_noise_keV": 100.0},
        ctdi=(
            {"phantom": "head", "kVp": 80.0, "mGy_per_100mAs": 8.0},
            {"phantom": "head", "kVp": 120.0, "mGy_per_100mAs": 20.0},
        ),
    )


@pytest.fixture(scope="session")
def protocol() -> CTProtocol:
    return CTProtocol(kVp=120.0, mAs=200.0, views=240, rows=4, field_mm=260.0)


@pytest.fixture(scope="session")
def reconstruction() -> CTReconstruction:
    return CTReconstruction(kernel="smooth", fov_mm=240.0, matrix=96, slices=2, slice_mm=4.0)


@pytest.fixture(scope="session")
def cylinder() -> Phantom:
    """200 mm of water in air, edges by volume fraction; long along z."""
    return cylinder_of(("air", "water"))


def cylinder_of(tissues: tuple[str, ...], spacing: float = 2.0, radius: float = 100.0) -> Phantom:
    """A cylinder of tissue 1 in tissue 0, with sub-voxel edges as an overlay would give."""
    grid = Grid.centred((8, 120, 120), (5.0, spacing, spacing))
    _, y, x = grid.axes_mm()
    label = np.broadcast_to(np.hypot(x, y[:, None]) < radius, grid.shape).astype(np.uint8)
    return Phantom(grid, label, 1.0, (), (), tissues)
