"""Radial spoiled gradient echo: every spoke goes through the centre of k-space."""

from __future__ import annotations

from typing import Literal

import numpy as np

from phantomsim.scanners.mr.sequences.builder import Builder
from phantomsim.scanners.mr.sequences.fat_saturation import fat_saturation
from phantomsim.scanners.mr.sequences.gradient_echo import GradientEcho
from phantomsim.scanners.mr.sequences.schedule import schedule, slice_z_mm, spoiling_rad
from phantomsim.scanners.mr.sequences.sequence import Sequence
from phantomsim.scanners.mr.sequences.system import System
from phantomsim.scanners.mr.spec.hardware import Hardware
from phantomsim.scanners.mr.spec.protocol import MRProtocol

GOLDEN_rad = np.pi * (np.sqrt(5) - 1) / 2  # 111.25 degrees (Winkelmann 2007, doi:10.1109/TMI.2006.885337)


def angles_rad(spokes: int, order: Literal["golden", "uniform"] = "golden") -> np.ndarray:
    """Directions of the spokes, from x towards y [spoke]."""
    return np.arange(spokes) * (GOLDEN_rad if order == "golden" else np.pi / spokes)


def build(
    protocol: MRProtocol, hardware: Hardware, field_T: float, order: Literal["golden", "uniform"] = "golden"
) -> Sequence:
    """The sequence of a protocol, one average; the counter "line" is the spoke.

    Raises:
        ScannerError: the hardware cannot keep the protocol; with the shortest time that it can.
    """
    system, spokes = System.of(hardware), protocol.spokes or 1
    kernel, fat = GradientEcho(protocol, system, polar=True), fat_saturation(protocol, system, field_T)
    plan = schedule(protocol, system, fat.duration_s + kernel.duration_s, spokes, "one spoke")
    builder = Builder()
    fat.add(builder)
    kernel.add(
        builder,
        duration_s=plan.slot_s - fat.duration_s,
        z_mm=slice_z_mm(protocol)[plan.slice],
        phase_rad=spoiling_rad(protocol.rf_spoil_deg, plan.count),
        angle_rad=plan.of(angles_rad(spokes, order)),
        line=plan.of(np.arange(spokes)),
        slice=plan.slice,
        dummy=plan.dummy,
    )
    builder.repeat(len(plan.slice))
    return builder.build(name=protocol.sequence)
