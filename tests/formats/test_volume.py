"""NRRD and MetaImage: held against files that ITK wrote, against NIfTI, and against damaged ones."""

import gzip
import tracemalloc
import zlib

import numpy as np
import pytest

from phantomsim.errors import FormatError
from phantomsim.formats import nifti, volume
from phantomsim.grid import Grid

VALUES = (np.arange(24).reshape(2, 3, 4) * 7 - 50).astype("<i2")  # as stored: k, j, i
RAW = VALUES.tobytes()
# Headers that SimpleITK 2.5.7 wrote of VALUES; where it says that voxels lie, in its LPS world.
NRRD = (
    "NRRD0004\n# Complete NRRD file format specification at:\n# http://teem.sourceforge.net/nrrd/format.html\n"
    "type: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 4 3 2\n"
    "space directions: (-0.024247552802400405,0.69435906354040899,0.085308540383603221) "
    "(-1.094738869669611,-0.049920019956407276,0.095156706763392079) "
    "(0.22834910985785611,-0.29572486299013734,2.4719230346911263)\n"
    "kinds: domain domain domain\nendian: little\nencoding: raw\nspace origin: (-3,20,7.5)\n"
)
META = (
    "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\n"
    "TransformMatrix = -0.034639361146286296 0.99194151934344144 0.12186934340514746 -0.99521715424510082 "
    "-0.045381836324006608 0.086506097057629155 0.091339643943142451 -0.11828994519605493 0.98876921387645056\n"
    "Offset = -3 20 7.5\nCenterOfRotation = 0 0 0\nAnatomicalOrientation = ALI\n"
    "ElementSpacing = 0.69999999999999996 1.1000000000000001 2.5\nDimSize = 4 3 2\nElementType = MET_SHORT\n"
    "ElementDataFile = LOCAL\n"
)
WORLD_LPS = {
    (0, 0, 0): (-3.0, 20.0, 7.5),
    (3, 0, 0): (-3.072742658407201, 22.08307719062123, 7.755925621150809),
    (0, 2, 0): (-5.189477739339222, 19.900159960087187, 7.690313413526784),
    (0, 0, 1): (-2.7716508901421437, 19.704275137009862, 9.971923034691127),
}
PACKED = META.replace("CompressedData = False", "CompressedData = True")
FILES = {
    "a.nrrd": {"a.nrrd": NRRD.encode() + b"\n" + RAW},
    "gzip.nrrd": {"gzip.nrrd": NRRD.replace("raw", "gzip").encode() + b"\n" + gzip.compress(RAW)},
    "big.nrrd": {"big.nrrd": NRRD.replace("little", "big").encode() + b"\n" + VALUES.astype(">i2").tobytes()},
    "tail.nhdr": {"tail.nhdr": (NRRD + "byte skip: -1\ndata file: t.raw\n").encode(), "t.raw": b"scanner's own" + RAW},
    "a.nhdr": {"a.nhdr": (NRRD + "data file: v/a.raw\n").encode(), "v/a.raw": RAW},
    "a.mha": {"a.mha": META.encode() + RAW},
    "zlib.mha": {"zlib.mha": PACKED.encode() + zlib.compress(RAW)},
    "a.mhd": {"a.mhd": META.replace("LOCAL", "a.raw").encode(), "a.raw": RAW},
    "zlib.mhd": {"zlib.mhd": PACKED.replace("LOCAL", "a.zraw").encode(), "a.zraw": zlib.compress(RAW)},
    "victre.mhd": {"victre.mhd": META.replace("LOCAL", "a.raw.gz").encode(), "a.raw.gz": gzip.compress(RAW)},
    "renamed.mhd": {"renamed.mhd": META.replace("LOCAL", "a.raw").encode(), "a.raw.gz": gzip.compress(RAW)},
}


def put(folder, files):
    for name, data in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)


@pytest.mark.parametrize("name", FILES)
def test_values_lie_at_the_world_points_that_itk_gives_them(tmp_path, name):
    put(tmp_path, FILES[name])
    values, grid = volume.read(tmp_path / name)
    assert values.dtype == np.int16
    assert values.flags.c_contiguous
    for (i, j, k), (left, back, up) in WORLD_LPS.items():
        at = np.rint(grid.index((-left, -back, up)) * 1e6) / 1e6
        assert (at == np.rint(at)).all()
        assert values[tuple(at.astype(int))] == VALUES[k, j, i]


def test_formats_give_the_same_volume_and_axes_turn_it(tmp_path):
    put(tmp_path, FILES["a.nrrd"] | FILES["a.mha"])
    one, grid = volume.read(tmp_path / "a.nrrd")
    nifti.write(tmp_path / "n.nii.gz", one, grid)
    for name in ("a.mha", "n.nii.gz"):
        other, same = volume.read(tmp_path / name)
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(grid.affine, same.affine, atol=1e-5)
    plain = META.replace(
        "-0.034639361146286296 0.99194151934344144 0.12186934340514746 -0.99521715424510082 ", "1 0 0 0 "
    )
    plain = plain.replace(
        "-0.045381836324006608 0.086506097057629155 0.091339643943142451 -0.11828994519605493 ", "1 0 0 0 "
    )
    (tmp_path / "p.mha").write_bytes(plain.replace("0.98876921387645056", "1").encode() + RAW)
    np.testing.assert_array_equal(volume.read(tmp_path / "p.mha")[0], VALUES[:, ::-1, ::-1])
    turned, grid = volume.read(tmp_path / "p.mha", axes="ALS")  # x to the front, y to the left
    np.testing.assert_array_equal(turned, VALUES.transpose(0, 2, 1)[:, :, ::-1])
    assert grid.spacing_mm == (2.5, 0.7, 1.1)


