"""NIfTI: held against nibabel, the standard's words and damaged files."""

import gzip
import itertools
import tracemalloc

import nibabel as nib
import numpy as np
import pytest

from phantomsim.errors import FormatError, GridError
from phantomsim.formats import nifti
from phantomsim.grid import Grid

CODES = [c for axes in itertools.permutations(("RL", "AP", "SI")) for c in itertools.product(*axes)]
GRID = Grid((3, 4, 5), (2.5, 0.7, 0.9), (-12.3, 4.56, 78.9))


def volume(shape=(3, 4, 5), dtype=np.int16, seed=0):
    return np.random.default_rng(seed).integers(-300, 300, shape).astype(dtype)


def oblique(degrees=7.0):
    a = np.deg2rad(degrees)
    c, s = np.cos(a), np.sin(a)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


@pytest.mark.parametrize("turn", [np.eye(3), oblique()], ids=["straight", "oblique"])
@pytest.mark.parametrize("codes", CODES, ids="".join)
def test_every_orientation_keeps_values_at_their_world_points(tmp_path, codes, turn):
    assert len(CODES) == 48
    values = volume((3, 4, 5))  # nibabel's order: i, j, k
    axes = nib.orientations.inv_ornt_aff(nib.orientations.axcodes2ornt(codes), values.shape)
    affine = np.eye(4)
    affine[:3, :3] = turn @ axes[:3, :3] @ np.diag([0.8, 1.1, 2.0])
    affine[:3, 3] = (3, -20, 7)
    nib.save(nib.Nifti1Image(values, affine), tmp_path / "a.nii.gz")
    read, grid = nifti.read(tmp_path / "a.nii.gz")
    ras = nib.as_closest_canonical(nib.load(tmp_path / "a.nii.gz"))  # the rival
    np.testing.assert_array_equal(read, np.asarray(ras.dataobj).T)
    np.testing.assert_allclose(grid.affine, ras.affine, atol=1e-5)
    assert np.linalg.det(grid.direction) == pytest.approx(1)
    assert read.flags.c_contiguous
    assert read.dtype == values.dtype


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "i8", "u8", "f4"])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_round_trip_is_exact(tmp_path, dtype, name):
    values = volume(dtype=dtype)
    nifti.write(tmp_path / name, values, GRID)
    read, grid = nifti.read(tmp_path / name)
    np.testing.assert_array_equal(read, values)
    assert read.dtype == values.dtype
    assert grid == GRID
    np.testing.assert_array_equal(np.asarray(nib.load(tmp_path / name).dataobj).T, values)


def test_round_trip_of_an_oblique_grid_is_exact_to_the_headers_float32(tmp_path):
    grid = Grid((3, 4, 5), (2.5, 0.7, 0.9), (1.0, 2.0, 3.0), tuple(map(tuple, oblique().tolist())))
    nifti.write(tmp_path / "a.nii", volume(), grid)
    back = nifti.read(tmp_path / "a.nii")[1]
    np.testing.assert_allclose(back.affine, grid.affine, rtol=2e-7, atol=2e-7)
    np.testing.assert_allclose(np.asarray(back.direction).T @ back.direction, np.eye(3), atol=1e-12)


def test_same_arguments_give_the_same_bytes(tmp_path):
    for name in ("a.nii.gz", "b.nii.gz"):
        nifti.write(tmp_path / name, volume(), GRID)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_sform_is_preferred_and_qform_used_without_it(tmp_path):
    image = nib.Nifti1Image(volume(), None)
    image.set_sform(np.diag([1, 1, 1, 1]), code=0)
    quarter = np.array([[0, -2.0, 0, 5], [3.0, 0, 0, 6], [0, 0, 4.0, 7], [0, 0, 0, 1]])
    image.set_qform(quarter, code=1)
    nib.save(image, tmp_path / "q.nii")
    assert nifti.read(tmp_path / "q.nii")[1].spacing_mm == pytest.approx((4, 3, 2), abs=1e-6)
    image.set_sform(np.diag([1.5, 1.5, 1.5, 1]), code=2)
    nib.save(image, tmp_path / "s.nii")
    assert nifti.read(tmp_path / "s.nii")[1].spacing_mm == pytest.approx((1.5, 1.5, 1.5))


def test_scaled_integers_and_other_units_are_converted(tmp_path):
    image = nib.Nifti1Image(volume(), np.diag([1e-3, 2e-3, 3e-3, 1]))
    image.header.set_slope_inter(0.5, -10)
    image.header.set_xyzt_units("meter")
    image.to_filename(tmp_path / "a.nii")
    values, grid = nifti.read(tmp_path / "a.nii")
    np.testing.assert_allclose(values, nib.load(tmp_path / "a.nii").get_fdata().T, rtol=1e-6)
    assert values.dtype == np.float32
    assert grid.spacing_mm == pytest.approx((3, 2, 1))


def test_big_endian_files_and_trailing_single_dimensions_are_read(tmp_path):
    header = nib.Nifti1Header(endianness=">")
    nib.Nifti1Image(volume()[..., None], np.eye(4), header).to_filename(tmp_path / "a.nii")
    values, _ = nifti.read(tmp_path / "a.nii")
    np.testing.assert_array_equal(values, volume().T)
    assert values.dtype.isnative


