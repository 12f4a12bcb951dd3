"""Every mistake in a file is answered by a line that says where, what and what is allowed; all of them at once."""

from pathlib import Path

import pytest
from spec_models import CT, STUDY, Study, make_catalogue

from phantomsim import spec
from phantomsim.errors import SpecError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHANTOMSIM_CATALOGUE", str(make_catalogue(tmp_path / "catalogue")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(text: str | bytes, *sets: str) -> list[str]:
    Path("my.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SpecError) as caught:
        spec.read("my.toml", Study, sets)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("seed = 7", "sed = 7", 'my.toml:2:1: sed: unknown key; did you mean "seed"?  allowed: kind, seed, volume_mL, '
         "spacing_mm, method, folder, filters, arms, compare"),
        ("seed = 7", 'seed = "7"', 'my.toml:2:8: seed: is "7" (a string); must be a whole number, at least 0, below '
         "4294967296, without quotes"),
        ("seed = 7", "seed = -7", "my.toml:2:8: seed: is -7; must be a whole number, at least 0, below 4294967296"),
        ("seed = 7", "# no seed", 'my.toml:1:1: missing key "seed": a whole number, at least 0, below 4294967296'),
        ("seed = 7", "seed = 7\nvolume_ml = 2", 'my.toml:3:1: volume_ml: unknown key; did you mean "volume_mL"? '
         "Units are spelled as in mL (millilitre)  allowed: kind, seed, volume_mL, spacing_mm, method, folder, "
         "filters, arms, compare"),
        ("mAs = 50", "mas = 50", 'my.toml:12:29: arms[1].protocol.mas: unknown key; did you mean "mAs"? Units are '
         "spelled as in mAs (tube current x time, milliampere-second)  allowed: mAs, slice_mm"),
        ("mAs = 50", "slice_cm = 1", 'my.toml:12:29: arms[1].protocol.slice_cm: unknown key; did you mean "slice_mm"? '
         "The unit is mm (millimetre), not cm; 1 cm is 10 mm  allowed: mAs, slice_mm"),
        ("mAs = 50", "slice = 1", 'my.toml:12:29: arms[1].protocol.slice: unknown key; did you mean "slice_mm"? Names '
         "of quantities end in their unit: mm (millimetre)  allowed: mAs, slice_mm"),
        ("mAs = 50", "mAs = 0", "my.toml:12:35: arms[1].protocol.mAs: is 0; must be a number, above 0"),
        ('base = "head"', 'base = "haed"', 'my.toml:12:21: arms[1].protocol.base: no protocol "haed"; did you mean '
         '"head"?  allowed: head, low (protocols of this scanner)'),
        ('"gaussian"', '"gausian"', 'my.toml:13:13: arms[1].algorithm: is "gausian"; must be one of "identity", '
         '"gaussian"; did you mean "gaussian"?'),
        ('"gaussian"', "{ fwhm_mm = 1 }", 'my.toml:13:1: arms[1].algorithm: missing key "kind": one of "identity", '
         '"gaussian"'),
        ("seed = 7", 'seed = 7\nmethod = "quick"', 'my.toml:3:10: method: is "quick"; must be one of "nearest", '
         '"signed-distance"'),
        ("seed = 7", "seed = 7\nspacing_mm = [1, 2]", "my.toml:3:14: spacing_mm: has 2 items; must be a list of 3 "
         "numbers"),
        ("seed = 7", 'seed = 7\nvolume_mL = "2"', 'my.toml:3:13: volume_mL: is "2" (a string); must be a number, '
         "above 0, or a table of min, max"),
        ("seed = 7", "seed = 7\nvolume_mL = -1", "my.toml:3:13: volume_mL: is -1; must be a number, above 0"),
        ("seed = 7", "seed = 7\nvolume_mL = { min = 3 }", 'my.toml:3:1: volume_mL: missing key "max": a number'),
        ("seed = 7", "seed = 7\nvolume_mL = { min = 3, max = 2 }", "my.toml:3:1: volume_mL: min is 3, above max, 2"),
        ("seed = 7", 'seed = 7\ncompare = ["full", "lo"]', 'my.toml:3:20: compare[1]: "lo" is not an arm'),
        ("seed = 7", "seed = 7\nseed = 8", "my.toml:3:9: not TOML: Cannot overwrite a value"),
        ("seed = 7", "seed = 7 8", "my.toml:2:10: not TOML: Expected newline or end of document after a statement"),
        ('algorithm = "gaussian"', 'algorithm = "gauss', "my.toml:13:19: not TOML: Illegal character '\\n'"),
    ],
)  # fmt: skip
def test_one_mistake_is_one_precise_line(old: str, new: str, line: str) -> None:
    assert told(STUDY.replace(old, new)) == [line]


