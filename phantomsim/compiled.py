"""Compiled code kept on disk, so that a program starts quickly when it has run before."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
from collections.abc import Iterator, MutableMapping
from pathlib import Path

import filelock
import platformdirs

LARGEST_BYTES = 2**31  # of all that is kept; what was used longest ago goes first
LEAST_s = 0.5  # to compile, below which code is not worth its place
LONGEST_s = 300.0  # to wait for another process's compilation
_seen: set[str] = set()


def keep(environment: MutableMapping[str, str] = os.environ) -> None:
    """Have JAX keep what it compiles in the user's cache folder; must be called before JAX is imported.

    Whoever has set `JAX_COMPILATION_CACHE_DIR` or `JAX_ENABLE_COMPILATION_CACHE` has chosen. Where the folder cannot be
    written, nothing is kept.
    """
    if {"JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"} & set(environment):
        return
    where = folder()
    try:
        where.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(where, os.W_OK | os.X_OK):
        return
    environment["JAX_COMPILATION_CACHE_DIR"] = str(where)
    environment.setdefault("JAX_COMPILATION_CACHE_MAX_SIZE", str(LARGEST_BYTES))
    environment.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", str(LEAST_s))


@contextlib.contextmanager
def turn(what: str) -> Iterator[None]:
    """Compile something that takes long: one process does, those that start beside it wait and read its code.

    Only the first time in a process, and only where code is kept; a process that ends early gives its turn on.

    Args:
        what: names the code, so that different code is compiled side by side.
    """
    where = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if not where or what in _seen:
        yield
        return
    name = hashlib.blake2b(what.encode(), digest_size=8).hexdigest()
    lock = filelock.FileLock(Path(where) / f"turn-{name}.lock", timeout=LONGEST_s)
    with contextlib.suppress(filelock.Timeout, OSError):  # then it is compiled twice: slow, not wrong
        Path(where).mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
        _seen.add(what)
    finally:
        lock.release()


def folder() -> Path:
    """Where code for this processor is kept: homes are shared by machines that cannot run one another's code."""
    return Path(platformdirs.user_cache_dir("phantomsim", appauthor=False)) / f"jax-{_processor()}"


def _processor() -> str:
    """Digest of what the processor can do."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    able = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    name = next((line for line in lines if line.startswith("model name")), platform.processor())
    return hashlib.blake2b(f"{platform.machine()} {name} {able}".encode(), digest_size=6).hexdigest()
