"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real data (heads, torso, DICOM, reader study); skips where it is absent."""
    folder = Path(os.environ.get("PHANTOMSIM_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set PHANTOMSIM_DATA")
    return folder
