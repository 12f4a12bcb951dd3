"""From labels of a file to tissues of a phantom."""

from __future__ import annotations

import numpy as np

from phantomsim.errors import TissueError
from phantomsim.generators.labels_spec import LabelTable, ids_of


def tissue_names(table: LabelTable, extra: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Every tissue that a table can give, air first, then sorted: the same for all files, so that they share code."""
    return ("air", *sorted((set(table.tissues.values()) | set(extra)) - {"air"}))


def structures(table: LabelTable, version: str | None = None) -> dict[int, str]:
    """Name of the structure of each id.

    Raises:
        TissueError: the table has no such version.
    """
    version = version or table.default_ids
    if version not in table.ids:
        raise TissueError(f'label table "{table.name}" has no ids "{version}"; it has {", ".join(sorted(table.ids))}')
    return {i: name for name, ids in table.ids[version].items() for i in ids_of(ids)}


def to_tissues(
    labels: np.ndarray, table: LabelTable, version: str | None, tissues: tuple[str, ...], source: str
) -> tuple[np.ndarray, dict[str, int]]:
    """Map labels to indices into `tissues`.

    Args:
        labels: integers [z, y, x].
        tissues: from `tissue_names`.
        source: the file, for errors.
    Returns:
        uint8 [z, y, x], and the number of voxels of each structure.
    Raises:
        TissueError: labels that the table does not know.
    """
    names = structures(table, version)
    low = min(0, int(labels.min()))
    counts = np.bincount((labels - low if low else labels).ravel(), minlength=1)
    present = {int(i) + low: int(counts[i]) for i in np.flatnonzero(counts)}
    if unknown := {i: n for i, n in present.items() if i not in names}:
        raise TissueError(_unknown(unknown, table, version, source))
    lookup = np.zeros(len(counts), np.uint8)
    for i in present:
        lookup[i - low] = tissues.index(table.tissues[names[i]])
    totals: dict[str, int] = {}
    for i, n in present.items():
        totals[names[i]] = totals.get(names[i], 0) + n
    return lookup[labels - low if low else labels], totals


def _unknown(unknown: dict[int, int], table: LabelTable, version: str | None, source: str) -> str:
    shown = list(unknown.items())[:5]
    listed = ", ".join(f"label {i} ({n} voxels)" for i, n in shown) + (", ..." if len(unknown) > len(shown) else "")
    first = shown[0][0]
    return (
        f'{source}: {listed}: no tissue in label table "{table.name}", ids.{version or table.default_ids}. '
        f'Copy the table and add, for example, `some-structure = "soft-tissue"` under [tissues] and '
        f"`some-structure = {first}` under [ids.{version or table.default_ids}]"
    )
