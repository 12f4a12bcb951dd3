"""`phantomsim scan` on what cannot be scanned: one clear line, no traceback, nothing left on disk."""

from pathlib import Path

import numpy as np
import pytest
import zarr
from click.testing import CliRunner, Result

from phantomsim.cli.main import main
from phantomsim.formats import zarr_store
from phantomsim.grid import Grid
from phantomsim.phantom import Phantom
from phantomsim.trials.scan import make_arm

SHAPE = (6, 24, 24)
SMALL = ("protocol.views=32", "protocol.binned_columns=8", "reconstruction.matrix=32", "reconstruction.slices=1")


def phantom(pixel_mm: float = 6.0, radius_mm: float = 60.0, density: float = 1.0) -> Phantom:
    grid = Grid.centred(SHAPE, (5.0, pixel_mm, pixel_mm))
    _, y, x = grid.axes_mm()
    label = np.broadcast_to(np.hypot(x, y[:, None]) < radius_mm, SHAPE).astype(np.uint8)
    values = np.ones(SHAPE, np.float32)
    values[2, 11, 12] = density
    return Phantom(grid, label, values, (), (), ("air", "water"))


def scan(folder: Path, body: Phantom, *sets: str) -> Result:
    zarr_store.write_phantom(folder / "p.ome.zarr", body)
    return again(folder, *sets)


def again(folder: Path, *sets: str) -> Result:
    options = [word for one in (*SMALL, *sets) for word in ("--set", one)]
    args = ["scan", str(folder / "p.ome.zarr"), "ct-64", "--protocol", "quick", *options, "--out", str(folder / "out")]
    return CliRunner().invoke(main, args)


def refused(result: Result, folder: Path) -> str:
    """The one line of an error that left nothing behind."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit | None)
    assert {p.name for p in folder.iterdir()} == {"p.ome.zarr"}
    (line,) = [line for line in result.stderr.splitlines() if " (after " not in line]  # progress of a busy machine
    return line


def test_a_patient_wider_than_the_field(tmp_path: Path) -> None:
    wide = phantom(20.0, 220.0)
    line = refused(scan(tmp_path, wide, "protocol.field_mm=200"), tmp_path)
    assert "reaches out of the scan field of 20" in line
    assert 'protocol.truncation = "allow"' in line
    allowed = again(tmp_path, "protocol.field_mm=200", "protocol.truncation=allow")
    assert allowed.exit_code == 0, allowed.output
    assert "The patient reaches out of the scan field (" in allowed.stderr
    assert (tmp_path / "out" / "scan.json").exists()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("scanner.source_to_isocentre_mm=1000", "source_to_isocentre_mm is 1000; must be below source_to_detector_mm"),
        ("scanner.column_mm=10", "a fan of 536 degrees; must be below 180"),
        ("protocol.mAs=0", "is 0; must be a number, at least 0.001"),
        ("protocol.kVp=200", "is 200; must be a number, at least 40, at most 150"),
        ("protocol.views=1000000000", "this machine has"),
        ("reconstruction.matrix=1000000", "this machine has"),
        ("reconstruction.offset_mm=[1e6,0,0]", "lies outside the scan field"),
    ],
)
def test_protocols_that_cannot_be(tmp_path: Path, change: str, text: str) -> None:
    assert text in refused(scan(tmp_path, phantom(), change), tmp_path)


def test_negative_density(tmp_path: Path) -> None:
    line = refused(scan(tmp_path, phantom(density=-0.5)), tmp_path)
    where = "at voxel (z, y, x) = (2, 11, 12)"
    allowed = "must be finite, at least 0 and at most 100 times the tissue's own"
    assert line == f"phantom.density is -0.5 {where}; {allowed}. Mend the phantom"


def test_a_volume_that_is_not_finite(tmp_path: Path) -> None:
    zarr_store.write_phantom(tmp_path / "p.ome.zarr", phantom())
    values = zarr.open_array(str(tmp_path / "p.ome.zarr" / "0"), mode="r+")
    values[...] = np.random.default_rng(0).random(SHAPE, np.float32)  # packs less well: no byte is missing
    values[2, 11, 12] = np.nan
    line = refused(again(tmp_path), tmp_path)
    assert "p.ome.zarr: 1 values are NaN or infinite. Find where they arose" in line


def test_a_noise_that_no_tube_can_give_is_refused(tmp_path):
    message = refused(scan(tmp_path, phantom(), "protocol.noise_HU=0.0001"), tmp_path)
    assert "protocol.noise_HU = 0.0001 needs" in message
    assert "must be from 0.001 to 100000" in message


def test_every_scanner_of_the_catalogue_scans_with_its_first_reconstruction():
    for path in sorted(Path("scanners").glob("*.toml")):
        assert make_arm(path.stem, None, None).reconstruction
