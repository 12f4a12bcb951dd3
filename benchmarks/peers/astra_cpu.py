"""ASTRA's CPU projectors, which are of 2D: by line and by strip.

Needs numpy and astra-toolbox, which is under the GPL: in an environment of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import astra
import ct_truth
import numpy as np

case, repeat, _ = next(ct_truth.asked())
if not case.planar:
    sys.exit("ASTRA has no projector of 3D on the CPU")
_, ny, nx = case.shape
half_y, half_x = ny * case.spacing[1] / 2, nx * case.spacing[2] / 2
window = astra.create_vol_geom(ny, nx, -half_x, half_x, -half_y, half_y)
# By angle the source is at R (sin a, -cos a) and columns run along (cos a, sin a): a = b + pi, columns reversed.
beam = astra.create_proj_geom(
    "fanflat", case.column, case.columns, case.angles + np.pi, case.radius, case.distance - case.radius
)
image, sinogram = astra.data2d.create("-vol", window), astra.data2d.create("-sino", beam)


def algorithm(name: str, projector: int) -> int:
    """ "FP" or "BP" between the image and the sinogram."""
    target = {"FP": "VolumeDataId", "BP": "ReconstructionDataId"}[name]
    setup = {"ProjectorId": projector, "ProjectionDataId": sinogram, target: image}
    return astra.algorithm.create(astra.astra_dict(name) | setup)


def compare(kind: str, model: str) -> None:
    """Forward with its misfit, and adjoint."""
    projector = astra.create_projector(f"{kind}_fanflat", beam, window)
    there, back = algorithm("FP", projector), algorithm("BP", projector)

    def forward(volume: np.ndarray) -> np.ndarray:
        astra.data2d.store(image, np.ascontiguousarray(volume[0, ::-1]))
        astra.algorithm.run(there)
        return astra.data2d.get(sinogram)[:, None, ::-1]

    found = ct_truth.accuracy(forward, case, ("point", "cell"))
    times = ct_truth.timed(lambda: astra.algorithm.run(there), repeat)
    ct_truth.report(f"astra {kind}", case, "forward", model, times, **found)
    times = ct_truth.timed(lambda: astra.algorithm.run(back), repeat)
    ct_truth.report(f"astra {kind}", case, "adjoint", model, times)


compare("line", "point")
compare("strip", "cell")
