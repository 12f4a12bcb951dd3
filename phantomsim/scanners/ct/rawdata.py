"""Raw data of a scan: what is written down, and what reconstruction reads in it.

Arrays, float32; channels are the energy bins of all beams in turn, and a single one has no axis of its own:

- `counts` [channel, view, row, column]: readings: absorbed energy [keV], or photons counted.
- `air` [channel, row, column]: readings in air at the mean mAs of a view, averaged until free of noise.
- `mAs` [view]: of each view, of one beam.
- `direction` [3, 3]: columns are the world directions of x, y, z.

`RawData.noise` is False for readings that are means, free of noise and of pile-up; nothing is guessed from their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.image import RawData
from phantomsim.scanners.ct.expected import Expected

if TYPE_CHECKING:
    from phantomsim.scanners.ct.scan import Scan

DARKEST = 1e-12  # of the reading in air; of readings free of noise, what is below is rounding
Group = tuple[int, tuple[int, ...]]  # a beam, and channels of it that are read as one


def raw(
    expected: Expected, readings: Sequence[jax.Array], air: Sequence[np.ndarray], mAs: np.ndarray, noise: bool
) -> RawData:
    """Raw data of all beams' channels.

    Args:
        readings: of each beam [channel, view, row, column].
        air: of each beam, at the mean of `mAs` [channel, row, column].
        mAs: of each view of one beam [view].
        noise: whether noise was drawn.
    """
    counts = readings[0] if len(readings) == 1 else jnp.concatenate(readings)
    open_beam = np.concatenate(air).astype(np.float32)
    single = len(counts) == 1
    arrays = {
        "counts": counts[0] if single else counts,
        "air": open_beam[0] if single else open_beam,
        "mAs": np.asarray(mAs, np.float32),
        "direction": expected.direction,
    }
    x, y, z = (float(place) for place in expected.isocentre_mm)
    return RawData(arrays, (x, y, z), "ct", noise)


def check(scan: Scan, raw: RawData) -> None:
    """Whether raw data are of such a scan. Raises ScannerError if not."""
    views, rows, columns = scan.geometry.shape
    channels = () if (count := sum(r.channels for r in scan.readouts)) == 1 else (count,)
    wanted = {"counts": (*channels, views, rows, columns), "air": (*channels, rows, columns), "mAs": (views,)}
    found = {name: np.shape(raw.arrays[name]) for name in wanted if name in raw.arrays}
    if raw.modality != "ct" or found != wanted:
        raise ScannerError(
            f"raw data ({raw.modality}) hold {_shapes(found)}; this scan's are {_shapes(wanted)}. Build the scan by the"
            " scanner and the protocol that they were measured with"
        )


def _shapes(shapes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items()) or "none of its arrays"


def channels(scan: Scan, raw: RawData) -> tuple[jax.Array, jax.Array]:
    """Readings at the mean mAs of a view [channel, view, row, column], and in air [channel, row, column].

    Counts lost by pile-up are made up for in both.
    """
    rows, columns = scan.geometry.shape[1:]
    counts = jnp.asarray(raw.arrays["counts"]).reshape(-1, scan.geometry.views, rows, columns)
    air = jnp.asarray(raw.arrays["air"]).reshape(-1, rows, columns)
    if raw.noise:
        ends = np.cumsum([r.channels for r in scan.readouts])[:-1].tolist()
        parts = zip(scan.readouts, jnp.split(counts, ends), jnp.split(air, ends))
        made = [(r.unpiled(c), r.unpiled(a)) for r, c, a in parts]
        counts, air = (jnp.concatenate(part) for part in zip(*made))
    return counts / current(raw), air


def current(raw: RawData) -> jax.Array:
    """mAs of each view over their mean [view, 1, 1]."""
    mAs = jnp.asarray(raw.arrays["mAs"])
    return (mAs / mAs.mean())[:, None, None]


def readings(scan: Scan, raw: RawData, group: Group) -> tuple[jax.Array, jax.Array]:
    """Readings of a group of channels, added up [view, row, column], and in air [row, column]; see `channels`."""
    counts, air = channels(scan, raw)
    chosen = np.array(group[1]) + sum(r.channels for r in scan.readouts[: group[0]])
    return counts[chosen].sum(0), air[chosen].sum(0)


def floor(scan: Scan, raw: RawData, group: Group, air: jax.Array, photons: float) -> jax.Array:
    """Least reading that is taken at its word, in the unit of the readings, broadcast against [row, column].

    Args:
        air: see `readings`.
        photons: of mean energy, for readings with noise.
    """
    if not raw.noise:
        return DARKEST * air
    readout = scan.readouts[group[0]]
    return jnp.float32(photons * (readout.beam.photon_keV if readout.response.counter is None else 1.0))
