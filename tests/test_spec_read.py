"""What a file may write in short means the same as the whole."""

import math
from pathlib import Path
from typing import Annotated

import pytest
from spec_models import CT, STUDY, CTProtocol, CTScanner, Gaussian, Identity, Study, make_catalogue

from phantomsim import spec
from phantomsim.errors import CatalogueError, SpecError
from phantomsim.spec import Catalogued

SCANNER = Annotated[CTScanner, Catalogued("scanners")]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHANTOMSIM_CATALOGUE", str(make_catalogue(tmp_path / "catalogue")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(text: str, *sets: str, file: str = "study.toml") -> Study:
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(text)
    return spec.read(file, Study, sets)


def one_arm(arm: str, head: str = "") -> str:
    return f'kind = "study"\nseed = 1\n{head}\n[[arms]]\nname = "a"\n{arm}\n'


def test_names_stand_for_the_tables_that_they_name() -> None:
    study = read(STUDY)
    assert study.arms[0].scanner.rows == 16
    assert study.arms[0].protocol == CTProtocol(mAs=200)
    assert study.arms[0].algorithm == Identity()
    assert study.arms[1].protocol == CTProtocol(mAs=50)
    assert study.arms[1].algorithm == Gaussian(fwhm_mm=2.0)


def test_a_name_a_path_and_the_whole_table_are_the_same_spec(home: Path) -> None:
    (home / "mine.toml").write_text(CT)
    inline = '{ kind = "ct", name = "a CT", rows = 16, protocols = { head.mAs = 200, low.mAs = 20 } }'
    ways = ['"ct-64"', '"./mine.toml"', '"mine.toml"', '{ base = "ct-64" }', inline]
    digests = {spec.digest(read(one_arm(f'scanner = {way}\nprotocol = "head"'))) for way in ways}
    assert len(digests) == 1


def test_paths_are_taken_from_the_file_that_names_them(home: Path) -> None:
    deep = home / "deep"
    (deep / "scanners").mkdir(parents=True)
    (deep / "base.toml").write_text(CT.replace("rows = 16", "rows = 4"))
    (deep / "scanners" / "mine.toml").write_text('base = "../base.toml"\nname = "mine"\n')
    text = one_arm('scanner = "scanners/mine.toml"\nprotocol = "low"', 'folder = "../heads"')
    study = read(text, file="deep/study.toml")
    assert (study.arms[0].scanner.rows, study.arms[0].scanner.name) == (4, "mine")
    assert study.folder == str(home / "heads")
    assert read(STUDY, "folder=heads").folder == str(home / "heads")
    assert read(STUDY, "folder=$HEADS/x").folder == "$HEADS/x"


def test_overriding_merges_tables_and_replaces_the_rest() -> None:
    arm = 'scanner = { base = "ct-64", rows = 32, protocols.low.slice_mm = 5 }\nprotocol = "low"'
    study = read(one_arm(arm))
    assert study.arms[0].scanner.rows == 32
    assert study.arms[0].protocol == CTProtocol(mAs=20, slice_mm=5)
    assert set(study.arms[0].scanner.protocols) == {"head", "low"}


def test_a_root_file_may_have_a_base(home: Path) -> None:
    (home / "mine.toml").write_text('base = "ct-64"\nrows = 8\n')
    assert spec.read("mine.toml", SCANNER, ["protocols.head.mAs=1"]).rows == 8
    (home / "first.toml").write_text(STUDY)
    assert read('base = "./first.toml"\nseed = 8\n', "arms.low.protocol.mAs=9").arms[1].protocol.mAs == 9


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("seed=9", lambda s: s.seed == 9),
        ("volume_mL=2", lambda s: s.volume_mL == 2.0),
        ("volume_mL={min=1,max=2}", lambda s: s.volume_mL.max == 2),
        ("volume_mL.min=1", None),
        ("method=signed-distance", lambda s: s.method == "signed-distance"),
        ('method="signed-distance"', lambda s: s.method == "signed-distance"),
        ("spacing_mm=[1, 2, 3]", lambda s: s.spacing_mm == (1, 2, 3)),
        ("filters=['identity']", lambda s: s.filters == (Identity(),)),
        ("arms.0.protocol.mAs=3", lambda s: s.arms[0].protocol == CTProtocol(mAs=3)),
        ("arms[0].protocol.mAs=3", lambda s: s.arms[0].protocol == CTProtocol(mAs=3)),
        ("arms.low.protocol.mAs=3", lambda s: s.arms[1].protocol == CTProtocol(mAs=3)),
        ("arms.low.scanner.protocols.head.slice_mm=3", lambda s: s.arms[1].protocol.slice_mm == 3),
        ("arms.low.algorithm.fwhm_mm=3", lambda s: s.arms[1].algorithm == Gaussian(fwhm_mm=3)),
        ("arms.full.algorithm=gaussian", lambda s: s.arms[0].algorithm == Gaussian()),
    ],
)
def test_set_changes_one_value(change: str, value: object) -> None:
    if value is None:
        with pytest.raises(SpecError, match=r'^--set volume_mL.min=1: missing key "max"'):
            read(STUDY, change)
    else:
        assert value(read(STUDY, change))


def test_set_is_the_same_as_editing_the_file() -> None:
    assert spec.digest(read(STUDY, "seed=9")) == spec.digest(read(STUDY.replace("seed = 7", "seed = 9")))


def test_a_whole_number_is_a_number_and_nothing_else_is_converted() -> None:
    assert isinstance(read(STUDY).arms[0].protocol.mAs, float)
    for wrong in ('"7"', "7.0", "true", "[7]", "1979-05-27"):
        with pytest.raises(SpecError, match=r"seed: .*must be a whole number"):
            read(STUDY.replace("seed = 7", f"seed = {wrong}"))
    for wrong in ("inf", "nan", "true", '"3"'):
        with pytest.raises(SpecError, match="volume_mL"):
            read(STUDY.replace("seed = 7", f"seed = 7\nvolume_mL = {wrong}"))
    assert math.isfinite(read(STUDY).volume_mL)


def test_a_catalogue_name_is_read_from_the_folder_of_the_model() -> None:
    scanner = spec.read("ct-64", SCANNER)
    assert scanner.rows == 16
    with pytest.raises(CatalogueError, match=r'no scanner "ct-65"; nearest: "ct-64". List all: phantomsim catalogue'):
        spec.read("ct-65", SCANNER)


def test_specs_are_frozen_and_hashable() -> None:
    study = read(STUDY)
    assert hash(study.arms[0].protocol) == hash(CTProtocol(mAs=200))
    with pytest.raises(ValueError, match="frozen"):
        study.seed = 3
