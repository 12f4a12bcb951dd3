"""The same work for every program: geometries, phantoms on voxels, and their line integrals in closed form.

Needs numpy alone, so that peers can use it from their own environments. Frame and angles are those of
`phantomsim.scanners.ct.geometry`: source at R (-sin b, cos b, 0), columns along (cos b, sin b, 0), rows along z.
Lengths are in mm.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Case:
    """A circle of flat-panel views about a volume; lengths in mm, (z, y, x)."""

    name: str
    views: int
    columns: int
    rows: int
    column: float
    row: float
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    radius: float = 541.0
    distance: float = 949.0

    @property
    def angles(self) -> np.ndarray:
        """Of the source [rad] [view]."""
        return 2 * np.pi * np.arange(self.views) / self.views

    @property
    def planar(self) -> bool:
        """One row through one thick slice: a fan beam."""
        return self.rows == 1


CASES = {
    case.name: case
    for case in (
        Case("fan512", 720, 888, 1, 1.0239, 1.0239, (1, 512, 512), (8.0, 0.8, 0.8)),
        Case("cone128", 360, 192, 128, 2.5, 3.5, (128, 128, 128), (2.0, 2.0, 2.0)),
        Case("cone256", 360, 384, 256, 1.25, 1.75, (256, 256, 256), (1.0, 1.0, 1.0)),
        Case("tiny", 24, 96, 32, 5.0, 7.0, (32, 64, 64), (4.0, 4.0, 4.0)),  # to try the programs out
    )
}


@dataclass(frozen=True)
class Blob:
    """A Gaussian (`edge` False) or an ellipsoid of even value; centre and SD or semi-axis along (x, y, z) in mm."""

    value: float
    centre: tuple[float, float, float]
    size: tuple[float, float, float]
    edge: bool

    def integral(self, start: np.ndarray, ray: np.ndarray) -> np.ndarray:
        """Along unit vectors `ray` [..., 3] through points `start` [..., 3]."""
        away, inverse = np.asarray(self.centre) - start, 1 / np.asarray(self.size) ** 2
        a, b, c = ((u * v * inverse).sum(-1) for u, v in ((ray, ray), (ray, away), (away, away)))
        nearest = c - b**2 / a
        if self.edge:
            return self.value * 2 * np.sqrt(np.maximum(1 - nearest, 0) / a)
        return self.value * np.sqrt(2 * np.pi / a) * np.exp(-nearest / 2)


def phantom(kind: str, case: Case) -> list[Blob]:
    """ "gaussians" (smooth, many voxels wide) or "ellipsoids" (edges); none has any symmetry."""
    field = min(case.shape[1] * case.spacing[1], case.shape[2] * case.spacing[2]) / 2
    deep = 1e9 if case.planar else min(field, case.shape[0] * case.spacing[0] / 2)
    if kind == "gaussians":
        rows = ((1.0, 0.3, 0.1, 0.05, 0.14), (0.7, -0.35, 0.2, -0.1, 0.1), (0.5, 0.05, -0.4, 0.12, 0.08))
        return [_blob(v, (x, y, z), (s, s, s), field, deep, False) for v, x, y, z, s in rows]
    parts = (
        (1.0, (0.02, 0.03, 0.0), (0.72, 0.61, 0.62)),
        (-0.8, (0.27, 0.12, 0.1), (0.21, 0.33, 0.28)),
        (0.6, (-0.22, -0.2, -0.12), (0.16, 0.11, 0.2)),
    )
    return [_blob(v, centre, size, field, deep, True) for v, centre, size in parts]


def _blob(value: float, centre: tuple, size: tuple, field: float, deep: float, edge: bool) -> Blob:
    scale = (field, field, deep)
    place = (centre[0] * field, centre[1] * field, 0.0 if deep > 1e8 else centre[2] * deep)
    return Blob(value, place, tuple(s * k for s, k in zip(size, scale)), edge)  # type: ignore[arg-type]


def sampled(parts: list[Blob], case: Case, fine: int = 4) -> np.ndarray:
    """Voxels, float32 [z, y, x]: Gaussians at the voxels' middles, ellipsoids as the share of a voxel they fill."""
    volume = np.zeros(case.shape, np.float32)
    z, y, x = ((np.arange(n) - (n - 1) / 2) * d for n, d in zip(case.shape, case.spacing))
    for part in parts:
        q = _form(part, x, y[:, None], z[:, None, None])
        if not part.edge:
            volume += (part.value * np.exp(-q / 2)).astype(np.float32)
            continue
        share = (q < 1).astype(np.float32)
        reach = 0.5 * np.linalg.norm(case.spacing[1:] if case.planar else case.spacing) / min(part.size)
        k, j, i = np.nonzero(np.abs(np.sqrt(q) - 1) < 1.5 * reach)
        share[k, j, i] = 0
        at = (np.arange(fine) + 0.5) / fine - 0.5
        for w in at * case.spacing[0]:
            for v in at * case.spacing[1]:
                for u in at * case.spacing[2]:
                    share[k, j, i] += (_form(part, x[i] + u, y[j] + v, z[k] + w) < 1) / np.float32(fine**3)
        volume += np.float32(part.value) * share
    return volume


