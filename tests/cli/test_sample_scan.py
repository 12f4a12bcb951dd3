"""Phantoms and scans from the command line: every format, the same bytes for the same seed, nothing overwritten."""

import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import trimesh
from click.testing import CliRunner, Result
from matplotlib.image import imread

from phantomsim.cli.main import main
from phantomsim.errors import PlacementError
from phantomsim.formats import zarr_store
from phantomsim.generators.lesions.place import place
from phantomsim.grid import Grid
from phantomsim.phantom import Facts, Phantom
from phantomsim.trials.notes import notes

COARSE = ("--set", "voxel_mm=6", "--set", "shape=[12,48,64]")
CT = (
    *("ct-64", "--protocol", "abdomen-quick", "--set", "protocol.views=48", "--set", "protocol.binned_columns=4"),
    *("--set", "reconstruction.matrix=48"),
)
MR = (
    *("mr-3t", "--protocol", "t2star-gre", "--set", "protocol.matrix=[64,48]", "--set", "protocol.slices=3"),
    *("--set", "protocol.fov_mm=[384,384]", "--set", "protocol.slice_mm=10"),
)
SCANNERS = pytest.mark.parametrize(("kind", "scanner"), [("CT", CT), ("MR", MR)])


def run(*args: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in args])


def ok(*args: object) -> Result:
    result = run(*args)
    assert result.exit_code == 0, result.output
    return result


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by its path inside."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def scale_of(data: pydicom.Dataset) -> tuple[float, float]:
    """Slope and intercept of stored pixels: the rescale of CT, the real-world value mapping of MR."""
    if "RescaleSlope" in data:
        return float(data.RescaleSlope), float(data.RescaleIntercept)
    item = data.RealWorldValueMappingSequence[0]
    return float(item.RealWorldValueSlope), float(item.RealWorldValueIntercept)


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patients 0 and 1 of seed 7."""
    out = tmp_path_factory.mktemp("sample") / "phantoms"
    result = ok("sample", "abdomen-procedural", "-n", 2, "--seed", 7, *COARSE, "--out", out)
    assert f"Phantoms: {out}" in result.stdout
    return out


@pytest.fixture(scope="module")
def phantom(phantoms: Path) -> Path:
    return phantoms / "patient-000000.ome.zarr"


def test_sample_writes_a_store_for_each_patient_and_a_picture(phantoms: Path) -> None:
    assert sorted(p.name for p in phantoms.iterdir()) == [
        *("mosaic.png", "patient-000000.ome.zarr", "patient-000001.ome.zarr")
    ]
    first, second = (zarr_store.read_phantom(phantoms / f"patient-00000{i}.ome.zarr") for i in (0, 1))
    assert first.label.shape == second.label.shape == (12, 48, 64)
    assert first.grid.spacing_mm == (6.0, 6.0, 6.0)
    assert not np.array_equal(first.label, second.label)
    assert imread(phantoms / "mosaic.png").std() > 0.05


def test_patient_alone_has_the_bytes_of_the_patient_among_others(phantoms: Path, tmp_path: Path) -> None:
    ok("sample", "abdomen-procedural", "--first", 1, "--seed", 7, *COARSE, "--out", tmp_path)
    name = "patient-000001.ome.zarr"
    assert contents(tmp_path / name) == contents(phantoms / name)
    ok("sample", "abdomen-procedural", "--first", 1, "--seed", 8, *COARSE, "--out", tmp_path / "other")
    assert contents(tmp_path / "other" / name) != contents(phantoms / name)


def test_nifti_holds_the_labels_of_the_store_and_a_table_of_names(phantom: Path, tmp_path: Path) -> None:
    ok("sample", "abdomen-procedural", "--seed", 7, *COARSE, "--format", "nifti", "--out", tmp_path)
    stored = zarr_store.read_phantom(phantom)
    image = nib.load(tmp_path / "patient-000000.nii.gz")
    assert np.array_equal(np.asarray(image.dataobj).T, np.asarray(stored.label))
    assert np.allclose(image.affine, stored.grid.affine)
    with open(tmp_path / "patient-000000-labels.csv", newline="") as file:
        assert [row["tissue"] for row in csv.DictReader(file)] == list(stored.tissues)


@pytest.mark.parametrize("form", ["zarr", "nifti"])
def test_phantom_that_is_there_is_never_overwritten(form: str, tmp_path: Path) -> None:
    args = ("sample", "abdomen-procedural", "--seed", 7, *COARSE, "--format", form, "--out", tmp_path)
    ok(*args)
    before = contents(tmp_path)
    again = run(*args)
    assert again.exit_code == 2
    assert "is there already; give another --out" in again.stderr.splitlines()[-1]
    assert contents(tmp_path) == before


@SCANNERS
def test_scan_writes_image_raw_data_facts_and_picture(kind: str, scanner: tuple, phantom: Path, tmp_path: Path) -> None:
    out = tmp_path / "scan"
    result = ok("scan", phantom, *scanner, "--seed", 3, "--out", out)
    assert f"Picture: {out / 'picture.png'}" in result.stdout
    assert {p.name for p in out.iterdir()} == {"image.ome.zarr", "raw.zarr", "scan.json", "picture.png"}
    image = zarr_store.read_image(out / "image.ome.zarr")
    assert (image.unit == "HU") == (kind == "CT")
    assert np.isfinite(np.asarray(image.values)).all()
    assert zarr_store.read_raw(out / "raw.zarr").modality == kind.lower()
    facts = json.loads((out / "scan.json").read_text())
    assert facts["seed"] == 3
    assert facts["arm"]["scanner"]["name"] == scanner[0]
    assert imread(out / "picture.png")[..., :3].std() > 0.05


@SCANNERS
def test_same_seed_gives_the_same_bytes_and_another_seed_other_noise(
    kind: str, scanner: tuple, phantom: Path, tmp_path: Path
) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        ok("scan", phantom, *scanner, "--seed", seed, "--out", tmp_path / name)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    a, c = (np.asarray(zarr_store.read_image(tmp_path / n / "image.ome.zarr").values) for n in "ac")
    assert not np.array_equal(a, c)
    assert np.corrcoef(a.ravel(), c.ravel())[0, 1] > 0.9


@SCANNERS
def test_every_format_holds_the_same_image(kind: str, scanner: tuple, phantom: Path, tmp_path: Path) -> None:
    for form in ("zarr", "nifti", "dicom"):
        ok("scan", phantom, *scanner, "--format", form, "--out", tmp_path / form)
    image = zarr_store.read_image(tmp_path / "zarr" / "image.ome.zarr")
    values = np.asarray(image.values)
    written = nib.load(tmp_path / "nifti" / "image.nii.gz")
    assert np.array_equal(written.get_fdata(dtype=np.float32).T, values)
    assert np.allclose(written.affine, image.grid.affine)
    slices = [pydicom.dcmread(p) for p in (tmp_path / "dicom" / "dicom").iterdir()]
    slices.sort(key=lambda s: s.ImagePositionPatient[2])
    assert {s.Modality for s in slices} == {kind}
    assert len(slices) == len(values)
    # RAS [y, x] to DICOM's LPS rows and columns: both in-plane axes are reversed, or the header says otherwise.
    for found, wanted in zip(slices, values):
        slope, intercept = scale_of(found)
        pixels = found.pixel_array * slope + intercept
        signs = np.asarray(found.ImageOrientationPatient, float).reshape(2, 3)[[1, 0], [1, 0]]
        plane = wanted[:: int(-signs[0]), :: int(-signs[1])]
        assert np.abs(pixels - plane).max() <= 0.51 * slope


def test_second_scan_into_the_same_folder_is_refused_and_nothing_is_lost(phantom: Path, tmp_path: Path) -> None:
    ok("scan", phantom, *CT, "--out", tmp_path / "ct")
    before = contents(tmp_path / "ct")
    for form in ("zarr", "nifti", "dicom"):
        again = run("scan", phantom, *CT, "--seed", 5, "--format", form, "--out", tmp_path / "ct")
        assert again.exit_code == 2
        assert again.stderr == f"{tmp_path / 'ct'} holds a scan already; give another --out\n"
    assert contents(tmp_path / "ct") == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert run("scan", phantom, *CT, "--out", tmp_path / "mine").exit_code == 2
    assert contents(tmp_path / "mine") == {"notes.txt": b"mine"}


def test_what_is_no_phantom_is_told_in_one_line(phantoms: Path, tmp_path: Path) -> None:
    for path, text in ((tmp_path / "no.ome.zarr", "is not there"), (phantoms / "mosaic.png", "mosaic.png")):
        result = run("scan", path, *CT, "--out", tmp_path / "out")
        assert result.exit_code == 2
        assert text in result.stderr
        assert len([line for line in result.stderr.splitlines() if " (after " not in line]) == 1
    assert not (tmp_path / "out").exists()


def test_unknown_names_are_answered_by_those_there_are(phantom: Path, tmp_path: Path) -> None:
    for args, near in ((("ct-65",), "ct-64"), (("ct-64", "--protocol", "abdomen-quik"), "abdomen-quick")):
        result = run("scan", phantom, *args, "--out", tmp_path / "out")
        assert result.exit_code == 2
        assert f'"{near}"' in result.stderr


def test_several_formats_are_written_beside_one_another(tmp_path):
    """Surfaces for printing and MR maps of the very patient whose store they lie beside."""
    options = ("--seed", 7, *COARSE, "--format", "zarr", "--format", "stl", "--format", "mr-maps", "--field-T", 1.5)
    ok("sample", "abdomen-procedural", *options, "--out", tmp_path / "out")
    phantom = zarr_store.read_phantom(tmp_path / "out" / "patient-000000.ome.zarr")
    table = json.loads((tmp_path / "out" / "patient-000000-stl" / "surfaces.json").read_text())
    liver = np.asarray(phantom.fraction("liver"), float).sum() * phantom.grid.voxel_mL
    assert table["files"]["tissue-liver.stl"]["phantom_mL"] == pytest.approx(liver, rel=1e-4)
    assert table["files"]["tissue-liver.stl"]["surface_mL"] == pytest.approx(liver, rel=0.02)
    printed = trimesh.load_mesh(tmp_path / "out" / "patient-000000-stl" / "tissue-liver.stl")
    assert printed.volume / 1000 == pytest.approx(liver, rel=0.02)
    t1 = nib.load(tmp_path / "out" / "mr-maps" / "sub-000000" / "anat" / "sub-000000_T1map.nii.gz")
    assert t1.shape == phantom.label.shape[::-1]
    assert len(np.unique(t1.get_fdata())) > 5
    told = run("sample", "abdomen-procedural", *options, "--out", tmp_path / "out")
    assert told.exit_code == 2
    assert "is there already" in told.output


def test_what_is_not_as_asked_for_is_told(tmp_path: Path) -> None:
    file = tmp_path / "lesion.toml"
    file.write_text('kind = "kidney-stone"\nvolume_mL = 900.0\ncount = 2\non_failure = "skip"\nmax_tries = 5\n')
    result = ok("sample", "abdomen-procedural", *COARSE, "--lesions", file, "--out", tmp_path / "out")
    assert "Note: p00000: 2 of 2 lesions left out" in result.stderr


def test_notes_name_organs_without_room_and_folded_anatomies() -> None:
    grid = Grid.centred((1, 1, 1), (1.0, 1.0, 1.0))
    covariates = {"liver_mL": 1250.0, "drawn_liver_mL": 830.0, "spleen_mL": 100.0, "drawn_spleen_mL": 100.1}
    told = {"lesions": [{"least_jacobian": 0.3}, {"least_jacobian": -0.2}], "skipped_lesions": 0}
    facts = Facts("p00012", covariates, told)
    label = np.zeros((1, 1, 1), np.uint8)
    found = list(notes(Phantom(grid, label, label.astype(np.float32), (), (), ("air",), facts)))
    assert len(found) == 2
    assert "p00012: liver of 830 mL where 1250 mL" in found[0]
    assert "p00012: the mass effect of lesion 2 folds" in found[1]


def test_days_without_lesions_are_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["sample", "abdomen-procedural", "--days", "5", "--out", str(tmp_path / "x")])
    assert done.exit_code == 2
    assert "add --lesions" in done.output


def test_days_that_are_no_number_are_refused(tmp_path: Path) -> None:
    done = run("sample", "abdomen-procedural", "--lesions", "hepatic-cyst", "--days", "nan", "--out", tmp_path / "x")
    assert done.exit_code == 2
    assert "nan is no number in the range" in done.output


def test_lesions_of_later_patients_join_the_tables_and_those_before_a_failure_are_told(
    tmp_path: Path, monkeypatch
) -> None:
    file, out = tmp_path / "lesion.toml", tmp_path / "out"
    file.write_text('kind = "hepatic-cyst"\nvolume_mL = 20.0\ncount = 1\n')
    command = ("sample", "abdomen-procedural", *COARSE, "--lesions", file, "--out", out)
    ok(*command, "--first", 1)
    ok(*command)

    def patients() -> list[int]:
        with (out / "lesions.csv").open() as table:
            rows = [int(row["patient"]) for row in csv.DictReader(table)]
        assert rows == [row["patient"] for row in json.loads((out / "lesions.json").read_text())]
        return rows

    assert patients() == [0, 1]
    assert {f.name for f in out.glob("*.png")} == {"mosaic.png", "mosaic-000000.png"}

    def fails_at_three(phantom: Phantom, lesions, seed: int, patient: int) -> Phantom:
        if patient == 3:
            raise PlacementError("p00003: no place")
        return place(phantom, lesions, seed, patient)

    monkeypatch.setattr("phantomsim.trials.sample.place", fails_at_three)
    assert run(*command, "--first", 2, "-n", 3).exit_code == 2
    assert patients() == [0, 1, 2]
    (out / "lesions.json").write_text("[1, 2]")
    told = run(*command, "--first", 5)
    assert told.exit_code == 2
    assert "is no table of lesions" in told.output
