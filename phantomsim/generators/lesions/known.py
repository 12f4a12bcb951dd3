"""What can be told of lesions before a patient is made: parts that none of its generator has, files that are wrong."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from phantomsim import catalogue
from phantomsim.errors import FormatError, PhantomsimError, PlacementError, TissueError
from phantomsim.generators.contrast_spec import NATIVE
from phantomsim.generators.labels import tissue_names
from phantomsim.generators.labels_spec import LabelTable
from phantomsim.generators.lesions import given
from phantomsim.generators.lesions.kind_spec import LesionKind
from phantomsim.generators.lesions.shape_spec import MaskForm, MeshForm
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.generators.spec import Deformable, FromFiles, Procedural
from phantomsim.materials import tissues
from phantomsim.spec import Catalogued, read

LABELS = catalogue.PARTS["labels"]
SHOWN = 12  # names in an error


def wrong(lesions: Lesions, generator: Any) -> list[tuple[str, PhantomsimError]]:
    """Key of the lesions and what is wrong: no host is there, something forbidden is not, a file cannot be used."""
    kind, there, found = lesions.resolved(), parts(generator), list[tuple[str, PhantomsimError]]()
    if there is not None:
        who = getattr(generator, "name", "") or generator.kind
        asked = [("host", kind.host)] if not any(has(there, name) for name in kind.host) else []
        asked += [("forbidden", (name,)) for name in lesions.forbidden or () if not has(there, name)]
        for key, names in asked:
            what = f"{who} has no tissue or organ {' or '.join(names)}; {near(names, there)}"
            found.append((key, TissueError(what)))
    for key, name in named(kind):
        if name not in (lesions.forbidden or ()) and not has(there or (), name) and not anywhere(name):
            found.append(("kind", TissueError(unheard(key, name))))
    phase = getattr(generator, "phase", NATIVE)
    if phase != NATIVE and lesions.phase not in (None, phase):
        what = f'is "{lesions.phase}", but the generator\'s phase is "{phase}"; give phase to one of the two'
        found.append(("phase", PlacementError(what)))
    elif phase not in (NATIVE, *kind.phases):
        allowed = ", ".join((NATIVE, *kind.phases))
        what = f'{kind.name} says nothing of the generator\'s phase "{phase}"; its phases are {allowed}'
        found.append(("kind", PlacementError(what)))
    return found + [("kind", error) for error in unusable(kind)]


def unusable(kind: LesionKind) -> list[PhantomsimError]:
    """What is wrong with the file of a kind's form."""
    if isinstance(kind.shape, MeshForm | MaskForm):
        try:
            given.given(None, kind.shape.file, getattr(kind.shape, "dataset", None))
        except FormatError as error:
            return [error]
    return []


def named(kind: LesionKind) -> Iterator[tuple[str, str]]:
    """Tissues and organs that the rules and surroundings of a kind name, by their keys."""
    yield from (("place.forbidden", name) for name in kind.place.forbidden)
    yield from (("place.clear_mm", name) for name in kind.place.clear_mm)
    if kind.oedema is not None:
        yield from (("oedema.host", name) for name in kind.oedema.host)
    if kind.mass_effect is not None:
        yield from (("mass_effect.moves", name) for name in kind.mass_effect.moves)
        yield from (("mass_effect.yields", name) for name in kind.mass_effect.yields)


def anywhere(name: str) -> bool:
    """Whether a name or pattern is any tissue, or an organ of the catalogue's generators or tables of labels."""
    return name in tissues.table() or has(organs(), name)


@cache
def organs() -> frozenset[str]:
    """Of the catalogue's generators and tables of labels, and all tissues, which patterns may mean."""
    from phantomsim.generators.procedural.generate import REGIONS

    files = [read(name, Annotated[LabelTable, Catalogued(LABELS)]) for name in catalogue.names(LABELS)]
    return frozenset(
        (*(o for r in REGIONS.values() for o in r.organs), *(t for f in files for t in f.tissues), *tissues.table())
    )


def unheard(key: str, name: str) -> str:
    """What is to be said of a name that nothing has."""
    return f'{key} names "{name}", which is no tissue and no organ of the catalogue; {near((name,), organs())}'


def absent(kind: LesionKind) -> Path | None:
    """A file of the form of a kind that is not on this machine."""
    file = Path(kind.shape.file).expanduser() if isinstance(kind.shape, MeshForm | MaskForm) else None
    return None if file is None or file.exists() else file


def parts(generator: Any) -> frozenset[str] | None:
    """Tissues and organs that patients of a generator can have; None where only its data say."""
    if isinstance(generator, Procedural):
        from phantomsim.generators.procedural.generate import REGIONS

        organs = REGIONS[generator.region].organs
        return frozenset((*organs, *organs.values()))
    if isinstance(generator, FromFiles):
        from phantomsim.generators.from_files import SHELL

        extra = (generator.background.tissue, "skin") if generator.background else ()
        return frozenset(tissue_names(generator.labels, extra + (SHELL if generator.shell_mm else ())))
    if isinstance(generator, Deformable):
        return frozenset((*generator.labels.tissues, *tissue_names(generator.labels)))
    return None


def has(there: Iterable[str], name: str) -> bool:
    """Whether a name or a pattern such as "lung-*" means any of some tissues and organs."""
    return any(fnmatch.fnmatchcase(part, name) for part in there)


def near(names: Iterable[str], there: Iterable[str]) -> str:
    """The rest of an error: what was perhaps meant, or what there is."""
    known = sorted(there)
    guess = [g for name in names for g in difflib.get_close_matches(name.strip("*-"), known, 1, 0.6)]
    if guess:
        return f'did you mean "{guess[0]}"?'
    return f"it has {', '.join(known[:SHOWN])}{f' and {len(known) - SHOWN} more' if len(known) > SHOWN else ''}"
