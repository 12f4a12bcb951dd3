"""K-space of a phantom by the Bloch engine: every voxel's tissues as isochromats under the sequence as it is played."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.materials import MRProperties
from phantomsim.phantom import Phantom
from phantomsim.scanners.mr import bloch, coils, noise
from phantomsim.scanners.mr.bloch.populate import populate
from phantomsim.scanners.mr.fields.transmit import transmit_map
from phantomsim.scanners.mr.played import Played
from phantomsim.scanners.mr.signal.axes import decimate
from phantomsim.scanners.mr.signal.engine import axes_from_isocentre
from phantomsim.scanners.mr.signal.shots import Shots
from phantomsim.scanners.mr.signal.simulate import off_resonance, tissue_rates
from phantomsim.scanners.mr.spec import MRProtocol, MRScanner

MOST = 20_000_000_000_000  # isochromat-samples: about an hour on two cores


def kspace(
    scanner: MRScanner,
    protocol: MRProtocol,
    played: Played,
    phantom: Phantom,
    isocentre_mm: tuple[float, float, float],
    properties: MRProperties,
) -> tuple[jax.Array, jax.Array]:
    """Noise-free k-space, complex64 [coil, shot, sample] uV, and off-resonance of water [Hz]; as `simulate.kspace`.

    Raises:
        ScannerError: the phantom moves, or the work would take hours.
    """
    if protocol.motion is not None:
        raise ScannerError('motion is followed by engine "signal" alone; take that engine, or leave the motion out')
    shots, axes = played.shots, axes_from_isocentre(phantom.grid, isocentre_mm)
    field = off_resonance(scanner, phantom, isocentre_mm, properties)
    spins = populate(
        phantom,
        properties,
        isocentre_mm,
        protocol.spins_per_voxel,
        None if field.size == 1 else np.asarray(field),
        transmit_map(scanner.fields, scanner.load, scanner.field_T, axes),
        lambda points: coils.sensitivity(scanner.coils, points),
        shift_Hz=tissue_rates(scanner, properties).shift_Hz,
        slab_mm=reach_mm(protocol),
    )
    work = spins.count * len(shots.block) * shots.trajectory.samples * scanner.coils.channels
    if work > MOST:
        raise ScannerError(
            f"the Bloch engine would follow {spins.count} isochromats through {len(shots.block)} readouts of "
            f'{scanner.coils.channels} coils, {work:.1g} products; at most {MOST:.0g}. Use engine = "signal", fewer '
            "slices or a coarser phantom"
        )
    raw = bloch.simulate(played.sequence, centred(spins, protocol))[:, shots.index] * noise.emf_uV(scanner.field_T)
    return received(protocol, shots, raw), field


def reach_mm(protocol: MRProtocol) -> tuple[float, float] | None:
    """Lowest and highest z that slices see, their profiles' feet included; None: everything."""
    if protocol.encoding == "3d" or protocol.sequence == "pulseq":
        return None
    half = (protocol.slices * (protocol.slice_mm + protocol.gap_mm) + 2 * protocol.slice_mm) / 2
    return protocol.offset_mm[2] - half, protocol.offset_mm[2] + half


def centred(spins: bloch.Spins, protocol: MRProtocol) -> bloch.Spins:
    """Spins in the frame of the field of view: sequences are centred on it in the plane (and along z in 3D)."""
    from dataclasses import replace

    offset = np.array(protocol.offset_mm, np.float32)
    if protocol.encoding == "2d":
        offset[2] = 0.0
    return replace(spins, position_mm=spins.position_mm - offset)


def received(protocol: MRProtocol, shots: Shots, raw: jax.Array) -> jax.Array:
    """What the receiver makes of samples in the order of time: in ascending k, filtered, for Cartesian protocols."""
    if shots.order is None:
        return raw
    order = jnp.asarray(shots.order)[jnp.asarray(shots.path)]
    sorted_ = jnp.take_along_axis(raw, order[None], axis=-1)
    return decimate(sorted_, protocol.samples, protocol.readout_oversampling)
