"""Spoiled gradient echo (FLASH; Haase 1986, doi:10.1016/0022-2364(86)90433-6), 2D or 3D, one or more echoes."""

from __future__ import annotations

from phantomsim.scanners.mr import sampling
from phantomsim.scanners.mr.sequences import cartesian
from phantomsim.scanners.mr.sequences.builder import Builder
from phantomsim.scanners.mr.sequences.fat_saturation import fat_saturation
from phantomsim.scanners.mr.sequences.gradient_echo import GradientEcho
from phantomsim.scanners.mr.sequences.schedule import schedule, slice_z_mm, spoiling_rad
from phantomsim.scanners.mr.sequences.sequence import Sequence
from phantomsim.scanners.mr.sequences.system import System
from phantomsim.scanners.mr.spec.hardware import Hardware
from phantomsim.scanners.mr.spec.protocol import MRProtocol


def build(protocol: MRProtocol, hardware: Hardware, field_T: float) -> Sequence:
    """The sequence of a protocol, one average.

    Raises:
        ScannerError: the hardware cannot keep the protocol; with the shortest time that it can.
    """
    system = System.of(hardware)
    kernel, fat = GradientEcho(protocol, system), fat_saturation(protocol, system, field_T)
    pairs = sampling.measured_pairs(protocol)
    busy = fat.duration_s + kernel.duration_s
    plan = schedule(protocol, system, busy, len(pairs), "one excitation with its readouts")
    line, partition = plan.of(pairs).T
    builder = Builder()
    fat.add(builder)
    kernel.add(
        builder,
        duration_s=plan.slot_s - fat.duration_s,
        z_mm=slice_z_mm(protocol)[plan.slice],
        k_phase=cartesian.phase_per_mm(protocol, line),
        k_z=cartesian.partition_per_mm(protocol, partition),
        phase_rad=spoiling_rad(protocol.rf_spoil_deg, plan.count),
        line=line,
        partition=partition,
        slice=plan.slice,
        dummy=plan.dummy,
    )
    builder.repeat(len(plan.slice))
    return builder.build(name=protocol.sequence)
