"""CatSim's distance-driven projector (gecatsim, DD3Proj in C), called as gecatsim calls it.

Needs numpy and libcatsim.so of the sdist: `CATSIM_LIB=.../gecatsim/lib/libcatsim.so`.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import ct_truth
import numpy as np
from numpy.ctypeslib import ndpointer

case, repeat, _ = next(ct_truth.asked())
floats, real, whole = ndpointer(ctypes.c_float), ctypes.c_float, ctypes.c_int
project = ctypes.CDLL(os.environ["CATSIM_LIB"]).DD3Proj
project.restype = None
project.argtypes = [real] * 3 + [whole] * 2 + [floats] * 3 + [real] * 4 + [floats] * 2 + [whole, floats] + [whole] * 3
project.argtypes += [floats]

# Lengths in pixels. In view 0 the source is at +y and columns run along x; a view turns both by its angle.
dz, dy, dx = case.spacing
columns = (np.arange(case.columns) - (case.columns - 1) / 2) * case.column / dx
rows = (np.arange(case.rows) - (case.rows - 1) / 2) * case.row / dx
xds = columns.astype(np.float32)
yds = np.full(case.columns, (case.radius - case.distance) / dx, np.float32)
zds = rows.astype(np.float32)
angles, shifts = case.angles.astype(np.float32), np.zeros(case.views, np.float32)
nz, ny, nx = case.shape
data = np.zeros((case.views, case.columns, case.rows), np.float32)


def run(image: np.ndarray) -> None:
    """One forward projection of [y downwards, x, z] into `data`."""
    source = (0.0, case.radius / dx, 0.0)
    size = (case.columns, case.rows)
    project(*source, *size, xds, yds, zds, dz / dx, 0.0, 0.0, 0.0, angles, shifts, case.views, data, nx, ny, nz, image)


def forward(volume: np.ndarray) -> np.ndarray:
    """[z, y, x] -> [view, row, column]."""
    run(np.ascontiguousarray(volume.transpose(1, 2, 0)[::-1]))
    return data.transpose(0, 2, 1) * dx


found = ct_truth.accuracy(forward, case, ("point", "cell"))
image = np.ascontiguousarray(ct_truth.volume_of("gaussians", case).transpose(1, 2, 0)[::-1])
ct_truth.report("catsim DD3", case, "forward", "cell", ct_truth.timed(lambda: run(image), repeat), **found)
