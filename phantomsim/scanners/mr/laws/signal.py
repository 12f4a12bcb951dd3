"""What must hold of the signal engine: direct sums, the Bloch engine, and what off-resonance and decay do to images."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.grid import Grid
from phantomsim.laws import Law
from phantomsim.materials import MRProperties, relaxation
from phantomsim.phantom import Overlay, Phantom
from phantomsim.scanners.mr import coils, noise
from phantomsim.scanners.mr.bloch.slice_profile import full_width
from phantomsim.scanners.mr.bloch.slice_profile import profile as bloch_profile
from phantomsim.scanners.mr.laws.chain import PLAIN, small_protocol, small_scanner
from phantomsim.scanners.mr.played import Played, played
from phantomsim.scanners.mr.signal import engine, simulate, slabs
from phantomsim.scanners.mr.signal.amplitudes import compressed
from phantomsim.scanners.mr.signal.contrast import contrast
from phantomsim.scanners.mr.signal.layers import layers
from phantomsim.scanners.mr.signal.modes import Modes, modes
from phantomsim.scanners.mr.signal.slab import slab
from phantomsim.scanners.mr.spec import Fields, MRProtocol, MRScanner

QUIET = Fields(susceptibility=False, chemical_shift=False, shim_order=None)
ORIGIN = (0.0, 0.0, 0.0)
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
        return slabs.kspace(self.protocol, self.plays.shots, self.subject, self.profile, self.modes, self.scale)


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


def laws() -> list[Law]:
    """All laws of the signal engine."""
    return [_direct(), _bloch(), _epi_shift(), _fat(), _decay(), _slice()]


def _direct() -> Law:
    phantom, field = head(40, 3, 6.0, 4.0)
    protocol = small_protocol(matrix=(32, 32), slices=1, TR_ms=30000.0, dummies=0, flip_deg=50.0, slice_mm=9.0)
    properties = relaxation(TISSUES, 3.0)
    scanner = small_scanner()
    one = ready(scanner, protocol.model_copy(update={"readout_oversampling": 1}), phantom, field, properties)
    found = np.asarray(one.slices())
    shot, sample = (v.ravel() for v in np.indices(found.shape[1:])[:, ::3, ::2])
    # TR is many T1, so that every pulse finds equilibrium.
    amplitude = np.asarray(properties.PD, float) * np.sin(np.deg2rad(50.0))
    want = direct_sum(scanner, one, phantom, field, properties, amplitude, (shot, sample))
    error = np.abs(found[:, shot, sample] - want).max() / np.abs(want).max()
    return Law("signal engine, largest error over the largest sample", "direct sum in float64", 0.0, float(error), 2e-3)


def _bloch() -> Law:
    phantom, _ = head(16, 1, 12.0, 5.0)
    base = small_protocol(
        encoding="3d", slices=1, matrix=(16, 16), TR_ms=20.0, TE_ms=5.0, flip_deg=15.0, dummies=16,
        bandwidth_Hz=10000.0, spins_per_voxel=(61, 1, 1),
    )  # fmt: skip
    images = []
    for name in ("signal", "bloch"):
        scan = small_scanner(fields=QUIET).build(base.model_copy(update={"engine": name}))
        images.append(np.asarray(scan.reconstruct(scan.noise_free(scan.expected(phantom, ORIGIN)), PLAIN).values))
    apart = np.abs(images[0] - images[1]).max() / images[1].max()
    return Law(
        "RF-spoiled image of the signal engine less the Bloch engine's, over its maximum",
        "isochromats", 0.0, float(apart), 0.01,
    )  # fmt: skip


def _blob(count: int, voxel_mm: float, label: int = 1) -> Phantom:
    """A disc of one tissue, the rest air."""
    grid = Grid.centred((1, count, count), (5.0, voxel_mm, voxel_mm))
    _, y, x = np.indices(grid.shape) - (count - 1) / 2
    inside = np.hypot(y, x) < 0.15 * count
    return Phantom(grid, np.where(inside, label, 0).astype(np.uint8), 1.0, (), (), TISSUES)


def _centroid(kspace: jax.Array | np.ndarray, line: np.ndarray) -> np.ndarray:
    """Centre of mass (phase, readout) of the sum of squares of coils' images, in pixels.

    The coils' own images: SENSE divides by sensitivities where the object seems to be, which moves its centre too.
    """
    images = np.fft.fftshift(np.fft.ifft2(np.asarray(kspace)[:, np.argsort(line)]), axes=(1, 2))
    power = (np.abs(images.astype(complex)) ** 2).sum(0)
    return np.array([(i * power).sum() for i in np.indices(power.shape)]) / power.sum()


EPI = {"sequence": "gre-epi", "TE_ms": 40.0, "TR_ms": 3000.0, "flip_deg": 90.0, "bandwidth_Hz": 120000.0, "slices": 1,
       "dummies": 0, "phase_axis": "y"}  # fmt: skip


def _spacing_s(plays: Played) -> float:
    """Time between echoes of a train."""
    return float(np.diff(plays.sequence.start_s[plays.shots.block])[5])


def _epi_shift() -> Law:
    off, R = 40.0, 2
    protocol = small_protocol(**EPI | {"acceleration": R})
    scanner, phantom = small_scanner(fields=QUIET), _blob(64, 3.0)
    mr, ones = relaxation(TISSUES, 3.0), np.ones(phantom.grid.shape, np.float32)
    some = [ready(scanner, protocol, phantom, f * ones, mr) for f in (0.0, off)]
    still, moved = (_centroid(one.slices(), one.plays.shots.line) for one in some)
    want = off * _spacing_s(some[0].plays) * 64 / R
    return Law(
        f"shift of an EPI image by {off:.0f} Hz, R = {R} [pixels]",
        "df x echo spacing x N / R; Jezzard and Balaban 1995",
        want, float(abs(moved - still)[0]), 0.02 * want,
    )  # fmt: skip


def _fat() -> Law:
    protocol = small_protocol(slices=1, TR_ms=2000.0, phase_axis="y")
    phantom, places = _blob(64, 3.0, TISSUES.index("adipose")), []
    for shifted in (False, True):
        scan = small_scanner(fields=QUIET.model_copy(update={"chemical_shift": shifted})).build(protocol)
        places.append(_centroid(scan.expected(phantom, ORIGIN).kspace, scan.shots.line))
    per_pixel = protocol.bandwidth_Hz / 64
    return Law(
        "shift of fat at 3 T along the readout, times Hz per pixel [Hz]", "3.4 to 3.5 ppm of 127.7 MHz",
        440.0, float(abs(places[1] - places[0])[1] * per_pixel), 10.0,
    )  # fmt: skip


def _decay() -> Law:
    """A point that decays as 10 ms while an echo-planar train is read, in an image interpolated 64 times."""
    star_ms, count = 10.0, 96
    grid = Grid.centred((1, count, count), (5.0, 1.0, 1.0))
    label = np.zeros(grid.shape, np.uint8)
    label[0, count // 2, count // 2] = 1
    phantom = Phantom(grid, label, 1.0, (), (), TISSUES)
    mr = relaxation(TISSUES, 3.0)
    mr = mr._replace(T2_ms=np.full(4, star_ms, np.float32), T2star_ms=np.full(4, star_ms, np.float32))
    one = ready(small_scanner(fields=QUIET), small_protocol(**EPI), phantom, np.zeros(grid.shape, np.float32), mr)
    line = one.plays.shots.line
    across = np.zeros(64 * 64, complex)
    across[line] = np.asarray(one.slices())[0, :, 32]
    profile = np.abs(np.fft.ifft(across))
    profile = np.roll(profile, profile.size // 2 - int(np.argmax(profile)))
    width = full_width(np.arange(profile.size) / 64, profile)
    want = np.sqrt(3) * 64 * _spacing_s(one.plays) * 1000 / (np.pi * star_ms)
    return Law(
        "width of a point that decays during an EPI train [pixels]", "sqrt(3) Tacq / (pi T2*)", want, width, 0.05 * want
    )


def _slice() -> Law:
    grid = Grid.centred((20, 16, 16), (1.0, 12.0, 12.0))
    phantom = Phantom(grid, np.ones(grid.shape, np.uint8), 1.0, (), (), TISSUES)
    scanner, found = small_scanner(fields=QUIET), []
    for profile in ("pulse", "box"):
        protocol = small_protocol(
            slices=1, matrix=(16, 16), TR_ms=30000.0, dummies=0, flip_deg=60.0, slice_profile=profile
        )
        k = np.asarray(scanner.build(protocol).expected(phantom, ORIGIN).kspace)
        found.append(np.abs(k[0]).max())
    cut = bloch_profile(protocol, scanner)
    want = abs(np.trapezoid(cut.excited, cut.z_mm)) / (np.sin(np.deg2rad(60.0)) * protocol.slice_mm)
    return Law(
        "signal of a slice cut by a 60 degree pulse over an ideal one's", "integral of the Bloch equations' profile",
        float(want), float(found[0] / found[1]), 0.01,
    )  # fmt: skip
