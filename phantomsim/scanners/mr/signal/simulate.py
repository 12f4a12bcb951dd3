"""From a phantom in the scanner to the k-space of a protocol: fields, contrast, modes, transforms."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.grid import Grid
from phantomsim.materials import MRProperties
from phantomsim.phantom import Phantom
from phantomsim.scanners.mr import coils, noise
from phantomsim.scanners.mr.fields.b0 import field_map_Hz
from phantomsim.scanners.mr.fields.concomitant import concomitant_Hz
from phantomsim.scanners.mr.fields.dipole import GAMMA_BAR_Hz_per_T
from phantomsim.scanners.mr.fields.transmit import transmit_map
from phantomsim.scanners.mr.played import Played
from phantomsim.scanners.mr.sequences import NONE
from phantomsim.scanners.mr.signal import engine, moving, points, slabs
from phantomsim.scanners.mr.signal.amplitudes import compressed, rates
from phantomsim.scanners.mr.signal.contrast import contrast
from phantomsim.scanners.mr.signal.layers import Layers, layers
from phantomsim.scanners.mr.signal.modes import Flat, Modes, Rates, flat, modes
from phantomsim.scanners.mr.signal.moving_encode import Scene
from phantomsim.scanners.mr.signal.planes import Surroundings, seen
from phantomsim.scanners.mr.signal.shots import Shots
from phantomsim.scanners.mr.signal.slab import Slab, slab
from phantomsim.scanners.mr.spec import MRProtocol, MRScanner

BEYOND = 0.002  # of the voxels on each side: their phase at the echo is right, but not their shift along the readout
FLIPS = 9  # tabulated transmit fields, where they vary
NOWHERE = np.zeros((1, 1, 1), np.float32)


def kspace(
    scanner: MRScanner,
    protocol: MRProtocol,
    played: Played,
    phantom: Phantom,
    isocentre_mm: tuple[float, float, float],
    properties: MRProperties,
) -> tuple[jax.Array, jax.Array]:
    """Noise-free k-space, complex64 [coil, shot, sample] uV, and off-resonance of water [Hz] (float32 [z, y, x])."""
    axes = engine.axes_from_isocentre(phantom.grid, isocentre_mm)
    field = off_resonance(scanner, phantom, isocentre_mm, properties)
    if scanner.fields.concomitant and protocol.cartesian:
        field = field + bent(scanner, played, axes)
    transmit = transmit_map(scanner.fields, scanner.load, scanner.field_T, axes)
    flips = (
        np.ones(1)
        if transmit is None
        else np.linspace(transmit.min(), max(transmit.max(), transmit.min() + 1e-3), FLIPS)
    )
    shots, rates = played.shots, tissue_rates(scanner, properties)
    rows = None if moving.moves(protocol, played) else _rows(protocol, axes[0])
    reach = range_Hz(field, phantom, properties, rows)
    pulseq = protocol.sequence == "pulseq"
    found = contrast(shots, played.trains, properties, rates, flips, reach, not pulseq, played.saturates)
    few = compressed(found, *_times(shots), shots.path)
    basis = modes(few.kinds, rates, reach)
    nodes = played.trains(int(shots.slice[0]), 0.0).nodes_mm
    around = surroundings(scanner, axes, field, transmit, flips, basis)
    subject = engine.Object(layers(phantom), around, axes, phantom.grid.spacing_mm, len(flips))
    still = partial(_encoded, scanner, protocol, shots, subject, few.profile, basis, nodes)
    if protocol.motion is None:
        return still(), field
    whole = flat(basis, moving.TRAIN)
    in_uV = whole._replace(basis=whole.basis * np.float32(noise.emf_uV(scanner.field_T)))
    scene = Scene(scanner, protocol, played, subject, few.profile, in_uV, nodes, flips)
    return moving.kspace(scene, phantom, still), field


def at_centre(scanner: MRScanner, played: Played, properties: MRProperties) -> np.ndarray:
    """Signal of every tissue at the shot nearest to the centre of k-space, on resonance, float32 [tissue]."""
    shots, rates = played.shots, tissue_rates(scanner, properties)
    rates = rates._replace(shift_Hz=np.zeros_like(rates.shift_Hz))
    found = contrast(shots, played.trains, properties, rates, np.ones(1), (0.0, 0.0), True, False)
    middle = played.protocol.phase_lines // 2, played.protocol.slices // 2 * (played.protocol.encoding == "3d")
    shot = int(np.argmin(abs(shots.line - middle[0]) + abs(shots.partition - middle[1])))
    amplitude = found.amplitude[:, found.amplitude.shape[1] // 2, 0, shot]
    late = found.reference_s[shot] - shots.trajectory.since_s[shots.index[shot]]
    dephasing = abs(float(shots.trajectory.dephasing_s[shots.index[shot]] + late))
    return np.real(amplitude * np.exp(-dephasing / rates.T2prime_s)).astype(np.float32)


def tissue_rates(scanner: MRScanner, properties: MRProperties) -> Rates:
    """T2, T2' and chemical shift of tissues."""
    shift = np.asarray(properties.shift_ppm) * noise.larmor_rad_per_s(scanner.field_T) / (2 * np.pi) * 1e-6
    return rates(properties)._replace(shift_Hz=shift * float(scanner.fields.chemical_shift))


