"""ISMRMRD: round trips, the reference package's own reading, and files that nobody should trust."""

import contextlib
import dataclasses
import sys

import numpy as np
import pytest

from phantomsim.errors import FormatError, StoreError
from phantomsim.formats import ismrmrd as ours
from phantomsim.formats import ismrmrd_read
from phantomsim.formats.ismrmrd import AcquisitionTable, Encoding, Flag, Header, with_flags

h5py = pytest.importorskip("h5py")
theirs = pytest.importorskip("ismrmrd")

COILS, LINES, SLICES, SAMPLES = 3, 6, 2, 10


def measurement(trajectory=None):
    rng = np.random.default_rng(0)
    shots = LINES * SLICES
    kspace = (rng.normal(size=(COILS, shots, SAMPLES)) + 1j * rng.normal(size=(COILS, shots, SAMPLES))).astype("c8")
    table = AcquisitionTable.of(
        shots,
        sample_time_us=6.5,
        centre_sample=5,
        line=np.tile(np.arange(LINES), SLICES),
        slice=np.repeat(np.arange(SLICES), LINES),
        segment=np.arange(shots) % 3,
        flags=np.where(np.arange(shots) % 2, int(Flag.REVERSE), 0),
        position_mm=np.stack([np.full(shots, 1.5), np.full(shots, -2.0), np.repeat([3.0, 8.0], LINES)], 1),
        time_ms=np.arange(shots) * 20,
        trajectory_per_mm=trajectory,
    )
    spaces = (1, LINES, SAMPLES), (5.0, 240.0, 300.0), (1, LINES, 8), (5.0, 240.0, 240.0)
    encoding = Encoding(*spaces, "epi", (1, 2), "embedded", (0, 3), 3)
    header = Header(
        encoding, 123_250_000.0, 2.8936, (500.0,), (5.0,), (), (30.0,), (0.5,), "epi", "gre", "mr-3t", ("a", "b", "c")
    )
    return kspace, with_flags(table), header


def same(a, b):
    if dataclasses.is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return a == b


def test_what_is_written_is_read(tmp_path):
    kspace, table, header = measurement()
    mixing = np.random.default_rng(1).normal(size=(COILS, COILS, 2)) @ [1, 1j]
    covariance, noise = mixing @ mixing.conj().T, kspace[:, :4, :7] * 0.01
    ours.write(tmp_path / "a.h5", kspace, table, header, noise=noise, covariance=covariance)
    found = ours.read(tmp_path / "a.h5")
    assert same(found.kspace, kspace)
    assert same(found.table, table)
    assert same(found.header, header)
    assert same(found.noise, noise)
    assert same(found.covariance, covariance)


