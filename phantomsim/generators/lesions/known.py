"""What can be told of lesions before a patient is made: parts that none of its generator has, files that are wrong."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from phantomsim.errors import FormatError, PhantomsimError, TissueError
from phantomsim.generators.labels import tissue_names
from phantomsim.generators.lesions import given
from phantomsim.generators.lesions.shape_spec import MaskForm, MeshForm
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.generators.spec import Deformable, FromFiles, Procedural

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
    if isinstance(kind.shape, MeshForm | MaskForm):
        try:
            given.given(None, kind.shape.file, getattr(kind.shape, "dataset", None))
        except FormatError as error:
            found.append(("kind", error))
    return found


def absent(lesions: Lesions) -> Path | None:
    """A file of the lesions' form that is not on this machine."""
    shape = lesions.resolved().shape
    file = Path(shape.file).expanduser() if isinstance(shape, MeshForm | MaskForm) else None
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
