"""Distributions of one number, drawn through their quantiles: one uniform number gives one value."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from phantomsim.spec import Spec

NEEDS = {
    "fixed": ("value",),
    "uniform": ("min", "max"),
    "log-uniform": ("min", "max"),
    "normal": ("mean", "sd"),
    "lognormal": ("median", "sigma"),
    "poisson": ("mean",),
}
POSITIVE = {"log-uniform": "min", "lognormal": "median"}


class Distribution(Spec):
    """A law with its parameters, cut at `min` and `max` where they are given.

    Attributes:
        law: fixed (value), uniform or log-uniform (min, max), normal (mean, sd), lognormal (median, sigma: standard
            deviation of the natural logarithm), poisson (mean).
        source: where the figures come from.
    """

    law: Literal["fixed", "uniform", "log-uniform", "normal", "lognormal", "poisson"]
    value: float | None = None
    mean: float | None = None
    sd: float | None = Field(default=None, ge=0.0)
    median: float | None = None
    sigma: float | None = Field(default=None, ge=0.0)
    min: float | None = None
    max: float | None = None
    source: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Distribution:
        if missing := [key for key in NEEDS[self.law] if getattr(self, key) is None]:
            raise ValueError(f"a {self.law} law needs {', '.join(missing)}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        key = POSITIVE.get(self.law)
        if key and getattr(self, key) <= 0:
            raise ValueError(f"{key} must be above 0 for a {self.law} law")
        return self

    def quantile(self, u: float) -> float:
        """The value below which a part `u` of all draws lies, 0 <= u <= 1."""
        if self.law == "fixed":
            return float(self.value)  # type: ignore[arg-type]
        if self.law in ("uniform", "log-uniform"):
            low, high = float(self.min), float(self.max)  # type: ignore[arg-type]
            if self.law == "uniform" or high <= low:
                return low + (high - low) * u
            return low * (high / low) ** u
        if self.law == "poisson":
            return self._poisson(u)
        return self._bell(u)

    def _bell(self, u: float) -> float:
        """Normal, or its exponential, cut by moving u into what the cuts leave."""
        from scipy.special import ndtr, ndtri

        log = self.law == "lognormal"
        middle = math.log(self.median) if log else float(self.mean)  # type: ignore[arg-type]
        width = float(self.sigma if log else self.sd)  # type: ignore[arg-type]
        if width == 0:
            return math.exp(middle) if log else middle

        def part(cut: float | None, default: float) -> float:
            if cut is None or (log and cut <= 0):
                return default
            return float(ndtr(((math.log(cut) if log else cut) - middle) / width))

        low, high = part(self.min, 0.0), part(self.max, 1.0)
        inside = min(max(low + (high - low) * u, 1e-12), 1 - 1e-12)
        value = middle + width * float(ndtri(inside))
        return math.exp(value) if log else value

    def _poisson(self, u: float) -> float:
        """Counts, those below min and above max left out."""
        from scipy.stats import poisson

        first = max(0, math.ceil(self.min)) if self.min is not None else 0
        low = float(poisson.cdf(first - 1, self.mean)) if first else 0.0
        high = float(poisson.cdf(math.floor(self.max), self.mean)) if self.max is not None else 1.0
        inside = low + (high - low) * min(max(u, 0.0), 1 - 1e-12)
        return float(max(first, poisson.ppf(inside, self.mean)))


def _reaching(low: float, high: float, allowed: str, open_low: bool = False) -> AfterValidator:
    """Refuses laws that draw values beyond bounds."""

    def checked(law: Distribution) -> Distribution:
        least, most = law.quantile(0.0), law.quantile(1.0)
        if least < low or most > high or (open_low and least <= low):
            raise ValueError(
                f"draws from {least:.4g} to {most:.4g}, but must be {allowed}; give min and max that keep it so"
            )
        return law

    return AfterValidator(checked)


#: Laws of numbers that are bounded; a normal law without cuts reaches seven standard deviations far.
Positive = Annotated[Distribution, _reaching(0.0, math.inf, "above 0", open_low=True)]
NotNegative = Annotated[Distribution, _reaching(0.0, math.inf, "0 or more")]
Share = Annotated[Distribution, _reaching(0.0, 1.0, "from 0 to 1")]


def counted(least: int, most: int) -> AfterValidator:
    """Refuses laws of counts beyond bounds."""
    return _reaching(least - 0.5, most + 0.5, f"from {least} to {most}")
