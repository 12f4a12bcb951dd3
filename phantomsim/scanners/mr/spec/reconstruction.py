"""How images are made."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from phantomsim.spec import Spec


class MRReconstruction(Spec):
    """How k-space becomes a magnitude image, in units of the magnetisation of water.

    Attributes:
        method: "sense" combines and unfolds the coils by their sensitivities and noise covariance (Pruessmann 1999);
            "fft" is the root of the sum of squares of the whitened coils, divided by that of their sensitivities;
            it leaves accelerated data folded.
        regularisation: Tikhonov weight of "sense", relative to the mean of the squared sensitivities.
        window: "hann" apodises k-space against ringing, at the price of resolution.
    """

    method: Literal["sense", "fft"] = "sense"
    regularisation: float = Field(default=0.0, ge=0)
    window: Literal["none", "hann"] = "none"
