"""Turbo spin echo (RARE; Hennig 1986, doi:10.1002/mrm.1910030602), 2D multi-slice or 3D."""

from __future__ import annotations

import numpy as np

from phantomsim.scanners.mr import sampling
from phantomsim.scanners.mr.sequences import cartesian
from phantomsim.scanners.mr.sequences.builder import Builder, Numbers
from phantomsim.scanners.mr.sequences.echo_train import EchoTrain
from phantomsim.scanners.mr.sequences.fat_saturation import fat_saturation
from phantomsim.scanners.mr.sequences.order import trains
from phantomsim.scanners.mr.sequences.schedule import Schedule, schedule, slice_z_mm
from phantomsim.scanners.mr.sequences.sequence import Sequence
from phantomsim.scanners.mr.sequences.system import System
from phantomsim.scanners.mr.spec.hardware import Hardware
from phantomsim.scanners.mr.spec.protocol import MRProtocol


def build(protocol: MRProtocol, hardware: Hardware, field_T: float) -> Sequence:
    """The sequence of a protocol, one average.

    Raises:
        ScannerError: the hardware cannot keep the protocol; with the shortest time that it can.
    """
    return build_trains(protocol, hardware, field_T)


def build_trains(protocol: MRProtocol, hardware: Hardware, field_T: float) -> Sequence:
    """Trains of spin echoes without an inversion; one echo is a spin echo."""
    system = System.of(hardware)
    kernel, fat = EchoTrain(protocol, system), fat_saturation(protocol, system, field_T)
    table, pairs = train_table(protocol, kernel), sampling.measured_pairs(protocol)
    busy = fat.duration_s + kernel.duration_s
    plan = schedule(protocol, system, busy, len(table), f"a train of {protocol.echo_train} echoes")
    builder = Builder()
    fat.add(builder)
    add_trains(builder, protocol, kernel, plan, pairs, table, fat.duration_s)
    builder.repeat(len(plan.slice))
    return builder.build(name=protocol.sequence, echo_spacing_s=kernel.spacing_s)


def train_table(protocol: MRProtocol, kernel: EchoTrain) -> np.ndarray:
    """Which of the measured pairs each echo of each train reads, [train, echo]; -1: none."""
    centre = (protocol.phase_lines // 2, protocol.slices // 2 if protocol.encoding == "3d" else 0)
    return trains(sampling.measured_pairs(protocol), centre, protocol.echo_train, kernel.wanted)


def add_trains(
    builder: Builder,
    protocol: MRProtocol,
    kernel: EchoTrain,
    plan: Schedule,
    pairs: np.ndarray,
    table: np.ndarray,
    taken_s: Numbers,
    when: Numbers = True,
) -> None:
    """Append the trains of a schedule; `taken_s` of each slot is used already."""
    index = plan.of(table)  # [repetition, echo]
    line, partition = np.moveaxis(pairs[np.maximum(index, 0)], -1, 0)
    kernel.add(
        builder,
        duration_s=plan.slot_s - taken_s,
        z_mm=slice_z_mm(protocol)[plan.slice],
        k_phase=cartesian.phase_per_mm(protocol, line),
        k_z=cartesian.partition_per_mm(protocol, partition),
        when=when,
        dummy=np.maximum(plan.dummy[:, None], index < 0).astype(np.int32),
        line=line,
        partition=partition,
        slice=plan.slice,
        segment=np.maximum(plan.encode, 0),
    )