def test_float_label_maps_are_read_as_integers_and_interpolated_ones_refused(tmp_path):
    nifti.write(tmp_path / "a.nii", np.abs(volume()).astype(np.float32), GRID)
    labels, _ = nifti.read_labels(tmp_path / "a.nii")
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, np.abs(volume()))
    nifti.write(tmp_path / "b.nii", volume() + 0.5, GRID)
    with pytest.raises(FormatError, match="whole numbers"):
        nifti.read_labels(tmp_path / "b.nii")


def test_real_heads_have_whole_labels_near_ras(data_dir):
    labels, grid = nifti.read_labels(data_dir / "heads" / "head_01.nii.gz")
    assert labels.dtype.kind in "iu"
    rival = nib.as_closest_canonical(nib.load(data_dir / "heads" / "head_01.nii.gz"))
    np.testing.assert_array_equal(labels, np.asarray(rival.dataobj).T)
    np.testing.assert_allclose(grid.affine, rival.affine, atol=1e-4)


def damaged(tmp_path, change, packed=False):
    """A good file's bytes after `change`, on disk."""
    nifti.write(tmp_path / "good.nii", volume(), GRID)
    data = change(bytearray((tmp_path / "good.nii").read_bytes()))
    path = tmp_path / "bad.nii"
    path.write_bytes(gzip.compress(bytes(data)) if packed else bytes(data))
    return path


def put(offset, kind, *numbers):
    def change(data):
        raw = np.array(numbers, kind).tobytes()
        data[offset : offset + len(raw)] = raw
        return data

    return change


DAMAGE = {
    "empty": (lambda d: b"", "not a NIfTI"),
    "text": (lambda d: b"hello, I am a text file" * 50, "not a NIfTI"),
    "short header": (lambda d: d[:100], "truncated"),
    "half the voxels": (lambda d: d[:400], "truncated"),
    "one byte short": (lambda d: d[:-1], "truncated"),
    "negative dimension": (put(42, "<i2", -5), "at least 1"),
    "nine dimensions": (put(40, "<i2", 9), "dimensions"),
    "huge": (put(42, "<i2", 32767, 32767, 32767), "at most"),
    "larger than the file": (put(42, "<i2", 3000, 300, 300), "truncated"),
    "four dimensions": (put(40, "<i2", 4, 5, 4, 1, 3), "Take one volume"),
    "unknown type": (put(70, "<i2", 777), "unknown type"),
    "complex": (put(70, "<i2", 32), "integers or floats"),
    "offset beyond": (put(108, "<f4", 1e9), "outside the file"),
    "offset nan": (put(108, "<f4", np.nan), "outside the file"),
    "affine nan": (put(280, "<f4", np.nan), "NaN or infinity"),
    "affine singular": (put(280, "<f4", 0, 0, 0, 0), "right angles|spacing"),
    "affine sheared": (put(284, "<f4", 0.5), "right angles"),
    "analyze": (put(344, "S4", b""), "magic"),
}


@pytest.mark.parametrize("packed", [False, True], ids=["nii", "gz"])
@pytest.mark.parametrize("what", DAMAGE)
def test_damaged_files_are_refused_with_a_reason(tmp_path, what, packed):
    change, words = DAMAGE[what]
    path = damaged(tmp_path, change, packed)
    if packed and "truncated" in words:
        words = "truncated"
    with pytest.raises(FormatError, match=words) as error:
        nifti.read(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(tmp_path, bad):
    values = volume().astype(np.float32)
    values[1, 2, 3] = bad
    with pytest.raises(FormatError, match="NaN or infinite"):
        nifti.write(tmp_path / "a.nii", values, GRID)
    assert list(tmp_path.iterdir()) == []
    nib.Nifti1Image(values, np.eye(4)).to_filename(tmp_path / "a.nii")
    with pytest.raises(FormatError, match=r"1 voxels are NaN .* index \[k, j, i\] = \[3, 2, 1\]"):
        nifti.read(tmp_path / "a.nii")


def test_cut_and_corrupt_gzip_is_refused(tmp_path):
    nifti.write(tmp_path / "a.nii.gz", volume((20, 20, 20)), Grid.centred((20, 20, 20), (1, 1, 1)))
    data = (tmp_path / "a.nii.gz").read_bytes()
    for bad in (data[:-8] + b"\0" * 8, data[: len(data) // 2], data[:5], data[:3000] + b"\xff" * 500 + data[3500:]):
        (tmp_path / "b.nii.gz").write_bytes(bad)
        with pytest.raises(FormatError, match="truncated"):
            nifti.read(tmp_path / "b.nii.gz")


def test_a_gzip_bomb_takes_no_memory(tmp_path):
    bomb = damaged(tmp_path, lambda d: put(42, "<i2", 1200, 1200, 1200)(d) + bytes(10**6), packed=True)
    tracemalloc.start()
    with pytest.raises(FormatError):
        nifti.read(bomb)
    with pytest.raises(FormatError, match="at most"):
        nifti.read(damaged(tmp_path, lambda d: d), max_bytes=100)
    assert tracemalloc.get_traced_memory()[1] < 2**26
    tracemalloc.stop()


def test_missing_files_folders_and_misfits_are_refused(tmp_path):
    with pytest.raises(FormatError, match="no such file"):
        nifti.read(tmp_path / "none.nii")
    with pytest.raises(FormatError, match="folder"):
        nifti.read(tmp_path)
    with pytest.raises(GridError):
        nifti.write(tmp_path / "a.nii", np.zeros((2, 2, 2)), GRID)
    with pytest.raises(FormatError, match=r"\.nii"):
        nifti.write(tmp_path / "a.img", volume(), GRID)
