"""What fits into the machine."""

from __future__ import annotations

import os


def physical_bytes() -> int:
    """Memory of the machine; 0 where it cannot be told."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 0


def gibibytes(size: float) -> str:
    """A size for people."""
    return f"{size / 2**30:.3g} GiB" if size < 1e6 * 2**30 else "more than a million GiB"
