"""check, schema and catalogue from the command line."""

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from phantomsim.cli.main import main
from phantomsim.specfile.kinds import NOUNS
from phantomsim.trials import feasible


def run(*args: str) -> Result:
    return CliRunner().invoke(main, args)


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user's own copy of the quickstart, in the current folder."""
    monkeypatch.chdir(tmp_path)
    assert run("catalogue", "copy", "quickstart", "my.toml").exit_code == 0
    return (tmp_path / "my.toml").read_text()


def test_check_answers_right_files_with_zero(trial: str) -> None:
    result = run("check", "my.toml", "quickstart")
    assert (result.exit_code, result.stdout) == (0, "my.toml: ok\nquickstart: ok\n")


def test_check_tells_all_mistakes_of_a_trial_and_exits_with_two(trial: str) -> None:
    Path("my.toml").write_text(trial.replace("seed =", "sed =").replace("[population]", "[population]\npatient = 3\n"))
    result = run("check", "my.toml", "--set", "arms.0.scanner=ct-nine")
    assert result.exit_code == 2
    assert 'sed: unknown key; did you mean "seed"?' in result.stderr
    assert 'population.patient: unknown key; did you mean "patients"?' in result.stderr
    assert 'no scanner "ct-nine"' in result.stderr
    assert result.stdout == "my.toml: 3 problems\n"


@pytest.mark.parametrize(
    ("source", "change", "text"),
    [
        ("my.toml", "arms.0.protocol.rows=640", "my.toml: arms.{name}: protocol.rows is 640; must be at most 64"),
        ("my.toml", "arms.0.protocol.views=1000000000", "my.toml: arms.{name}: 1e+09 views of "),
        ("my.toml", "arms.0.reconstruction.matrix=1000000", "my.toml: arms.{name}: an image of "),
        (
            "ct-64",
            "source_to_isocentre_mm=950",
            "ct-64: protocols.head: scanner.source_to_isocentre_mm is 950; must be",
        ),
    ],
)
def test_check_tells_what_no_scanner_can_do(trial: str, source: str, change: str, text: str) -> None:
    result = run("check", source, "--set", change)
    name = tomllib.loads(trial)["arms"][0]["name"]
    assert result.exit_code == 2
    assert result.stderr.startswith(text.format(name=name))


def test_check_tells_where_the_hardware_forbids_a_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = run("catalogue", "show", "mr-3t").output
    start = text.index("max_gradient_mT_per_m = ")
    Path("x.toml").write_text(text[:start] + "max_gradient_mT_per_m = 10 #" + text[start:])
    lines = run("check", "x.toml").stderr.splitlines()
    place = f"x.toml:{text[:start].count(chr(10)) + 1}:1: hardware.max_gradient_mT_per_m: "
    assert any(line.startswith(f"{place}protocols.bssfp: the readout needs a gradient of 15.0 mT/m") for line in lines)


SLIPS = {
    "TR_ms = nan": "TR_ms: is nan; must be a number, above 0, at most 1000000, finite",
    "TE_ms = -3": "TE_ms: is -3; must be a number, above 0, at most 1000000",
    "fov_mm = [inf, 240]": "fov_mm[0]: is inf; must be a number, above 0, at most 2000, finite",
    "matrix = [256, 100000]": "matrix[1]: is 100000; must be a whole number, at least 2, at most 4096, a multiple of 2",
    "slices = 100000": "slices: is 100000; must be a whole number, at least 1, at most 1024",
    "slice_mm = 0": "slice_mm: is 0; must be a number, above 0, at most 500",
    "bandwidth_Hz = 0": "bandwidth_Hz: is 0; must be a number, at least 100, at most 10000000",
    "spokes = 1000000000": "spokes: is 1000000000; must be a whole number, at least 1, at most 16384",
}


def test_check_tells_slips_in_a_protocol_before_it_is_laid_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    head = 'base = "mr-3t"\nname = "mine"\n[protocols.bad]\nsequence = "radial-gre"\n'
    Path("x.toml").write_text(head + "\n".join(SLIPS))
    result = run("check", "x.toml")
    assert result.exit_code == 2
    lines = [line.partition("protocols.bad.")[2] for line in result.stderr.splitlines()]
    assert lines == list(SLIPS.values())


