"""DICOM: held against dciodvfy, pydicom, highdicom, the standard's coordinates and a real scanner's series."""

import dataclasses
import shutil
import subprocess

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from phantomsim.errors import FormatError, GridError, StoreError
from phantomsim.formats import dicom
from phantomsim.formats.dicom_write import quantise
from phantomsim.grid import Grid
from phantomsim.image import Image
from phantomsim.phantom import Facts

FACTS = Facts("head_01", {"age_years": 54.3, "sex": "F"}, {"seed": 7})
CT = {"scanner": "ct-64-slice", "protocol": "head", "region": "head", "kVp": 120, "mAs": 300.0, "CTDIvol_mGy": 50.1}
CT |= {"kernel": "ramp-hann", "rotation_s": 0.5, "slice_mm": 2.5, "arm": "low dose"}
MR = {"scanner": "mr-3t", "sequence": "inversion-recovery", "TR_ms": 9000, "TE_ms": 90, "TI_ms": 2500.0}
MR |= {"flip_deg": 90, "field_T": 3, "averages": 2, "phase_axis": "y", "bandwidth_per_pixel_Hz": 130}


def make(folder, image, modality):
    if modality == "MR":
        image = Image(np.abs(image.values) / 1000, image.grid, "1")
    info = CT if modality == "CT" else MR
    return image, dicom.write_series(folder, image, modality=modality, facts=FACTS, info=info)


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_values_and_places_come_back(tmp_path, image, modality):
    image, files = make(tmp_path / "a", image, modality)
    slope, intercept = quantise(np.asarray(image.values, float), None, "")[1:]
    back = dicom.read_series(tmp_path / "a")
    assert len(files) == image.grid.shape[0]
    assert np.abs(back.values - image.values).max() <= 0.502 * slope
    assert slope <= np.ptp(image.values) / 20_000
    np.testing.assert_allclose(back.grid.affine, image.grid.affine, atol=1e-8)
    assert back.unit == image.unit
    assert modality == "CT" or intercept == 0  # so that ratios hold in programs that ignore the mapping


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_objects_are_clean_by_dciodvfy(tmp_path, image, modality):
    if not shutil.which("dciodvfy"):
        pytest.skip("dciodvfy is absent: apt-get install dicom3tools")
    image, files = make(tmp_path / "a", image, modality)
    dicom.write_seg(tmp_path / "seg.dcm", tmp_path / "a", {"lesion": image.values > image.values.mean()})
    bare = dicom.write_series(tmp_path / "b", image, modality=modality, date="20250131")
    for file in (*files, tmp_path / "seg.dcm", bare[0]):
        said = subprocess.run(["dciodvfy", "-new", file], capture_output=True, text=True).stderr
        assert "Error" not in said, said
        known = ("DICOMDIR", "99PHANTOMSIM")  # no date unless one is given; a private code for what has no public one
        assert all(any(k in line for k in known) for line in said.splitlines() if "Warning" in line), said


def test_slices_lie_where_the_standard_says(tmp_path, image):
    """PS3.3, C.7.6.2.1.1: the LPS point of pixel (column i, row j) is position + i dx row + j dy column."""
    _, files = make(tmp_path / "a", image, "CT")
    rng = np.random.default_rng(0)
    for k, file in enumerate(files):
        data = pydicom.dcmread(file)
        row, column = np.reshape([float(v) for v in data.ImageOrientationPatient], (2, 3))
        dy, dx = map(float, data.PixelSpacing)
        j, i = rng.integers(0, (data.Rows, data.Columns))
        lps = np.array(data.ImagePositionPatient, float) + row * i * dx + column * j * dy
        z, y, x = np.rint(image.grid.index(lps * (-1, -1, 1))).astype(int)
        np.testing.assert_allclose(image.grid.world((z, y, x)), lps * (-1, -1, 1), atol=1e-6)
        assert z == k
        value = data.pixel_array[j, i] * data.RescaleSlope + data.RescaleIntercept
        assert value == pytest.approx(image.values[z, y, x], abs=0.06)
        assert row[0] > 0.9  # rows run to the patient's left, columns to the back
        assert column[1] > 0.9


