"""A whole axial head scan and its images: phantom to noise-free readings, to counts, to HU.

    python benchmarks/ct_chain.py            # 64 rows x 888 columns x 1000 views to 512 x 512 x 40: minutes, 10 GiB
    python benchmarks/ct_chain.py --small    # an eighth of the columns, views and slices: seconds

Point rays, no scatter, one focal spot; bone and brain, so two basis materials are projected.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import jax
import numpy as np

from phantomsim import spec
from phantomsim.grid import Grid
from phantomsim.phantom import Phantom
from phantomsim.scanners.ct.spec import CTReconstruction, CTScanner

TISSUES = ("air", "bone-cortical", "brain")


def head(voxel_mm: float) -> Phantom:
    """A skull of 7 mm bone, 150 x 200 mm outside, filled with brain; 60 mm of it along z."""
    shape = (round(72 / voxel_mm), round(230 / voxel_mm), round(230 / voxel_mm))
    grid = Grid.centred(shape, (voxel_mm,) * 3)
    _, y, x = grid.axes_mm()
    outside = (x / 75) ** 2 + (y[:, None] / 100) ** 2 < 1
    inside = (x / 68) ** 2 + (y[:, None] / 93) ** 2 < 1
    label = outside.astype(np.uint8) + inside.astype(np.uint8)
    return Phantom(grid, np.broadcast_to(label, shape), 1.0, (), (), TISSUES)


def main() -> None:
    """Scan once, print the time of each step as JSON."""
    options = argparse.ArgumentParser()
    options.add_argument("--small", action="store_true")
    small = options.parse_args().small
    scanner = spec.read("ct-64", CTScanner)
    fine = scanner.protocol("head-fine").model_copy(
        update={"rows": 64, "views": 125 if small else 1000, "binned_columns": 8 if small else 1, "field_mm": 498.0}
    )
    protocol = fine.model_copy(update={"footprint": "point"})
    wanted = CTReconstruction(
        kernel="standard", fov_mm=256.0, matrix=128 if small else 512, slices=5 if small else 40, slice_mm=1.0
    )
    phantom = head(2.0 if small else 0.5)
    scan = scanner.build(protocol)
    steps = {"shape": scan.geometry.shape, "voxels": phantom.grid.shape, "backend": jax.default_backend()}

    def step(name: str, work):
        start = time.perf_counter()
        result = jax.block_until_ready(work())
        steps[f"{name}_s"] = round(time.perf_counter() - start, 2)
        return result

    expected = step("expected", lambda: scan.expected(phantom, (0.0, 0.0, 0.0), jax.random.key(0)))
    raw = step("acquire", lambda: scan.acquire(expected, jax.random.key(1)))
    image = step("reconstruct", lambda: scan.reconstruct(raw, wanted))
    steps["total_s"] = round(sum(v for k, v in steps.items() if k.endswith("_s")), 2)
    size = wanted.matrix
    middle = np.asarray(image.values)[wanted.slices // 2, size // 2 - size // 16 : size // 2 + size // 16]
    steps["brain_HU"] = round(float(middle[:, size // 2 - size // 16 : size // 2 + size // 16].mean()), 1)
    steps["peak_MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(steps))


if __name__ == "__main__":
    main()
