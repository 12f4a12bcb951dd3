"""What goes wrong on a user's machine is told in one line, leaves nothing half written, and can be mended."""

import os
import re
import resource
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from click.testing import CliRunner, Result
from toy_bodies import body, save, spec_of

from phantomsim.cli.main import main


def make_bodies(folder: Path) -> Path:
    """A folder of two good files."""
    folder.mkdir()
    for name, radius in (("one", 80.0), ("two", 88.0)):
        save(folder / f"{name}.nii.gz", body(radius))
    return folder


def make_trial(path: Path, bodies: Path) -> Path:
    """The small trial with two patients from those files, two arms and one reader."""
    spec = spec_of(bodies, 2)
    spec["population"]["lesions"] |= {"volume_mL": 4.0, "margin_mm": 3.0}
    spec["arms"] = spec["arms"][:2]
    spec["readers"] = [{"kind": "rmse", "name": "RMSE"}]
    spec["endpoints"] = [{"name": "RMSE", "reader": "RMSE", "statistic": "mean", "better": "lower", "worst": 1000.0}]
    spec["hypotheses"] = [{"name": "dose matters", "endpoint": "RMSE", "compare": ["high", "low"]}]
    path.write_text(tomli_w.dumps(spec))
    return path


def generator_of(trial: Path) -> Path:
    """The generator of a trial as a file of its own."""
    path = trial.with_name("generator.toml")
    path.write_text(tomli_w.dumps(tomllib.loads(trial.read_text())["population"]["generator"]))
    return path


@pytest.fixture
def bodies(tmp_path: Path) -> Path:
    return make_bodies(tmp_path / "bodies")


