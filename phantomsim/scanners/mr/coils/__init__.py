"""Receive coils by Biot and Savart.

Scanner frame: origin at the isocentre, z along the bore, x and y those of the phantom's grid. B0 lies along the array's
`field_axis`, which is z but for magnets whose field lies across the bore.
"""

from phantomsim.scanners.mr.coils.arrays import coils, loops
from phantomsim.scanners.mr.coils.birdcage import cage, quadrature
from phantomsim.scanners.mr.coils.coil import Coil, field, length_mm, vector_potential
from phantomsim.scanners.mr.coils.loop import Loop, MU0_uT_mm_per_A, WIRE_mm
from phantomsim.scanners.mr.coils.reception import (
    NODE_mm,
    REACH_mm,
    interpolation,
    node_axis_mm,
    sensitivity,
    sensitivity_table,
    transverse,
)
from phantomsim.scanners.mr.coils.wire import Wire

__all__ = [
    "Coil",
    "Loop",
    "MU0_uT_mm_per_A",
    "NODE_mm",
    "REACH_mm",
    "WIRE_mm",
    "Wire",
    "cage",
    "coils",
    "field",
    "interpolation",
    "length_mm",
    "loops",
    "node_axis_mm",
    "quadrature",
    "sensitivity",
    "sensitivity_table",
    "transverse",
    "vector_potential",
]
