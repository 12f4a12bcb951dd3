"""Make phantoms and put them on disk: one store a patient and a picture of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from phantomsim.formats.nifti import write as write_nifti
from phantomsim.formats.zarr_store import write_phantom
from phantomsim.generators.generate import generate
from phantomsim.generators.mosaic import write_mosaic
from phantomsim.generators.spec import Generator
from phantomsim.phantom import Phantom
from phantomsim.spec import read

PICTURED = 8


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
    out.mkdir(parents=True, exist_ok=True)
    shown: list[Phantom] = []
    for patient in patients:
        phantom = generate(spec, seed, patient)
        _write(phantom, out, f"patient-{patient:06d}", form)
        if len(shown) < PICTURED:
            shown.append(phantom)
        tick()
    picture = out / "mosaic.png"
    write_mosaic(picture, shown)
    return picture


def _write(phantom: Phantom, out: Path, name: str, form: str) -> None:
    if form == "zarr":
        write_phantom(out / f"{name}.ome.zarr", phantom)
        return
    write_nifti(out / f"{name}.nii.gz", phantom.label, phantom.grid)
    table = "".join(f"{i},{tissue}\n" for i, tissue in enumerate(phantom.tissues))
    (out / f"{name}-labels.csv").write_text("label,tissue\n" + table)
