"""Seconds that a patient takes to be made, once compiled, in about 64, 128 and 256 voxels cubed, region by region.

    python benchmarks/bodies.py [--sizes 64 128 256] [--patients 5] [--json FILE]

Frames are those of the generator files, in voxels of the size that makes so many of them.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import jax
import numpy as np

from phantomsim import spec as specs
from phantomsim.generators.generate import generate
from phantomsim.generators.spec import Procedural

NAMES = ("abdomen-procedural", "chest-procedural", "breast-procedural", "breast-compressed", "head-procedural")
WANTED_S = {64: 0.3, 128: 1.5, 256: 10.0}


def seconds(spec: Procedural, patients: int) -> tuple[float, list[float]]:
    """Of the first patient, which compiles or reads what was compiled before, and of each later one."""
    taken = []
    for patient in range(patients + 1):
        start = time.perf_counter()
        jax.block_until_ready(generate(spec, 1, patient).density)
        taken.append(time.perf_counter() - start)
    return taken[0], taken[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(WANTED_S))
    parser.add_argument("--patients", type=int, default=5)
    parser.add_argument("--names", nargs="+", default=list(NAMES))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = []
    print(f"device {jax.devices()[0].platform}")
    print(f"{'generator':22s} {'voxels':>8s} {'mm':>6s} {'first':>7s} {'median':>7s} {'most':>7s}")
    for name in given.names:
        whole = specs.read(name, Procedural)
        for n in given.sizes:
            finer = n / float(np.prod(whole.shape)) ** (1 / 3)
            shape = tuple(round(m * finer) for m in whole.shape)
            mm = whole.voxel_mm / finer
            spec = whole.model_copy(update={"shape": shape, "voxel_mm": mm})
            first, later = seconds(spec, given.patients)
            middle, wanted = float(np.median(later)), WANTED_S.get(n, np.inf)
            mark = f"wanted {wanted:g}: {'met' if middle < wanted else 'MISSED'}"
            print(f"{name:22s} {n:6d}^3 {mm:6.2f} {first:7.2f} {middle:7.2f} {max(later):7.2f}  {mark}", flush=True)
            rows.append({"generator": name, "voxels": n, "voxel_mm": mm, "first_s": first, "seconds": later})
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
