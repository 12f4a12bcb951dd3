"""Drawing a patient's covariates from the laws of a generator file."""

from __future__ import annotations

import jax
import numpy as np
from scipy.special import ndtr, ndtri

from phantomsim.errors import GeneratorError
from phantomsim.generators.procedural.spec import FOLLOW, Covariate, Procedural

TRIES = 20_000  # people drawn for one in a stratum
BLOCK = 64  # of them at once


def draw(spec: Procedural, key: jax.Array) -> dict[str, float | str]:
    """Sex, age and every covariate, in the region's order, each given those before it.

    One number of the key per covariate, so that changing one law leaves the other draws.

    Returns:
        `sex` ("female" or "male"), `age_years`, then the covariates by name, and what follows from them: body surface
        area, density of the breast (share of glands).
    Raises:
        GeneratorError: hardly anybody is in the strata.
    """
    strata = getattr(spec, "strata", {})
    count, tried = 2 + len(spec.covariates), 1
    some = np.asarray(jax.random.uniform(key, (count,)), float)[None]
    while tried <= TRIES:
        for u in some:
            person = _person(spec, u)
            if all(low <= float(person[name]) <= high for name, (low, high) in strata.items()):
                return person
        some = np.asarray(jax.random.uniform(jax.random.fold_in(key, tried), (BLOCK, count)), float)
        tried += BLOCK
    asked = ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in strata.items())
    raise GeneratorError(f"nobody of {TRIES} people drawn is in the strata ({asked}); widen them")


def _person(spec: Procedural, u: np.ndarray) -> dict[str, float | str]:
    sex = "male" if u[0] < spec.male_fraction else "female"
    young, old = spec.age_years
    known: dict[str, float] = {"age_years": float(young + u[1] * (old - young))}
    for (name, law), v in zip(spec.laws(), u[2:]):
        known[name] = _one(law, sex, known, float(v))
        for new, of in FOLLOW.items():
            if new not in known and set(of) <= set(known):
                known[new] = _FOLLOWS[new](*(known[n] for n in of))
    return {"sex": sex, **known}


def body_surface_m2(height_mm: float, bmi_kg_per_m2: float) -> float:
    """Body surface area [m2] (Mosteller 1987, doi:10.1056/NEJM198710223171717): sqrt(height_cm x weight_kg / 3600)."""
    weight_kg = bmi_kg_per_m2 * (height_mm / 1000) ** 2
    return float(np.sqrt(height_mm / 10 * weight_kg / 3600))


_FOLLOWS = {"bsa_m2": body_surface_m2, "density": lambda breast_mL, gland_mL: gland_mL / breast_mL}


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
