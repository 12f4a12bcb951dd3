"""Whether what a specification asks for can be done: every scan is laid out, none is made; lesions find their hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from phantomsim.errors import PhantomsimError
from phantomsim.generators.generate import subjects
from phantomsim.generators.lesions.kind_spec import LesionKind
from phantomsim.generators.lesions.known import absent, anywhere, named, unheard, unusable, wrong
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.generators.spec import Deformable, FromFiles, FromHU, FromMeshes
from phantomsim.scanners.ct.spec import CTScanner
from phantomsim.scanners.mr.spec import MRScanner
from phantomsim.specfile.load import load_any, tell
from phantomsim.trials.spec import Arm, Trial


def problems(source: str | Path, sets: Sequence[str] = ()) -> list[str]:
    """What no scanner can do in a trial's arms or a scanner's protocols, one line each.

    Args:
        source: a file or catalogue name that `spec.check` finds right.
    """
    found = []
    spec = load_any(source, sets)
    for where, scanner, attempt in _attempts(spec):
        try:
            attempt()
        except PhantomsimError as error:
            key = getattr(error, "key", ())
            path, what = (*scanner, *key), f"{where}: {error}"
            found.append(tell(source, type(spec), tuple(sets), path, what) if key else f"{source}: {what}")
    for path, why in unfit(spec) if isinstance(spec, Trial) else ():
        found.append(tell(source, Trial, tuple(sets), path, str(why)))
    for kind in _kinds(spec) if not isinstance(spec, Trial) else ():
        if absent(kind) is None:
            path = ("shape", "file") if isinstance(spec, LesionKind) else ("kind",)
            found += [tell(source, type(spec), tuple(sets), path, str(why)) for why in unusable(kind)]
    return found


def _kinds(spec: Any) -> list[LesionKind]:
    """Kinds of lesion that a specification says whole, or names."""
    if isinstance(spec, LesionKind):
        return [spec]
    lesions = spec.population.kinds if isinstance(spec, Trial) else (spec,) if isinstance(spec, Lesions) else ()
    return [one.resolved() for one in lesions]


def unfit(trial: Trial) -> Iterator[tuple[tuple[str | int, ...], PhantomsimError]]:
    """Keys of a trial's lesions that no patient can fulfil, and why; files that are not here are not among them."""
    for n, lesions in enumerate(trial.population.kinds):
        at = ("population", "lesions", *((n,) if isinstance(trial.population.lesions, tuple) else ()))
        if absent(lesions.resolved()) is None:
            yield from (((*at, key), error) for key, error in wrong(lesions, trial.population.generator))


def missing(source: str | Path, sets: Sequence[str] = ()) -> list[str]:
    """What a trial or generator needs beside its file and does not find on this machine: folders, files, variables.

    Args:
        source: as of `problems`.
    """
    spec = load_any(source, sets)
    generator = spec.population.generator if isinstance(spec, Trial) else spec
    found = [
        f"{source}: not to be made on this machine: {file}: no such file"
        for kind in _kinds(spec)
        if (file := absent(kind))
    ]
    for kind in _kinds(spec):
        names = [unheard(key, name) for key, name in named(kind) if not anywhere(name)]
        found += [f"{source}: only for patients of your own: {line}" for line in names if not isinstance(spec, Trial)]
    if isinstance(generator, FromFiles | FromHU | FromMeshes | Deformable):
        try:
            subjects(generator)
        except PhantomsimError as error:
            found.append(f"{source}: not to be made on this machine: {error}")
    return found


def _attempts(spec: Any) -> Iterator[tuple[str, tuple[str | int, ...], Callable[[], Any]]]:
    """What to try: its name, where its scanner stands in the specification, and the attempt."""
    if isinstance(spec, Trial):
        for n, arm in enumerate(spec.arms):
            yield f"arms.{arm.name}", ("arms", n, "scanner"), partial(_lay_out, arm)
    if isinstance(spec, CTScanner | MRScanner):
        build: Any = spec.build
        yield from ((f"protocols.{name}", (), lambda p=p: build(p)) for name, p in spec.protocols.items())


def _lay_out(arm: Arm) -> None:
    arm.build().check(arm.reconstruction)
