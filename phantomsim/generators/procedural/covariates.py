"""Drawing a patient's covariates from the laws of a generator file."""

from __future__ import annotations

import jax
import numpy as np
from scipy.special import ndtr, ndtri

from phantomsim.generators.procedural.spec import Covariate, Procedural


def draw(spec: Procedural, key: jax.Array) -> dict[str, float | str]:
    """Sex, age and every covariate, in the region's order, each given those before it.

    One number of the key per covariate, so that changing one law leaves the other draws.

    Returns:
        `sex` ("female" or "male"), `age_years`, then the covariates by name, and body surface area where height and
        BMI are known.
    """
    u = np.asarray(jax.random.uniform(key, (2 + len(spec.covariates),)), float)
    sex = "male" if u[0] < spec.male_fraction else "female"
    young, old = spec.age_years
    known: dict[str, float] = {"age_years": float(young + u[1] * (old - young))}
    for (name, law), v in zip(spec.laws(), u[2:]):
        known[name] = _one(law, sex, known, float(v))
        if "height_mm" in known and "bmi_kg_per_m2" in known:
            known["bsa_m2"] = body_surface_m2(known["height_mm"], known["bmi_kg_per_m2"])
    return {"sex": sex, **known}


def body_surface_m2(height_mm: float, bmi_kg_per_m2: float) -> float:
    """Body surface area [m2] (Mosteller 1987, doi:10.1056/NEJM198710223171717): sqrt(height_cm x weight_kg / 3600)."""
    weight_kg = bmi_kg_per_m2 * (height_mm / 1000) ** 2
    return float(np.sqrt(height_mm / 10 * weight_kg / 3600))


def _one(law: Covariate, sex: str, known: dict[str, float], u: float) -> float:
    mean, sd = ((v[sex] if isinstance(v, dict) else v) for v in (law.mean, law.sd))  # type: ignore[index]
    mean += sum(s * (known[name] - law.about.get(name, 0.0)) for name, s in law.slope.items())
    if sd == 0:
        return float(np.clip(mean, law.min, law.max))
    if law.law == "lognormal":
        mean = max(mean, law.min)
        spread = float(np.sqrt(np.log1p((sd / mean) ** 2)))
        middle = float(np.log(mean)) - spread**2 / 2
        return float(np.exp(_cut_normal(middle, spread, float(np.log(law.min)), float(np.log(law.max)), u)))
    return _cut_normal(mean, sd, law.min, law.max, u)


def _cut_normal(mean: float, sd: float, least: float, most: float, u: float) -> float:
    """The quantile u of a normal law cut at both ends."""
    low, high = ndtr((least - mean) / sd), ndtr((most - mean) / sd)
    return float(np.clip(mean + sd * ndtri(low + u * (high - low)), least, most))
