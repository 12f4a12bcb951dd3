"""OME-Zarr: held against ngff-zarr's validator, the published RFC 8878 and damaged stores."""

import dataclasses
import json
import shutil

import ngff_zarr
import numpy as np
import pytest
import zarr
from ngff_zarr.validate import validate

from phantomsim.errors import FormatError, StoreError
from phantomsim.formats import zarr_store
from phantomsim.grid import Grid
from phantomsim.image import Image, RawData
from phantomsim.phantom import Phantom


def same(a, b):
    """Whether two trees of dataclasses, arrays and plain values are equal to the last bit, types of arrays included."""
    if dataclasses.is_dataclass(a):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if hasattr(a, "dtype"):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and a == b


def ours(path):
    return json.loads((path / "zarr.json").read_text())


def test_image_round_trip_is_exact(tmp_path, image):
    mask = image.values > 100
    zarr_store.write_image(tmp_path / "a", image, window=(0, 80), labels={"lesion": mask}, facts={"mAs": 100.0})
    assert same(zarr_store.read_image(tmp_path / "a"), image)
    np.testing.assert_array_equal(zarr_store.read_mask(tmp_path / "a", "lesion"), mask)
    assert zarr_store.read_facts(tmp_path / "a") == {"mAs": 100.0}


def test_phantom_round_trip_is_exact(tmp_path, phantom):
    zarr_store.write_phantom(tmp_path / "a", phantom)
    assert same(zarr_store.read_phantom(tmp_path / "a"), phantom)


def test_phantom_of_one_density_keeps_it_a_number(tmp_path, phantom):
    plain = dataclasses.replace(phantom, density=1.0, overlays=(), lesions=())
    zarr_store.write_phantom(tmp_path / "a", plain)
    assert same(zarr_store.read_phantom(tmp_path / "a"), plain)


def test_raw_round_trip_is_exact(tmp_path):
    rng = np.random.default_rng(3)
    kspace = (rng.normal(size=(2, 3, 5)) + 1j * rng.normal(size=(2, 3, 5))).astype(np.complex64)
    arrays = {
        "kspace": kspace,
        "mask": np.ones((4,), bool),
        "one": np.float32(3.5) * np.ones(()),
        "none": np.zeros((0,)),
    }
    raw = RawData(arrays, (1.0, 2.5, -3.0), "mr", noise=False)
    zarr_store.write_raw(tmp_path / "a", raw)
    back = zarr_store.read_raw(tmp_path / "a")
    assert back.isocentre_mm == raw.isocentre_mm
    assert back.modality == "mr"
    assert back.noise is False
    assert list(back.arrays) == list(arrays)
    assert all(same(np.asarray(arrays[n]), back.arrays[n]) for n in arrays)


def test_stores_are_valid_ome_zarr_by_another_program(tmp_path, phantom, image):
    zarr_store.write_image(tmp_path / "image", image, window=(0, 80), labels={"lesion": image.values > 0})
    zarr_store.write_phantom(tmp_path / "phantom", phantom)
    labels = [tmp_path / "phantom" / "labels" / n for n in ("tissue", "lesion")] + [tmp_path / "image/labels/lesion"]
    for path in [tmp_path / "image", tmp_path / "phantom", *labels]:
        read = ngff_zarr.from_ngff_zarr(str(path), validate=True, version="0.5").images[0]
        grid = image.grid
        assert list(read.dims) == ["z", "y", "x"]
        assert [read.scale[d] for d in "zyx"] == list(grid.spacing_mm)
        assert [read.translation[d] for d in "xyz"] == list(grid.origin_mm)
        assert set(read.axes_units.values()) == {"millimeter"}
    np.testing.assert_array_equal(read.data, image.values > 0)


def test_label_metadata_obeys_the_published_schema(tmp_path, phantom):
    zarr_store.write_phantom(tmp_path / "a", phantom)
    for name in ("tissue", "lesion"):
        validate(ours(tmp_path / "a" / "labels" / name)["attributes"], version="0.5", model="label")
    assert ours(tmp_path / "a" / "labels")["attributes"]["ome"]["labels"] == ["tissue", "lesion"]


