"""Whether what a specification asks for can be done: every scan is laid out, none is made; lesions find their hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from phantomsim.errors import PhantomsimError
from phantomsim.generators.generate import subjects
from phantomsim.generators.lesions.known import absent, wrong
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
    return found


def unfit(trial: Trial) -> Iterator[tuple[tuple[str | int, ...], PhantomsimError]]:
    """Keys of a trial's lesions that no patient can fulfil, and why; files that are not here are not among them."""
    for n, lesions in enumerate(trial.population.kinds):
        at = ("population", "lesions", *((n,) if isinstance(trial.population.lesions, tuple) else ()))
        if absent(lesions) is None:
            yield from (((*at, key), error) for key, error in wrong(lesions, trial.population.generator))


def missing(source: str | Path, sets: Sequence[str] = ()) -> list[str]:
    """What a trial or generator needs beside its file and does not find on this machine: folders, files, variables.

    Args:
        source: as of `problems`.
    """
    spec = load_any(source, sets)
    generator = spec.population.generator if isinstance(spec, Trial) else spec
    kinds = spec.population.kinds if isinstance(spec, Trial) else ()
    found = [f"{source}: not to be made on this machine: {file}: no such file" for k in kinds if (file := absent(k))]
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
