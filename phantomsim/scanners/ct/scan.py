"""A CT scanner with a protocol: expected data, acquisition, reconstruction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import jax
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.image import Image, RawData
from phantomsim.phantom import Phantom
from phantomsim.scanners.ct import derivative, exposure, imaging, layout, limits, rawdata, volume
from phantomsim.scanners.ct.bases import Bases
from phantomsim.scanners.ct.dose import ctdi, modulation, report, size, solve
from phantomsim.scanners.ct.expected import Expected
from phantomsim.scanners.ct.readout import Readout
from phantomsim.scanners.ct.scatter import added
from phantomsim.scanners.ct.spec import CTProtocol, CTReconstruction, CTScanner
from phantomsim.spec import Spec, digest

NOISE_FREE_MAS = 200.0  # that noise-free readings are stated for; only weights of iterative methods know of it
EDGE_MM = 5.0  # of water; more than that in an outermost column: the patient reaches out of the scan field
MAS_DIGITS = 3  # significant digits of a tube current that is solved for: generators have steps


class _Identity(Spec):
    scanner: CTScanner
    protocol: CTProtocol


class Scan:
    """See DESIGN: expected -> acquire -> reconstruct. Built by `CTScanner.build`.

    Attributes:
        geometry: source and detector of every view.
        readouts: one beam, or two for dual energy.
    """

    def __init__(self, scanner: CTScanner, protocol: CTProtocol) -> None:
        self.scanner, self.protocol = scanner, protocol
        self.geometry = layout.layout(scanner, protocol)
        second = (False,) if protocol.second_kVp is None else (False, True)
        self.readouts = tuple(Readout(scanner, protocol, self.geometry, which) for which in second)
        self._bases: dict[tuple[str, ...], Bases] = {}

    @cached_property
    def expected_id(self) -> str:
        """Hash of all that `expected` depends on besides the phantom and the isocentre; mAs is not part of it."""
        bare: dict[str, Any] = dict.fromkeys(("name", "description", "ctdi_source"), "")
        bare |= {"ctdi": (), "protocols": {}, "reconstructions": {}}
        if self.scanner.detector.kind == "energy-integrating":
            quiet = dict.fromkeys(("electronic_noise_keV", "optical_crosstalk", "gain_spread"), 0.0)
            bare |= {"detector": self.scanner.detector.model_copy(update=quiet)}
        fixed: dict[str, Any] = dict.fromkeys(("CTDIvol_mGy", "SSDE_mGy", "noise_HU"))
        fixed |= {"description": "", "mAs": 1.0, "centre_on": "phantom", "ctdi_phantom": "head"}
        if self.protocol.motion is None:
            fixed |= {"rotation_s": 1.0}
        scanner, protocol = self.scanner.model_copy(update=bare), self.protocol.model_copy(update=fixed)
        return digest(_Identity(scanner=scanner, protocol=protocol))

    @cached_property
    def noise_free_id(self) -> str:
        """Hash of all that a noise-free image depends on besides phantom, isocentre and reconstruction."""
        optical = getattr(self.scanner.detector, "optical_crosstalk", 0.0)
        return f"{self.expected_id}-{optical}"

    def bases(self, tissues: tuple[str, ...]) -> Bases:
        """Basis materials for these tissues, kept."""
        if tissues not in self._bases:
            self._bases[tissues] = Bases([r.beam for r in self.readouts], tissues)
        return self._bases[tissues]

    def expected(self, phantom: Phantom, isocentre_mm: np.typing.ArrayLike, key: jax.Array | None = None) -> Expected:
        """Noise-free readings of a phantom, differentiable by its density and by the fractions of its overlays.

        Derivatives go through the primary beam and the scatter kernel; the tube current and Monte Carlo scatter are
        taken as they are.

        Args:
            phantom: its grid's axes are taken to be the scanner's.
            isocentre_mm: world point (x, y, z) that lies at the isocentre [mm].
            key: of the Monte Carlo scatter, where the protocol asks for it; else not used.
        Raises:
            ScannerError: the beam misses the phantom, the patient reaches out of the scan field, numbers that no
                patient can have, or more memory than the machine has.
        """
        isocentre_mm = limits.point(isocentre_mm)
        plain = derivative.numbers(phantom)
        limits.check_volumes(plain)
        limits.check_memory(self.memory_bytes(phantom), self.geometry, phantom)
        bases = self.bases(phantom.tissues)
        signals, water = exposure.signals(phantom, isocentre_mm, self.geometry, bases, self.scanner, self.protocol)
        outside = self._outside_mm(derivative.numbers(water))
        signals = added.with_scatter(signals, self.readouts, plain, isocentre_mm, self.protocol, key)
        return Expected(
            signals,
            self._current(derivative.numbers(signals[0][0])),
            np.asarray(isocentre_mm, float),
            np.asarray(phantom.grid.direction),
            self._water_diameter(plain, isocentre_mm),
            outside,
        )

    def _current(self, signals: jax.Array) -> np.ndarray:
        """Tube current of each view over the mean, planned on the first channel's signals [view, row, column]."""
        shape = self.protocol.modulation
        if shape is None:
            return np.ones(len(signals))
        opacity = modulation.scout(-np.log(np.maximum(signals, 1e-12)), self.geometry.column_at_isocentre_mm)
        return modulation.currents(opacity, shape, self.protocol.views)

    def _outside_mm(self, water: jax.Array) -> float:
        """Water path in an outermost column. Raises ScannerError for nothing in the beam, or a patient cut off."""
        if not float(water.max()) > 0:
            raise ScannerError("no ray meets anything but air: is the patient at isocentre_mm, and not all air?")
        edge = float(max(water[..., 0].max(), water[..., -1].max()))
        if edge > EDGE_MM and self.protocol.truncation == "error" and self.protocol.path != "radiograph":
            raise ScannerError(
                f"the patient reaches out of the scan field of {self.geometry.field_mm:.0f} mm ({edge:.0f} mm of"
                " tissue in an outermost column): centre the patient, raise protocol.field_mm, or accept it by"
                ' protocol.truncation = "allow"'
            )
        return edge

    def _water_diameter(self, phantom: Phantom, isocentre_mm: np.typing.ArrayLike) -> float:
        """Mean over the slices between the first and the last row's middle [mm]."""
        each = size.phantom_water_diameter(phantom, self.readouts[0].beam.spectrum)
        z = (np.arange(len(each)) - (len(each) - 1) / 2) * phantom.grid.spacing_mm[0]
        middle = phantom.grid.local(isocentre_mm)[2]
        reach = np.ptp(self.geometry.source_mm[:, 2]) / 2 + self.geometry.collimation_mm / 2
        inside = np.abs(z - middle) <= reach + phantom.grid.spacing_mm[0] / 2
        return float(each[inside].mean()) if inside.any() else 0.0

    def mAs(self, expected: Expected | None = None) -> float:
        """Tube current times the time of one turn, mean over the scan [mAs].

        Args:
            expected: of the patient; needed where the protocol asks for an SSDE or a noise.
        Raises:
            ScannerError: it is needed and not given.
        """
        if self.protocol.fixed_mAs is not None:
            return self.protocol.fixed_mAs
        output = ctdi.output(self.scanner, self.protocol).mGy_per_100mAs if self.protocol.noise_HU is None else None
        water = None if expected is None else expected.water_mm
        noise = imaging.noise_law(self, expected) if self.protocol.noise_HU is not None and expected else None
        found = limits.found_mAs(solve.tube_mAs(self.protocol, output, water, noise), self.protocol)
        return float(f"{found:.{MAS_DIGITS}g}")

    def _view_mAs(self, expected: Expected, mAs: float) -> np.ndarray:
        """mAs of each view of one beam [view]."""
        views = 1 if self.protocol.path == "radiograph" else self.protocol.views
        return expected.current * mAs / views / len(self.readouts)

    def acquire(self, expected: Expected, key: jax.Array) -> RawData:
        """Readings with noise, and the air scan (an average of many turns, free of noise).

        Raises:
            ScannerError: fewer than one photon reaches any cell in air.
        """
        mAs = self._view_mAs(expected, self.mAs(expected))
        air = [r.air_scan(float(mAs.mean())) for r in self.readouts]
        limits.check_photons(self.readouts, air)
        keys = jax.random.split(key, len(self.readouts)) if len(self.readouts) > 1 else [key]
        drawn = [r.draw(k, s, mAs) for r, k, s in zip(self.readouts, keys, expected.signals)]
        return rawdata.raw(expected, drawn, air, mAs, noise=True)

    def noise_free(self, expected: Expected) -> RawData:
        """The means of readings, free of noise and of pile-up, the same for every mAs."""
        mAs = self._view_mAs(expected, NOISE_FREE_MAS)
        clean = [r.mean(s, mAs) for r, s in zip(self.readouts, expected.signals)]
        air = [r.air_scan(float(mAs.mean()), piled=False) for r in self.readouts]
        return rawdata.raw(expected, clean, air, mAs, noise=False)

    def reconstruct(self, raw: RawData, reconstruction: CTReconstruction) -> Image:
        """Slices in HU on the grid that the reconstruction declares, around the isocentre.

        Raises:
            ScannerError: see `reconstruct_all`.
        """
        return self.reconstruct_all([raw], reconstruction)[0]

    def reconstruct_all(self, raws: Sequence[RawData], reconstruction: CTReconstruction) -> list[Image]:
        """`reconstruct` of several scans at once, which may differ in dose; as many at a time as memory allows.

        Raises:
            ScannerError: slices beyond the beam, an image that these readings cannot give, or raw data of another scan.
        """
        self.check(reconstruction)
        for raw in raws:
            rawdata.check(self, raw)
        return imaging.reconstruct_all(self, raws, reconstruction)

    def check(self, wanted: CTReconstruction) -> None:
        """Whether the scan can give a reconstruction. Raises ScannerError if not."""
        imaging.check_image(self, wanted)
        if self.protocol.path == "radiograph":
            return
        limits.check_image(wanted, self.geometry.field_mm)
        covered = layout.reach_mm(self.geometry, self.protocol.path)
        reach = abs(wanted.offset_mm[2]) + wanted.slices * wanted.slice_mm / 2
        if reach > covered * 1.02:
            raise ScannerError(
                f"{wanted.slices} slices of {wanted.slice_mm} mm reach {reach:.1f} mm from the isocentre; the scan"
                f" covers {max(covered, 0):.1f} mm. Use fewer or thinner slices, more rows or more turns"
            )

    def dose(self, expected: Expected | None = None) -> dict[str, float | str]:
        """mAs, CTDIvol and DLP; with the patient's expected data also SSDE and what was cut off."""
        asks = self.protocol.SSDE_mGy is not None or self.protocol.noise_HU is not None
        if expected is None and asks:
            return {"kVp": self.protocol.kVp}
        water = None if expected is None else expected.water_mm
        found = report.report(self.scanner, self.protocol, self.geometry.collimation_mm, self.mAs(expected), water)
        cut = expected is not None and expected.outside_mm > EDGE_MM and self.protocol.path != "radiograph"
        return found | ({"truncated_mm": round(expected.outside_mm, 1)} if cut and expected else {})

    def memory_bytes(self, phantom: Phantom) -> int:
        """Estimate of the peak memory of `expected` for a phantom."""
        rows = volume.reach_rows(self.geometry, phantom, phantom.grid.centre_mm)[1]
        voxels = rows * math.prod(phantom.grid.shape[1:])
        cells = math.prod(self.geometry.shape)
        moments = sum(len(r.beam.weights) for r in self.readouts)
        return 4 * (3 * 5 * voxels + 3 * min(3 * cells, exposure.MOST_PATHS) + 3 * moments * cells)