def test_files_without_a_space_are_lps_and_single_axes_are_dropped(tmp_path):
    head = "NRRD0005\ntype: int16\ndimension: 4\nsizes: 1 4 3 2\nspacings: nan 1 2 3\nendian: little\nencoding: raw\n\n"
    (tmp_path / "a.nrrd").write_bytes(head.encode() + RAW)
    values, grid = volume.read(tmp_path / "a.nrrd")
    np.testing.assert_array_equal(values, VALUES[:, ::-1, ::-1])
    assert grid == Grid((2, 3, 4), (3.0, 2.0, 1.0), (-3.0, -4.0, 0.0))


DAMAGE = {
    "no magic": ("a.nrrd", "NRRD0004", "NRRDxxxx", "not an NRRD"),
    "short": ("a.nrrd", "sizes: 4 3 2", "sizes: 4 3 3", "truncated"),
    "huge": ("a.nrrd", "sizes: 4 3 2", "sizes: 40000 40000 40000", "at most"),
    "zero": ("a.nrrd", "sizes: 4 3 2", "sizes: 4 0 2", "above 0"),
    "text sizes": ("a.nrrd", "sizes: 4 3 2", "sizes: 4 3 two", "whole numbers"),
    "channels": ("a.nrrd", "dimension: 3", "dimension: 4", "sizes"),
    "block": ("a.nrrd", "type: short", "type: block", "integers or floats"),
    "no endian": ("a.nrrd", "endian: little\n", "", "endian"),
    "bzip2": ("a.nrrd", "encoding: raw", "encoding: bzip2", "raw and gzip"),
    "scanner's space": ("a.nrrd", "left-posterior-superior", "scanner-xyz", "where left and front"),
    "sheared": ("a.nrrd", "(-1.094738869669611,", "(-0.5,", "right angles"),
    "nan": ("a.nrrd", "(-3,20,7.5)", "(nan,20,7.5)", "finite"),
    "no field": ("a.nrrd", "encoding: raw\n", "", "no field encoding"),
    "outside": ("a.nhdr", "v/a.raw", "../a.raw", "in the header's folder"),
    "absolute": ("a.nhdr", "v/a.raw", "/etc/passwd", "in the header's folder"),
    "absent": ("a.nhdr", "v/a.raw", "b.raw", "not there"),
    "several": ("a.nhdr", "v/a.raw", "LIST", "several files"),
    "meta short": ("a.mha", "DimSize = 4 3 2", "DimSize = 4 3 3", "truncated"),
    "meta huge": ("a.mha", "DimSize = 4 3 2", "DimSize = 99999 99999 9", "at most"),
    "meta 2D": ("a.mha", "NDims = 3", "NDims = 2", "DimSize|3 are wanted"),
    "meta type": ("a.mha", "MET_SHORT", "MET_OTHER", "integers or floats"),
    "meta flag": ("a.mha", "BinaryData = True", "BinaryData = perhaps", "True or False"),
    "meta text": ("a.mha", "NDims = 3", "garbage", "no line"),
    "meta outside": ("a.mhd", "= a.raw", "= ../a.raw", "in the header's folder"),
    "meta slices": ("a.mhd", "= a.raw", "= a%03d.raw 1 2 1", "several files"),
    "meta cut": ("a.mha", "ElementDataFile = LOCAL\n", "", "no line|no ElementDataFile"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damaged_files_are_refused_with_a_reason(tmp_path, what):
    name, old, new, words = DAMAGE[what]
    put(tmp_path, FILES[name])
    data = (tmp_path / name).read_bytes()
    assert old.encode() in data
    (tmp_path / name).write_bytes(data.replace(old.encode(), new.encode()))
    with pytest.raises(FormatError, match=words) as error:
        volume.read(tmp_path / name)
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize("name", ["gzip.nrrd", "zlib.mha"])
def test_cut_and_corrupt_streams_are_refused_and_bombs_take_no_memory(tmp_path, name):
    put(tmp_path, FILES[name])
    data = (tmp_path / name).read_bytes()
    for bad in (data[:-3], data[:-20], data[:-12] + b"\xff" * 4 + data[-8:]):
        (tmp_path / name).write_bytes(bad)
        with pytest.raises(FormatError, match="truncated"):
            volume.read(tmp_path / name)
    (tmp_path / name).write_bytes(data.replace(b" 4 3 2\n", b" 1200 1200 1200\n"))
    tracemalloc.start()
    with pytest.raises(FormatError):
        volume.read(tmp_path / name)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_other_endings_are_refused_and_stems_lose_theirs(tmp_path):
    with pytest.raises(FormatError, match=r"\.nrrd, .*\.mhd"):
        volume.read(tmp_path / "a.png")
    assert [volume.stem(f"d/x.y{e}") for e in (".nii.gz", ".nii", ".seg.nrrd", ".MHA", "")] == ["x.y"] * 5


def test_real_breast_phantoms_hold_their_labels(data_dir):
    labels, grid = volume.read_labels(data_dir / "breast" / "pc_1_crop.mhd", axes="ALS")
    assert labels.shape == (258, 331, 539)
    assert set(np.unique(labels)) <= {0, 1, 2, 29, 33, 40, 50, 88, 95, 125, 150, 200, 225, 250}
    chest, nipple = np.argwhere(labels == 29)[:, 1].mean(), np.argwhere(labels == 33)[:, 1].mean()
    assert nipple > chest + 100  # the nipple is in front
    assert grid.spacing_mm == pytest.approx((0.2, 0.2, 0.2))
