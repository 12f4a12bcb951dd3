"""Make phantoms and put them on disk: one store a patient and a picture of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from phantomsim.errors import StoreError
from phantomsim.formats.nifti import write as write_nifti
from phantomsim.formats.zarr_store import write_phantom
from phantomsim.generators.generate import generate
from phantomsim.generators.lesions import table
from phantomsim.generators.lesions.place import place
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.generators.mosaic import write_mosaic
from phantomsim.generators.spec import Generator
from phantomsim.phantom import Phantom
from phantomsim.spec import read
from phantomsim.store import atomic_file, atomic_write_text, check_writable
from phantomsim.trials import sample_tables
from phantomsim.trials.notes import notes

PICTURED = 8
#: Format -> where in the folder a patient's file or folder lies.
PLACES = {
    "zarr": "patient-{0:06d}.ome.zarr",
    "nifti": "patient-{0:06d}.nii.gz",
    "stl": "patient-{0:06d}-stl",
    "mr-maps": "mr-maps/sub-{0:06d}",
}


def sample(
    generator: str | Path,
    patients: Sequence[int],
    seed: int,
    out: Path,
    form: str | Sequence[str] = "zarr",
    sets: Sequence[str] = (),
    tick: Callable[[], object] = lambda: None,
    field_T: float = 3.0,
    lesions: Lesions | None = None,
    tell: Callable[[str], object] = lambda line: None,
) -> Path:
    """Make phantoms, one file per patient and format, and a mosaic of the first eight.

    Args:
        generator: catalogue name or path.
        patients: their numbers; patient 3 is the same whether or not 0 to 2 are made.
        out: folder; it is made if it is not there.
        form: one or several of "zarr" (OME-Zarr, whole phantom), "nifti" (labels, with a table of names beside it),
            "stl" (a closed surface of each tissue, organ and lesion, in mm, RAS+) and "mr-maps" (PD, T1, T2, T2* and
            susceptibility as NIfTI and JSON).
        tick: called after each patient.
        field_T: of the MR maps; each patient's values are drawn as in a trial of this seed.
        lesions: what each patient gets, as in a trial of this seed; their table is written as lesions.csv and .json,
            with what these have of other patients.
        tell: called with a line for what of a patient is not as was asked.
    Returns:
        The picture's path.
    Raises:
        StoreError: a phantom's file is there already, or cannot be written; lesions.json is none of ours.
        PlacementError: a lesion finds no place.
    """
    spec = read(generator, Generator, sets)
    forms = (form,) if isinstance(form, str) else tuple(dict.fromkeys(form))
    places = {patient: [out / PLACES[f].format(patient) for f in forms] for patient in patients}
    if taken := [place for found in places.values() for place in found if place.exists()]:
        raise StoreError(f"{taken[0]} is there already; give another --out, or --first {1 + max(patients)}")
    check_writable(out)
    told = sample_tables.others(out, patients) if lesions is not None else []
    picture, shown = _free_picture(out, patients), list[Phantom]()
    try:
        for patient in patients:
            phantom, rows = generate(spec, seed, patient), list[dict[str, Any]]()
            if lesions is not None:
                phantom = place(phantom, lesions, seed, patient)
                rows = [{"patient": patient, "subject": phantom.facts.subject, **row} for row in table.rows(phantom)]
            for one, target in zip(forms, places[patient]):
                _write(one, phantom, target, seed, patient, field_T)
            told += rows
            if len(shown) < PICTURED:
                shown.append(phantom)
            for line in notes(phantom):
                tell(line)
            tick()
    finally:  # what was made before a patient could not be is told, too
        if lesions is not None and shown:
            sample_tables.write(out, told)
    with atomic_file(picture) as file:
        write_mosaic(file, shown)
    return picture


def _free_picture(out: Path, patients: Sequence[int]) -> Path:
    """Where the picture goes: a folder's first is mosaic.png, later ones have the number of their first patient."""
    first = out / "mosaic.png"
    return out / f"mosaic-{min(patients):06d}.png" if first.exists() else first


def _write(form: str, phantom: Phantom, place: Path, seed: int, patient: int, field_T: float) -> None:
    if form == "zarr":
        write_phantom(place, phantom)
    elif form == "nifti":
        _write_labels(phantom, place)
    elif form == "stl":
        from phantomsim.trials.sample_surfaces import write_surfaces

        write_surfaces(place, phantom)
    else:
        _write_maps(phantom, place, seed, patient, field_T)


def _write_labels(phantom: Phantom, file: Path) -> None:
    table = "".join(f"{i},{tissue}\n" for i, tissue in enumerate(phantom.tissues))
    name = file.name.removesuffix(".nii.gz")
    atomic_write_text(file.with_name(f"{name}-labels.csv"), "label,tissue\n" + table)
    write_nifti(file, phantom.dominant(), phantom.grid)


def _write_maps(phantom: Phantom, place: Path, seed: int, patient: int, field_T: float) -> None:
    from phantomsim.formats.mr_maps import write_mr_maps
    from phantomsim.keys import Stream, patient_key
    from phantomsim.materials import relaxation

    # The key by which a trial's scans of this patient draw its tissues.
    properties = relaxation(phantom.tissues, field_T, patient_key(seed, patient, Stream.TISSUE))
    facts = {"Subject": phantom.facts.subject, "Seed": seed, "Patient": patient}
    write_mr_maps(place.parent, f"{patient:06d}", phantom, properties, field_T, facts)
