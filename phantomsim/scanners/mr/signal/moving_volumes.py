"""Mode volumes of some rows of the patient at rest, and their warps; profile and transmit field are left out.

What belongs to the tissue moves with it: relaxation, chemical shift, and the off-resonance of the patient at rest. What
belongs to the scanner comes later, state by state: slices, transmit and receive fields (`moving_views`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.phantom import Phantom
from phantomsim.scanners.breathing_field import Body, body
from phantomsim.scanners.mr.motion import respiratory
from phantomsim.scanners.mr.signal import volume
from phantomsim.scanners.mr.signal.engine import Object
from phantomsim.scanners.mr.signal.modes import Flat
from phantomsim.scanners.mr.signal.planes import rows_of
from phantomsim.scanners.mr.spec.motion import Breathing

Array = jax.Array
Warp = Callable[[Array, "Rows", float], Array]
LUNG = "lung"  # tissues with this in their name fill with air
STEP = 8  # numbers of rows are whole multiples of it, so that slices share compiled code


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a phantom.

    Attributes:
        first, count: which.
        axes_mm: their centres from the isocentre along z, y, x, at rest.
        volumes: complex64 [profile, R, z, y, x], at rest.
    """

    first: int
    count: int
    axes_mm: tuple[np.ndarray, np.ndarray, np.ndarray]
    volumes: Array


def rows(subject: Object, modes: Flat, needed: np.ndarray) -> Rows:
    """The rows that are needed (bool [z]), and what lies between them."""
    first, count = _window(needed)
    table = np.moveaxis(modes.table, 1, 2)  # [tissue, frequency, profile, R]
    table = table.reshape(1, *table.shape[:2], -1)
    frequency, turns = (_cut(v, first, count) for v in (subject.around.frequency, subject.around.turns))
    nowhere = jnp.zeros((1, 1, 1), jnp.float32)
    around = subject.around._replace(frequency=frequency, turns=turns, transmit=nowhere)
    found = volume.modes_of(rows_of(subject.layers, jnp.asarray(first), count), around, jnp.asarray(table))
    z, y, x = subject.axes_mm
    shape = (modes.table.shape[1], modes.table.shape[-1], count, len(y), len(x))
    return Rows(first, count, (z[first : first + count], y, x), found.reshape(shape))


def _window(needed: np.ndarray) -> tuple[int, int]:
    """First row and number of rows, a multiple of STEP where there are as many."""
    places = np.flatnonzero(needed)
    low, high = (places[0], places[-1] + 1) if places.size else (0, 1)
    count = min(-(-(high - low) // STEP) * STEP, len(needed))
    return int(min(low, len(needed) - count)), int(count)


def _cut(values: Array, first: int, count: int) -> Array:
    return values if values.shape[0] == 1 else values[first : first + count]


def warp_of(motion: Breathing, phantom: Phantom) -> Warp:
    """How rows look at an amplitude of the breath: volumes complex64 [K, z, y, x] to the same.

    Raises:
        ScannerError: a phantom that is all air, or a field that folds the body.
    """
    whole = body(motion, phantom)
    fills = np.array([float(LUNG in name) for name in phantom.tissues], np.float32)
    lung = phantom.mix(fills) if fills.any() else None

    def warp(volumes: Array, cut: Rows, amplitude: float) -> Array:
        rows = slice(cut.first, cut.first + cut.count)
        place = Body(whole.z_mm[rows], whole.y_mm, whole.depth_mm)
        share = 0.0 if lung is None else lung[rows]
        # One by one, so that memory stays bounded.
        return jnp.concatenate([respiratory.warped(v[None], place, motion, amplitude, share) for v in volumes])

    return warp