@pytest.mark.parametrize("dims", [2, 3])
def test_trajectories_come_back_per_mm(tmp_path, dims):
    kspace, table, header = measurement()
    path = np.random.default_rng(2).uniform(-0.01, 0.01, (len(table), SAMPLES, dims))
    table = dataclasses.replace(table, trajectory_per_mm=path)
    ours.write(tmp_path / "a.h5", kspace, table, header)
    np.testing.assert_allclose(ours.read(tmp_path / "a.h5").table.trajectory_per_mm, path, atol=1e-9)


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    for name in "ab":
        ours.write(tmp_path / name, *measurement())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_the_reference_package_reads_it(tmp_path):
    kspace, table, header = measurement()
    span = np.array([300 / SAMPLES, 240 / LINES])
    path = np.broadcast_to(np.array([0.5, -0.5]) / span, (len(table), SAMPLES, 2))
    table = dataclasses.replace(table, trajectory_per_mm=path)
    ours.write(tmp_path / "a.h5", kspace, table, header, noise=kspace[:, :1])
    with theirs.Dataset(str(tmp_path / "a.h5"), mode="r") as dataset:
        root = theirs.xsd.CreateFromDocument(dataset.read_xml_header())
        assert dataset.number_of_acquisitions() == len(table) + 1
        assert dataset.read_acquisition(0).is_flag_set(theirs.ACQ_IS_NOISE_MEASUREMENT)
        readouts = [dataset.read_acquisition(i) for i in range(1, len(table) + 1)]
    last = readouts[-1]
    np.testing.assert_array_equal(np.stack([r.data for r in readouts], 1), kspace)
    assert [r.idx.kspace_encode_step_1 for r in readouts] == table.line.tolist()
    assert [r.idx.slice for r in readouts] == table.slice.tolist()
    assert [r.is_flag_set(theirs.ACQ_LAST_IN_SLICE) for r in readouts] == [i % LINES == LINES - 1 for i in range(12)]
    assert [r.is_flag_set(theirs.ACQ_IS_REVERSE) for r in readouts] == [bool(i % 2) for i in range(12)]
    assert last.is_flag_set(theirs.ACQ_LAST_IN_MEASUREMENT)
    assert [last.isChannelActive(i) for i in range(4)] == [True, True, True, False]
    assert list(last.position) == [-1.5, 2.0, 8.0]  # LPS
    assert list(last.read_dir) == [-1.0, 0.0, 0.0]
    assert list(last.phase_dir) == [0.0, -1.0, 0.0]
    assert list(last.slice_dir) == [0.0, 0.0, 1.0]
    assert (last.sample_time_us, last.center_sample, last.acquisition_time_stamp) == (6.5, 5, 220)
    np.testing.assert_allclose(last.traj, np.broadcast_to([0.5, -0.5], (SAMPLES, 2)), rtol=1e-6)
    encoding = root.encoding[0]
    assert (encoding.encodedSpace.matrixSize.x, encoding.reconSpace.matrixSize.x) == (SAMPLES, 8)
    assert encoding.encodedSpace.fieldOfView_mm.y == 240.0
    assert encoding.trajectory.value == "epi"
    assert encoding.encodingLimits.kspace_encoding_step_1.center == 3
    assert encoding.encodingLimits.slice.maximum == 1
    assert encoding.parallelImaging.accelerationFactor.kspace_encoding_step_1 == 2
    assert root.acquisitionSystemInformation.receiverChannels == COILS
    assert root.experimentalConditions.H1resonanceFrequency_Hz == 123_250_000


def foreign(path, traj=None, edit=lambda acquisition, i: None, header=None):
    """A file by the reference package, as another program would write it."""
    kspace, table, _ = measurement()
    xml = header or minimal_header()
    with theirs.Dataset(str(path)) as dataset:
        dataset.write_xml_header(xml)
        for i in range(len(table)):
            acquisition = theirs.Acquisition.from_array(np.ascontiguousarray(kspace[:, i]), traj)
            acquisition.idx.kspace_encode_step_1 = int(table.line[i])
            acquisition.center_sample = 5
            edit(acquisition, i)
            dataset.append_acquisition(acquisition)
    return kspace


def minimal_header():
    space = (
        "<matrixSize><x>10</x><y>6</y><z>1</z></matrixSize>"
        "<fieldOfView_mm><x>200</x><y>120</y><z>5</z></fieldOfView_mm>"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD">'
        "<experimentalConditions><H1resonanceFrequency_Hz>63500000</H1resonanceFrequency_Hz></experimentalConditions>"
        f"<encoding><encodedSpace>{space}</encodedSpace><reconSpace>{space}</reconSpace><encodingLimits/>"
        f"<trajectory>radial</trajectory></encoding><vendorsOwn>1</vendorsOwn></ismrmrdHeader>"
    ).encode()


@pytest.mark.parametrize(("largest", "per_mm"), [(0.5, 0.5 / 20.0), (5.0, 5.0 / 200.0)])
def test_foreign_trajectories_are_told_apart_by_size(tmp_path, largest, per_mm):
    traj = np.linspace(-largest, largest, SAMPLES, dtype=np.float32)[:, None] * [1, 0]
    foreign(tmp_path / "a.h5", np.ascontiguousarray(traj, np.float32))
    found = ours.read(tmp_path / "a.h5")
    assert found.table.trajectory_per_mm.max() == pytest.approx(per_mm)
    assert found.header.encoding.trajectory == "radial"
    assert found.noise is None
    assert found.covariance is None


def test_discarded_samples_are_left_out(tmp_path):
    def edit(acquisition, i):
        acquisition.discard_pre, acquisition.discard_post = 2, 1

    kspace = foreign(tmp_path / "a.h5", edit=edit)
    found = ours.read(tmp_path / "a.h5")
    np.testing.assert_array_equal(found.kspace, kspace[:, :, 2:-1])
    assert set(found.table.centre_sample) == {3}


