"""Fixtures that every test may use."""

import os
import tempfile
from pathlib import Path

import pytest

# Workers of a trial are processes of their own, each of which would compile the same code for half a minute.
CACHE = tempfile.TemporaryDirectory(prefix="phantomsim-jax-")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", CACHE.name)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.05")
# As workers have it: flags are part of what compiled code is found by, and tests run side by side anyway.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")


WHOLE = {"trials", "cli", "generators", "procedural"}  # folders of whole runs, the longest tests


def pytest_configure(config: pytest.Config) -> None:
    """xdist keeps the order below rather than its own."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: a worker that came to them last would keep the other waiting."""
    items.sort(key=lambda item: item.path.parent.name not in WHOLE)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real data (heads, torso, DICOM, reader study); skips where it is absent."""
    folder = Path(os.environ.get("PHANTOMSIM_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set PHANTOMSIM_DATA")
    return folder
