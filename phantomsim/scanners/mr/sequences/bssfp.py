"""Balanced steady-state free precession (TrueFISP; Oppelt 1986), 2D slices one after the other, or 3D.

Every gradient's area over a repetition is zero, and the phase of the pulse alternates.
"""

from __future__ import annotations

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr import sampling
from phantomsim.scanners.mr.sequences import cartesian
from phantomsim.scanners.mr.sequences.builder import Builder
from phantomsim.scanners.mr.sequences.gradient_echo import GradientEcho
from phantomsim.scanners.mr.sequences.schedule import schedule, slice_z_mm
from phantomsim.scanners.mr.sequences.sequence import Sequence
from phantomsim.scanners.mr.sequences.system import System
from phantomsim.scanners.mr.spec.hardware import Hardware
from phantomsim.scanners.mr.spec.protocol import MRProtocol


def build(protocol: MRProtocol, hardware: Hardware, field_T: float) -> Sequence:
    """The sequence of a protocol, one average.

    Raises:
        ScannerError: the hardware cannot keep the protocol, with the shortest time that it can; or fat saturation.
    """
    if protocol.fat_saturation:
        raise ScannerError("fat_saturation breaks the steady state of bssfp; leave it out")
    system = System.of(hardware)
    kernel, pairs = GradientEcho(protocol, system, balanced=True), sampling.measured_pairs(protocol)
    plan = schedule(protocol, system, kernel.duration_s, len(pairs), "one repetition", most=1)
    line, partition = plan.of(pairs).T
    builder = Builder()
    kernel.add(
        builder,
        duration_s=plan.slot_s,
        z_mm=slice_z_mm(protocol)[plan.slice],
        k_phase=cartesian.phase_per_mm(protocol, line),
        k_z=cartesian.partition_per_mm(protocol, partition),
        phase_rad=np.pi * (plan.count % 2),
        line=line,
        partition=partition,
        slice=plan.slice,
        dummy=plan.dummy,
    )
    builder.repeat(len(plan.slice))
    return builder.build(name=protocol.sequence)
