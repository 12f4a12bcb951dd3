"""Noise-free k-space, and which of its shots a protocol measures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import numpy as np

from phantomsim.scanners.mr.played import played
from phantomsim.scanners.mr.spec import MRProtocol, MRScanner

# Sequences whose contrast does not depend on which lines are measured, once a steady state is reached.
STEADY = ("spin-echo", "spoiled-gre", "bssfp")
SAMPLING = {
    "acceleration": 1, "acceleration_z": 1, "calibration_lines": 0, "partial_fourier": 1.0, "sampling": "regular",
    "averages": 1,
}  # fmt: skip


@partial(
    jax.tree_util.register_dataclass, data_fields=["kspace", "isocentre_mm", "field_Hz"], meta_fields=["direction"]
)
@dataclass(frozen=True)
class Expected:
    """Noise-free k-space of all shots of `complete(protocol)`, whichever the protocol measures.

    Attributes:
        kspace: complex64 [coil, shot, sample] uV; of Cartesian protocols the samples of the image, in ascending k.
        isocentre_mm: world point (x, y, z) at the isocentre [mm].
        field_Hz: off-resonance on the image's voxels, float32 [z, y, x].
        direction: of the phantom's grid (static).
    """

    kspace: jax.Array | np.ndarray
    isocentre_mm: tuple[float, float, float]
    field_Hz: jax.Array | np.ndarray
    direction: tuple[tuple[float, float, float], ...]


def steady(protocol: MRProtocol) -> bool:
    """Whether every line has the same contrast, so that protocols that measure other lines share `Expected`."""
    single = protocol.sequence in STEADY or (protocol.sequence == "inversion-recovery" and protocol.echo_train == 1)
    return single and protocol.motion is None and protocol.engine == "signal"


def complete(protocol: MRProtocol) -> MRProtocol:
    """The protocol that measures every line, where contrast allows; else the protocol with one average."""
    change = SAMPLING if steady(protocol) else {"averages": 1}
    return protocol.model_copy(update=change)


def bare(scanner: MRScanner) -> MRScanner:
    """A scanner without its lists and names: what a sequence and its signal depend on."""
    return scanner.model_copy(update={"protocols": {}, "reconstructions": {}, "description": "", "name": ""})


def measured(scanner: MRScanner, protocol: MRProtocol) -> np.ndarray:
    """Which shots of the complete protocol this one measures, in its own order [shot]."""
    if not steady(protocol):
        return np.arange(len(played(scanner, complete(protocol)).shots.block))
    whole, mine = (played(scanner, p).shots.code(p) for p in (complete(protocol), protocol))
    order = np.argsort(whole)
    return order[np.searchsorted(whole, mine, sorter=order)]
