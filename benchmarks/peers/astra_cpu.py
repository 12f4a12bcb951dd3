"""ASTRA's CPU projectors, which are of 2D: by line and by strip. Needs numpy and astra-toolbox (GPL: its own environment)."""

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
# Geometries by angle have the source at R (sin a, -cos a) and columns along (cos a, sin a): a = b + pi, columns reversed.
beam = astra.create_proj_geom(
    "fanflat", case.column, case.columns, case.angles + np.pi, case.radius, case.distance - case.radius
)
image, sinogram = astra.data2d.create("-vol", window), astra.data2d.create("-sino", beam)

for kind, model in (("line_fanflat", "point"), ("strip_fanflat", "cell")):
    projector = astra.create_projector(kind, beam, window)
    work = {}
    for name, target in (("FP", "VolumeDataId"), ("BP", "ReconstructionDataId")):
        setup = astra.astra_dict(name) | {"ProjectorId": projector, "ProjectionDataId": sinogram, target: image}
        work[name] = astra.algorithm.create(setup)

    def forward(volume: np.ndarray) -> np.ndarray:
        astra.data2d.store(image, np.ascontiguousarray(volume[0, ::-1]))
        astra.algorithm.run(work["FP"])
        return astra.data2d.get(sinogram)[:, None, ::-1]

    found = ct_truth.accuracy(forward, case, ("point", "cell"))
    for name, task in (("FP", "forward"), ("BP", "adjoint")):
        times = ct_truth.timed(lambda name=name: astra.algorithm.run(work[name]), repeat)
        ct_truth.report(f"astra {kind.split('_')[0]}", case, task, model, times, **(found if name == "FP" else {}))
