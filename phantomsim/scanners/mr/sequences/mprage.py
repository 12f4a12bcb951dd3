"""Magnetisation-prepared rapid gradient echo (Mugler and Brookeman 1990, doi:10.1002/mrm.1910150117), 3D.

An inversion of everything, then a train of spoiled gradient echoes along one axis of k-space, then recovery.
"""

from __future__ import annotations

import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr import sampling
from phantomsim.scanners.mr.sequences import cartesian
from phantomsim.scanners.mr.sequences.builder import Builder
from phantomsim.scanners.mr.sequences.gradient_echo import GradientEcho
from phantomsim.scanners.mr.sequences.inversion import on_raster
from phantomsim.scanners.mr.sequences.order import linear_centre, trains
from phantomsim.scanners.mr.sequences.schedule import dummies, spoiling_rad
from phantomsim.scanners.mr.sequences.sequence import Sequence
from phantomsim.scanners.mr.sequences.system import System, ms
from phantomsim.scanners.mr.spec.hardware import Hardware
from phantomsim.scanners.mr.spec.protocol import MRProtocol


def build(protocol: MRProtocol, hardware: Hardware, field_T: float) -> Sequence:
    """The sequence of a protocol, one average.

    Raises:
        ScannerError: the hardware cannot keep the protocol; with the shortest time that it can.
    """
    system = System.of(hardware)
    kernel, pairs = GradientEcho(protocol, system), sampling.measured_pairs(protocol)
    centre, inner = (protocol.phase_lines // 2, protocol.slices // 2), _inner(protocol, pairs)
    wanted = linear_centre(pairs, centre, protocol.echo_train, inner)
    table = trains(pairs, centre, protocol.echo_train, wanted, inner)
    spacing = _spacing_s(protocol, system, kernel)
    before = wanted * spacing + kernel.centre_s
    invert, start = on_raster(protocol, system, (protocol.TI_ms or 0.0) / 1000 - before)
    if start < invert.duration_s - 1e-9:
        least = (protocol.TI_ms or 0.0) / 1000 + invert.duration_s - start
        raise ScannerError(
            f"TI_ms is {protocol.TI_ms}; the shortest of this protocol is {ms(least)}, {ms(before)} of which are the "
            "train up to the centre of k-space. Raise TI_ms or shorten echo_train"
        )
    TR, end = round(protocol.TR_ms / 1000 / system.raster_s) * system.raster_s, start + protocol.echo_train * spacing
    if end > TR + 1e-9:
        raise ScannerError(f"TR_ms is {protocol.TR_ms}; inversion, TI and train take {ms(end)}. Raise TR_ms to that")
    lead = dummies(protocol)
    builder, count = Builder(), lead + len(table)
    index = np.concatenate([np.full((lead, protocol.echo_train), -1), table])
    invert.add(builder, 0.0)
    builder.add(start - invert.duration_s)
    for n in range(protocol.echo_train):
        line, partition = pairs[np.maximum(index[:, n], 0)].T
        kernel.add(
            builder,
            duration_s=spacing,
            k_phase=cartesian.phase_per_mm(protocol, line),
            k_z=cartesian.partition_per_mm(protocol, partition),
            phase_rad=spoiling_rad(protocol.rf_spoil_deg, np.arange(count) * protocol.echo_train + n),
            line=line,
            partition=partition,
            segment=np.maximum(np.arange(count) - lead, 0),
            dummy=(index[:, n] < 0).astype(np.int32),
        )
    builder.add(TR - end)
    builder.repeat(count)
    return builder.build(name=protocol.sequence, echo_spacing_s=spacing, centre_echo=wanted)


def _inner(protocol: MRProtocol, pairs: np.ndarray) -> int:
    """Axis along which a train goes: the one that has as many different lines or partitions as the train is long."""
    differ = [abs(len(np.unique(pairs[:, axis])) - protocol.echo_train) for axis in (0, 1)]
    return int(differ[1] <= differ[0])


def _spacing_s(protocol: MRProtocol, system: System, kernel: GradientEcho) -> float:
    if protocol.echo_spacing_ms is None:
        return kernel.duration_s
    spacing = round(protocol.echo_spacing_ms / 1000 / system.raster_s) * system.raster_s
    if spacing < kernel.duration_s - 1e-9:
        raise ScannerError(
            f"echo_spacing_ms is {protocol.echo_spacing_ms}; the shortest of this protocol is {ms(kernel.duration_s)}"
        )
    return spacing
