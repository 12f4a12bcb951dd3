"""People in training: their structures, groups and field of view, read from segmentations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from phantomsim.errors import GeneratorError
from phantomsim.formats.volume import read_labels, stem
from phantomsim.generators.deformable.loss import Image
from phantomsim.generators.deformable.spec import Group
from phantomsim.generators.from_files import plausible
from phantomsim.generators.labels import to_tissues
from phantomsim.generators.labels_spec import LabelTable
from phantomsim.grid import Grid


@dataclass(frozen=True)
class Person:
    """One segmentation.

    Attributes:
        name: the file's, without endings.
        label: index into `structure_names`, uint8 [z, y, x].
        grid: where it lies in its file.
        centre_mm: centre of mass (z, y, x) of the groups that the anatomy is centred on, from voxel 0 [mm].
        box: first and last plane that is seen, along z, y, x.
    """

    name: str
    label: np.ndarray
    grid: Grid
    centre_mm: np.ndarray
    box: tuple[slice, slice, slice]

    @property
    def first_mm(self) -> np.ndarray:
        """Point of the middle of voxel [0, 0, 0] from the person's centre (z, y, x) [mm]."""
        return -self.centre_mm

    def sees(self, places: np.ndarray) -> np.ndarray:
        """1 where places [..., 3] (z, y, x) from the person's centre [mm] lie in the field of view, else 0, float32."""
        index = (places - self.first_mm) / np.array(self.grid.spacing_mm)
        low = np.array([b.start for b in self.box]) - 0.5
        high = np.array([b.stop for b in self.box]) - 0.5
        return ((index > low) & (index < high)).all(axis=-1).astype(np.float32)


def structure_names(table: LabelTable) -> tuple[str, ...]:
    """All structures of a table, those made of air first, then sorted: the numbers of `Person.label`."""
    return tuple(sorted(table.tissues, key=lambda name: (table.tissues[name] != "air", name)))


def group_of(names: tuple[str, ...], groups: tuple[Group, ...]) -> np.ndarray:
    """Number of the group of each structure, uint8."""
    rest = [i for i, g in enumerate(groups) if not g.structures]
    numbers = {s: i for i, g in enumerate(groups) for s in g.structures}
    return np.array([numbers.get(name, rest[0] if rest else 0) for name in names], np.uint8)


def read(
    path: Path,
    table: LabelTable,
    ids: str | None,
    groups: tuple[Group, ...],
    centre_on: tuple[str, ...],
    cut_fraction: float,
) -> Person:
    """Read a segmentation.

    Raises:
        GeneratorError: nothing in it belongs to the groups that the anatomy is centred on.
        FormatError, TissueError: as `generators.from_files`.
    """
    values, grid = read_labels(path)
    plausible(grid, path)
    names = structure_names(table)
    as_tissues = table.model_copy(update={"tissues": {n: n for n in table.tissues}})
    label, _ = to_tissues(values, as_tissues, ids, names, str(path))
    wanted = np.isin(group_of(names, groups), [i for i, g in enumerate(groups) if g.name in centre_on])
    inside = wanted[label]
    if not inside.any():
        raise GeneratorError(f"{path}: no voxel of the groups {', '.join(centre_on)}, which the anatomy is centred on")
    centre = np.array([_mean(inside, axis) for axis in range(3)]) * np.array(grid.spacing_mm)
    return Person(stem(path), label, grid, centre, seen_box(label > 0, cut_fraction))


def _mean(mask: np.ndarray, axis: int) -> float:
    counts = mask.sum(axis=tuple(a for a in range(3) if a != axis))
    return float(counts @ np.arange(len(counts)) / counts.sum())


def seen_box(body: np.ndarray, cut_fraction: float) -> tuple[slice, slice, slice]:
    """Planes between the cuts through the body; a face without a cut is not limited."""
    box = []
    for axis in range(3):
        counts = body.sum(axis=tuple(a for a in range(3) if a != axis))
        there = np.flatnonzero(counts)
        cut = cut_fraction * counts.max()
        first = there[0] if counts[there[0]] > cut else 0
        last = there[-1] if counts[there[-1]] > cut else body.shape[axis] - 1
        box.append(slice(int(first), int(last) + 1))
    return tuple(box)  # type: ignore[return-value]


def image(person: Person, groups: np.ndarray, count: int, block_mm: float) -> Image:
    """Shares of each group in blocks of about `block_mm`, and of the field of view."""
    factor = [max(1, round(block_mm / d)) for d in person.grid.spacing_mm]
    label = np.pad(groups[person.label], [(0, -n % f) for n, f in zip(person.label.shape, factor)], mode="edge")
    shape = tuple(n // f for n, f in zip(label.shape, factor))
    z, y, x = (np.arange(n, dtype=np.int32) // f for n, f in zip(label.shape, factor))
    rows = (z[:, None] * shape[1] + y[None, :]) * shape[2]
    counts = np.zeros(int(np.prod(shape)) * count, np.int64)
    for plane, row in zip(label, rows):  # one plane at a time: the indices of all would take 8 bytes a voxel
        where = ((row[:, None] + x) * count + plane).ravel()
        low = int(row[0]) * count
        part = np.bincount(where - low)
        counts[low : low + len(part)] += part
    shares = counts.reshape(*shape, count) / np.prod(factor)
    z, y, x = (_seen(s, n, f) for s, n, f in zip(person.box, shape, factor))
    seen = z[:, None, None] * y[:, None] * x
    spacing = np.array(factor) * np.array(person.grid.spacing_mm)
    first = person.first_mm + (np.array(factor) - 1) / 2 * np.array(person.grid.spacing_mm)
    values = np.concatenate([shares, seen[..., None]], axis=-1).astype(np.float32)
    return Image(jnp.asarray(values), jnp.asarray(first, jnp.float32), jnp.asarray(spacing, jnp.float32))


def _seen(box: slice, blocks: int, factor: int) -> np.ndarray:
    """Share of each block along one axis that lies in the field of view."""
    planes = np.arange(blocks * factor)
    return ((planes >= box.start) & (planes < box.stop)).reshape(blocks, factor).mean(axis=1)


def coarser(image: Image) -> Image:
    """Blocks of two by two by two."""
    values = np.asarray(image.values)
    values = np.pad(values, [(0, -n % 2) for n in values.shape[:3]] + [(0, 0)], mode="edge")
    z, y, x = (n // 2 for n in values.shape[:3])
    values = values.reshape(z, 2, y, 2, x, 2, -1).mean(axis=(1, 3, 5))
    return Image(jnp.asarray(values), image.first_mm + image.spacing_mm / 2, image.spacing_mm * 2)
