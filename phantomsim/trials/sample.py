"""Make phantoms and put them on disk: one store a patient and a picture of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from phantomsim.errors import StoreError
from phantomsim.formats.nifti import write as write_nifti
from phantomsim.formats.zarr_store import write_phantom
from phantomsim.generators.generate import generate
from phantomsim.generators.mosaic import write_mosaic
from phantomsim.generators.spec import Generator
from phantomsim.phantom import Phantom
from phantomsim.spec import read
from phantomsim.store import atomic_file, atomic_write_text, writing

PICTURED = 8
ENDINGS = {"zarr": ".ome.zarr", "nifti": ".nii.gz"}


def sample(
    generator: str | Path,
    patients: Sequence[int],
    seed: int,
    out: Path,
    form: str = "zarr",
    sets: Sequence[str] = (),
    tick: Callable[[], object] = lambda: None,
) -> Path:
    """Make phantoms, one file per patient, and a mosaic of the first eight.

    Args:
        generator: catalogue name or path.
        patients: their numbers; patient 3 is the same whether or not 0 to 2 are made.
        out: folder; it is made if it is not there.
        form: "zarr" (OME-Zarr, whole phantom) or "nifti" (labels, with a table of names beside it).
        tick: called after each patient.
    Returns:
        The picture's path.
    Raises:
        StoreError: a phantom's file is there already, or cannot be written.
    """
    spec = read(generator, Generator, sets)
    files = {patient: out / f"patient-{patient:06d}{ENDINGS[form]}" for patient in patients}
    if taken := [file for file in files.values() if file.exists()]:
        raise StoreError(f"{taken[0]} is there already; give another --out, or --first {1 + max(patients)}")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    shown: list[Phantom] = []
    for patient in patients:
        phantom = generate(spec, seed, patient)
        _write(phantom, files[patient])
        if len(shown) < PICTURED:
            shown.append(phantom)
        tick()
    picture = out / "mosaic.png"
    with atomic_file(picture) as file:
        write_mosaic(file, shown)
    return picture


def _write(phantom: Phantom, file: Path) -> None:
    if file.name.endswith(ENDINGS["zarr"]):
        write_phantom(file, phantom)
        return
    table = "".join(f"{i},{tissue}\n" for i, tissue in enumerate(phantom.tissues))
    name = file.name.removesuffix(ENDINGS["nifti"])
    atomic_write_text(file.with_name(f"{name}-labels.csv"), "label,tissue\n" + table)
    write_nifti(file, phantom.label, phantom.grid)
