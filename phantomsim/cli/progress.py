"""Progress on long work: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def patients_bar(title: str) -> Iterator[Callable[[int, int, dict[str, Any]], None]]:
    """A progress display on standard error; yields the function to call after each patient."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(console, title)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("patients"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total, notice: bar.update(task, completed=done, total=total)


def _lines(console: Console, title: str) -> Callable[[int, int, dict[str, Any]], None]:
    console.print(f"{title}: starting; the first patients wait for compilation", highlight=False, soft_wrap=True)
    start = last = time.monotonic()

    def report(done: int, total: int, notice: dict[str, Any]) -> None:
        nonlocal last
        now = time.monotonic()
        if done in (1, total) or now - last >= SECONDS_BETWEEN_LINES:
            last = now
            console.print(f"{done} of {total} patients, {now - start:.0f} s", highlight=False)

    return report


@contextmanager
def steps_line(patience_s: float = SECONDS_BETWEEN_LINES) -> Iterator[Callable[[str], None]]:
    """The step that work is at, on standard error; yields the function to call when a step begins.

    Args:
        patience_s: where there is no terminal, a step is told of by a line if it begins so long after the last one
            (or after the start): work that is done sooner leaves no trace.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _now_and_then(console, patience_s)
        return
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Starting", total=None)
        yield lambda step: bar.update(task, description=step)


def _now_and_then(console: Console, patience_s: float) -> Callable[[str], None]:
    start = last = time.monotonic()

    def report(step: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= patience_s:
            last = now
            console.print(f"{step} (after {now - start:.0f} s)", highlight=False, markup=False, soft_wrap=True)

    return report
