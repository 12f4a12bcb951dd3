"""The command line starts fast, and answers every mistake without a traceback."""

import errno
import json
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from phantomsim.cli import main as cli
from phantomsim.errors import DiskError, PhantomsimError
from phantomsim.store import writing


def run(*args: str) -> "click.testing.Result":
    return CliRunner().invoke(cli.main, args)


def failing(error: Exception) -> click.Command:
    def callback() -> None:
        raise error

    return click.Command("info", callback=callback)


def refused_by(error: OSError) -> DiskError:
    with pytest.raises(DiskError) as told, writing("/x/y"):
        raise error
    return told.value


def test_help_takes_less_than_three_tenths_of_a_second() -> None:
    def cpu_s() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        before = used.ru_utime + used.ru_stime
        subprocess.run([sys.executable, "-m", "phantomsim", "--help"], check=True, capture_output=True)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime - before

    assert min(cpu_s() for _ in range(3)) < 0.3


def test_help_imports_no_command_and_nothing_heavy() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from phantomsim.cli.main import main; "
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"jax", "numpy", "scipy", "pydantic", "rich", "matplotlib"} & set(loaded)
    assert [m for m in loaded if m.startswith("phantomsim.cli.")] == ["phantomsim.cli.main"]


def test_specs_are_read_without_the_libraries_that_compute() -> None:
    code = "import sys; from phantomsim import spec; assert not spec.check('quickstart'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"jax", "numpy", "scipy", "matplotlib"} & set(loaded)


def test_help_lists_every_command_with_one_line() -> None:
    text = run("--help").output
    for name, (_, line) in cli.COMMANDS.items():
        assert f"  {name} " in text
        assert line in text


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert "Usage: " in result.output


def test_an_unknown_command_is_answered_by_the_nearest() -> None:
    result = run("chek")
    assert result.exit_code == 2
    assert 'did you mean "check"?' in result.output


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        *((kind("my.toml:1:1: no"), 2, "my.toml:1:1: no\n") for kind in PhantomsimError.__subclasses__()),
        (refused_by(OSError(errno.ENOSPC, "No space left on device")), 1, "/x/y: cannot be written: the disk is full"),
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), 1, "/x/y: No space left on device"),
        (OSError(errno.EROFS, "Read-only file system", "/x/y"), 1, "/x/y: Read-only file system"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "/x: Permission denied"),
    ],
)
def test_errors_are_told_without_a_traceback(
    error: Exception, code: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phantomsim.cli.info.command", failing(error))
    result = run("info")
    assert result.exit_code == code
    assert result.stderr.startswith(text)
    assert "Traceback" not in result.output
    assert isinstance(run("--debug", "info").exception, type(error))


def test_an_interrupt_says_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phantomsim.cli.info.command", failing(KeyboardInterrupt()))
    result = run("info")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted. What was finished stays, and nothing is half written\n"


def test_a_file_of_another_kind_is_told_so_and_no_more() -> None:
    result = run("train", "chest-procedural", "--data", ".")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert 'kind: is "procedural" (a string); must be "deformable"' in result.stderr


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phantomsim.cli.info.command", failing(ZeroDivisionError("a bug")))
    assert isinstance(run("info").exception, ZeroDivisionError)
    assert not issubclass(ZeroDivisionError, PhantomsimError)


def test_info_prints_versions_devices_and_paths() -> None:
    result = run("info", "--json")
    facts = json.loads(result.output)
    assert set(facts) == {"versions", "devices", "machine", "paths"}
    assert facts["versions"]["jax"]
    assert facts["devices"]
    assert Path(facts["paths"]["catalogue"]).is_dir()
    assert "versions:" in run("info").output
