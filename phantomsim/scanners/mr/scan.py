"""One protocol on one MR scanner: phantom to k-space to image.

Frame: the phantom's grid's own axes. The slice axis lies along z, phase encoding along x or y as the protocol says. The
image's voxel [0, 0, 0] is the lowest in z, y and x; its direction is the phantom's.

Scale: the image is transverse magnetisation over that of water at equilibrium, so that 1 is pure, fully relaxed water
after a 90 degree pulse at TE 0. Images of different noise, coils and field are comparable without further scaling.
K-space is the voltage induced in each coil [uV], so its noise follows from the coils' resistance and temperature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence as Many
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.grid import Grid
from phantomsim.image import Image, RawData
from phantomsim.materials import MRProperties, relaxation
from phantomsim.memory import gibibytes, physical_bytes
from phantomsim.phantom import Phantom
from phantomsim.scanners.mr import coils, maps, noise
from phantomsim.scanners.mr.expected import Expected, bare, complete, measured
from phantomsim.scanners.mr.imaging import image as imaging
from phantomsim.scanners.mr.imaging import predicted
from phantomsim.scanners.mr.played import played
from phantomsim.scanners.mr.sequences import Sequence
from phantomsim.scanners.mr.signal import simulate
from phantomsim.scanners.mr.signal.moving_states import times_s, truth
from phantomsim.scanners.mr.signal.shots import Shots
from phantomsim.scanners.mr.spec import MRProtocol, MRReconstruction, MRScanner
from phantomsim.spec import canonical


class Scan:
    """What `MRScanner.build` gives.

    Raises:
        ScannerError: the protocol asks for what the scanner cannot do.
    """

    def __init__(self, scanner: MRScanner, protocol: MRProtocol) -> None:
        self.scanner, self.protocol = bare(scanner), protocol
        self.count = scanner.coils.channels
        wanted = protocol.acceleration * protocol.acceleration_z
        if wanted > self.count and protocol.sampling == "regular":
            raise ScannerError(
                f"acceleration is {wanted}; {scanner.name} has {self.count} coils. Accelerate at most that much, or "
                'set sampling = "variable-density"'
            )
        there = physical_bytes()
        if there and self.memory_bytes > there:
            raise ScannerError(
                f"{protocol.slices} slices of {protocol.matrix[0]} x {protocol.matrix[1]} pixels by {self.count} coils"
                f" need about {gibibytes(self.memory_bytes)}; this machine has {gibibytes(there)}. Lower"
                " protocol.matrix or protocol.slices"
            )
        played(self.scanner, protocol)  # what the scanner cannot play is refused here

    @property
    def sequence(self) -> Sequence:
        """What is played: pulses, gradients and readouts."""
        return played(self.scanner, self.protocol).sequence

    @property
    def shots(self) -> Shots:
        """Readouts of the protocol, in the order of time."""
        return played(self.scanner, self.protocol).shots

    @cached_property
    def expected_id(self) -> str:
        """Hash of all that `expected` depends on besides phantom, isocentre and key.

        Averages change the noise alone; where every line has the same contrast, which lines are measured does not
        matter either.
        """
        return self._hash(complete(self.protocol))

    @cached_property
    def noise_free_id(self) -> str:
        """Hash of all that a noise-free image depends on besides phantom, isocentre, key and reconstruction."""
        return self._hash(self.protocol.model_copy(update={"averages": 1}))

    def _hash(self, protocol: MRProtocol) -> str:
        parts = sorted(protocol.model_dump(exclude={"description"}).items())
        return hashlib.sha256(f"mr {canonical(self.scanner)} {parts}".encode()).hexdigest()[:16]

    def dose(self, expected: Expected | None = None) -> dict[str, float | str]:
        """What the scan costs; the same for every patient."""
        return {"scan_time_s": self.sequence.total_s * self.protocol.averages}

    @property
    def memory_bytes(self) -> int:
        """About what `expected`, `acquire` and `reconstruct` hold besides the phantom, by counting arrays."""
        p = self.protocol
        pixels = p.slices * p.matrix[0] * p.matrix[1]
        return int(pixels * self.count * 8 * 8 + coils.sensitivity_table(self.scanner.coils).nbytes)

    def properties(self, tissues: tuple[str, ...], key: jax.Array | None = None) -> MRProperties:
        """MR properties of tissues at the scanner's field; with a key, this patient's."""
        return relaxation(tissues, self.scanner.field_T, key)

    def signal(self, tissues: tuple[str, ...], key: jax.Array | None = None) -> np.ndarray:
        """Magnetisation of each tissue at the centre of k-space, in the middle of a slice on resonance, float32 [T].

        Relative to water's at equilibrium; negative where a tissue is still inverted.
        """
        return simulate.at_centre(
            self.scanner, played(self.scanner, complete(self.protocol)), self.properties(tissues, key)
        )

    def expected(
        self, phantom: Phantom, isocentre_mm: tuple[float, float, float], key: jax.Array | None = None
    ) -> Expected:
        """Noise-free k-space of a phantom.

        Args:
            isocentre_mm: world point (x, y, z) that lies at the isocentre [mm].
            key: samples the patient's relaxation times; None takes the tissues' means.
        Raises:
            ScannerError: the engine cannot follow the sequence.
        """
        whole = complete(self.protocol)
        plays = played(self.scanner, whole)
        properties = self.properties(phantom.tissues, key)
        if whole.engine == "bloch":
            from phantomsim.scanners.mr.isochromats import kspace as exact

            kspace, field = exact(self.scanner, whole, plays, phantom, isocentre_mm, properties)
        else:
            kspace, field = simulate.kspace(self.scanner, whole, plays, phantom, isocentre_mm, properties)
        on_image = sampled(field, phantom.grid, self._grid(isocentre_mm, phantom.grid.direction))
        return Expected(kspace, tuple(map(float, isocentre_mm)), on_image, phantom.grid.direction)  # type: ignore[arg-type]

    def expected_of(
        self, magnetisation: jax.Array | np.ndarray, grid: Grid, isocentre_mm: tuple[float, float, float]
    ) -> Expected:
        """Noise-free k-space of any transverse magnetisation, relative to water's, float32 or complex64 [z, y, x].

        It neither decays nor dephases, and slices are boxes.
        """
        grid.check(magnetisation.shape, "magnetisation")
        whole = complete(self.protocol)
        shots = played(self.scanner, whole).shots
        kspace = simulate.plain(self.scanner, whole, shots, magnetisation, grid, isocentre_mm)
        none = np.zeros((self.protocol.slices, *self.protocol.matrix), np.float32)
        return Expected(kspace, tuple(map(float, isocentre_mm)), none, grid.direction)  # type: ignore[arg-type]

    def acquire(self, expected: Expected, key: jax.Array) -> RawData:
        """Measure the protocol's shots, with the coils' thermal noise."""
        root = np.linalg.cholesky(self.covariance_uV2 / 2).astype(np.float32)  # of the real and imaginary part
        return self._raw(expected, _with_noise(expected.kspace, self._measured, root, key), True)

    def noise_free(self, expected: Expected) -> RawData:
        """The data of infinitely many averages."""
        return self._raw(expected, jnp.asarray(expected.kspace)[:, self._measured], False)

    @cached_property
    def _measured(self) -> np.ndarray:
        return measured(self.scanner, self.protocol)

    def _raw(self, expected: Expected, kspace: jax.Array | np.ndarray, noise: bool) -> RawData:
        shots = self.shots
        arrays: dict[str, jax.Array | np.ndarray] = {
            "kspace": kspace,
            **{name: getattr(shots, name) for name in ("line", "slice", "partition", "echo")},
            "sensitivity": self._maps,
            "noise_covariance": self.covariance_uV2.astype(np.float32),
            "direction": np.asarray(expected.direction),
            "field_Hz": expected.field_Hz,
        }
        arrays["time_s"] = shots.times_s(self.protocol).astype(np.float32)
        if not self.protocol.cartesian:
            arrays["k_per_mm"] = shots.trajectory.k_per_mm(shots.index).astype(np.float32)
        if self.protocol.motion is not None:
            arrays |= truth(self.protocol.motion, times_s(self.sequence, shots))
        return RawData(arrays, expected.isocentre_mm, "mr", noise)

    def check(self, wanted: MRReconstruction) -> None:
        """Refuse a reconstruction that does not fit the protocol. Raises ScannerError."""
        imaging.check(self.protocol, wanted)

    def reconstruct(self, raw: RawData, reconstruction: MRReconstruction) -> Image:
        """Magnitude image on the protocol's field of view and matrix; unit 1, see the head of this file."""
        self.check(reconstruction)
        values = imaging.image(self.scanner, self.protocol, raw, reconstruction)
        if self.protocol.phase_axis == "x":
            values = jnp.swapaxes(values, -1, -2)
        return Image(values, self.image_grid(raw), "1")

    def reconstruct_all(self, raws: Many[RawData], reconstruction: MRReconstruction) -> list[Image]:
        """`reconstruct` of several scans, which may differ in averages and bandwidth."""
        return [self.reconstruct(raw, reconstruction) for raw in raws]

    def image_grid(self, raw: RawData) -> Grid:
        """Where the image's voxels are: the slab's slices, gaps in their spacing."""
        return self._grid(raw.isocentre_mm, tuple(map(tuple, np.asarray(raw.arrays["direction"], float).tolist())))

    def _grid(self, isocentre_mm: Many[float], direction: tuple[tuple[float, float, float], ...]) -> Grid:
        p = self.protocol
        shape = (p.slices, *p.matrix)
        spacing = (p.slice_mm + p.gap_mm, p.fov_mm[0] / p.matrix[0], p.fov_mm[1] / p.matrix[1])
        first = np.asarray(p.offset_mm) - [(n - 1) / 2 * d for n, d in zip(shape[::-1], spacing[::-1])]
        origin = np.asarray(isocentre_mm, float) + np.asarray(direction) @ first
        return Grid(shape, spacing, tuple(origin.tolist()), direction)  # type: ignore[arg-type]

    def g_factor(self, reconstruction: MRReconstruction) -> np.ndarray:
        """Noise amplification of SENSE beyond sqrt(R), float32 [z, y, x]. Raises ScannerError for other methods."""
        return self._oriented(predicted.g_factor(self.scanner, self.protocol, reconstruction))

    def noise_sd(self, reconstruction: MRReconstruction) -> np.ndarray:
        """SD of the real part of a SENSE image's noise, float32 [z, y, x], from theory alone."""
        return self._oriented(predicted.noise_sd(self.scanner, self.protocol, reconstruction, self.covariance_uV2))

    def _oriented(self, values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.swapaxes(values, -1, -2) if self.protocol.phase_axis == "x" else values)

    @cached_property
    def covariance_uV2(self) -> np.ndarray:
        """Noise covariance E[n n^H] of one sample, float64 [coil, coil] uV^2."""
        s, p = self.scanner, self.protocol
        resistance = noise.resistance_ohm(s.coils, s.load, s.field_T)
        bandwidth = p.bandwidth_Hz if p.cartesian else 1 / self.sequence.readouts[0].dwell_s
        return noise.covariance_uV2(resistance, bandwidth, p.averages)

    @property
    def _maps(self) -> np.ndarray:
        return maps.sensitivities(self.scanner.coils, maps.Voxels.of(self.protocol))


def sampled(field: jax.Array, grid: Grid, wanted: Grid) -> np.ndarray:
    """A field on another grid of the same directions, nearest voxel, float32 [z, y, x]."""
    if field.size == 1:
        return np.zeros(wanted.shape, np.float32)
    first = grid.index(np.asarray(wanted.world([0.0, 0.0, 0.0])))
    picks = [
        np.clip(np.rint(f + np.arange(n) * d / own), 0, size - 1).astype(int)
        for f, n, d, own, size in zip(first, wanted.shape, wanted.spacing_mm, grid.spacing_mm, grid.shape)
    ]
    return np.asarray(field)[np.ix_(*picks)]


@jax.jit
def _with_noise(kspace: jax.Array, taken: jax.Array, root: jax.Array, key: jax.Array) -> jax.Array:
    shots = kspace[:, taken]
    # Real and flat: this compiles several times faster than complex normals of the data's shape.
    white = jax.random.normal(key, (2 * shots.size,), jnp.float32).reshape(len(root), -1)
    parts = jnp.matmul(root, white, precision="highest").reshape(len(root), 2, *shots.shape[1:])
    return shots + jax.lax.complex(parts[:, 0], parts[:, 1])
