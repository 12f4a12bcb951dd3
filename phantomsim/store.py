"""Files and folders that are written whole or not at all, and errors that say what to do."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from phantomsim.errors import DiskError, StoreError

_ADVICE = {
    errno.ENOSPC: "the disk is full. Free some space or write elsewhere",
    errno.EDQUOT: "your disk quota is used up. Free some space or write elsewhere",
    errno.EFBIG: "the file would be larger than this disk allows. Write elsewhere",
    errno.EROFS: "the disk is read-only. Write elsewhere",
    errno.EACCES: "you have no right to write there. Change the rights or write elsewhere",
    errno.EPERM: "you have no right to write there. Change the rights or write elsewhere",
    errno.ENOTDIR: "a part of the path is a file, not a folder. Choose another path",
    errno.EEXIST: "a part of the path is a file, not a folder. Choose another path",
    errno.EISDIR: "it is a folder; a file is to be written. Choose another path",
    errno.ENAMETOOLONG: "the name is too long. Choose a shorter one",
    errno.EMFILE: "too many files are open. Raise the limit (ulimit -n)",
}


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn the system's errors, while `path` is written, into ones that say what to do.

    Raises:
        DiskError: the system refused; its own error is the cause.
    """
    try:
        yield
    except OSError as e:
        advice = _ADVICE.get(e.errno or 0, f"{e.strerror or e}. Check the path and the disk")
        raise DiskError(f"{os.fspath(path)}: cannot be written: {advice}") from e


def check_writable(folder: str | os.PathLike[str]) -> None:
    """See that files can be written in a folder, before long work that ends with them; nothing is left there.

    Raises:
        DiskError: they cannot.
    """
    folder = Path(folder)
    missing = [f for f in (folder, *folder.parents) if not f.exists()]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        for made in missing:
            made.rmdir()


@contextmanager
def atomic_file(path: str | os.PathLike[str], *, sync: bool = False) -> Iterator[BinaryIO]:
    """A binary file that appears under its name when the block ends well, and never in part.

    Args:
        path: final name; an older file there is replaced; missing folders are made.
        sync: wait until the bytes are on the disk, so that a power cut loses nothing.

    Raises:
        StoreError: the disk is full, read-only or otherwise refuses.
    """
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=".partial", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                _settle(file, sync)
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def atomic_write_bytes(path: str | os.PathLike[str], data: bytes, *, sync: bool = False) -> None:
    """Write a file whole or not at all. Raises StoreError as `atomic_file` does."""
    with atomic_file(path, sync=sync) as file:
        file.write(data)


def atomic_write_text(path: str | os.PathLike[str], text: str, *, sync: bool = False) -> None:
    """Write UTF-8 text with the line ends given, whole or not at all. Raises StoreError as `atomic_file` does."""
    atomic_write_bytes(path, text.encode(), sync=sync)


@contextmanager
def atomic_dir(path: str | os.PathLike[str], *, replace: bool = False) -> Iterator[Path]:
    """A folder that appears under its name when the block ends well, and never in part.

    Args:
        path: final name; must be absent or empty unless `replace`.
        replace: swap an older folder for the new one when that is whole.

    Yields:
        a temporary folder beside it, on the same disk, to fill.

    Raises:
        StoreError: the folder holds files already, or the disk refuses.
    """
    path = Path(path)
    if not replace:
        require_empty(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{path.name[:80]}.", suffix=".partial", dir=path.parent))
        try:
            os.chmod(work, 0o777 & ~_umask())
            yield work
            _swap(work, path)
        except StoreError as e:  # what is written inside knows no other name than that of the temporary folder
            raise type(e)(str(e).replace(str(work), str(path))) from e
        finally:
            shutil.rmtree(work, ignore_errors=True)


def require_empty(path: str | os.PathLike[str]) -> None:
    """Raises StoreError unless `path` is absent or an empty folder."""
    path = Path(path)
    with writing(path):
        if path.is_dir() and any(path.iterdir()):
            raise StoreError(f"{path}: holds files already. Choose another folder or remove this one")
        if path.exists() and not path.is_dir():
            raise StoreError(f"{path}: is a file; a folder is to be written. Choose another name")


def _swap(work: Path, path: Path) -> None:
    """Put `work` under the name `path`; what was there goes, but only after."""
    old = work.with_name(work.name + ".old")
    if path.exists():
        os.rename(path, old)
    try:
        os.rename(work, path)
    except OSError:
        if old.exists():
            os.rename(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _settle(file: BinaryIO, sync: bool) -> None:
    """Hand the bytes to the system, and to the disk where asked."""
    file.flush()
    if sync:
        os.fsync(file.fileno())


def _umask() -> int:
    """The rights that new files must not have; the system has no other way to read it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
