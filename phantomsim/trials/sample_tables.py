"""Tables of the lesions of a folder of phantoms, to which later patients are added."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from phantomsim.errors import StoreError
from phantomsim.generators.lesions import table
from phantomsim.store import atomic_write_text

CSV, JSON = "lesions.csv", "lesions.json"
LARGEST_BYTES = 2**28  # of a table that is read


def others(out: Path, patients: Sequence[int]) -> list[dict[str, Any]]:
    """Rows that the tables of a folder have of other patients.

    Raises:
        StoreError: there is a file of this name that is no such table.
    """
    file = out / JSON
    if not file.exists():
        return []
    try:
        if file.stat().st_size > LARGEST_BYTES:
            raise ValueError
        rows = json.loads(file.read_text(encoding="utf-8"))
        return [row for row in rows if int(row["patient"]) not in set(patients)]
    except (OSError, ValueError, KeyError, TypeError):
        raise StoreError(f"{file} is there and is no table of lesions; give another --out, or move it away") from None


def write(out: Path, rows: list[dict[str, Any]]) -> None:
    """Both tables, by patient."""
    rows = sorted(rows, key=lambda row: int(row["patient"]))
    atomic_write_text(out / CSV, table.to_csv(rows))
    atomic_write_text(out / JSON, table.to_json(rows))