def test_facts_of_the_protocol_are_in_the_header(tmp_path, image):
    _, files = make(tmp_path / "ct", image, "CT")
    head = pydicom.dcmread(files[0])
    assert (head.KVP, head.Exposure, head.CTDIvol, head.ExposureTime) == (120, 300, 50.1, 500)
    assert (head.PatientID, head.PatientAge, head.PatientSex) == ("head_01", "054Y", "F")
    assert "arm=low dose" in head.ImageComments
    assert head.QualityControlSubject == "YES"
    _, files = make(tmp_path / "mr", image, "MR")
    other = pydicom.dcmread(files[0])
    assert (other.RepetitionTime, other.EchoTime, other.InversionTime, other.FlipAngle) == (9000, 90, 2500, 90)
    assert list(other.ScanningSequence) == ["IR", "SE"]
    assert other.InPlanePhaseEncodingDirection == "COL"
    assert other.FrameOfReferenceUID == head.FrameOfReferenceUID  # one patient, one space
    assert other.StudyInstanceUID == head.StudyInstanceUID
    assert other.SeriesInstanceUID != head.SeriesInstanceUID


def test_same_arguments_give_the_same_bytes_and_others_other_identifiers(tmp_path, image):
    for name in "ab":
        make(tmp_path / name, image, "CT")
        dicom.write_seg(tmp_path / f"{name}.dcm", tmp_path / name, {"lesion": image.values > 0})
    for a in (tmp_path / "a").iterdir():
        assert a.read_bytes() == (tmp_path / "b" / a.name).read_bytes()
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "b.dcm").read_bytes()
    make(tmp_path / "c", dataclasses.replace(image, values=image.values + 1), "CT")
    heads = [pydicom.dcmread(f) for f in [*(tmp_path / "a").iterdir(), *(tmp_path / "c").iterdir()]]
    assert len({h.SOPInstanceUID for h in heads}) == len(heads)
    assert len({h.SeriesInstanceUID for h in heads}) == 2
    assert all(len(h.SOPInstanceUID) <= 64 and h.SOPInstanceUID.is_valid for h in heads)


def test_segmentation_lies_on_the_image_by_another_program(tmp_path, image):
    mask = np.zeros(image.grid.shape, bool)
    mask[1:3, 2:5, 4:6] = True
    mask[4, 0, 8] = True
    make(tmp_path / "a", image, "CT")
    dicom.write_seg(tmp_path / "seg.dcm", tmp_path / "a", {"lesion": mask, "other": ~mask})
    seg = hd.seg.segread(tmp_path / "seg.dcm")
    assert [seg.get_segment_description(n).segment_label for n in (1, 2)] == ["lesion", "other"]
    volume = seg.get_volume(segment_numbers=[1])
    points = volume.map_indices_to_reference(np.argwhere(volume.array[..., 0] > 0))
    index = np.rint(image.grid.index(points * (-1, -1, 1))).astype(int)
    assert set(map(tuple, index)) == set(map(tuple, np.argwhere(mask)))
    with pytest.raises(FormatError, match="no voxel"):
        dicom.write_seg(tmp_path / "no.dcm", tmp_path / "a", {"lesion": np.zeros_like(mask)})
    with pytest.raises(GridError, match="shape"):
        dicom.write_seg(tmp_path / "no.dcm", tmp_path / "a", {"lesion": mask[1:]})


