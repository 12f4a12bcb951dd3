"""A CT scanner with a protocol: expected data, acquisition, reconstruction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.grid import Grid
from phantomsim.image import Image, RawData
from phantomsim.phantom import Phantom
from phantomsim.scanners.ct import correct, fdk, volume
from phantomsim.scanners.ct.beam import Bases, Beam, beam, transmission
from phantomsim.scanners.ct.detector import integrating
from phantomsim.scanners.ct.dose import report as dose
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.orbits import third_generation
from phantomsim.scanners.ct.projector import line_integrals
from phantomsim.scanners.ct.spec import CTProtocol, CTReconstruction, CTScanner
from phantomsim.spec import Spec, digest

METRE_MM = 1000.0
ENDLESS_MAS = 1e9
MOST_READINGS = 2**26  # reconstructed at a time: 256 MiB of float32
EDGE_MM = 5.0  # of water; more than that in an outermost column: the patient reaches out of the scan field


@partial(
    jax.tree_util.register_dataclass, data_fields=["mean", "variance", "isocentre_mm", "direction"], meta_fields=[]
)
@dataclass(frozen=True)
class Expected:
    """Noise-free readings, the same for every mAs.

    Attributes:
        mean, variance: of a reading, relative to those in air, float32 [view, row, column].
        isocentre_mm: world point (x, y, z) at the isocentre [mm].
        direction: of the phantom's grid [3, 3].
    """

    mean: jax.Array
    variance: jax.Array
    isocentre_mm: np.ndarray
    direction: np.ndarray


class _Identity(Spec):
    scanner: CTScanner
    protocol: CTProtocol


class Scan:
    """See DESIGN: expected -> acquire -> reconstruct. Built by `CTScanner.build`."""

    def __init__(self, scanner: CTScanner, protocol: CTProtocol) -> None:
        self.scanner, self.protocol = scanner, protocol
        self.geometry = _geometry(scanner, protocol)

    @cached_property
    def expected_id(self) -> str:
        """Hash of all that `expected` depends on besides the phantom and the isocentre; mAs is not part of it."""
        bare = {"name": "", "description": "", "ctdi": (), "ctdi_source": "", "protocols": {}, "reconstructions": {}}
        silent = self.scanner.detector.model_copy(update={"electronic_noise_keV": 0.0})
        scanner = self.scanner.model_copy(update={**bare, "detector": silent})
        fixed = {"description": "", "mAs": 1.0, "rotation_s": 1.0, "centre_on": "phantom", "ctdi_phantom": "head"}
        return digest(_Identity(scanner=scanner, protocol=self.protocol.model_copy(update=fixed)))

    @property
    def mAs(self) -> float:
        """Tube current times the time of one turn [mAs]."""
        return self.protocol.fixed_mAs or 0.0

    @property
    def noise_free_id(self) -> str:
        """Hash of all that a noise-free image depends on besides phantom, isocentre and reconstruction."""
        return self.expected_id

    @cached_property
    def beam(self) -> Beam:
        """Spectrum and detector response."""
        return beam(self.scanner, self.protocol.kVp)

    @cached_property
    def _bases(self) -> dict[tuple[str, ...], Bases]:
        return {}

    def bases(self, tissues: tuple[str, ...]) -> Bases:
        """Basis materials for these tissues, kept."""
        if tissues not in self._bases:
            self._bases[tissues] = Bases(self.beam, tissues)
        return self._bases[tissues]

    def expected(self, phantom: Phantom, isocentre_mm: np.typing.ArrayLike, key: jax.Array | None = None) -> Expected:
        """Noise-free readings of a phantom.

        Args:
            phantom: its grid's axes are taken to be the scanner's.
            isocentre_mm: world point (x, y, z) that lies at the isocentre [mm].
            key: not used; every scanner takes one.
        Raises:
            ScannerError: the beam misses the phantom, or the patient reaches out of the scan field.
        """
        first, count = volume.reach_rows(self.geometry, phantom, isocentre_mm)
        part = volume.cut(phantom, first, count)
        bases = self.bases(phantom.tissues)
        volumes = volume.basis_volumes(part, bases.coefficients, bases.air)
        spacing = phantom.grid.spacing_mm
        centre = -phantom.grid.local(isocentre_mm)
        centre[2] += (first + (count - 1) / 2 - (phantom.grid.shape[0] - 1) / 2) * spacing[0]
        paths = line_integrals(volumes, spacing, centre, self.geometry)
        self._check(paths)
        mean, variance = transmission(paths, bases.table)
        return Expected(mean, variance, np.asarray(isocentre_mm, float), np.asarray(phantom.grid.direction))

    def _check(self, paths: jax.Array) -> None:
        water = np.asarray(paths[0])
        if not water.max() > 0:
            raise ScannerError("no ray meets anything but air: is the patient at isocentre_mm, and not all air?")
        edge = float(max(water[..., 0].max(), water[..., -1].max()))
        if edge > EDGE_MM:
            raise ScannerError(
                f"the patient reaches out of the scan field of {self.geometry.field_mm:.0f} mm ({edge:.0f} mm of"
                " tissue in an outermost column): centre the patient or raise protocol.field_mm"
            )

    def _air_keV(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean [keV] and variance [keV^2] of a reading in air [row, 1]; rows off the middle are seen from further."""
        cells = self.protocol.binned_rows * self.protocol.binned_columns
        area = self.scanner.column_mm * self.scanner.row_mm * self.scanner.detector.fill * cells
        distance = (METRE_MM / self.geometry.distance_mm) ** 2
        slant = (1 + self.geometry.row_slopes[:, None] ** 2) ** -1.5
        scale = area * distance * slant * self.mAs / self.protocol.views
        return scale * self.beam.keV.sum(), scale * (self.beam.keV @ self.beam.energy_keV)

    def acquire(self, expected: Expected, key: jax.Array) -> RawData:
        """Readings with noise, and the air scan (an average of many turns, free of noise)."""
        mean, variance = (np.asarray(a, np.float32) for a in self._air_keV())
        cells = self.protocol.binned_rows * self.protocol.binned_columns
        noise = self.scanner.detector.electronic_noise_keV * math.sqrt(cells)
        counts = integrating.measure(key, expected.mean * mean, expected.variance * variance, noise)
        return self._raw(expected, counts, mean)

    def noise_free(self, expected: Expected) -> RawData:
        """Readings at a dose without limit, the same for every mAs."""
        air = np.asarray(self._air_keV()[0] * ENDLESS_MAS / self.mAs, np.float32)
        return self._raw(expected, expected.mean * air, air)

    def _raw(self, expected: Expected, counts: jax.Array, air_keV: np.ndarray) -> RawData:
        air = np.broadcast_to(air_keV, counts.shape[1:])
        arrays = {"counts": counts, "air": air, "direction": expected.direction}
        return RawData(arrays, tuple(map(float, expected.isocentre_mm)), "ct")  # type: ignore[arg-type]

    def water_paths(self, raw: RawData, reconstruction: CTReconstruction) -> jax.Array:
        """Corrected projections: path of water of each ray [view, row, column] [mm]."""
        floor = reconstruction.floor_photons * self.beam.photon_keV
        integrals = correct.line_integrals(raw.arrays["counts"], raw.arrays["air"], np.float32(floor))
        return correct.water_paths(integrals, self._polynomial(reconstruction.beam_hardening))

    def _polynomial(self, beam_hardening: str) -> np.ndarray:
        return correct.water_polynomial(self.bases(("water",)), beam_hardening)

    def reconstruct(self, raw: RawData, reconstruction: CTReconstruction) -> Image:
        """Slices in HU on the grid that the reconstruction declares, around the isocentre.

        Raises:
            ScannerError: slices beyond the beam.
        """
        return self.reconstruct_all([raw], reconstruction)[0]

    def reconstruct_all(self, raws: Sequence[RawData], reconstruction: CTReconstruction) -> list[Image]:
        """`reconstruct` of several scans at once, which may differ in dose; as many at a time as memory allows.

        Raises:
            ScannerError: slices beyond the beam.
        """
        self.check(reconstruction)
        most = max(1, MOST_READINGS // math.prod(self.geometry.shape))
        parts = [raws[i : i + most] for i in range(0, len(raws), most)]
        return [image for part in parts for image in self._reconstruct(part, reconstruction)]

    def _reconstruct(self, raws: Sequence[RawData], reconstruction: CTReconstruction) -> list[Image]:
        shape = (reconstruction.slices, reconstruction.matrix, reconstruction.matrix)
        pixel = reconstruction.fov_mm / reconstruction.matrix
        spacing = (reconstruction.slice_mm, pixel, pixel)
        paths = jnp.stack([self.water_paths(raw, reconstruction) for raw in raws])
        water = fdk.reconstruct(paths, self.geometry, reconstruction.kernel, shape, spacing, reconstruction.offset_mm)
        corner = np.asarray(reconstruction.offset_mm) - 0.5 * (np.asarray(shape) - 1)[::-1] * np.asarray(spacing)[::-1]
        return [_image(1000 * (one - 1), raw, spacing, corner) for one, raw in zip(water, raws)]

    def check(self, wanted: CTReconstruction) -> None:
        """Whether the beam covers a reconstruction's slices. Raises ScannerError if not."""
        reach = abs(wanted.offset_mm[2]) + wanted.slices * wanted.slice_mm / 2
        if reach > self.geometry.collimation_mm / 2 * 1.02:
            raise ScannerError(
                f"{wanted.slices} slices of {wanted.slice_mm} mm reach {reach:.1f} mm from the isocentre; the beam"
                f" reaches {self.geometry.collimation_mm / 2:.1f} mm. Use fewer or thinner slices, or more rows"
            )

    def dose(self) -> dict[str, float | str]:
        """mAs, tabulated CTDIvol and DLP of one turn."""
        return dose.report(self.scanner, self.protocol, self.geometry.collimation_mm)

    def memory_bytes(self, phantom: Phantom) -> int:
        """Estimate of the peak memory of `expected` for a phantom."""
        first_count = volume.reach_rows(self.geometry, phantom, phantom.grid.centre_mm)[1]
        voxels = first_count * math.prod(phantom.grid.shape[1:])
        return 4 * 3 * (5 * voxels + 3 * math.prod(self.geometry.shape))


def _image(values: jax.Array, raw: RawData, spacing: tuple[float, float, float], corner_mm: np.ndarray) -> Image:
    """HU on a grid whose first voxel lies at `corner_mm` (x, y, z) from the isocentre, along the phantom's axes."""
    turn = np.asarray(raw.arrays["direction"], float)
    origin = tuple((np.asarray(raw.isocentre_mm) + turn @ corner_mm).tolist())
    return Image(values, Grid(values.shape, spacing, origin, tuple(map(tuple, turn.tolist()))), "HU")  # type: ignore[arg-type]


def _geometry(scanner: CTScanner, protocol: CTProtocol) -> Geometry:
    """The cells that a protocol reads. Raises ScannerError where there are not enough."""
    if protocol.rows > scanner.rows or protocol.rows % protocol.binned_rows:
        raise ScannerError(
            f"protocol.rows is {protocol.rows}; must be at most {scanner.rows} and a multiple of binned_rows"
            f" ({protocol.binned_rows})"
        )
    column = scanner.column_mm * protocol.binned_columns
    half = protocol.field_mm / 2 / scanner.source_to_isocentre_mm
    largest = (
        2
        * scanner.source_to_isocentre_mm
        * math.sin(scanner.columns * scanner.column_mm / scanner.source_to_detector_mm / 2)
    )
    if protocol.field_mm > largest:
        raise ScannerError(f"protocol.field_mm is {protocol.field_mm}; the detector sees at most {largest:.0f} mm")
    columns = 2 * math.ceil(math.asin(half) * scanner.source_to_detector_mm / column)
    return third_generation(
        scanner.source_to_isocentre_mm,
        scanner.source_to_detector_mm,
        protocol.views,
        min(columns, scanner.columns // protocol.binned_columns),
        protocol.rows // protocol.binned_rows,
        column,
        scanner.row_mm * protocol.binned_rows,
        scanner.column_offset,
    )
