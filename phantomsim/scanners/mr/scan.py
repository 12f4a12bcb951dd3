"""One protocol on one MR scanner: phantom to k-space to image.

Frame: the phantom's grid's own axes. B0 and the slice axis lie along z, phase encoding along x or y as the protocol
says. The image's voxel [0, 0, 0] is the lowest in z, y and x; its direction is the phantom's.

Scale: the image is transverse magnetisation over that of water at equilibrium, so that 1 is pure, fully relaxed water
after a 90 degree pulse at TE 0. Images of different noise, coils and field are comparable without further scaling.
K-space is the voltage induced in each coil [uV], so its noise follows from the coils' resistance and temperature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.grid import Grid
from phantomsim.image import Image, RawData
from phantomsim.materials import relaxation
from phantomsim.phantom import Phantom
from phantomsim.scanners.mr import coils, encode, maps, noise, reconstruct, sampling, sequence
from phantomsim.scanners.mr.spec import MRProtocol, MRReconstruction, MRScanner
from phantomsim.spec import canonical


@partial(jax.tree_util.register_dataclass, data_fields=["kspace", "isocentre_mm"], meta_fields=["direction"])
@dataclass(frozen=True)
class Expected:
    """Noise-free k-space of all lines, whichever the protocol measures.

    Attributes:
        kspace: complex64 [coil, slice, line, sample] uV; slices from the lowest, phase-encoding lines ascending.
        isocentre_mm: world point (x, y, z) at the isocentre [mm].
        direction: of the phantom's grid (static).
    """

    kspace: jax.Array | np.ndarray
    isocentre_mm: tuple[float, float, float]
    direction: tuple[tuple[float, float, float], ...]


class Scan:
    """What `MRScanner.build` gives.

    Raises:
        ScannerError: the protocol accelerates beyond the number of coils.
    """

    def __init__(self, scanner: MRScanner, protocol: MRProtocol) -> None:
        self.scanner, self.protocol = scanner, protocol
        self.count = scanner.coils.count * scanner.coils.rings
        if protocol.acceleration > self.count:
            raise ScannerError(f"acceleration is {protocol.acceleration}; {scanner.name} has {self.count} coils")

    @cached_property
    def expected_id(self) -> str:
        """Hash of all that `expected` depends on besides phantom, isocentre and key.

        Averages and bandwidth change the noise alone (nothing decays during a readout here), acceleration and
        calibration which of the expected lines are measured.
        """
        return self._hash({"averages", "bandwidth_Hz", "acceleration", "calibration_lines"})

    @cached_property
    def noise_free_id(self) -> str:
        """Hash of all that a noise-free image depends on besides phantom, isocentre, key and reconstruction."""
        return self._hash({"averages", "bandwidth_Hz"})

    def _hash(self, without: set[str]) -> str:
        protocol = self.protocol.model_dump(exclude=without)
        scanner = self.scanner.model_copy(
            update={"protocols": {}, "reconstructions": {}, "description": "", "name": ""}
        )
        return hashlib.sha256(f"mr {canonical(scanner)} {sorted(protocol.items())}".encode()).hexdigest()[:16]

    def dose(self, expected: Expected | None = None) -> dict[str, float | str]:
        """What the scan costs; the same for every patient."""
        return {"scan_time_s": sampling.scan_time_s(self.protocol)}

    @property
    def memory_bytes(self) -> int:
        """About what `expected`, `acquire` and `reconstruct` hold besides the phantom, by counting arrays."""
        pixels = self.protocol.slices * self.protocol.matrix[0] * self.protocol.matrix[1]
        return int(pixels * self.count * 8 * 8 + coils.sensitivity_table(self.scanner.coils).nbytes)

    def signal(self, tissues: tuple[str, ...], key: jax.Array | None = None) -> jax.Array:
        """Transverse magnetisation of each tissue at the echo, relative to water's, float32 [T]."""
        p, mr = self.protocol, relaxation(tissues, self.scanner.field_T, key)
        # Air has no protons and no relaxation: any positive time does.
        T1, T2, T2star = (jnp.maximum(jnp.asarray(t, jnp.float32), 1e-2) for t in (mr.T1_ms, mr.T2_ms, mr.T2star_ms))
        if p.sequence == "spin-echo":
            unit = sequence.spin_echo(T1, T2, p.TR_ms, p.TE_ms, p.flip_deg)
        elif p.sequence == "spoiled-gre":
            unit = sequence.spoiled_gre(T1, T2star, p.TR_ms, p.TE_ms, p.flip_deg)
        else:
            unit = sequence.inversion_recovery(T1, T2, p.TR_ms, p.TE_ms, p.TI_ms or 0.0, p.flip_deg)
        return unit * jnp.asarray(mr.PD, jnp.float32)

    def expected(
        self, phantom: Phantom, isocentre_mm: tuple[float, float, float], key: jax.Array | None = None
    ) -> Expected:
        """Noise-free k-space of a phantom.

        Args:
            isocentre_mm: world point (x, y, z) that lies at the isocentre [mm].
            key: samples the patient's relaxation times; None takes the tissues' means.
        """
        magnetisation = phantom.mix(np.asarray(self.signal(phantom.tissues, key))) * phantom.density
        return self.expected_of(magnetisation, phantom.grid, isocentre_mm)

    def expected_of(
        self, magnetisation: jax.Array | np.ndarray, grid: Grid, isocentre_mm: tuple[float, float, float]
    ) -> Expected:
        """Noise-free k-space of any transverse magnetisation, relative to water's, float32 or complex64 [z, y, x]."""
        grid.check(magnetisation.shape, "magnetisation")
        p, isocentre = self.protocol, grid.local(isocentre_mm)[::-1]  # (z, y, x)
        from_isocentre = [axis - at for axis, at in zip(grid.axes_mm(), isocentre)]
        from_slab = [axis - at for axis, at in zip(from_isocentre, p.offset_mm[::-1])]
        rows = encode.slab(p, from_slab[0], grid.spacing_mm[0])
        matrices = []
        for i, axis in enumerate("yx"):
            r, width, n, fov = from_slab[i + 1], grid.spacing_mm[i + 1], p.matrix[i], p.fov_mm[i]
            if axis == p.phase_axis:
                matrix = encode.fourier(encode.k_per_mm(n, fov), r, width)
            else:
                matrix = encode.readout(n, fov, r, width, p.readout_oversampling)
            matrices.append(matrix.astype(np.complex64))
        nodes = tuple(coils.interpolation(r) for r in from_isocentre)
        emf = np.float32(noise.emf_uV(self.scanner.field_T))
        table = coils.sensitivity_table(self.scanner.coils)
        kspace = encode.encode(
            magnetisation, rows.start, rows.taken_mm, table, nodes, *matrices, emf, phase_axis=p.phase_axis
        )
        kspace = kspace.reshape(self.count, p.slices, p.phase_lines, p.samples)
        return Expected(kspace, tuple(map(float, isocentre_mm)), grid.direction)  # type: ignore[arg-type]

    def acquire(self, expected: Expected, key: jax.Array) -> RawData:
        """Measure the protocol's lines, with the coils' thermal noise."""
        root = np.linalg.cholesky(self.covariance_uV2 / 2).astype(np.float32)  # of the real and imaginary part
        return self._raw(expected, _with_noise(expected.kspace, sampling.measured(self.protocol), root, key), True)

    def noise_free(self, expected: Expected) -> RawData:
        """The data of infinitely many averages."""
        return self._raw(expected, _shots(expected.kspace, sampling.measured(self.protocol)), False)

    def _raw(self, expected: Expected, kspace: jax.Array | np.ndarray, noise: bool) -> RawData:
        lines = sampling.measured(self.protocol).astype(np.int32)
        arrays = {
            "kspace": kspace,
            "line": np.tile(lines, self.protocol.slices),
            "slice": np.repeat(np.arange(self.protocol.slices, dtype=np.int32), len(lines)),
            "sensitivity": self._maps,
            "noise_covariance": self.covariance_uV2.astype(np.float32),
            "direction": np.asarray(expected.direction),
        }
        return RawData(arrays, expected.isocentre_mm, "mr", noise)

    def check(self, wanted: MRReconstruction) -> None:
        """Whether data of this protocol can be reconstructed so; all reconstructions fit all protocols."""

    def reconstruct(self, raw: RawData, reconstruction: MRReconstruction) -> Image:
        """Magnitude image on the protocol's field of view and matrix; unit 1, see the head of this file."""
        folded = self._folded(raw, reconstruction)
        if reconstruction.method == "fft":
            whitening = reconstruct.whitening(self._shape_of_noise).astype(np.float32)
            images = jnp.tile(folded, (1, 1, self.protocol.acceleration, 1))
            values = reconstruct.root_sum_of_squares(images, self._maps, whitening)
        else:
            values = jnp.abs(reconstruct.unfold(folded, self._unfolding(reconstruction).weights))
        if self.protocol.phase_axis == "x":
            values = jnp.swapaxes(values, -1, -2)
        return Image(values, self.image_grid(raw), "1")

    def reconstruct_all(self, raws: Sequence[RawData], reconstruction: MRReconstruction) -> list[Image]:
        """`reconstruct` of several scans, which may differ in averages and bandwidth."""
        return [self.reconstruct(raw, reconstruction) for raw in raws]

    def _folded(self, raw: RawData, reconstruction: MRReconstruction) -> jax.Array:
        p, lines, wanted = self.protocol, sampling.measured(self.protocol), sampling.lattice(self.protocol)
        window = self._window(reconstruction)[wanted] / (p.slice_mm * noise.emf_uV(self.scanner.field_T))
        return reconstruct.folded_images(
            raw.arrays["kspace"],
            np.searchsorted(lines, wanted),
            window.astype(np.float32),
            self._fov,
            slices=p.slices,
            acceleration=p.acceleration,
        )

    def _window(self, reconstruction: MRReconstruction) -> np.ndarray:
        p = self.protocol
        if reconstruction.window == "none":
            return np.ones((p.phase_lines, p.samples))
        return np.outer(reconstruct.hann(p.phase_lines), reconstruct.hann(p.samples))

    def image_grid(self, raw: RawData) -> Grid:
        """Where the image's voxels are: the slab's slices, gaps in their spacing."""
        p, direction = self.protocol, np.asarray(raw.arrays["direction"], float)
        shape = (p.slices, *p.matrix)
        spacing = (p.slice_mm + p.gap_mm, p.fov_mm[0] / p.matrix[0], p.fov_mm[1] / p.matrix[1])
        first = np.asarray(p.offset_mm) - [(n - 1) / 2 * d for n, d in zip(shape[::-1], spacing[::-1])]
        origin = np.asarray(raw.isocentre_mm, float) + direction @ first
        return Grid(shape, spacing, tuple(origin.tolist()), tuple(map(tuple, direction.tolist())))  # type: ignore[arg-type]

    def g_factor(self, reconstruction: MRReconstruction) -> np.ndarray:
        """Noise amplification of SENSE beyond sqrt(R), float32 [z, y, x]."""
        return self._oriented(self._unfolding(reconstruction).g)

    def noise_sd(self, reconstruction: MRReconstruction) -> np.ndarray:
        """SD of the real part of a SENSE image's noise, float32 [z, y, x], from theory alone."""
        p = self.protocol
        samples = p.acceleration * np.sum(self._window(reconstruction) ** 2)
        scale = self._fov[0] * self._fov[1] * p.slice_mm * noise.emf_uV(self.scanner.field_T)
        spread = self._unfolding(reconstruction).variance * np.trace(self.covariance_uV2) / self.count
        return self._oriented(np.sqrt(spread * samples / 2) / scale)

    def _oriented(self, values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.swapaxes(values, -1, -2) if self.protocol.phase_axis == "x" else values)

    @property
    def _fov(self) -> tuple[float, float]:
        y, x = self.protocol.fov_mm
        return (x, y) if self.protocol.phase_axis == "x" else (y, x)

    def _unfolding(self, reconstruction: MRReconstruction) -> maps.Unfolding:
        s, p = self.scanner, self.protocol
        return maps.unfolding(
            s.coils, s.load, s.field_T, maps.Voxels.of(p), p.acceleration, reconstruction.regularisation
        )

    @cached_property
    def covariance_uV2(self) -> np.ndarray:
        """Noise covariance E[n n^H] of one sample, float64 [coil, coil] uV^2."""
        s, p = self.scanner, self.protocol
        resistance = noise.resistance_ohm(s.coils, s.load, s.field_T)
        return noise.covariance_uV2(resistance, p.bandwidth_Hz, p.averages)

    @property
    def _shape_of_noise(self) -> np.ndarray:
        return maps.shape_of_noise(self.scanner.coils, self.scanner.load, self.scanner.field_T)

    @property
    def _maps(self) -> np.ndarray:
        return maps.sensitivities(self.scanner.coils, maps.Voxels.of(self.protocol))


@jax.jit
def _shots(kspace: jax.Array, lines: jax.Array) -> jax.Array:
    """Some lines of all slices, complex64 [coil, shot, sample]; shots are slice by slice."""
    return kspace[:, :, lines].reshape(kspace.shape[0], -1, kspace.shape[-1])


@jax.jit
def _with_noise(kspace: jax.Array, lines: jax.Array, root: jax.Array, key: jax.Array) -> jax.Array:
    shots = _shots(kspace, lines)
    # Real and flat: this compiles several times faster than complex normals of the data's shape.
    white = jax.random.normal(key, (2 * shots.size,), jnp.float32).reshape(len(root), -1)
    parts = jnp.matmul(root, white, precision="highest").reshape(len(root), 2, *shots.shape[1:])
    return shots + jax.lax.complex(parts[:, 0], parts[:, 1])
