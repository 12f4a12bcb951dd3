"""Filtered backprojection of a cone: time, and error against the ellipsoids that the exact projections come from.

python benchmarks/ct_fdk.py [cone128 | cone256 | tiny] [REPEAT]
"""

from __future__ import annotations

import sys

import ct_truth
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct import fdk, orbits

case = ct_truth.CASES[sys.argv[1] if len(sys.argv) > 1 else "cone128"]
repeat = int(sys.argv[2]) if len(sys.argv) > 2 else 3
cells = (case.columns, case.rows, case.column, case.row)
geometry = orbits.flat_panel(case.radius, case.distance, case.views, *cells)
views = np.arange(case.views)
parts = ct_truth.phantom("gaussians", case)
data = np.concatenate([ct_truth.exact(parts, case, some) for some in np.array_split(views, 36)]).astype(np.float32)
given = jnp.asarray(data)


def work() -> jnp.ndarray:
    """One reconstruction of the whole volume."""
    return fdk.reconstruct(given, geometry, "ramp", case.shape, case.spacing).block_until_ready()


times = ct_truth.timed(work, repeat)
image, truth = np.asarray(work()), ct_truth.volume_of("gaussians", case)
middle = slice(case.shape[0] // 2 - 1, case.shape[0] // 2 + 1)
y, x = ((np.arange(n) - (n - 1) / 2) * d for n, d in zip(case.shape[1:], case.spacing[1:]))
inside = np.hypot(y[:, None], x) < 0.9 * geometry.field_mm / 2
error = (image - truth)[middle][:, inside]
ct_truth.report(
    "phantomsim", case, "fdk", "point", times, rmse_middle_slices=float(np.sqrt(np.mean(error**2)) / truth.max())
)
