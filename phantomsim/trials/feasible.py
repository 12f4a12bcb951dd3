"""Whether what a specification asks for can be done: every scan is laid out, none is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from phantomsim.errors import PhantomsimError
from phantomsim.scanners.ct.spec import CTScanner
from phantomsim.scanners.mr.spec import MRScanner
from phantomsim.specfile.load import load_any
from phantomsim.trials.spec import Arm, Trial


def problems(source: str | Path, sets: Sequence[str] = ()) -> list[str]:
    """What no scanner can do in a trial's arms or a scanner's protocols, one line each.

    Args:
        source: a file or catalogue name that `spec.check` finds right.
    """
    found = []
    for where, attempt in _attempts(load_any(source, sets)):
        try:
            attempt()
        except PhantomsimError as error:
            found.append(f"{source}: {where}: {error}")
    return found


def _attempts(spec: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    if isinstance(spec, Trial):
        yield from ((f"arms.{arm.name}", lambda arm=arm: _lay_out(arm)) for arm in spec.arms)
    if isinstance(spec, CTScanner | MRScanner):
        build: Any = spec.build
        yield from ((f"protocols.{name}", lambda p=p: build(p)) for name, p in spec.protocols.items())


def _lay_out(arm: Arm) -> None:
    arm.build().check(arm.reconstruction)
