"""Which slice is excited when, and for which line."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.sequences.system import System, ms
from phantomsim.scanners.mr.spec.protocol import MRProtocol

SETTLE_ms = 3000.0  # dummies fill so much unless the protocol says how many


@dataclass(frozen=True)
class Schedule:
    """One entry for each excitation (for trains: train), in order, all [R].

    Attributes:
        slice: which; 0 for a 3D slab.
        encode: index into what is measured; -1 for dummies.
        count: repetition since the slice's first, dummies included.
        slot_s: until the next excitation.
    """

    slice: np.ndarray
    encode: np.ndarray
    count: np.ndarray
    slot_s: np.ndarray

    @property
    def dummy(self) -> np.ndarray:
        """1 for dummies, int [R]."""
        return (self.encode < 0).astype(np.int32)

    def of(self, values: np.ndarray) -> np.ndarray:
        """Values of what is measured, for each excitation; those of dummies are the first's."""
        return np.asarray(values)[np.maximum(self.encode, 0)]


def dummies(protocol: MRProtocol) -> int:
    """Excitations, or trains, of a slice before the first that is read."""
    return protocol.dummies if protocol.dummies is not None else int(SETTLE_ms // protocol.TR_ms)


def slice_z_mm(protocol: MRProtocol) -> np.ndarray:
    """Middles of the slices from the isocentre, ascending [slice]; (0,) for a 3D slab, which is not selected."""
    if protocol.encoding == "3d":
        return np.zeros(1)
    step = protocol.slice_mm + protocol.gap_mm
    return protocol.offset_mm[2] + (np.arange(protocol.slices) - (protocol.slices - 1) / 2) * step


def groups(protocol: MRProtocol, per_TR: int) -> list[np.ndarray]:
    """Slices excited within one TR, group by group; neighbours apart in time: even ones first."""
    count = len(slice_z_mm(protocol))
    number = math.ceil(count / per_TR)
    members = [np.arange(g, count, number) for g in range(number)]
    return [np.concatenate([m[::2], m[1::2]]) for m in members]


def slots_s(system: System, TR_s: float, count: int) -> np.ndarray:
    """Split a TR into equal parts on the raster; their sum is the TR [count]."""
    ticks = round(TR_s / system.raster_s)
    return np.diff(np.arange(count + 1) * ticks // count) * system.raster_s


def slices_that_fit(protocol: MRProtocol, system: System, busy_s: float, what: str) -> int:
    """How many times what is done for one slice fits into a TR.

    Raises:
        ScannerError: not once.
    """
    fit = round(protocol.TR_ms / 1000 / system.raster_s) // round(busy_s / system.raster_s)
    if fit < 1:
        raise ScannerError(
            f"TR_ms is {protocol.TR_ms}; {what} takes {ms(busy_s)}: pulses, what comes before the echo at TE_ms, the "
            f"rest of the readout and the spoiler. Set TR_ms to {ms(busy_s).removesuffix(' ms')} or more; a shorter "
            "TE_ms, pulse_ms or echo_train, or a higher bandwidth_Hz, lowers it"
        )
    return fit


def schedule(
    protocol: MRProtocol, system: System, busy_s: float, encodes: int, what: str, most: int = 10**9
) -> Schedule:
    """Interleave slices within TR, as many as fit (at most `most`); then the next group of slices.

    Args:
        busy_s: how long one excitation with its readout takes.
        encodes: how many are measured of each slice.
        what: that is excited, for the error.
    """
    fit = min(slices_that_fit(protocol, system, busy_s, what), most)
    lead, parts = dummies(protocol), []
    for group in groups(protocol, fit):
        slots = slots_s(system, protocol.TR_ms / 1000, len(group))
        count = np.arange(lead + encodes)
        shape = (len(count), len(group))
        columns = (group[None], np.maximum(count - lead, -1)[:, None], count[:, None], slots[None])
        parts.append([np.broadcast_to(c, shape).ravel() for c in columns])
    return Schedule(*(np.concatenate(column) for column in zip(*parts)))


def spoiling_rad(increment_deg: float, count: np.ndarray) -> np.ndarray:
    """Phase of the n-th pulse under RF spoiling, quadratic in n (Zur 1991, doi:10.1002/mrm.1910210210) [rad]."""
    n = np.asarray(count, np.int64)
    return np.deg2rad(np.mod(increment_deg * (n * (n + 1) // 2), 360.0))