def test_readouts_of_other_encoding_spaces_are_passed_over(tmp_path):
    def edit(acquisition, i):
        acquisition.encoding_space_ref = i % 2

    kspace = foreign(tmp_path / "a.h5", edit=edit)
    np.testing.assert_array_equal(ours.read(tmp_path / "a.h5").kspace, kspace[:, ::2])
    with pytest.raises(FormatError, match="number 1 is none"):
        ours.read(tmp_path / "a.h5", encoding=1)


def test_readouts_of_several_lengths_are_refused(tmp_path):
    foreign(tmp_path / "a.h5")
    with theirs.Dataset(str(tmp_path / "a.h5")) as dataset:
        dataset.append_acquisition(theirs.Acquisition.from_array(np.zeros((COILS, 4), "c8")))
    with pytest.raises(FormatError, match=r"several layouts.*\[4, 10\]"):
        ours.read(tmp_path / "a.h5")


def test_a_file_that_is_not_hdf5_is_refused(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"not at all" * 100)
    with pytest.raises(FormatError, match="not an HDF5 file"):
        ours.read(tmp_path / "a.h5")
    with pytest.raises(FormatError, match="no such file"):
        ours.read(tmp_path / "b.h5")
    with pytest.raises(FormatError, match="is a folder"):
        ours.read(tmp_path)


@pytest.mark.parametrize("name", ["dataset", "dataset/xml", "dataset/data"])
def test_a_missing_dataset_is_named(tmp_path, name):
    ours.write(tmp_path / "a.h5", *measurement())
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file[name]
    with pytest.raises(FormatError, match=f"has no '{name}'"):
        ours.read(tmp_path / "a.h5")


@pytest.mark.parametrize("name", ["dataset", "dataset/xml", "dataset/data"])
@pytest.mark.parametrize("kind", ["external", "soft"])
def test_links_to_elsewhere_are_not_followed(tmp_path, name, kind):
    for file in "ab":
        ours.write(tmp_path / f"{file}.h5", *measurement())
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file[name]
        file[name] = h5py.ExternalLink(str(tmp_path / "b.h5"), name) if kind == "external" else h5py.SoftLink("/x")
    with pytest.raises(FormatError, match="link to elsewhere"):
        ours.read(tmp_path / "a.h5")


def replace_xml(path, text):
    with h5py.File(path, "a") as file:
        file["dataset/xml"][0] = text


SECRET = '<!DOCTYPE a [<!ENTITY s SYSTEM "file:///etc/hostname">]>'
LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"no XML at all", "not an ISMRMRD header"),
        (b"", "not an ISMRMRD header"),
        (b"<html/>", "not an ISMRMRD header"),
        (b"<ismrmrdHeader xmlns='http://www.ismrm.org/ISMRMRD'/>", "not an ISMRMRD header"),
        (SECRET.encode() + b"<a>&s;</a>", "document type"),
        (LAUGHS.encode() + b"<a>&b;</a>", "document type"),
        (b'<?xml version="1.0" encoding="UTF-16"?>' + SECRET.lower().encode(), "document type"),
        (b"\xff\xfe<a/>", "not UTF-8"),
        (minimal_header()[:-30], "not an ISMRMRD header"),
        (minimal_header().replace(b"<x>10</x>", b"<x>-3</x>"), "not make sense"),
        (minimal_header().replace(b"<x>200</x>", b"<x>nan</x>"), "not make sense"),
    ],
)
def test_headers_that_cannot_be_trusted_are_refused(tmp_path, text, said):
    ours.write(tmp_path / "a.h5", *measurement())
    replace_xml(tmp_path / "a.h5", text)
    with pytest.raises(FormatError, match=said):
        ours.read(tmp_path / "a.h5")


def edited_head(path, **changes):
    with h5py.File(path, "a") as file:
        data = file["dataset/data"]
        records = data[...]
        for name, value in changes.items():
            records["head"][name] = value
        data[...] = records


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"number_of_samples": 65535, "active_channels": 60000}, "Raise max_bytes"),
        ({"number_of_samples": 65535}, "truncated"),
        ({"number_of_samples": 9}, "not as long"),
        ({"active_channels": 0}, "make no sense"),
        ({"trajectory_dimensions": 2}, "not as long"),
        ({"trajectory_dimensions": 9}, "make no sense"),
        ({"discard_pre": 10}, "make no sense"),
        ({"flags": int(Flag.NOISE)}, "Nothing is to be"),
    ],
)
def test_headers_of_readouts_that_lie_are_refused(tmp_path, changes, said):
    ours.write(tmp_path / "a.h5", *measurement())
    edited_head(tmp_path / "a.h5", **changes)
    with pytest.raises(FormatError, match=said):
        ours.read(tmp_path / "a.h5")


