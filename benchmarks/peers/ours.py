"""phantomsim's projector, by point rays and by cells: forward, adjoint, and the cost of many volumes at once.

python benchmarks/peers/ours.py CASE [REPEAT] [VOLUMES ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import ct_truth
import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct import orbits
from phantomsim.scanners.ct.projector import Projector

case, repeat, _ = next(ct_truth.asked())
cells = (case.columns, case.rows, case.column, case.row)
geometry = orbits.flat_panel(case.radius, case.distance, case.views, *cells)


def population(projector: Projector, counts: list[int]) -> None:
    """Time of a forward projection of several volumes at once, and what each of them cost."""
    one = jnp.asarray(ct_truth.volume_of("gaussians", case))
    for count in counts:
        volumes = jnp.stack([one * (1 + i / 100) for i in range(count)])
        times = ct_truth.timed(lambda volumes=volumes: forward(projector, volumes).block_until_ready(), repeat)
        each = {"volumes": count, "each_s": sorted(times)[len(times) // 2] / count}
        ct_truth.report("phantomsim point", case, f"forward x {count}", "point", times, **each)


@jax.jit
def forward(projector: Projector, volumes: jax.Array) -> jax.Array:
    """[K, z, y, x] -> [K, view, row, column]."""
    return projector.forward(volumes)


@jax.jit
def adjoint(projector: Projector, data: jax.Array) -> jax.Array:
    """[K, view, row, column] -> [K, z, y, x]."""
    return projector.adjoint(data)


def compare(model: str) -> None:
    """Forward with its misfit, and adjoint with the dot test."""
    projector = Projector(geometry, case.shape, case.spacing, (0.0, 0.0, 0.0), footprint=model)
    found = ct_truth.accuracy(
        lambda v: np.asarray(forward(projector, jnp.asarray(v[None])))[0], case, ("point", "cell")
    )
    volume = jnp.asarray(ct_truth.volume_of("gaussians", case))[None]
    times = ct_truth.timed(lambda: forward(projector, volume).block_until_ready(), repeat)
    ct_truth.report(f"phantomsim {model}", case, "forward", model, times, **found)
    data = jax.random.normal(jax.random.key(0), (1, *geometry.shape))
    times = ct_truth.timed(lambda: adjoint(projector, data).block_until_ready(), repeat)
    there, back = (np.asarray(a, np.float64) for a in (forward(projector, volume), adjoint(projector, data)))
    y, x = np.asarray(data, np.float64), np.asarray(volume, np.float64)
    dot = abs((there * y).sum() - (x * back).sum()) / (np.linalg.norm(there) * np.linalg.norm(y))
    ct_truth.report(f"phantomsim {model}", case, "adjoint", model, times, dot_test=float(dot))


if len(sys.argv) > 3:
    fixed = Projector(geometry, case.shape, case.spacing, (0.0, 0.0, 0.0), footprint="point")
    population(fixed, [int(n) for n in sys.argv[3:]])
else:
    compare("point")
    compare("cell")
