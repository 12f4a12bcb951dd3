"""How images are made."""

from __future__ import annotations

from typing import Literal, Self

import pydantic
from pydantic import Field

from phantomsim.spec import Spec

ITERATIVE = ("cg-sense", "l1-wavelet")


class MRReconstruction(Spec):
    """How k-space becomes a magnitude image, in units of the magnetisation of water.

    Attributes:
        method: "sense" combines and unfolds the coils by their sensitivities and noise covariance (Pruessmann 1999);
            "fft" transforms and combines, and leaves accelerated data folded; "grappa" fills the missing lines first
            (Griswold 2002); "cg-sense" solves for the image by conjugate gradients, on any trajectory (Pruessmann
            2001); "l1-wavelet" does so with few wavelet coefficients (Lustig 2007); "gridding" is the
            density-compensated adjoint of a trajectory.
        maps: coil sensitivities: "true", as from a noise-free reference scan, or "espirit", estimated from the
            calibration lines of the data (Uecker 2014).
        combination: of coil images of "fft" and "grappa": "root-sum-of-squares" over that of the sensitivities,
            "optimal" (Roemer 1990) or "adaptive" (Walsh 2000, which knows no sensitivities; its scale is that of the
            true ones).
        partial_fourier: what is done where part of k-space was measured: "homodyne" (Noll 1991), "pocs" (Haacke
            1991) or "zero-filling".
        regularisation: Tikhonov weight of "sense" and "cg-sense", relative to the mean of the squared sensitivities;
            for "l1-wavelet" the threshold, relative to the largest coefficient of the first image. None: 0, and .002
            for "l1-wavelet".
        iterations: of the iterative methods; None: 12 for "cg-sense", 60 for "l1-wavelet".
        wavelet, levels: of "l1-wavelet".
        off_resonance: the field map (taken as known) corrects the iterative methods and "gridding".
        echo: which image of several echoes; None: the root of the mean of their squares.
        window: "hann" apodises k-space against ringing, at the price of resolution.
    """

    method: Literal["sense", "fft", "grappa", "cg-sense", "l1-wavelet", "gridding"] = "sense"
    maps: Literal["true", "espirit"] = "true"
    combination: Literal["root-sum-of-squares", "optimal", "adaptive"] = "root-sum-of-squares"
    partial_fourier: Literal["homodyne", "pocs", "zero-filling"] = "homodyne"
    regularisation: float | None = Field(default=None, ge=0)
    iterations: int | None = Field(default=None, ge=1, le=1000)
    wavelet: Literal["haar", "db4"] = "db4"
    levels: int = Field(default=3, ge=1, le=8)
    off_resonance: bool = False
    echo: int | None = Field(default=0, ge=0)
    window: Literal["none", "hann"] = "none"

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.iterations is not None and self.method not in ITERATIVE:
            raise ValueError(f"iterations belongs to {' and '.join(ITERATIVE)}; {self.method} has none")
        if self.off_resonance and self.method not in (*ITERATIVE, "gridding"):
            raise ValueError(f"off_resonance belongs to {', '.join(ITERATIVE)} and gridding, not to {self.method}")
        if self.combination != "root-sum-of-squares" and self.method not in ("fft", "grappa"):
            raise ValueError(f"combination belongs to fft and grappa; {self.method} combines by itself")
        return self

    @property
    def strength(self) -> float:
        """Regularisation with its default."""
        default = 0.002 if self.method == "l1-wavelet" else 0.0
        return default if self.regularisation is None else self.regularisation

    @property
    def count(self) -> int:
        """Iterations with their default."""
        return self.iterations or (60 if self.method == "l1-wavelet" else 12)
