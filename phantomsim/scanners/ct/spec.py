"""What a person writes about a CT scanner, its protocols and its reconstructions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import pydantic

from phantomsim.errors import ScannerError
from phantomsim.spec import Spec

if TYPE_CHECKING:
    from phantomsim.scanners.ct.scan import Scan

Positive = Annotated[float, pydantic.Field(gt=0)]
Share = Annotated[float, pydantic.Field(gt=0, le=1)]
Count = Annotated[int, pydantic.Field(ge=1)]
Chosen = TypeVar("Chosen")
Kernel = Literal["smooth", "standard", "sharp", "ramp"]


class CTProtocol(Spec):
    """How a patient is scanned: one axial turn.

    Attributes:
        kVp: tube voltage [kV].
        mAs: tube current times the time of one turn [mAs].
        rotation_s: time of one turn [s]; only reported.
        views: readings in one turn.
        rows: detector rows in the beam.
        binned_rows, binned_columns: neighbouring cells that are read as one.
        field_mm: diameter of the scan field [mm]; cells outside it, which must see air only, are not computed.
        centre_on: what lies at the isocentre along z.
        ctdi_phantom: which CTDI phantom the dose is stated for, "head" (16 cm) or "body" (32 cm).
    """

    description: str = ""
    kVp: Annotated[float, pydantic.Field(ge=40, le=150)] = 120.0
    mAs: Annotated[float, pydantic.Field(ge=0.001, le=100_000)] = 200.0
    rotation_s: Positive = 1.0
    views: Annotated[int, pydantic.Field(ge=8)] = 984
    rows: Count = 64
    binned_rows: Count = 1
    binned_columns: Count = 1
    field_mm: Positive = 500.0
    centre_on: Literal["phantom", "lesion"] = "phantom"
    ctdi_phantom: Literal["head", "body"] = "head"


class CTReconstruction(Spec):
    """How an image is made of the readings.

    Attributes:
        kernel: named by what it does; see `phantomsim.scanners.ct.kernels` for the MTF of each.
        fov_mm: side of the square image [mm].
        matrix: pixels along each side.
        slices, slice_mm: how many, and how thick; they touch.
        offset_mm: (x, y, z) of the image's middle from the isocentre [mm].
        beam_hardening: "water" straightens the curve of water paths; "none" only scales it.
        floor_photons: readings below this many photons (of mean energy) are raised to it before the logarithm.
    """

    description: str = ""
    kernel: Kernel = "standard"
    fov_mm: Positive = 250.0
    matrix: Count = 256
    slices: Count = 8
    slice_mm: Positive = 5.0
    offset_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    beam_hardening: Literal["water", "none"] = "water"
    floor_photons: Positive = 1.0


class Detector(Spec):
    """An energy-integrating scintillator.

    Attributes:
        material: "gos" (Gd2O2S) or "csi".
        thickness_mm: thickness of the scintillator [mm].
        fill: part of a cell's area that detects [1].
        electronic_noise_keV: SD of the electronic noise of one cell in one view, as absorbed energy [keV].
    """

    material: Literal["gos", "csi"] = "gos"
    thickness_mm: Positive
    fill: Share = 1.0
    electronic_noise_keV: Annotated[float, pydantic.Field(ge=0)] = 0.0


class CTDI(Spec):
    """Tabulated output: CTDI in a standard phantom, for the full beam.

    Attributes:
        phantom: "head" (16 cm PMMA) or "body" (32 cm PMMA).
        kVp: tube voltage [kV].
        mGy_per_100mAs: weighted CTDI for 100 mAs; for an axial turn that is CTDIvol [mGy].
    """

    phantom: Literal["head", "body"]
    kVp: Positive
    mGy_per_100mAs: Positive


class CTScanner(Spec):
    """A third-generation CT scanner.

    Attributes:
        source_to_isocentre_mm, source_to_detector_mm: distances of the focal spot [mm].
        columns, rows: cells of the detector.
        column_mm, row_mm: pitch of the cells at the detector [mm].
        column_offset: shift of the detector along its arc, in cells; a quarter makes opposite rays interleave.
        anode_deg: target angle of the tungsten anode [deg].
        filtration: what the beam passes before the patient, as {al_mm = 6.8} and the like [mm].
        ctdi: output table; `ctdi_source` says whose.
    """

    kind: Literal["ct"] = "ct"
    name: str = ""
    description: str = ""
    source_to_isocentre_mm: Positive
    source_to_detector_mm: Positive
    columns: Count
    rows: Count
    column_mm: Positive
    row_mm: Positive
    column_offset: float = 0.25
    anode_deg: Positive = 7.0
    filtration: dict[str, float]
    detector: Detector
    ctdi: tuple[CTDI, ...] = ()
    ctdi_source: str = ""
    protocols: dict[str, CTProtocol] = pydantic.Field(default_factory=dict)
    reconstructions: dict[str, CTReconstruction] = pydantic.Field(default_factory=dict)

    def protocol(self, name: str) -> CTProtocol:
        """A protocol by name. Raises ScannerError with the names there are."""
        return _named(self.protocols, name, f'scanner "{self.name}" has no protocol')

    def reconstruction(self, name: str) -> CTReconstruction:
        """A reconstruction by name. Raises ScannerError with the names there are."""
        return _named(self.reconstructions, name, f'scanner "{self.name}" has no reconstruction')

    def build(self, protocol: CTProtocol) -> Scan:
        """The scanner, ready to scan by a protocol. Raises ScannerError where the protocol asks too much."""
        from phantomsim.scanners.ct.scan import Scan

        return Scan(self, protocol)


def _named(table: dict[str, Chosen], name: str, what: str) -> Chosen:
    if name not in table:
        raise ScannerError(f'{what} "{name}"; it has {", ".join(table) or "none"}')
    return table[name]
