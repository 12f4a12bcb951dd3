"""Relaxation, proton density and susceptibility of tissues at any field strength, with or without spread.

Between tabulated fields T1 and T2 follow a power law of the field (a line in log-log), the form that Bottomley et al.
1984 (doi:10.1118/1.595535) found for T1. Outside them T1 goes on with the tissue's exponent, or 1/3, near the middle of
their tissues, up to free water's T1; T2 stays. R2' = 1/T2* - 1/T2 is proportional to the field outside those it is
given at; between them R2' per tesla is linear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from phantomsim.errors import TissueError
from phantomsim.keys import hash32
from phantomsim.materials.tissues import Magnetic, Tissue, ValueAtField, table

if TYPE_CHECKING:
    import jax

T1_EXPONENT = 1 / 3  # Bottomley 1984: .24 (kidney) to .42 (muscle); fat .17
T1_FREE_WATER_MS = 4300.0  # Rooney et al. 2007, doi:10.1002/mrm.21122: CSF, any field
R2_PRIME_PER_S_PER_T = 2.0  # where no T2* is known: about white matter's (53 ms against 75 ms at 3 T); unverified
LARGEST_DRAW = 2.5  # SDs; no patient is stranger than that
BATCH = 64
NEAR = 0.12  # fields whose logarithms differ by less count as the same: 50 and 55 mT, 2.89 and 3 T
NO_SIGNAL = (T1_FREE_WATER_MS, 0.1, 0.05, 0.0)  # T1, T2, T2*, PD of what gives no signal


class MRProperties(NamedTuple):
    """What MR sees of T tissues: float32 arrays [T]; a pytree. PD is relative to water at 37 degC; chi is SI;
    the chemical shift is from water's, negative where nuclei precess more slowly."""

    T1_ms: np.ndarray
    T2_ms: np.ndarray
    T2star_ms: np.ndarray
    PD: np.ndarray
    chi_ppm: np.ndarray
    shift_ppm: np.ndarray | float = 0.0


def relaxation(names: Sequence[str | Tissue], field_T: float, key: jax.Array | None = None) -> MRProperties:
    """MR properties of tissues.

    Args:
        names: T tissues.
        field_T: field strength.
        key: of the patient's TISSUE stream: each tissue's values are drawn with the published spread, the same for
            the same key and tissue whatever else is asked for, and moved the same way at every field. None: the means.
    Raises:
        TissueError: an unknown tissue, a tissue without MR values, or a field that is not positive.
    """
    if not field_T > 0:
        raise TissueError(f"field is {field_T} T; must be positive")
    tissues = [table()[name] if isinstance(name, str) else name for name in names]
    draws = np.zeros((len(tissues), 5)) if key is None else _draws(key, [tissue.name for tissue in tissues])
    rows = [_properties(tissue, field_T, draw) for tissue, draw in zip(tissues, draws)]
    return MRProperties(*np.array(rows, np.float32).T)


def _properties(tissue: Tissue, field_T: float, draw: np.ndarray) -> tuple[float, ...]:
    seen = tissue.magnetic
    if seen is None:
        raise TissueError(f'tissue "{tissue.name}" has no MR values; give it some or use another')
    chi = seen.chi_ppm.value + seen.chi_ppm.spread * draw[4]
    if seen.PD.value == 0:
        return (*NO_SIGNAL, chi, 0.0)
    exponent = seen.T1_exponent.value if seen.T1_exponent else T1_EXPONENT
    t1 = min(_spread(*at_field(seen.T1_ms, field_T, exponent), draw[0]), 1.2 * T1_FREE_WATER_MS)
    t2 = min(_spread(*at_field(seen.T2_ms, field_T, 0.0), draw[1]), t1)
    prime, relative = r2_prime_per_ms(seen, field_T)
    t2star = 1 / (1 / t2 + _spread(prime, relative * prime, draw[2]))
    return t1, t2, t2star, _spread(seen.PD.value, seen.PD.spread, draw[3]), chi, seen.shift_ppm.value


def origin(values: Sequence[ValueAtField], field_T: float) -> str:
    """In words, where a value at a field comes from: measured there, between two fields, or carried on from one."""
    nearest = min(values, key=lambda v: abs(np.log(v.field_T / field_T)))
    if abs(np.log(nearest.field_T / field_T)) < NEAR:
        return f"at {nearest.field_T:g} T: {nearest.source}"
    below = max((v for v in values if v.field_T < field_T), key=lambda v: v.field_T, default=None)
    above = min((v for v in values if v.field_T > field_T), key=lambda v: v.field_T, default=None)
    if below and above:
        return f"between {below.field_T:g} T ({below.source}) and {above.field_T:g} T ({above.source})"
    return f"carried on from {nearest.field_T:g} T: {nearest.source}"


def at_field(values: Sequence[ValueAtField], field_T: float, exponent: float) -> tuple[float, float]:
    """Value and SD at a field: power law between the tabulated ones, the given exponent outside them."""
    fields = np.array([v.field_T for v in values])
    inside = float(np.clip(field_T, fields.min(), fields.max()))
    order = np.argsort(fields)
    log_fields, x = np.log(fields[order]), np.log(inside)
    mean = np.exp(np.interp(x, log_fields, np.log([values[i].value for i in order])))
    relative = np.interp(x, log_fields, [values[i].spread / values[i].value for i in order])
    mean *= (field_T / inside) ** exponent
    if exponent > 0:
        mean = min(mean, max(T1_FREE_WATER_MS, *(v.value for v in values)))
    return float(mean), float(mean * relative)


def r2_prime_per_ms(seen: Magnetic, field_T: float) -> tuple[float, float]:
    """R2' = 1/T2* - 1/T2 of a homogeneous region [1/ms], and its relative SD."""
    if not seen.T2star_ms:
        return R2_PRIME_PER_S_PER_T * field_T / 1000, 0.0
    points = sorted(seen.T2star_ms, key=lambda v: v.field_T)
    excess = [max(1 / v.value - 1 / at_field(seen.T2_ms, v.field_T, 0.0)[0], 0.0) for v in points]
    fields = [v.field_T for v in points]
    per_tesla = np.interp(field_T, fields, [e / f for e, f in zip(excess, fields)])
    relative = np.interp(field_T, fields, [v.spread / v.value for v in points])
    return float(per_tesla * field_T), float(relative)


def _spread(mean: float, sd: float, draw: float) -> float:
    """Log-normal with the given mean and SD, at `draw` standard normal units."""
    sigma2 = np.log1p((sd / mean) ** 2) if mean > 0 else 0.0
    return float(mean * np.exp(np.sqrt(sigma2) * draw - sigma2 / 2 * (draw != 0)))


def _draws(key: jax.Array, names: list[str]) -> np.ndarray:
    """Standard normal numbers, cut off at LARGEST_DRAW [T, 5]; a tissue's depend on its name alone."""
    hashes = np.zeros(-(-len(names) // BATCH) * BATCH, np.uint32)  # whole batches: another phantom compiles nothing
    hashes[: len(names)] = [hash32(name) for name in names]
    return np.asarray(_normal()(key, hashes))[: len(names)]


@cache
def _normal() -> Callable[[jax.Array, np.ndarray], jax.Array]:
    import jax

    def draw(key: jax.Array, tissue: jax.Array) -> jax.Array:
        return jax.random.truncated_normal(jax.random.fold_in(key, tissue), -LARGEST_DRAW, LARGEST_DRAW, (5,))

    return jax.jit(jax.vmap(draw, (None, 0)))
