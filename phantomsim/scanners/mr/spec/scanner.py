"""An MR scanner as a person writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from phantomsim.scanners.mr.spec.array import Coils, Load
from phantomsim.scanners.mr.spec.fields import Fields
from phantomsim.scanners.mr.spec.hardware import Hardware
from phantomsim.scanners.mr.spec.protocol import MRProtocol
from phantomsim.scanners.mr.spec.reconstruction import MRReconstruction
from phantomsim.spec import Spec

if TYPE_CHECKING:
    from phantomsim.scanners.mr.scan import Scan


class MRScanner(Spec):
    """An MR scanner with its receive array, what it can scan and how it reconstructs.

    Attributes:
        field_T: static field, along z.
        coils: the receive array, centred at the isocentre.
        load: what the array's thermal noise comes from.
        hardware: limits of gradients, transmitter and receiver that sequences keep.
        fields: which departures from ideal fields are simulated.
        protocols, reconstructions: by name.
    """

    kind: Literal["mr"] = "mr"
    name: str
    description: str = ""
    field_T: float = Field(gt=0, le=12)
    coils: Coils
    load: Load
    hardware: Hardware = Hardware()
    fields: Fields = Fields()
    protocols: dict[str, MRProtocol]
    reconstructions: dict[str, MRReconstruction]

    def build(self, protocol: MRProtocol) -> Scan:
        """The numbers of one protocol on this scanner.

        Raises:
            ScannerError: the protocol asks for what the scanner cannot do.
        """
        from phantomsim.scanners.mr.scan import Scan

        return Scan(self, protocol)
