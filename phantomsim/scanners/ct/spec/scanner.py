"""What a person writes about a CT scanner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import pydantic

from phantomsim.errors import ScannerError
from phantomsim.scanners.ct.spec.detector import AntiScatterGrid, Detector
from phantomsim.scanners.ct.spec.protocol import CTProtocol
from phantomsim.scanners.ct.spec.reconstruction import CTReconstruction
from phantomsim.scanners.ct.spec.tube import Bowtie, FocalSpot
from phantomsim.spec import Spec

if TYPE_CHECKING:
    from phantomsim.scanners.ct.scan import Scan

Positive = Annotated[float, pydantic.Field(gt=0)]
Count = Annotated[int, pydantic.Field(ge=1)]
Chosen = TypeVar("Chosen")


class CTDI(Spec):
    """Measured output: CTDI in a standard phantom, for the full beam.

    Attributes:
        phantom: "head" (16 cm PMMA) or "body" (32 cm PMMA).
        kVp: tube voltage [kV].
        mGy_per_100mAs: weighted CTDI for 100 mAs; for an axial turn that is CTDIvol [mGy].
        bowtie: name of the bowtie that it holds for; None: for any.
    """

    phantom: Literal["head", "body"]
    kVp: Positive
    mGy_per_100mAs: Positive
    bowtie: str | None = None


class CTScanner(Spec):
    """A CT scanner, cone-beam system or radiography stand.

    Attributes:
        source_to_isocentre_mm, source_to_detector_mm: distances of the focal spot [mm].
        shape: of the detector: "curved" about the focal spot, or "flat".
        columns, rows: cells of the detector.
        column_mm, row_mm: pitch of the cells at the detector [mm].
        column_offset: shift of the detector along its arc, in cells; a quarter makes opposite rays interleave.
        anode_deg: target angle of the tungsten anode [deg].
        heel: whether the heel effect along z is modelled (the anode lies towards +z).
        filtration: what the beam passes before the patient, as {al_mm = 6.8} and the like [mm].
        bowties: by name; a protocol chooses one.
        small_focus, large_focus: focal spots.
        grid: the anti-scatter grid, if there is one.
        ctdi: output table; `ctdi_source` says whose. Without one, CTDI is computed by Monte Carlo.
    """

    kind: Literal["ct"] = "ct"
    name: str = ""
    description: str = ""
    source_to_isocentre_mm: Positive
    source_to_detector_mm: Positive
    shape: Literal["curved", "flat"] = "curved"
    columns: Count
    rows: Count
    column_mm: Positive
    row_mm: Positive
    column_offset: float = 0.25
    anode_deg: Positive = 7.0
    heel: bool = False
    filtration: dict[str, float]
    bowties: dict[str, Bowtie] = pydantic.Field(default_factory=dict)
    small_focus: FocalSpot = FocalSpot()
    large_focus: FocalSpot = FocalSpot()
    detector: Detector
    grid: AntiScatterGrid | None = None
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

    def bowtie(self, name: str) -> Bowtie | None:
        """A bowtie by name; None for "none". Raises ScannerError with the names there are."""
        return None if name == "none" else _named(self.bowties, name, f'scanner "{self.name}" has no bowtie')

    def build(self, protocol: CTProtocol) -> Scan:
        """The scanner, ready to scan by a protocol. Raises ScannerError where the protocol asks too much."""
        from phantomsim.scanners.ct.scan import Scan

        return Scan(self, protocol)


def _named(table: dict[str, Chosen], name: str, what: str) -> Chosen:
    if name not in table:
        raise ScannerError(f'{what} "{name}"; it has {", ".join(table) or "none"}')
    return table[name]
