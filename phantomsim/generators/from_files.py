"""Patients from segmentations on disk."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from phantomsim.errors import GeneratorError
from phantomsim.formats import volume
from phantomsim.formats.volume import stem
from phantomsim.generators import body, partial, resample, texture
from phantomsim.generators.labels import tissue_names, to_tissues
from phantomsim.generators.spec import FromFiles, FromHU, FromMeshes
from phantomsim.grid import Grid
from phantomsim.keys import Stream, patient_key
from phantomsim.phantom import Facts, Overlay, Phantom

PLAUSIBLE_MM = (0.02, 20.0)
SHELL = ("bone-cancellous", "bone-cortical")


def root(spec: FromFiles | FromHU | FromMeshes) -> Path:
    """The generator's folder.

    Raises:
        GeneratorError: it is not set or not there.
    """
    text = os.path.expanduser(os.path.expandvars(spec.folder))
    how = "give the folder by --set population.generator.folder=PATH in a trial, --set folder=PATH for sample"
    if "$" in text:
        variable = spec.folder[spec.folder.index("$") :].lstrip("${").split("}")[0].split("/")[0]
        raise GeneratorError(
            f'generator "{spec.name}": folder is "{spec.folder}", and the environment variable {variable} is not set; '
            f"set it (export {variable}=PATH) or {how}"
        )
    folder = Path(text)
    if not folder.is_dir():
        raise GeneratorError(f'generator "{spec.name}": no folder {folder}; {how}')
    return folder


def files(spec: FromFiles | FromHU) -> list[Path]:
    """The files of the folder, sorted by path.

    Raises:
        GeneratorError: as `root`; or the folder holds no file of the pattern.
    """
    folder = root(spec)
    found = sorted(p for p in folder.glob(spec.pattern) if p.is_file())
    if not found:
        there = ", ".join(sorted(p.name for p in folder.iterdir())[:5]) or "nothing"
        raise GeneratorError(
            f'generator "{spec.name}": no file in {folder} matches pattern "{spec.pattern}"; there is {there}'
        )
    return found


def plausible(grid: Grid, path: Path) -> None:
    """Raises GeneratorError for voxels that no scanner of people makes: a unit or an affine is wrong."""
    low, high = PLAUSIBLE_MM
    if not all(low <= d <= high for d in grid.spacing_mm):
        spacing = " x ".join(f"{d:g}" for d in grid.spacing_mm)
        raise GeneratorError(
            f"{path}: voxels of {spacing} mm (z, y, x) are not {low:g} to {high:g} mm; "
            "is the affine in metres, or missing?"
        )


def names(spec: FromFiles | FromHU) -> list[str]:
    """The source subjects: one per file, by name; by path inside the folder where names repeat."""
    found = files(spec)
    stems = [stem(p) for p in found]
    if len(set(stems)) == len(stems):
        return stems
    top = Path(os.path.commonpath(found))
    return [str(p.parent.relative_to(top) / stem(p)) for p in found]


def generate(spec: FromFiles, seed: int, patient: int) -> Phantom:
    """Patient number `patient`; see `generators.generate.generate`.

    Raises:
        GeneratorError: as `files`.
        FormatError: the file is damaged, not finite or no label map.
        TissueError: it holds labels that the table does not know.
    """
    found = files(spec)
    which = patient % len(found)
    extra = (spec.background.tissue, "skin") if spec.background else ()
    tissues = tissue_names(spec.labels, extra + (SHELL if spec.shell_mm else ()))
    values, grid = volume.read_labels(found[which], axes=spec.axes)
    plausible(grid, found[which])
    label, counts = to_tissues(values, spec.labels, spec.ids, tissues, str(found[which]))
    volumes: dict[str, float | str] = {f"{k.replace('-', '_')}_mL": n * grid.voxel_mL for k, n in counts.items()}
    label, grid, overlays, dropped = _prepare(spec, label, grid, tissues)
    density = texture.density(patient_key(seed, patient, Stream.ANATOMY), spec.texture, grid, label, tissues)
    provenance: dict[str, object] = {
        "generator": spec.name or spec.kind,
        "seed": seed,
        "patient": patient,
        "file": found[which].name,
        "labels": spec.labels.name,
        "dropped_island_voxels": dropped,
    }
    return Phantom(grid, label, density, overlays, (), tissues, Facts(names(spec)[which], volumes, provenance))


def _prepare(
    spec: FromFiles, label: np.ndarray, grid: Grid, tissues: tuple[str, ...]
) -> tuple[np.ndarray, Grid, tuple[Overlay, ...], int]:
    """Islands, resampling, bone shells, background and frame, in this order."""
    dropped = 0
    if not spec.islands and spec.background is None:  # organs without a background are islands by right
        label, dropped = body.largest_piece(label)
    if spec.method == "fractions" and spec.voxel_mm is not None:
        new = resample.isotropic(grid, spec.voxel_mm)
        if spec.shape is not None:
            _, new = body.frame(resample.nearest(label, grid, new), new, spec.shape)
        label, overlays = partial.fractions(label, grid, new, len(tissues))
        return label, new, overlays, dropped
    if spec.voxel_mm is not None:
        new = resample.isotropic(grid, spec.voxel_mm)
        if new != grid:
            label = (resample.nearest if spec.method == "nearest" else resample.signed_distance)(label, grid, new)
        grid = new
    if spec.shell_mm:
        inner, shell = (tissues.index(name) for name in SHELL)
        body.add_shell(label, grid, inner, shell, spec.shell_mm)
    if spec.background is not None:
        fill = spec.background
        inside = body.outline(label, grid, fill.margin_mm)
        body.add_background(label, grid, inside, tissues.index(fill.tissue), tissues.index("skin"), fill.skin_mm)
    if spec.shape is not None:
        label, grid = body.frame(label, grid, spec.shape)
    return np.ascontiguousarray(label), grid, (), dropped
