"""What the specifications of several generators share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, PositiveFloat

from phantomsim.errors import FormatError
from phantomsim.spec import Spec

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=4, le=2048)]


def _pointing(axes: str) -> str:
    from phantomsim.formats.orientation import named_axes

    try:
        named_axes(axes)
    except FormatError as e:
        raise ValueError(str(e)) from e
    return axes


#: Three letters, such as "LPS": x points to the patient's left, y to the back (posterior), z to the head (superior).
Axes = Annotated[str, AfterValidator(_pointing)]


class Texture(Spec):
    """Relative-density texture of solid tissue: Gaussian noise with spectrum 1 / frequency^power.

    Attributes:
        sd: standard deviation of the relative density [1]; 0.005 is about 5 HU in soft tissue.
        power: exponent of the power spectrum; 3 is that of anatomical clutter (Burgess 1999, doi:10.1118/1.598480).
        coarsest_mm: the spectrum is flat for longer wavelengths [mm].
        tissues: another `sd` for some tissues, by name.
    """

    sd: Fraction = 0.0
    power: Annotated[float, Field(ge=0.0, le=6.0)] = 3.0
    coarsest_mm: PositiveFloat = 40.0
    tissues: dict[str, Fraction] = Field(default_factory=dict)