def test_check_tells_which_data_are_not_here(trial: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may be right on a machine that lacks its data."""
    monkeypatch.setattr(feasible, "problems", lambda source, sets: [])  # laying out its scans takes seconds
    monkeypatch.delenv("PHANTOMSIM_HEADS", raising=False)
    source = ("check", "my.toml", "--set", "population.generator=heads-from-files")
    result = run(*source)
    assert (result.exit_code, result.stdout) == (0, "my.toml: ok\n")
    assert (
        "the environment variable PHANTOMSIM_HEADS is not set; set it (export PHANTOMSIM_HEADS=PATH)" in result.stderr
    )
    monkeypatch.setenv("PHANTOMSIM_HEADS", str(tmp_path))
    assert f"no file in {tmp_path} matches" in run("check", "heads-from-files").stderr
    (tmp_path / "one.nii.gz").touch()
    assert run(*source).stderr == run("check", "heads-from-files").stderr == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("host=livr", 'abdomen-procedural has no tissue or organ livr; did you mean "liver"?'),
        ('host=["gills", "fins"]', "has no tissue or organ gills or fins; it has adipose"),
        ('forbidden=["blod"]', 'abdomen-procedural has no tissue or organ blod; did you mean "blood"?'),
    ],
)
def test_lesions_without_a_host_are_told_before_anyone_is_made(
    change: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feasible, "_attempts", lambda spec: [])  # laying out its scans takes seconds
    asked = ("quickstart", "--set", f"population.lesions.{change}")
    checked = run("check", *asked)
    assert checked.exit_code == 2
    assert told in checked.stderr
    assert checked.stderr.startswith("--set population.lesions.")
    ran = run("run", *asked, "--out", "never")
    assert ran.exit_code == 2
    assert told in ran.stderr
    assert not Path("never").exists()


def test_a_host_may_be_a_pattern_and_a_form_that_is_not_here_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(feasible, "_attempts", lambda spec: [])
    assert run("check", "quickstart", "--set", 'population.lesions.host="kidney-*"').exit_code == 0
    Path("mine.toml").write_text(
        'kind = "lesion"\nname = "mine"\ntissue = "tumor"\nhost = ["liver"]\n'
        'volume_mL = { law = "fixed", value = 2.0 }\n[shape]\nform = "mesh"\nfile = "./mine.stl"\n'
    )
    asked = ("check", "quickstart", "--set", 'population.lesions={kind="./mine.toml"}')
    result = run(*asked)
    assert result.exit_code == 0, result.stderr
    assert f"{tmp_path / 'mine.stl'}: no such file" in result.stderr
    Path("mine.stl").write_text("solid nothing\nendsolid\n")
    broken = run(*asked)
    assert broken.exit_code == 2
    assert "mine.stl" in broken.stderr


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name = 1\n", 'x.toml:1:1: missing key "kind", which says what the file is: one of "trial", '),
        ('kind = "trail"\n', 'x.toml:1:8: kind: is "trail"; must be one of '),
        ("kind = \n", "x.toml:1:8: not TOML: Invalid value"),
    ],
)
def test_check_tells_what_is_no_specification(
    text: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.toml").write_text(text)
    result = run("check", "x.toml")
    assert result.exit_code == 2
    assert result.stderr.startswith(line)


def test_check_of_an_unknown_name_gives_the_nearest() -> None:
    result = run("check", "quikstart")
    assert result.exit_code == 2
    assert 'nearest: "quickstart"' in result.stderr


@pytest.mark.parametrize("noun", NOUNS)
def test_schema_is_json_schema(noun: str) -> None:
    schema = json.loads(run("schema", noun).output)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_schema_of_a_trial_takes_references_as_strings_or_tables() -> None:
    schema = json.loads(run("schema", "trial").output)
    ways = schema["$defs"]["Arm"]["properties"]["scanner"]["anyOf"]
    assert ways[0] == {"type": "string"}
    assert ways[1]["required"] == ["base"]
    assert "oneOf" in ways[2]


def test_catalogue_lists_everything_and_each_noun() -> None:
    everything = run("catalogue").output
    assert "scanners:\n" in everything
    assert "  quickstart " in everything
    assert run("catalogue", "algorithms").output.startswith("identity ")


def test_catalogue_copy_does_not_overwrite(trial: str) -> None:
    result = run("catalogue", "copy", "quickstart", "my.toml")
    assert result.exit_code == 2
    assert "exists" in result.stderr
    assert Path("my.toml").read_text() == trial
    assert run("catalogue", "show", "quickstart").output == trial