def off_resonance(
    scanner: MRScanner, phantom: Phantom, isocentre_mm: tuple[float, float, float], properties: MRProperties
) -> jax.Array:
    """Off-resonance of water [z, y, x] Hz, or [1, 1, 1] zero where nothing disturbs the field."""
    fields = scanner.fields
    if not fields.susceptibility and not fields.homogeneity_ppm:
        return jnp.asarray(NOWHERE)
    return field_map_Hz(phantom, scanner.field_T, fields, isocentre_mm, scanner.coils.field_axis, properties)


def bent(scanner: MRScanner, played: Played, axes_mm: engine.Axes) -> jax.Array:
    """Off-resonance by the concomitant field of the readout gradient of straight readouts, float32 [z, y, x] Hz.

    It shifts and bends the image as at the scanner. Gradients before the readout are left out: the phase that they add
    is smooth, and magnitudes do not see it.
    """
    sequence, block = played.sequence, played.shots.block[0]
    readout = sequence.readouts[sequence.readout[block]]
    middle = readout.delay_s + readout.duration_s / 2
    gradient = [
        sequence.waveforms[w].at(middle) * g if w != NONE else 0.0
        for w, g in zip(sequence.waveform[block], sequence.gradient_Hz_per_mm[block])
    ]
    mT_per_m = jnp.asarray(gradient, jnp.float32) * (1e6 / GAMMA_BAR_Hz_per_T)
    z, y, x = jnp.meshgrid(*(jnp.asarray(a, jnp.float32) for a in axes_mm), indexing="ij")
    return concomitant_Hz(jnp.stack([x, y, z], -1), mT_per_m, scanner.field_T, scanner.coils.field_axis)


