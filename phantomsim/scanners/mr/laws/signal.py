"""What must hold of the signal engine: direct sums, the Bloch engine, and what off-resonance and decay do to images."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.grid import Grid
from phantomsim.laws import Law
from phantomsim.materials import MRProperties
from phantomsim.phantom import Overlay, Phantom
from phantomsim.scanners.mr import coils, noise
from phantomsim.scanners.mr.laws.chain import PLAIN, small_protocol, small_scanner
from phantomsim.scanners.mr.played import Played, played
from phantomsim.scanners.mr.scan import Scan
from phantomsim.scanners.mr.signal import engine, simulate
from phantomsim.scanners.mr.signal.amplitudes import compressed
from phantomsim.scanners.mr.signal.contrast import contrast
from phantomsim.scanners.mr.signal.layers import layers
from phantomsim.scanners.mr.signal.modes import Modes, flat, modes
from phantomsim.scanners.mr.signal.slab import slab
from phantomsim.scanners.mr.spec import Fields, MRProtocol, MRScanner

QUIET = Fields(susceptibility=False, chemical_shift=False, shim_order=None)
TISSUES = ("air", "white-matter", "grey-matter", "adipose")


class Ready(NamedTuple):
    """A phantom and a protocol, ready to be encoded."""

    protocol: MRProtocol
    plays: Played
    subject: engine.Object
    profile: np.ndarray
    modes: Modes
    scale: float

    def slices(self) -> jax.Array:
        """K-space of 2D slices, box profile."""
        p, s = self.protocol, self.subject
        cut = slab(engine.middles_mm(p), np.zeros(1), p.slice_mm, s.axes_mm[0], s.spacing_mm[0])
        return engine.slices(s, p, self.plays.shots, self.modes, self.profile, cut, self.scale)

    def volume(self) -> jax.Array:
        """K-space of a 3D slab."""
        return simulate.slab_kspace(
            self.protocol, self.plays.shots, self.subject, self.profile, flat(self.modes), self.scale
        )


def ready(
    scanner: MRScanner, protocol: MRProtocol, phantom: Phantom, field_Hz: np.ndarray, properties: MRProperties
) -> Ready:
    """As `simulate.kspace` does, with an off-resonance map of one's own, float32 [z, y, x]; isocentre at the origin."""
    plays, rates = played(scanner, protocol), simulate.tissue_rates(scanner, properties)
    axes, field = engine.axes_from_isocentre(phantom.grid, (0.0, 0.0, 0.0)), jnp.asarray(field_Hz, jnp.float32)
    reach, one = simulate.range_Hz(field, phantom, properties), np.ones(1)
    found = contrast(plays.shots, plays.trains, properties, rates, one, reach, True, plays.saturates)
    path, index = plays.shots.trajectory, plays.shots.index
    few = compressed(found, path.decay_s(index), path.off_resonance_s(index), plays.shots.path)
    basis = modes(few.kinds, rates, reach)
    around = simulate.surroundings(scanner, axes, field, None, one, basis)
    subject = engine.Object(layers(phantom), around, axes, phantom.grid.spacing_mm)
    return Ready(protocol, plays, subject, few.profile, basis, noise.emf_uV(scanner.field_T))


def direct_sum(
    scanner: MRScanner,
    one: Ready,
    phantom: Phantom,
    field_Hz: np.ndarray,
    properties: MRProperties,
    amplitude: np.ndarray,
    pick: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """The signal equation summed over voxels in float64, complex128 [coil, n] uV.

    Each tissue of each voxel adds amplitude x sensitivity x exp(-t / T2 - |tau| / T2' - 2 pi i f tau), over its box.

    Args:
        amplitude: transverse magnetisation of each tissue at the excitation, with proton density [tissue].
        pick: shot and sample (in ascending k, oversampled) of the wanted values [n], [n].
    """
    shots, p = one.plays.shots, one.protocol
    assert shots.order is not None
    shot, sample = pick
    at = shots.order[shots.path[shot], sample]
    index = shots.index[shot]
    k = shots.trajectory.k_per_mm(index)[np.arange(len(at)), at]
    t = shots.trajectory.decay_s(index)[np.arange(len(at)), at]
    tau = shots.trajectory.off_resonance_s(index)[np.arange(len(at)), at]
    z, y, x = one.subject.axes_mm
    dz, dy, dx = one.subject.spacing_mm
    low, high = np.maximum(z - dz / 2, -p.slice_mm / 2), np.minimum(z + dz / 2, p.slice_mm / 2)
    kept = high > low if p.encoding == "2d" else np.ones(len(z), bool)
    height = np.maximum(high - low, 0) if p.encoding == "2d" else np.full(len(z), dz)
    T1_ms, T2_ms, star_ms, *_ = (np.asarray(v, float) for v in properties)
    del T1_ms
    shift = np.broadcast_to(np.asarray(properties.shift_ppm, float), T2_ms.shape)
    shift_Hz = shift * 1e-6 * noise.larmor_rad_per_s(scanner.field_T) / (2 * np.pi) * scanner.fields.chemical_shift
    rows = np.flatnonzero(kept)
    where = np.stack(np.broadcast_arrays(x, y[:, None], z[rows, None, None]), -1)
    maps = coils.sensitivity(scanner.coils, where).reshape(scanner.coils.channels, -1)
    total = np.zeros((maps.shape[0], len(at)), complex)
    box = dy * dx * np.sinc(k[:, 1] * dy) * np.sinc(k[:, 0] * dx)
    if p.encoding == "3d":
        box = box * np.sinc(k[:, 2] * dz)
    for tissue, value in enumerate(amplitude):
        share = np.asarray(phantom.fraction(phantom.tissues[tissue]), float)[rows] * height[rows, None, None]
        inside = np.flatnonzero(share.ravel())
        if not value or not len(inside):
            continue
        r, f = where.reshape(-1, 3)[inside], field_Hz[rows].ravel()[inside] + shift_Hz[tissue]
        held = maps[:, inside] * share.ravel()[inside]
        decay = np.exp(-t * 1000 / T2_ms[tissue] - np.abs(tau) * 1000 * (1 / star_ms[tissue] - 1 / T2_ms[tissue]))
        plane = k * [1.0, 1.0, float(p.encoding == "3d")]
        for j in range(len(at)):
            total[:, j] += value * decay[j] * (held @ np.exp(-2j * np.pi * (r @ plane[j] + f * tau[j])))
    return one.scale * total * box


def head(count: int, rows: int, voxel_mm: float, height_mm: float) -> tuple[Phantom, np.ndarray]:
    """An ellipse of white matter, grey matter and fat, and an off-resonance map of +-60 Hz, float32 [z, y, x]."""
    grid = Grid.centred((rows, count, count), (height_mm, voxel_mm, voxel_mm))
    _, y, x = np.indices(grid.shape)
    y, x = (y - (count - 1) / 2) / count, (x - (count - 1) / 2) / count
    r = np.hypot(y / 0.38, x / 0.31)
    label = np.where(r < 1, 1, 0).astype(np.uint8)
    label[r < 0.5] = 2
    fat = np.where((r > 0.8) & (r < 1), 0.6, 0.0).astype(np.float32)
    field = 60 * np.sin(5 * x + 1) * np.cos(6 * y) + 20 * x
    phantom = Phantom(grid, label, 1.0, (Overlay(3, fat, (0, 0, 0)),), (), TISSUES)
    return phantom, field.astype(np.float32)
