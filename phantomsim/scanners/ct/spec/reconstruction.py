"""How an image is made of the readings."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import pydantic

from phantomsim.spec import Spec

Positive = Annotated[float, pydantic.Field(gt=0)]
NonNegative = Annotated[float, pydantic.Field(ge=0)]
Count = Annotated[int, pydantic.Field(ge=1)]
Kernel = Literal["smooth", "standard", "sharp", "ramp"]
ITERATIVE = ("sart", "os-sirt", "cgls", "tv", "pwls")


class CTReconstruction(Spec):
    """How an image is made of the readings.

    Attributes:
        method: "fbp" (filtered backprojection: FDK, or weighted FDK along a helix), or iterative: "sart", "os-sirt",
            "cgls", "tv" (total variation), "pwls" (penalised weighted least squares, edge-preserving).
        kernel: of "fbp", named by what it does; see `phantomsim.scanners.ct.kernels` for the MTF of each.
        iterations: of iterative methods; None: the method's own default.
        subsets: ordered subsets of views ("os-sirt", "pwls").
        strength: of the penalty ("tv", "pwls") [1]; 1 is a moderate choice.
        fov_mm: side of the square image [mm].
        matrix: pixels along each side.
        slices, slice_mm: how many, and how thick; they touch.
        offset_mm: (x, y, z) of the image's middle from the isocentre [mm].
        beam_hardening: "water" straightens the curve of water paths; "bone" corrects for bone besides, in a second
            pass; "none" only scales it.
        scatter_correction: "none" or "kernel".
        calibration: "scan": a water cylinder scanned through the same chain sets the scale of HU; "none": theory does.
        image: "HU"; of scanners with several energies also "mono" (at `mono_keV`), "iodine" (mg/mL), "low" and "high"
            (the first and the last energy alone).
        mono_keV: of virtual mono-energetic images [keV].
        floor_photons: readings below this many photons (of mean energy) are raised to it before the logarithm.
    """

    description: str = ""
    method: Literal["fbp", "sart", "os-sirt", "cgls", "tv", "pwls"] = "fbp"
    kernel: Kernel = "standard"
    iterations: Count | None = None
    subsets: Count = 8
    strength: NonNegative = 1.0
    fov_mm: Positive = 250.0
    matrix: Count = 256
    slices: Count = 8
    slice_mm: Positive = 5.0
    offset_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    beam_hardening: Literal["water", "bone", "none"] = "water"
    scatter_correction: Literal["none", "kernel"] = "none"
    calibration: Literal["scan", "none"] = "scan"
    image: Literal["HU", "mono", "iodine", "low", "high"] = "HU"
    mono_keV: Annotated[float, pydantic.Field(ge=35, le=190)] | None = None
    floor_photons: Positive = 1.0

    @pydantic.model_validator(mode="after")
    def _energy(self) -> Self:
        if (self.image == "mono") != (self.mono_keV is not None):
            raise ValueError('mono_keV goes with image = "mono", and only with it')
        return self