def test_lesion_truth_is_half_a_voxel_or_more(tmp_path, phantom):
    zarr_store.write_phantom(tmp_path / "a", phantom)
    fraction = np.asarray(phantom.with_lesions(True).fraction("haematoma-acute"))
    np.testing.assert_array_equal(zarr_store.read_mask(tmp_path / "a", "lesion"), fraction >= 0.5)


def test_images_of_other_programs_are_read(tmp_path):
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    other = ngff_zarr.to_ngff_image(
        values,
        dims=["z", "y", "x"],
        scale={"z": 3.0, "y": 2.0, "x": 1.0},
        translation={"z": 9.0, "y": 8.0, "x": 7.0},
        axes_units=dict.fromkeys("zyx", "micrometer"),
    )
    ngff_zarr.to_ngff_zarr(str(tmp_path / "a"), ngff_zarr.to_multiscales(other, scale_factors=[]), version="0.5")
    image = zarr_store.read_image(tmp_path / "a")
    np.testing.assert_array_equal(image.values, values)
    assert image.grid.spacing_mm == pytest.approx((3e-3, 2e-3, 1e-3))
    assert image.grid.origin_mm == pytest.approx((7e-3, 8e-3, 9e-3))


def test_same_phantom_gives_the_same_bytes(tmp_path, phantom):
    for name in "ab":
        zarr_store.write_phantom(tmp_path / name, phantom)
    files = [
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*") if p.is_file()} for n in "ab"
    ]
    assert files[0] == files[1]