def range_Hz(
    field: jax.Array, phantom: Phantom, properties: MRProperties, rows: np.ndarray | None = None
) -> tuple[float, float]:
    """Lowest and highest off-resonance of what gives a signal, but for the outermost voxels (see `BEYOND`).

    Args:
        rows: of the phantom that count, bool [z]; None: all.
    """
    if field.size == 1:
        return 0.0, 0.0
    kept = slice(None) if rows is None or not rows.any() else rows
    label = np.asarray(phantom.label)[kept]
    values = np.asarray(field)[kept][(np.asarray(properties.PD) > 0)[label]]
    if not values.size:
        return 0.0, 0.0
    low, high = np.quantile(values[:: max(1, values.size // 200_000)], [BEYOND, 1 - BEYOND])
    return float(low), float(high)


def _rows(protocol: MRProtocol, z_mm: np.ndarray) -> np.ndarray | None:
    """Rows in or beside the slices."""
    if protocol.encoding == "3d" or protocol.sequence == "pulseq":
        return None
    middles = engine.middles_mm(protocol)
    return (z_mm > middles.min() - protocol.slice_mm) & (z_mm < middles.max() + protocol.slice_mm)


def surroundings(
    scanner: MRScanner,
    axes_mm: engine.Axes,
    field: jax.Array,
    transmit: np.ndarray | None,
    flips: np.ndarray,
    basis: Modes,
) -> Surroundings:
    """What voxels meet, in steps of the tables."""
    frequency = jnp.clip((field - basis.first_Hz) / basis.step_Hz, 0, max(basis.table.shape[1] - 1, 0))
    place = jnp.asarray(NOWHERE)
    if transmit is not None:
        place = jnp.clip((jnp.asarray(transmit) - flips[0]) / (flips[1] - flips[0]), 0, len(flips) - 1)
    nodes = tuple(jnp.asarray(coils.interpolation(r)) for r in axes_mm)
    table = jnp.asarray(coils.sensitivity_table(scanner.coils))
    return Surroundings(frequency, field * basis.carrier_s, place, nodes, table)  # type: ignore[arg-type]


def _times(shots: Shots) -> tuple[np.ndarray, np.ndarray]:
    """Time since the excitation and dephasing time of every sample, of the first shot of each path and start."""
    return shots.trajectory.decay_s(shots.index), shots.trajectory.off_resonance_s(shots.index)


def _encoded(
    scanner: MRScanner,
    protocol: MRProtocol,
    shots: Shots,
    subject: engine.Object,
    profile: np.ndarray,
    basis: Modes,
    nodes_mm: np.ndarray,
) -> jax.Array:
    scale = noise.emf_uV(scanner.field_T)
    if protocol.encoding == "3d":
        return slabs.kspace(protocol, shots, subject, profile, basis, scale)
    cut = slab(engine.middles_mm(protocol), nodes_mm, protocol.slice_mm, subject.axes_mm[0], subject.spacing_mm[0])
    if protocol.cartesian:
        return engine.slices(subject, protocol, shots, basis, profile, cut, scale)
    return paths(protocol, shots, subject, profile, flat(basis), cut, scale)


def paths(
    protocol: MRProtocol,
    shots: Shots,
    subject: engine.Object,
    profile: np.ndarray,
    basis: Flat,
    cut: Slab,
    scale: float,
) -> jax.Array:
    """K-space of a 2D scan along any paths, complex64 [coil, shot, sample], in the order of time."""
    weights = engine.row_weights(cut, profile, subject.flips)
    spacing = np.asarray(subject.spacing_mm[1:], np.float32)
    middle = [a.mean() - o for a, o in zip(subject.axes_mm[1:], protocol.offset_mm[1::-1])]
    found, places = [], []
    for number in range(protocol.slices):
        mine = np.flatnonzero(shots.slice == number)
        images = seen(
            subject.layers, subject.around, engine.row_tables(weights[number], basis.table), cut.start[number]
        )
        k = points.in_order(shots.trajectory.k_per_mm(shots.index[mine]), 2)
        samples = jnp.asarray(basis.basis * scale)
        found.append(points.samples(images, k, spacing, np.asarray(middle, np.float32), basis.of_shot[mine], samples))
        places.append(mine)
    return jnp.concatenate(found, axis=1)[:, np.argsort(np.concatenate(places))]


def plain(
    scanner: MRScanner,
    protocol: MRProtocol,
    shots: Shots,
    magnetisation: jax.Array | np.ndarray,
    grid: Grid,
    isocentre_mm: tuple[float, float, float],
) -> jax.Array:
    """K-space of any transverse magnetisation that neither decays nor dephases, ideal slices [coil, shot, sample].

    Args:
        magnetisation: relative to water's, float32 or complex64 [z, y, x].
    Raises:
        ScannerError: the protocol has motion.
    """
    if protocol.motion is not None:
        raise ScannerError("given magnetisation lies still; image a phantom, or leave the protocol's motion out")
    samples = protocol.samples * protocol.readout_oversampling if protocol.cartesian else shots.trajectory.samples
    none = np.zeros(len(shots.block), np.int32)
    once = Modes(
        np.ones((1, 1, 1), np.complex64), none, np.ones((1, 1, 1), np.complex64),
        np.ones((1, samples, 1), np.complex64), none, 0.0, 1.0, 0.0, 0.0,
    )  # fmt: skip
    axes = engine.axes_from_isocentre(grid, isocentre_mm)
    around = surroundings(scanner, axes, jnp.asarray(NOWHERE), None, np.ones(1), once)
    values = jnp.asarray(magnetisation)
    empty = jnp.zeros((0, *grid.shape), jnp.float32)
    whole = Layers(jnp.zeros(grid.shape, jnp.uint8), values, empty.astype(jnp.uint8), empty)
    subject = engine.Object(whole, around, axes, grid.spacing_mm)
    return _encoded(scanner, protocol, shots, subject, np.ones((1, 1), complex), once, np.zeros(1))