def test_a_list_that_claims_to_be_huge_takes_no_memory(tmp_path):
    ours.write(tmp_path / "a.h5", *measurement())
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["dataset/data"].resize((2**40,))
    with pytest.raises(FormatError, match="readouts; 1 to"):
        ours.read(tmp_path / "a.h5")


def test_other_records_are_refused(tmp_path):
    ours.write(tmp_path / "a.h5", *measurement())
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["dataset/data"]
        file["dataset/data"] = np.zeros(12)
    with pytest.raises(FormatError, match="does not hold ISMRMRD readouts"):
        ours.read(tmp_path / "a.h5")


@pytest.mark.parametrize("length", [100, 2000, 5000])
def test_a_truncated_file_is_refused(tmp_path, length):
    ours.write(tmp_path / "a.h5", *measurement())
    whole = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(whole[: min(length, len(whole) - 1)])
    with pytest.raises(FormatError):
        ours.read(tmp_path / "a.h5")


def test_more_bytes_than_allowed_are_not_read(tmp_path):
    ours.write(tmp_path / "a.h5", *measurement())
    with pytest.raises(FormatError, match="Raise max_bytes"):
        ours.read(tmp_path / "a.h5", max_bytes=1000)


def test_damaged_bytes_never_end_in_another_error(tmp_path):
    ours.write(tmp_path / "a.h5", *measurement())
    whole = bytearray((tmp_path / "a.h5").read_bytes())
    rng = np.random.default_rng(3)
    for _ in range(60):
        hurt = bytearray(whole)
        for at in rng.integers(0, len(hurt), 12):
            hurt[at] = rng.integers(256)
        (tmp_path / "b.h5").write_bytes(hurt)
        with contextlib.suppress(FormatError):
            ours.read(tmp_path / "b.h5")


def test_values_that_do_not_fit_are_refused(tmp_path):
    kspace, table, header = measurement()

    def refused(said, *, kspace=kspace, header=header, noise=None, covariance=None, **columns):
        changed = dataclasses.replace(table, **columns)
        with pytest.raises(FormatError, match=said):
            ours.write(tmp_path / "a.h5", kspace, changed, header, noise=noise, covariance=covariance)

    refused("0 to 65535", line=table.line + 70000)
    refused("centre_sample", centre_sample=table.centre_sample + 10)
    refused("table.line has shape", line=table.line[1:])
    refused("trajectory_per_mm has shape", trajectory_per_mm=np.zeros((3, 3, 2)))
    refused("NaN", kspace=kspace * np.nan)
    refused("wanted \\[coil", kspace=kspace[0])
    refused("noise of shape", noise=np.zeros((2, 1, 5), np.complex64))
    refused("covariance", covariance=np.eye(5))
    zigzag = dataclasses.replace(header.encoding, trajectory="zigzag")
    refused("trajectory 'zigzag'", header=dataclasses.replace(header, encoding=zigzag))
    assert not list(tmp_path.iterdir())
    with pytest.raises(FormatError, match="no column 'lines'"):
        AcquisitionTable.of(3, sample_time_us=1.0, centre_sample=0, lines=1)


def test_a_refused_disk_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError):
        ours.write(tmp_path / "file" / "a.h5", *measurement())
    assert (tmp_path / "file").read_text() == "x"


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ismrmrd", None)
    with pytest.raises(FormatError, match=r"pip install 'phantomsim\[raw\]'"):
        ours.write(tmp_path / "a.h5", *measurement())
    with pytest.raises(FormatError, match=r"pip install 'phantomsim\[raw\]'"):
        ours.read(tmp_path / "a.h5")


def test_shared_readouts_cannot_multiply_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(ismrmrd_read, "_READ_BYTES", 1)  # then readouts come one by one, and are the same
    kspace, table, header = measurement()
    ours.write(tmp_path / "a.h5", kspace, table, header)
    np.testing.assert_array_equal(ours.read(tmp_path / "a.h5").kspace, kspace)