def test_a_real_series_reads_as_pydicom_and_its_header_say(data_dir):
    image = dicom.read_series(data_dir / "dicom")
    heads = [pydicom.dcmread(f) for f in (data_dir / "dicom").iterdir()]
    lowest = min(heads, key=lambda h: h.ImagePositionPatient[2])
    assert image.grid.shape == (20, 512, 512)
    x, y, z = map(float, lowest.ImagePositionPatient)
    where = tuple(np.rint(image.grid.index((-x, -y, z))).astype(int))
    np.testing.assert_allclose(image.grid.world(where), (-x, -y, z), atol=1e-4)
    assert where == (0, 511, 511)
    pixels = lowest.pixel_array * float(lowest.RescaleSlope) + float(lowest.RescaleIntercept)
    np.testing.assert_array_equal(image.values[0], pixels[::-1, ::-1])
    assert image.unit == "HU"
    assert np.median(image.values[:, 200:300, 200:300]) == pytest.approx(50, abs=60)  # the trunk is soft tissue


def test_coarser_steps_and_constant_images_are_kept(tmp_path, image):
    dicom.write_series(tmp_path / "a", image, modality="CT", step=1.0)
    assert np.abs(dicom.read_series(tmp_path / "a").values - image.values).max() <= 0.5
    flat = dataclasses.replace(image, values=np.full(image.grid.shape, -1000, np.float32))
    dicom.write_series(tmp_path / "b", flat, modality="CT")
    np.testing.assert_allclose(dicom.read_series(tmp_path / "b").values, -1000, atol=1e-3)
    with pytest.raises(FormatError, match="do not fit 16 bits"):
        dicom.write_series(tmp_path / "c", image, modality="CT", step=1e-3)
    assert not (tmp_path / "c").exists()


def test_one_slice_is_a_series_too(tmp_path, grid):
    one = Image(np.ones((1, 7, 9), np.float32), grid.crop((0, 0, 0), (1, 7, 9)), "HU")
    dicom.write_series(tmp_path / "a", one, modality="CT")
    np.testing.assert_allclose(dicom.read_series(tmp_path / "a").grid.affine, one.grid.affine, atol=1e-8)


def drop(files):
    files[2].unlink()


def double(files):
    data = pydicom.dcmread(files[2])
    data.SOPInstanceUID += "1"
    data.save_as(files[2].with_name("twice.dcm"))


def cut(files):
    files[3].write_bytes(files[3].read_bytes()[:-50])


def cut_header(files):
    files[3].write_bytes(files[3].read_bytes()[:700])


def other_series(files):
    set_(SeriesInstanceUID="1.2.3")(files)


def set_(**change):
    def run(files):
        data = pydicom.dcmread(files[3])
        for keyword, value in change.items():
            setattr(data, keyword, value)
        data.save_as(files[3])

    return run


def tilt(files):
    for k, file in enumerate(files):
        data = pydicom.dcmread(file)
        x, y, z = data.ImagePositionPatient
        data.ImagePositionPatient = [x, float(y) + k, z]
        data.save_as(file)


def deflate(files):
    data = pydicom.dcmread(files[3])
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.save_as(files[3])


