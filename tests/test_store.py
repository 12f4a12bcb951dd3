"""Writing whole or not at all, on disks that are full, read-only or forbidden."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from phantomsim import store
from phantomsim.errors import StoreError


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_files_appear_whole_with_usual_rights(tmp_path):
    store.atomic_write_text(tmp_path / "new" / "a.csv", "x,y\n1,é\n", sync=True)
    assert (tmp_path / "new" / "a.csv").read_bytes() == b"x,y\n1,\xc3\xa9\n"
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "new" / "a.csv").stat().st_mode == (tmp_path / "plain").stat().st_mode
    store.atomic_write_bytes(tmp_path / "new" / "a.csv", b"other")
    assert (tmp_path / "new" / "a.csv").read_bytes() == b"other"
    assert names(tmp_path / "new") == ["a.csv"]


def test_a_failure_keeps_the_old_file_and_leaves_no_rest(tmp_path):
    store.atomic_write_text(tmp_path / "a", "old")
    with pytest.raises(TypeError), store.atomic_file(tmp_path / "a") as file:
        file.writelines([b"half", "text"])
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_folders_appear_whole_or_not_at_all(tmp_path):
    with store.atomic_dir(tmp_path / "a") as work:
        (work / "x").write_text("1")
        assert names(tmp_path) != ["a"]
    assert (tmp_path / "a" / "x").read_text() == "1"
    with pytest.raises(TypeError), store.atomic_dir(tmp_path / "b") as work:
        (work / "x").write_text(1)
    with pytest.raises(ZeroDivisionError), store.atomic_dir(tmp_path / "a", replace=True) as work:
        raise ZeroDivisionError
    assert (tmp_path / "a" / "x").read_text() == "1"
    with store.atomic_dir(tmp_path / "a", replace=True) as work:
        (work / "y").write_text("2")
    assert names(tmp_path / "a") == ["y"]
    assert names(tmp_path) == ["a"]


def test_a_folder_that_holds_files_is_kept(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine").write_text("precious")
    with pytest.raises(StoreError, match="holds files already"), store.atomic_dir(tmp_path / "a"):
        pass
    assert (tmp_path / "a" / "mine").read_text() == "precious"
    with pytest.raises(StoreError, match="is a file"), store.atomic_dir(tmp_path / "a" / "mine"):
        pass
    (tmp_path / "empty").mkdir()
    with store.atomic_dir(tmp_path / "empty") as work:
        (work / "x").write_text("1")
    assert names(tmp_path / "empty") == ["x"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "no right"),
        (errno.EIO, "Check the path and the disk"),
    ],
)
def test_errors_of_the_system_say_what_to_do(tmp_path, number, words):
    with pytest.raises(StoreError, match=words) as error, store.writing(tmp_path / "out"):
        raise OSError(number, os.strerror(number))
    assert str(tmp_path / "out") in str(error.value)
    assert isinstance(error.value.__cause__, OSError)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_path_through_a_file_is_refused(tmp_path, kind):
    (tmp_path / "a").write_text("")
    write = store.atomic_file if kind == "file" else store.atomic_dir
    with pytest.raises(StoreError, match=r"not a folder|Check the path"), write(tmp_path / "a" / "b" / "c"):
        pass
    with pytest.raises(StoreError, match="is a folder"), store.atomic_file(tmp_path):
        pass


def test_a_disk_without_room_is_reported_and_leaves_nothing():
    """The kernel's own refusal: a file-size limit acts as a full disk does (EFBIG); /dev/full cannot be renamed."""
    code = """
import resource, signal, sys, pathlib, tempfile
import numpy as np
from phantomsim import store
from phantomsim.errors import StoreError
from phantomsim.formats import dicom, nifti, zarr_store
from phantomsim.grid import Grid
from phantomsim.image import Image
grid = Grid.centred((4, 90, 90), (1, 1, 1))
image = Image(np.random.default_rng(0).normal(size=grid.shape).astype("f4"), grid, "HU")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
folder = pathlib.Path(tempfile.mkdtemp())
for write in (
    lambda: store.atomic_write_bytes(folder / "big", bytes(100_000)),
    lambda: nifti.write(folder / "a.nii.gz", image.values, grid),
    lambda: zarr_store.write_image(folder / "a.ome.zarr", image),
    lambda: dicom.write_series(folder / "dicom", image, modality="CT"),
):
    try:
        write()
    except StoreError as e:
        print(e, list(folder.iterdir()))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.splitlines()
    assert len(said) == 4
    for line in said:
        assert "larger than this disk allows" in line
        assert line.endswith("[]")


def test_whether_files_can_be_written_is_known_before_they_are(tmp_path):
    store.check_writable(tmp_path / "new" / "deeper")
    assert names(tmp_path) == []
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="not a folder"):
        store.check_writable(tmp_path / "file" / "models")


def test_a_read_only_folder_is_reported(tmp_path):
    if os.geteuid() == 0 and not os.path.isdir("/proc/self"):
        pytest.skip("root may write anywhere, and there is no /proc")
    folder = "/proc/self/phantomsim" if os.geteuid() == 0 else tmp_path / "locked" / "out"
    if os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o500)
    for write in (store.atomic_dir, store.atomic_file):
        with pytest.raises(StoreError, match="cannot be written"), write(folder):
            pass


def test_kill_leaves_the_old_file(tmp_path):
    """SIGKILL in the middle of a write: the old file is whole, and a new write does not mind the rest."""
    store.atomic_write_text(tmp_path / "a", "old")
    code = f"""
import time
from phantomsim import store
with store.atomic_file({str(tmp_path / "a")!r}) as f:
    f.write(b"half"); f.flush(); print("ready", flush=True); time.sleep(60)
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"ready\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert (tmp_path / "a").read_text() == "old"
    assert next(n for n in names(tmp_path) if n != "a").endswith(".partial")
    store.atomic_write_text(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "new"