def test_a_failed_write_leaves_nothing(tmp_path, image):
    bad = Image(np.full_like(image.values, np.nan), image.grid, "HU")
    with pytest.raises(FormatError, match="NaN"):
        zarr_store.write_image(tmp_path / "a", bad)
    with pytest.raises(FormatError, match="facts must be"):
        zarr_store.write_image(tmp_path / "a", image, facts={"dose": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_an_older_store_is_replaced_only_when_asked(tmp_path, image):
    zarr_store.write_image(tmp_path / "a", image)
    with pytest.raises(StoreError, match="holds files"):
        zarr_store.write_image(tmp_path / "a", image)
    zarr_store.write_image(tmp_path / "a", dataclasses.replace(image, unit="1"), replace=True)
    assert zarr_store.read_image(tmp_path / "a").unit == "1"


def test_every_missing_or_cut_file_is_noticed(tmp_path, phantom):
    zarr_store.write_phantom(tmp_path / "good", phantom)
    for file in sorted(p for p in (tmp_path / "good").rglob("*") if p.is_file()):
        for cut in (None, 0.5):
            shutil.copytree(tmp_path / "good", tmp_path / "bad")
            victim = tmp_path / "bad" / file.relative_to(tmp_path / "good")
            data = victim.read_bytes()
            victim.unlink() if cut is None else victim.write_bytes(data[: len(data) // 2])
            with pytest.raises((StoreError, FormatError)):
                zarr_store.read_phantom(tmp_path / "bad")
            shutil.rmtree(tmp_path / "bad")


def test_flipped_bits_in_a_chunk_are_noticed(tmp_path, image):
    zarr_store.write_image(tmp_path / "a", image)
    chunk = tmp_path / "a" / "0" / "c" / "0" / "0" / "0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 0x10
    chunk.write_bytes(data)
    with pytest.raises(FormatError, match="damaged"):
        zarr_store.read_image(tmp_path / "a")


def edit(path, *keys, to):
    """Change one entry of a zarr.json."""
    whole = part = json.loads(path.read_text())
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = to
    path.write_text(json.dumps(whole).ljust(path.stat().st_size))


OWN = ("attributes", "phantomsim")
HOSTILE = {
    "huge array": ("labels/tissue/0", ("shape",), [2**20, 2**20, 2**20], "at most"),
    "huge chunk": ("labels/tissue/0", ("chunk_grid", "configuration", "chunk_shape"), [2**12] * 3, "chunks"),
    "tiny chunks": ("labels/tissue/0", ("shape",), [2**10] * 3, "chunks"),
    "another codec": (
        "labels/tissue/0",
        ("codecs", 1),
        {"name": "gzip", "configuration": {"level": 1}},
        "zstd and blosc",
    ),
    "text": ("labels/tissue/0", ("data_type",), "string", "."),
    "not json": ("labels/tissue/0", ("zarr_format",), {}, "."),
    "four axes": ("labels/tissue/0", ("shape",), [1, 6, 7, 9], "."),
    "newer format": ("", (*OWN, "format"), 99, "Update phantomsim"),
    "another kind": ("", (*OWN, "kind"), "image", "a phantom is wanted"),
    "fewer tissues": ("", (*OWN, "tissues"), ["air"], "one of 1 tissues|no tissue"),
    "box outside": ("", (*OWN, "overlays", 0, "start"), [0, 0, 8], "must lie in the grid"),
    "negative box": ("", (*OWN, "overlays", 0, "start"), [-1, 0, 0], "must lie in the grid"),
    "sheared": ("", (*OWN, "direction"), [[1, 1, 0], [0, 1, 0], [0, 0, 1]], "direction"),
    "no direction": ("", (*OWN, "direction"), None, "scale"),
    "attributes": ("", (*OWN, "lesions"), 5, "damaged"),
    "no ome": ("", ("attributes", "ome"), None, "OME-Zarr"),
    "scale": ("", ("attributes", "ome", "multiscales", 0, "datasets", 0, "coordinateTransformations"), [], "scale"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_metadata_is_refused_before_it_is_obeyed(tmp_path, phantom, what):
    array, keys, value, words = HOSTILE[what]
    zarr_store.write_phantom(tmp_path / "a", phantom)
    if what == "tiny chunks":
        edit(tmp_path / "a" / array / "zarr.json", "chunk_grid", "configuration", "chunk_shape", to=[1, 1, 1])
    edit(tmp_path / "a" / array / "zarr.json", *keys, to=value)
    with pytest.raises(FormatError, match=words) as error:
        zarr_store.read_phantom(tmp_path / "a")
    assert str(tmp_path) in str(error.value)


def test_a_chunk_that_unpacks_to_more_than_it_should_is_refused(tmp_path, image):
    """A zstd frame of RFC 8878 that says 2^40 bytes, and one that does not say."""
    zarr_store.write_image(tmp_path / "a", image)
    chunk = tmp_path / "a" / "0" / "c" / "0" / "0" / "0"
    size = chunk.stat().st_size
    for head in (b"\xe0" + (2**40).to_bytes(8, "little"), b"\x00\x58"):
        chunk.write_bytes((b"\x28\xb5\x2f\xfd" + head).ljust(size, b"\0"))
        with pytest.raises(FormatError, match="unpacks to"):
            zarr_store.read_image(tmp_path / "a")


def test_symbolic_links_are_not_followed(tmp_path, image):
    zarr_store.write_image(tmp_path / "a", image)
    chunk = tmp_path / "a" / "0" / "c" / "0" / "0" / "0"
    chunk.rename(tmp_path / "elsewhere")
    chunk.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FormatError, match="symbolic link"):
        zarr_store.read_image(tmp_path / "a")


def test_what_is_no_store_is_refused(tmp_path):
    with pytest.raises(FormatError, match="no such folder"):
        zarr_store.read_phantom(tmp_path / "none")
    with pytest.raises(FormatError, match=r"no zarr\.json"):
        zarr_store.read_image(tmp_path)
    zarr.create_group(str(tmp_path / "plain"), zarr_format=3)
    with pytest.raises(FormatError, match="a phantom is wanted"):
        zarr_store.read_phantom(tmp_path / "plain")
    with pytest.raises(FormatError, match="names in a store"):
        zarr_store.read_mask(tmp_path / "plain", "../../etc")


def test_a_real_size_head_is_small_and_quick(tmp_path):
    import time

    shape = (256, 256, 256)
    label = np.zeros(shape, np.uint8)
    label[40:200, 60:200, 60:200] = 2
    phantom = Phantom(Grid.centred(shape, (1, 1, 1)), label, 1.0, (), (), ("air", "bone-cortical", "brain"))
    start = time.process_time()
    zarr_store.write_phantom(tmp_path / "a", phantom)
    assert same(zarr_store.read_phantom(tmp_path / "a"), phantom)
    assert time.process_time() - start < 5
    assert sum(f.stat().st_size for f in (tmp_path / "a").rglob("*") if f.is_file()) < 2**18