def test_an_unknown_scanner_is_told_with_the_nearest_and_how_to_list() -> None:
    lines = told(STUDY.replace('scanner = "ct-64"', 'scanner = "ct-65"', 1))
    assert lines == [
        'my.toml:6:11: arms[0].scanner: no scanner "ct-65"; nearest: "ct-64". List all: phantomsim catalogue scanners'
    ]


def test_a_missing_file_is_told_with_where_it_was_looked_for(home: Path) -> None:
    (home / "mine.toml").write_text(CT)
    lines = told(STUDY.replace('scanner = "ct-64"', 'scanner = "./mina.toml"', 1))
    assert lines == [
        f"my.toml:6:11: arms[0].scanner: no file ./mina.toml; nearest: mine.toml; looked for {home / 'mina.toml'}"
    ]


def test_a_mistake_in_an_included_file_points_there_once(home: Path) -> None:
    (home / "mine.toml").write_text(CT.replace("rows = 16", "rows = 0"))
    assert told(STUDY.replace('"ct-64"', '"./mine.toml"')) == [
        "mine.toml:3:8: rows: is 0; must be a whole number, at least 1, at most 64"
    ]
    (home / "mine.toml").write_text("rows = [1,\n")
    assert told(STUDY.replace('"ct-64"', '"./mine.toml"')) == [
        "mine.toml:1:11: not TOML: Invalid value (at end of document)"
    ]


def test_files_that_refer_to_each_other_are_told(home: Path) -> None:
    (home / "a.toml").write_text('base = "./b.toml"\n')
    (home / "b.toml").write_text('base = "./a.toml"\n')
    lines = told(STUDY.replace('"ct-64"', '"./a.toml"'))
    assert lines == ["b.toml:1:8: base: base refers to itself: a.toml -> b.toml -> a.toml"]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = STUDY.replace("seed = 7", "sed = 7").replace('"gaussian"', '"gausian"')
    text = text.replace('name = "full"', "name = 3").replace("mAs = 50", "mas = 50").replace('"ct-64"', '"ct-65"', 1)
    lines = told(text, "filters=1")
    assert [line.split(": ")[0] for line in lines] == [
        "--set filters=1", "my.toml:2:1", "my.toml:5:8", "my.toml:6:11", "my.toml:12:29", "my.toml:13:13",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("sed=9", '--set sed=9: unknown key; did you mean "seed"?  allowed: kind, seed, '),
        ("seed=x", '--set seed=x: is "x" (a string); must be a whole number'),
        ("seed.x=1", "--set seed.x=1: seed is 7, which has no keys"),
        ("seed", "--set seed: has no value; write --set key.key=value"),
        ("=3", "--set =3: has no key; write --set key.key=value"),
        ("a..b=3", "--set a..b=3: the key is not of the form a.b.c, a.0.c or a.name.c"),
        ("filters=[1", "--set filters=[1: not a TOML value: Unclosed array (at end of document)"),
        ("arms.2.name=x", '--set arms.2.name=x: arms has no item 2; it has 2, from 0: "full", "low"'),
        ("arms.hi.name=x", '--set arms.hi.name=x: arms has no item hi; it has 2, from 0: "full", "low"'),
        ("arms.low.scanner=ct-6", '--set arms.low.scanner=ct-6: no scanner "ct-6"; nearest: "ct-64"'),
        ("arms.low.protocol.mA=3", '--set arms.low.protocol.mA=3: unknown key; did you mean "mAs"? The unit is mAs'),
    ],
)
def test_a_mistake_in_set_is_told_as_such(change: str, line: str) -> None:
    lines = told(STUDY, change)
    assert len(lines) == 1
    assert lines[0].startswith(line)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\xff\xfe", "my.toml: byte 0 is not UTF-8; a specification is a TOML text"),
        (b"", 'my.toml:1:1: missing key "kind": "study"'),
        (b"x = " + b"[" * 5000, "my.toml"),
        (b"kind = \x00", "my.toml:1:8: not TOML: Invalid value"),
    ],
)
def test_what_is_no_specification_is_told_without_a_traceback(data: bytes, what: str) -> None:
    assert told(data)[0].startswith(what)


def test_folders_and_missing_files_are_told(home: Path) -> None:
    for source, what in (("none.toml", "no such file"), (str(home), "is a folder")):
        with pytest.raises(SpecError, match=what):
            spec.read(source, Study)
