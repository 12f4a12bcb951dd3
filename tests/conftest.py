"""Fixtures that every test may use."""

import os
import tempfile
from pathlib import Path

import pytest

# Workers of a trial are processes of their own, each of which would compile the same code for half a minute.
CACHE = tempfile.TemporaryDirectory(prefix="phantomsim-jax-")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", CACHE.name)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.05")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real data (heads, torso, DICOM, reader study); skips where it is absent."""
    folder = Path(os.environ.get("PHANTOMSIM_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set PHANTOMSIM_DATA")
    return folder
