"""What a person probably meant: the nearest key, and units that a name spells wrongly or lacks."""

from __future__ import annotations

from phantomsim.catalogue import nearest
from phantomsim.units import SUFFIXES

#: Units that people write -> ours, and how many of ours one of theirs is (None: no fixed factor).
FOREIGN: dict[str, tuple[str, float | None]] = {
    "um": ("mm", 1e-3), "cm": ("mm", 10), "m": ("mm", 1000), "inch": ("mm", 25.4),
    "L": ("mL", 1000), "l": ("mL", 1000), "cc": ("mL", 1), "cm3": ("mL", 1), "mm3": ("mL", 1e-3),
    "eV": ("keV", 1e-3), "MeV": ("keV", 1000), "kV": ("kVp", 1),
    "uGy": ("mGy", 1e-3), "cGy": ("mGy", 10), "Gy": ("mGy", 1000),
    "mA": ("mAs", None), "As": ("mAs", 1000),
    "us": ("ms", 1e-3), "sec": ("s", 1), "seconds": ("s", 1), "min": ("s", 60),
    "mT": ("T", 1e-3), "G": ("T", 1e-4), "tesla": ("T", 1),
    "kHz": ("Hz", 1000), "MHz": ("Hz", 1e6),
    "rad": ("deg", 57.29577951), "degrees": ("deg", 1), "degree": ("deg", 1),
    "ppb": ("ppm", 1e-3), "percent": ("ppm", 1e4), "g_cm3": ("g_per_cm3", 1), "kg_per_m3": ("g_per_cm3", 1e-3),
}  # fmt: skip
#: Pairs of our own units that measure the same thing.
_SAME = {"ms": ("s", 1e-3), "s": ("ms", 1000)}


def meant(key: str, allowed: list[str]) -> tuple[str | None, str]:
    """The key that was probably meant, and a hint that says so (empty if there is none)."""
    by_lower = {a.lower(): a for a in allowed}
    if key.lower() in by_lower:
        right = by_lower[key.lower()]
        return right, f'; did you mean "{right}"?{_spelling(right)}'
    stem, unit = split(key)
    near = nearest(stem, [split(a)[0] for a in allowed]) if unit else None
    for right in (a for a in allowed if near is not None and split(a)[0] == near and split(a)[1]):
        return right, f'; did you mean "{right}"?{_other_unit(unit, split(right)[1])}'
    for right in (a for a in allowed if split(a)[1] and split(a)[0].lower() == key.lower()):
        return right, f'; did you mean "{right}"? Names of quantities end in their unit: {_words(split(right)[1])}'
    close = nearest(key, allowed)
    return close, f'; did you mean "{close}"?' if close else ""


def split(key: str) -> tuple[str, str]:
    """Stem and unit of a name: `slice_cm` is `slice` and `cm`; the unit is empty where there is none."""
    ours = {u.lower() for u in SUFFIXES} | {u.lower() for u in FOREIGN}
    for cut in range(len(key)):
        if (cut == 0 or key[cut - 1] == "_") and key[cut:].lower() in ours:
            return key[: max(cut - 1, 0)], key[cut:]
    return key, ""


def _spelling(right: str) -> str:
    unit = split(right)[1]
    return f" Units are spelled as in {_words(unit)}" if unit else ""


def _other_unit(unit: str, ours: str) -> str:
    theirs, factor = _SAME.get(unit) or FOREIGN.get(unit) or (None, None)
    if theirs != ours:
        return f" The unit is {_words(ours)}"
    by = f"; 1 {unit} is {factor:g} {ours}" if factor else ""
    return f" The unit is {_words(ours)}, not {unit}{by}"


def _words(unit: str) -> str:
    return f"{unit} ({SUFFIXES[unit]})" if unit in SUFFIXES else unit
