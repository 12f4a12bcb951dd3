"""Long work says what it is at; short work leaves no trace."""

from functools import partial

import pytest
from click.testing import CliRunner

from phantomsim.cli import progress
from phantomsim.cli.main import main
from phantomsim.laws import Law


def test_steps_are_told_of_where_work_is_long(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    clock = iter((0.0, 1.0, 14.0, 15.0, 25.0))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.steps_line() as tell:
        for step in ("quick", "[slow]", "quick again", "last"):
            tell(step)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["[slow] (after 14 s)", "last (after 25 s)"]


def test_a_terminal_shows_the_step_at_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(progress, "Console", partial(progress.Console, force_terminal=True))
    with progress.steps_line() as tell:
        tell("Reconstructing")
    assert "Reconstructing" in capsys.readouterr().err


def test_validate_names_the_part_on_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phantomsim.materials.laws.laws", lambda: [Law("a figure", "a source", 1.0, 1.0, 0.1)])
    done = CliRunner().invoke(main, ["validate", "materials", "--json"])
    assert done.stderr == "Measuring materials, part 1 of 1 (after 0 s)\n"
    assert done.stdout.startswith("[")
