"""Raw data of a Cartesian scan as full matrices of k-space, zero where nothing was measured."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.image import RawData
from phantomsim.scanners.mr.spec.protocol import MRProtocol

Array = jax.Array


class Frames(NamedTuple):
    """K-space of S images; a 3D slab is one.

    Attributes:
        kspace: complex64 [image, coil, (partition,) line, sample].
        taken: measured lines, bool [line] or [partition, line].
    """

    kspace: Array
    taken: np.ndarray


def frames(raw: RawData, protocol: MRProtocol, echo: int) -> Frames:
    """Matrices of one echo.

    Raises:
        ScannerError: an echo that was not measured, or slices whose lines differ.
    """
    p = protocol
    if echo >= p.echoes:
        raise ScannerError(f"echo is {echo}; the protocol has {p.echoes}, counted from 0")
    arrays = {name: np.asarray(raw.arrays[name]) for name in ("slice", "line", "partition", "echo")}
    mine = np.flatnonzero(arrays["echo"] == echo)
    image, line, partition = (arrays[name][mine] for name in ("slice", "line", "partition"))
    data = jnp.asarray(raw.arrays["kspace"])[:, mine]
    if p.encoding == "3d":
        taken = np.zeros((p.slices, p.phase_lines), bool)
        taken[partition, line] = True
        full = jnp.zeros((len(data), p.slices, p.phase_lines, p.samples), jnp.complex64)
        return Frames(full.at[:, partition, line].set(data)[None], taken)
    every = np.zeros((p.slices, p.phase_lines), bool)
    every[image, line] = True
    if (every != every[0]).any():
        raise ScannerError("measured lines differ from slice to slice; this reconstruction needs the same")
    full = jnp.zeros((len(data), p.slices, p.phase_lines, p.samples), jnp.complex64)
    return Frames(jnp.swapaxes(full.at[:, image, line].set(data), 0, 1), every[0])


def region(taken: np.ndarray) -> np.ndarray:
    """Lines from the first to the last measured one, gaps of acceleration filled, bool [line].

    What regular undersampling leaves at an end of k-space does not count as partial Fourier: a gap as wide as
    those between lines.
    """
    lines = np.flatnonzero(taken if taken.ndim == 1 else taken.any(0))
    step = int(np.diff(lines).max()) if len(lines) > 1 else 1
    found = np.zeros(taken.shape[-1], bool)
    first, last = lines[0], lines[-1]
    first = 0 if first < step else first
    last = len(found) - 1 if len(found) - 1 - last < step else last
    found[first : last + 1] = True
    return found