BAD = {
    "missing slice": (drop, "slices are missing"),
    "doubled slice": (double, "at one place"),
    "cut pixels": (cut, "pixels cannot be read"),
    "cut header": (cut_header, "damaged|missing|several frames"),
    "two series": (other_series, "found .*5 slices.*1 slices"),
    "one moved": (set_(ImagePositionPatient=[0, 0, 500]), "slices"),
    "nan place": (set_(ImagePositionPatient=["1", "2", "1e400"]), "finite"),
    "other spacing": (set_(PixelSpacing=[3, 3]), "is not that of"),
    "zero spacing": (set_(PixelSpacing=[0, 1]), "PixelSpacing"),
    "skew": (set_(ImageOrientationPatient=[1, 0, 0, 1, 0, 0]), "right angles"),
    "frames": (set_(NumberOfFrames=3), "several frames"),
    "inverted": (set_(PhotometricInterpretation="MONOCHROME1"), "MONOCHROME2 is wanted"),
    "tilted gantry": (tilt, "right angles"),
    "deflated": (deflate, "deflated"),
    "empty": (lambda files: [f.unlink() for f in files], "found none"),
    "other files": (lambda files: [f.write_bytes(b"hello") for f in files], "found none"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_series_are_refused_with_a_reason(tmp_path, image, what):
    change, words = BAD[what]
    _, files = make(tmp_path / "a", image, "CT")
    change(files)
    with pytest.raises(FormatError, match=words) as error:
        dicom.read_series(tmp_path / "a")
    assert str(tmp_path) in str(error.value)


def test_a_series_is_chosen_by_its_identifier(tmp_path, image):
    _, files = make(tmp_path / "a", image, "CT")
    more = dicom.write_series(tmp_path / "b", image, modality="CT", series_number=2)
    for file in more:
        shutil.copy(file, tmp_path / "a" / f"b{file.name}")
    uid = str(pydicom.dcmread(files[0]).SeriesInstanceUID)
    assert dicom.read_series(tmp_path / "a", series=uid).grid.shape == image.grid.shape


def test_limits_and_wrong_arguments_are_said(tmp_path, image):
    make(tmp_path / "a", image, "CT")
    with pytest.raises(FormatError, match="at most 100 bytes"):
        dicom.read_series(tmp_path / "a", max_bytes=100)
    with pytest.raises(FormatError, match="no such folder"):
        dicom.read_series(tmp_path / "none")
    with pytest.raises(StoreError, match="holds files"):
        make(tmp_path / "a", image, "CT")
    for wrong, words in [
        ({"modality": "PT"}, "CT, MR"),
        ({"modality": "CT", "date": "yesterday"}, "YYYYMMDD"),
        ({"modality": "CT", "info": {"kVp": "high"}}, "KVP is 'high'"),
        ({"modality": "CT", "info": {"CTDIvol_mGy": 1, "ctdi_phantom_mm": 100}}, "160, 320"),
    ]:
        with pytest.raises(FormatError, match=words):
            dicom.write_series(tmp_path / "new", image, **wrong)
    bad = dataclasses.replace(image, values=np.full(image.grid.shape, np.inf))
    with pytest.raises(FormatError, match="NaN or infinite"):
        dicom.write_series(tmp_path / "new", bad, modality="CT")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("low", [-1024.0, 0.0, 1e-6, 1e6])
@pytest.mark.parametrize("width", [1e-3, 1.0, 4095.0, 1e5])
def test_stored_numbers_give_values_back_within_half_a_step(low, width):
    values = np.random.default_rng(0).uniform(low, low + width, 1000)
    stored, slope, intercept = quantise(values, None, "")
    assert len(repr(slope)) <= 16
    assert np.abs(stored * slope + intercept - values).max() <= 0.51 * slope
    assert slope <= max(6 * width / 65533, 3 * abs(low) * 2**-23)


def test_grid_of_an_image_of_another_hand_is_kept(tmp_path):
    """A sagittal series: rows to the back, columns down."""
    image = Image(np.arange(24, dtype=np.float32).reshape(2, 3, 4), Grid((2, 3, 4), (3, 2, 1), (5, 6, 7)), "HU")
    files = dicom.write_series(tmp_path / "a", image, modality="CT", step=1)
    base = pydicom.dcmread(files[0])
    folder = tmp_path / "sagittal"
    folder.mkdir()
    for i in range(4):  # one slice per x, from right to left
        data = pydicom.Dataset()
        data.update(base)
        data.file_meta = base.file_meta
        plane = image.values[::-1, ::-1, 3 - i]  # [row: down, column: to the back]
        data.Rows, data.Columns = plane.shape
        data.PixelSpacing, data.ImageOrientationPatient = [3, 2], [0, 1, 0, 0, 0, -1]
        corner = image.grid.world((1, 2, 3 - i)) * (-1, -1, 1)
        data.ImagePositionPatient = list(corner)
        data.PixelData = (plane - float(base.RescaleIntercept)).astype("<u2").tobytes()
        data.SOPInstanceUID = f"1.2.3.{i}"
        data.save_as(folder / f"{9 - i}.dcm", enforce_file_format=True)
    back = dicom.read_series(folder)
    np.testing.assert_array_equal(back.values, image.values)
    np.testing.assert_allclose(back.grid.affine, image.grid.affine)