def _form(part: Blob, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    return sum(((p - c) / s) ** 2 for p, c, s in zip((x, y, z), part.centre, part.size))


def exact(parts: list[Blob], case: Case, views: np.ndarray, cell: int = 1) -> np.ndarray:
    """Closed-form line integrals [view, row, column], the mean over `cell` x `cell` rays within each cell."""
    inside = (np.arange(cell) + 0.5) / cell - 0.5
    b = case.angles[views][:, None, None, None]
    zero = np.zeros_like(b)
    ahead = np.concatenate([np.sin(b), -np.cos(b), zero], -1)
    along = np.concatenate([np.cos(b), np.sin(b), zero], -1)
    source = -case.radius * ahead
    columns = (np.arange(case.columns) - (case.columns - 1) / 2)[:, None]
    rows = (np.arange(case.rows) - (case.rows - 1) / 2)[:, None, None]
    total = np.zeros((len(views), case.rows, case.columns))
    for v in inside if case.rows > 1 else [0.0]:
        for u in inside:
            ray = case.distance * ahead + along * (columns + u) * case.column
            ray = ray + np.array([0, 0, 1.0]) * (rows + v) * case.row
            ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
            total += sum(part.integral(source, ray) for part in parts)
    return total / (cell if case.rows == 1 else cell**2)


def volume_of(kind: str, case: Case) -> np.ndarray:
    """`sampled`, kept in the folder `$CT_PEERS_CACHE` if that is set."""
    folder = os.environ.get("CT_PEERS_CACHE")
    if not folder:
        return sampled(phantom(kind, case), case)
    path = Path(folder) / f"{case.name}-{kind}.npy"
    if not path.exists():
        part = path.with_suffix(f".{os.getpid()}.npy")
        np.save(part, sampled(phantom(kind, case), case))
        part.replace(path)
    return np.load(path)


def misfit(measured: np.ndarray, kind: str, case: Case, model: str) -> float:
    """RMSE over the exact integrals' peak, in 18 views or so, of [view, row, column]; model "point" or "cell"."""
    views = np.arange(0, case.views, max(case.views // 18, 1))
    truth = exact(phantom(kind, case), case, views, 1 if model == "point" else 4)
    return float(np.sqrt(np.mean((measured[views] - truth) ** 2)) / truth.max())


def timed(work: Callable[[], object], repeat: int) -> list[float]:
    """Wall-clock times of `repeat` runs after one that does not count (it compiles) [s]."""
    work()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times


def report(program: str, case: Case, task: str, model: str, times: list[float], **more: object) -> None:
    """Print one result as a line of JSON."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    said = {"program": program, "case": case.name, "task": task, "model": model, "median_s": statistics.median(times)}
    print(json.dumps(said | {"times_s": times, "peak_MiB": peak, **more}), flush=True)


def asked() -> Iterator[tuple[Case, int, float]]:
    """Cases of the command line: `program.py CASE [REPEAT]`."""
    case = CASES[sys.argv[1]]
    yield case, int(sys.argv[2]) if len(sys.argv) > 2 else 3, time.time()


def accuracy(forward: Callable[[np.ndarray], np.ndarray], case: Case, models: tuple[str, ...]) -> dict[str, float]:
    """RMSE over peak of a projector, on both phantoms, against rays and against cells."""
    found = {}
    for kind in ("gaussians", "ellipsoids"):
        measured = forward(volume_of(kind, case))
        for model in models:
            found[f"rmse_{kind}_{model}"] = misfit(measured, kind, case, model)
    return found