@pytest.fixture
def trial(tmp_path: Path, bodies: Path) -> Path:
    return make_trial(tmp_path / "trial.toml", bodies)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in which nothing went wrong."""
    folder = tmp_path_factory.mktemp("undisturbed")
    trial = make_trial(folder / "trial.toml", make_bodies(folder / "bodies"))
    assert phantomsim("run", trial, "--out", folder / "out", "--workers", 1).exit_code == 0
    return folder / "out"


def phantomsim(*args: object) -> Result:
    """The command line in this process; workers are processes of their own all the same."""
    return CliRunner().invoke(main, [str(a) for a in args])


def told(done: Result, code: int, *texts: str) -> None:
    """There is one line of error beside those of progress, with these texts; and the exit code is right."""
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, done.output
    progress = (": starting; ", " patients, ", "Phantoms", " (after ")
    lines = [line for line in done.stderr.splitlines() if not any(p in line for p in progress)]
    assert len(lines) == 1, done.output
    for text in texts:
        assert text in lines[0]


def results(out: Path) -> list[str]:
    """What a run must not have left when it failed."""
    return [p.name for p in out.rglob("*") if p.suffix in {".csv", ".html", ".partial"} or p.name == "verdicts.json"]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def put_nan(path: Path) -> None:
    labels = body(80.0)
    labels[3, 4, 5] = np.nan
    save(path, labels)


def put_unknown(path: Path) -> None:
    labels = body(80.0)
    labels[:4, 0, 0] = 99
    save(path, labels)


@pytest.mark.parametrize(
    ("harm", "texts"),
    [
        (truncate, ("one.nii.gz", "truncated")),
        (put_nan, ("one.nii.gz", "1 voxels are NaN or infinite", "[5, 4, 3]")),
        (put_unknown, ("one.nii.gz", "label 99 (4 voxels)", 'label table "toy"', "[tissues]")),
    ],
)
def test_bad_label_file_stops_the_run_with_its_name(
    harm: Callable[[Path], None], texts: tuple[str, ...], trial: Path, bodies: Path, tmp_path: Path
) -> None:
    harm(bodies / "one.nii.gz")
    out = tmp_path / "out"
    done = phantomsim("run", trial, "--out", out, "--patients", 60, "--workers", 1)
    told(done, 2, *texts, "patient 0", "--resume")
    assert list(out.glob("parts/*")) == []
    assert results(out) == []
    told(phantomsim("sample", generator_of(trial), "--out", tmp_path / "phantoms"), 2, *texts)
    assert not (tmp_path / "phantoms").exists()


@pytest.mark.slow
def test_resume_goes_on_when_the_file_is_mended(trial: Path, bodies: Path, tmp_path: Path, undisturbed: Path) -> None:
    good = (bodies / "two.nii.gz").read_bytes()
    truncate(bodies / "two.nii.gz")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "phantomsim", "run", str(trial), "--out", str(out), "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert re.search(r"^patient 1: .*two\.nii\.gz: .*truncated.* --resume$", done.stderr, re.MULTILINE)
    assert [p.name for p in out.glob("parts/*")] == ["patient-000000.json"]
    assert results(out) == []
    kept = (out / "parts" / "patient-000000.json").read_bytes()
    (bodies / "two.nii.gz").write_bytes(good)
    assert phantomsim("run", trial, "--out", out, "--workers", 1, "--resume").exit_code == 0
    assert (out / "parts" / "patient-000000.json").read_bytes() == kept
    assert (out / "results.csv").read_bytes() == (undisturbed / "results.csv").read_bytes()


def test_output_below_a_file_is_refused(trial: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    told(phantomsim("run", trial, "--out", tmp_path / "taken" / "out"), 1, "taken", "a part of the path is a file")
    told(phantomsim("plan", trial, "--csv", tmp_path / "taken" / "plan.csv"), 1, "taken", "is a file")
    sample = phantomsim("sample", generator_of(trial), "--out", tmp_path / "taken" / "out")
    told(sample, 1, "taken", "a part of the path is a file")
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a small disk of its own, or mounts it again with other options; skips where one may not."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root may mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = False

    def mount(options: str) -> Path:
        nonlocal mounted
        with_remount = f"remount,{options}" if mounted else options
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", with_remount, "tmpfs", folder], capture_output=True)
        if done.returncode:
            pytest.skip(f"cannot mount a small disk here: {done.stderr.decode().strip()}")
        mounted = True
        return folder

    yield mount
    if mounted:
        subprocess.run(["umount", folder], check=True)


def test_read_only_disk_is_told_before_the_work(trial: Path, tmp_path: Path, disk: Callable[[str], Path]) -> None:
    out = disk("size=1m,ro") / "out"
    told(phantomsim("run", trial, "--out", out), 1, str(out), "the disk is read-only", "Write elsewhere")
    told(phantomsim("sample", generator_of(trial), "--out", out), 1, str(out), "the disk is read-only")
    assert not out.exists()


def test_full_disk_is_told_and_resume_completes_when_there_is_room(
    trial: Path, disk: Callable[[str], Path], undisturbed: Path
) -> None:
    # 4 kB hold the folders alone; with 56 kB the trial is written, but no patient's pictures.
    out = disk("size=4k") / "out"
    told(phantomsim("run", trial, "--out", out, "--workers", 1), 1, str(out), "the disk is full")
    assert results(out) == []
    disk("size=56k")
    told(phantomsim("run", trial, "--out", out, "--workers", 1, "--resume"), 1, str(out), "the disk is full", "resume")
    assert results(out) == []
    assert list(out.glob("parts/*")) == []
    disk("size=16m")
    done = phantomsim("run", trial, "--out", out, "--workers", 1, "--resume")
    assert done.exit_code == 0, done.output
    assert (out / "results.csv").read_bytes() == (undisturbed / "results.csv").read_bytes()
    assert (out / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_file_over_a_limit_of_size_is_not_left_in_part(trial: Path, tmp_path: Path, undisturbed: Path) -> None:
    """A limit that the report alone breaks: tables and patients are whole, and resume writes the report."""
    limit = (undisturbed / "report.html").stat().st_size - 1000
    assert max(p.stat().st_size for p in undisturbed.rglob("*") if p.name != "report.html") < limit
    out = tmp_path / "out"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        done = phantomsim("run", trial, "--out", out, "--workers", 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    told(done, 1, "report.html", "larger than this disk allows")
    assert not (out / "report.html").exists()
    assert not list(out.rglob("*.partial"))
    assert phantomsim("run", trial, "--out", out, "--workers", 1, "--resume").exit_code == 0
    assert (out / "report.html").stat().st_size > limit
    assert (out / "results.csv").read_bytes() == (undisturbed / "results.csv").read_bytes()


def test_scan_onto_a_full_disk_leaves_no_scan(trial: Path, tmp_path: Path, disk: Callable[[str], Path]) -> None:
    phantoms = tmp_path / "phantoms"
    assert phantomsim("sample", generator_of(trial), "--out", phantoms).exit_code == 0
    out = disk("size=64k") / "ct"
    args = ("scan", phantoms / "patient-000000.ome.zarr", "ct-64", "--protocol", "abdomen-quick")
    args += ("--set", "protocol.views=48", "--set", "protocol.binned_columns=4", "--set", "reconstruction.matrix=48")
    told(phantomsim(*args, "--out", out), 1, str(out), "the disk is full")
    assert list(out.parent.iterdir()) == []
    disk("size=16m")
    assert phantomsim(*args, "--out", out).exit_code == 0
