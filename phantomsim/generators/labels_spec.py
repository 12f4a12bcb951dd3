"""Which label is which structure, and which tissue that is."""

from __future__ import annotations

from pydantic import model_validator

from phantomsim.spec import Spec


class LabelTable(Spec):
    """A label table: structures by name, their tissue, and their ids in one or several versions of the files.

    Attributes:
        tissues: tissue of each structure.
        ids: for each version of the files, the id or ids of each structure. A structure may be missing from a version.
        default_ids: the version where the generator names none.
        source: where names and ids come from.
    """

    name: str
    description: str = ""
    source: str
    default_ids: str
    tissues: dict[str, str]
    ids: dict[str, dict[str, int | tuple[int, ...]]]

    @model_validator(mode="after")
    def _consistent(self) -> LabelTable:
        if self.default_ids not in self.ids:
            raise ValueError(f"default_ids is {self.default_ids!r}; ids has {sorted(self.ids)}")
        for version, names in self.ids.items():
            if missing := sorted(set(names) - set(self.tissues)):
                raise ValueError(f"ids.{version} names {', '.join(missing)}, for which tissues has no entry")
            numbers = [i for name in names for i in ids_of(names[name])]
            if repeated := sorted({i for i in numbers if numbers.count(i) > 1}):
                raise ValueError(f"ids.{version} gives the ids {repeated} to more than one structure")
        return self


def ids_of(ids: int | tuple[int, ...]) -> tuple[int, ...]:
    """One id or several, as a tuple."""
    return (ids,) if isinstance(ids, int) else tuple(ids)
