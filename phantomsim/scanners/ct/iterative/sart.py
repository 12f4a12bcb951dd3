"""SART: the simultaneous algebraic reconstruction technique.

Andersen and Kak, Ultrason. Imaging 6 (1984) 81, doi:10.1177/016173468400600107: all rays of one view correct the image
at once, each by its residual over its length, each voxel by the mean of its rays' corrections weighted by how much they
met it. One pass over the views is one iteration; few are enough.
"""

from __future__ import annotations

import jax

from phantomsim.scanners.ct.iterative.os_sirt import os_sirt
from phantomsim.scanners.ct.iterative.system import System

RELAXATION = 0.3  # of noisy data; 1 is fastest on consistent data


def sart(
    data: jax.Array,
    weights: jax.Array | None,
    system: System,
    start: jax.Array,
    iterations: int = 3,
    relaxation: jax.Array | float = RELAXATION,
    nonnegative: bool = False,
) -> jax.Array:
    """As `os_sirt.os_sirt`, with a system of one view, or a few that lie far apart, in each subset."""
    return os_sirt(data, weights, system, start, iterations, relaxation, nonnegative)
