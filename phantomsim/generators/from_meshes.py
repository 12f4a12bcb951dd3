"""Patients from closed surface meshes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from phantomsim.errors import GeneratorError
from phantomsim.formats import mesh as mesh_files
from phantomsim.formats.mesh import Mesh
from phantomsim.generators import from_files, resample, texture
from phantomsim.generators.meshes_spec import FromMeshes, MeshPart
from phantomsim.generators.partial import Mixture
from phantomsim.generators.solid import solid
from phantomsim.generators.voxelise import crossings
from phantomsim.grid import Grid
from phantomsim.keys import Stream, patient_key
from phantomsim.phantom import Facts, Overlay, Phantom

PLAUSIBLE_MM = (1.0, 4000.0)
SLAB_VOXELS = 2**24  # places that are painted together; bounds memory


def folders(spec: FromMeshes) -> list[Path]:
    """Each patient's folder, sorted by path. Raises GeneratorError where there is none."""
    root = from_files.root(spec)
    found = sorted(p for p in root.glob(spec.pattern) if p.is_dir()) if spec.pattern else [root]
    if not found:
        raise GeneratorError(f'generator "{spec.name}": no folder in {root} matches pattern "{spec.pattern}"')
    return found


def generate(spec: FromMeshes, seed: int, patient: int) -> Phantom:
    """Patient number `patient`; see `generators.generate.generate`.

    Raises:
        GeneratorError: no folder, meshes of an unlikely size, or too many voxels.
        FormatError: a mesh is damaged, too large or not closed.
    """
    found = folders(spec)
    folder = found[patient % len(found)]
    meshes = [solid(_read(folder, part), str(folder / part.file), part.repair) for part in spec.parts]
    grid = _grid(spec, meshes, folder)
    tissues = ("air", *sorted({part.tissue for part in spec.parts} - {"air"}))
    label, overlays = paint(meshes, [tissues.index(p.tissue) for p in spec.parts], grid, spec.subvoxels, len(tissues))
    density = texture.density(patient_key(seed, patient, Stream.ANATOMY), spec.texture, grid, label, tissues)
    volumes: dict[str, float | str] = {}
    for part, mesh in zip(spec.parts, meshes):
        key = f"{Path(part.file).stem.replace('-', '_')}_mL"
        volumes[key] = float(volumes.get(key, 0.0)) + mesh.volume_mL()
    provenance: dict[str, object] = {"generator": spec.name or spec.kind, "seed": seed, "patient": patient}
    provenance |= {"folder": folder.name, "meshes": [part.file for part in spec.parts]}
    return Phantom(grid, label, density, overlays, (), tissues, Facts(folder.name, volumes, provenance))


def paint(
    meshes: list[Mesh], tissue: list[int], grid: Grid, subvoxels: int, tissues: int
) -> tuple[np.ndarray, tuple[Overlay, ...]]:
    """Closed meshes painted in order, later over earlier, over tissue 0.

    Args:
        tissue: of each mesh, below `tissues`.
        subvoxels: places in a voxel along each axis.
    Returns:
        label uint8 [z, y, x] and overlays: the shares of the places in each voxel.
    """
    n = subvoxels
    fine = _finer(grid, n)
    planes = n * max(1, SLAB_VOXELS // (n * fine.shape[1] * fine.shape[2]))
    slabs = [crossings(mesh, fine).slabs(planes) for mesh in meshes]
    mixture = Mixture(grid.shape)
    for first in range(0, fine.shape[0], planes):
        painted = np.zeros((min(planes, fine.shape[0] - first), *fine.shape[1:]), np.uint8)
        for index, slab in zip(tissue, slabs):
            rows, columns, within = next(slab)
            np.copyto(painted[: len(within), rows, columns], index, where=within)
        _gather(mixture, painted, first // n, n, tissues)
    for slab in slabs:
        next(slab, None)  # runs on to where holes are told
    return mixture.label, mixture.overlays()


def _gather(mixture: Mixture, painted: np.ndarray, first: int, n: int, tissues: int) -> None:
    """From the places of a slab to its voxels."""
    low, high = (_reduced(painted, n, pick) for pick in (np.minimum, np.maximum))
    mixture.label[first : first + len(low)] = low
    mixed = np.argwhere(low != high)
    if not len(mixed):
        return
    places = np.indices((n, n, n)).reshape(3, -1)
    values = painted[tuple(n * mixed.T[:, :, None] + places[:, None, :])]
    counts = np.bincount((values + tissues * np.arange(len(mixed))[:, None]).ravel(), minlength=tissues * len(mixed))
    shares = counts.reshape(len(mixed), tissues).T.astype(np.float32) / n**3
    z, y, x = mixed.T
    mixture.blend(np.ravel_multi_index((z + first, y, x), mixture.label.shape), shares)


def _reduced(values: np.ndarray, n: int, pick: np.ufunc) -> np.ndarray:
    """The least or the greatest value of each block of n x n x n; by slices, many times faster than by axes."""
    for axis in range(3):
        parts = [values[(slice(None),) * axis + (slice(i, None, n),)] for i in range(n)]
        values = parts[0]
        for part in parts[1:]:
            values = pick(values, part)
    return values


def _read(folder: Path, part: MeshPart) -> Mesh:
    return mesh_files.read(folder / part.file, unit=part.unit, axes=part.axes)


def _grid(spec: FromMeshes, meshes: list[Mesh], folder: Path) -> Grid:
    low = np.min([m.points_mm.min(axis=0) for m in meshes], axis=0)
    high = np.max([m.points_mm.max(axis=0) for m in meshes], axis=0)
    size = (high - low)[::-1]
    if not PLAUSIBLE_MM[0] <= size.max() <= PLAUSIBLE_MM[1]:
        raise GeneratorError(
            f"{folder}: the meshes span {size.max():.4g} mm, not {PLAUSIBLE_MM[0]:g} to {PLAUSIBLE_MM[1]:g} mm; "
            "give the parts their `unit`"
        )
    voxel = (spec.voxel_mm,) * 3 if isinstance(spec.voxel_mm, float) else spec.voxel_mm
    shape = spec.shape or tuple(max(4, int(np.ceil((s + 2 * spec.margin_mm) / v))) for s, v in zip(size, voxel))
    if np.prod(shape, dtype=float) > resample.MAX_VOXELS:
        raise GeneratorError(f"{folder}: {shape} voxels; at most {resample.MAX_VOXELS}. Raise voxel_mm or give a shape")
    return Grid.centred(shape, voxel, tuple((low + high) / 2))  # type: ignore[arg-type]


def _finer(grid: Grid, n: int) -> Grid:
    """Each voxel as n x n x n."""
    first = grid.world([0.5 / n - 0.5] * 3)
    spacing = tuple(d / n for d in grid.spacing_mm)
    return Grid(tuple(n * m for m in grid.shape), spacing, tuple(first.tolist()), grid.direction)  # type: ignore[arg-type]
