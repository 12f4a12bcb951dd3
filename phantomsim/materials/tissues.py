"""Tissues and materials: what they are made of, and where each number comes from."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pydantic

from phantomsim.errors import TissueError
from phantomsim.spec import Spec

if TYPE_CHECKING:
    import numpy as np

FOLDER = Path(__file__).parent
IODINE_NAME = re.compile(r"iodine-(?P<host>[a-z-]+?)-(?P<mg>\d+(\.\d+)?)")
SUM_TOLERANCE = 0.006  # published mass fractions are rounded to 0.1 %


class Value(Spec):
    """A number, its SD between people (or samples) and where both come from."""

    value: float
    spread: float = pydantic.Field(default=0.0, ge=0)
    source: str


class ValueAtField(Value):
    """A value measured at one field strength."""

    field_T: float = pydantic.Field(gt=0)
    value: float = pydantic.Field(gt=0)


class Magnetic(Spec):
    """What MR sees of a tissue.

    Attributes:
        T1_ms, T2_ms: relaxation times at one or several field strengths, in order of field.
        T2star_ms: apparent transverse relaxation of a homogeneous region (no macroscopic field gradient).
        PD: MR-visible protons relative to water at 37 degC [1].
        chi_ppm: volume magnetic susceptibility, SI [ppm].
        shift_ppm: chemical shift of most of its signal from water's, negative for fat [ppm].
        T1_exponent: T1 goes with this power of the field where none is tabulated; None: see `magnetic`.
    """

    T1_ms: tuple[ValueAtField, ...] = pydantic.Field(min_length=1)
    T2_ms: tuple[ValueAtField, ...] = pydantic.Field(min_length=1)
    T2star_ms: tuple[ValueAtField, ...] = ()
    PD: Value
    chi_ppm: Value
    shift_ppm: Value = Value(value=0.0, source="water, by definition")
    T1_exponent: Value | None = None


class Tissue(Spec):
    """A tissue or material.

    Attributes:
        name: kebab-case; `aliases` are other names for the same thing.
        density_g_per_cm3: at body temperature, in the living body.
        composition: mass fraction of each element by symbol; sums to 1.
        source: where density and composition come from, as text.
        magnetic: what MR sees; None where the material gives no signal anyone has measured.
    """

    name: str
    aliases: tuple[str, ...] = ()
    description: str = ""
    density_g_per_cm3: float = pydantic.Field(gt=0)
    composition: dict[str, float]
    density_source: str
    composition_source: str
    magnetic: Magnetic | None = None
    magnetic_note: str = ""

    @pydantic.field_validator("composition")
    @classmethod
    def _normalise(cls, fractions: dict[str, float]) -> dict[str, float]:
        total = sum(fractions.values())
        if abs(total - 1) > SUM_TOLERANCE or min(fractions.values()) < 0:
            raise ValueError(f"mass fractions must be positive and sum to 1; they sum to {total:.4f}")
        return {symbol: value / total for symbol, value in fractions.items()}

    def __hash__(self) -> int:
        return hash((self.name, self.density_g_per_cm3))

    @property
    def source(self) -> str:
        """Where density and composition come from."""
        return f"density: {self.density_source}; composition: {self.composition_source}"

    def attenuation_per_mm(self, energy_keV: np.typing.ArrayLike) -> np.ndarray:
        """Linear attenuation coefficient, coherent scatter included [1/mm], float64 [N]."""
        from phantomsim.materials.attenuation import MM_PER_CM, mass_attenuation

        return mass_attenuation(self.composition, energy_keV) * self.density_g_per_cm3 / MM_PER_CM


class TissueTable(Mapping[str, Tissue]):
    """Tissues by name or alias. `iodine-HOST-N` is any host with N mg of iodine in each mL."""

    def __init__(self, tissues: Mapping[str, Tissue], sources: Mapping[str, str]) -> None:
        self._tissues = dict(tissues)
        self._alias = {alias: t.name for t in tissues.values() for alias in t.aliases}
        self.sources = dict(sources)

    def __getitem__(self, name: str) -> Tissue:
        """The tissue. Raises TissueError with the nearest name where there is none."""
        found = self._tissues.get(self._alias.get(name, name))
        return found if found is not None else self._mixed(name)

    def _mixed(self, name: str) -> Tissue:
        from phantomsim.materials.mixtures import iodine

        match = IODINE_NAME.fullmatch(name)
        if match is None:
            raise TissueError(self._unknown(name))
        return iodine(float(match["mg"]), self[match["host"]])

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, [*self._tissues, *self._alias], n=1, cutoff=0.0)
        return f'no tissue "{name}"; nearest: "{near[0]}". List all: phantomsim catalogue tissues'

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and bool(self[name])
        except TissueError:
            return False

    def __iter__(self) -> Iterator[str]:
        return iter(self._tissues)

    def __len__(self) -> int:
        return len(self._tissues)


@cache
def table() -> TissueTable:
    """The tissues that ship with phantomsim."""
    from phantomsim.materials.tissue_files import load

    return load(*sorted((FOLDER / "tables").glob("*.toml")))
