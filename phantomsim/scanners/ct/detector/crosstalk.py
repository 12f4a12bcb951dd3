"""Crosstalk: what a cell gives to its four neighbours.

X-ray crosstalk moves whole quanta: mean and variance are both spread by the kernel *before* the draw, and cells stay
independent (thinned Poisson processes are). Optical crosstalk shares out the light of quanta that are already there:
the drawn reading is spread, and neighbours' noise is correlated. Both have the same MTF; the noise power
spectrum is flat with the first and falls with MTF^2 with the second (Cunningham in Handbook of Medical Imaging 1,
SPIE 2000, ch. 2; chapter unverified).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np


def spread(values: jax.Array, along_rows: jax.Array | float, along_columns: jax.Array | float) -> jax.Array:
    """Give each neighbour its share.

    A cell at the border keeps what it would give outwards, so that an even field stays even and nothing is lost.

    Args:
        values: [..., row, column].
        along_rows: share that goes to each of the two neighbours in other rows [1], a number or [..., 1, 1].
        along_columns: the same for neighbours in other columns.
    """
    up = jnp.concatenate([values[..., :1, :], values[..., :-1, :]], -2)
    down = jnp.concatenate([values[..., 1:, :], values[..., -1:, :]], -2)
    left = jnp.concatenate([values[..., :1], values[..., :-1]], -1)
    right = jnp.concatenate([values[..., 1:], values[..., -1:]], -1)
    kept = (1 - 2 * along_rows - 2 * along_columns) * values
    return kept + along_rows * (up + down) + along_columns * (left + right)


def mtf(share: float, per_cell: np.typing.ArrayLike) -> np.ndarray:
    """Closed form along columns: 1 - 2 k (1 - cos 2 pi f), f in cycles per cell [N]."""
    return 1 - 2 * share * (1 - np.cos(2 * np.pi * np.asarray(per_cell)))
