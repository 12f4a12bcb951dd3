"""The catalogue lists, shows and copies what comes with phantomsim."""

import tomllib
from pathlib import Path

import pytest
from spec_models import CT, make_catalogue

from phantomsim import catalogue
from phantomsim.errors import CatalogueError


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = make_catalogue(tmp_path / "catalogue")
    monkeypatch.setenv("PHANTOMSIM_CATALOGUE", str(root))
    return root


def test_root_is_the_variable_else_beside_the_code_else_the_checkout(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert catalogue.root() == own
    monkeypatch.delenv("PHANTOMSIM_CATALOGUE")
    code = tmp_path / "site" / "phantomsim"
    code.mkdir(parents=True)
    monkeypatch.setattr(catalogue, "__file__", str(code / "catalogue.py"))
    assert catalogue.root() == tmp_path / "site"
    (code / "_catalogue").mkdir()
    assert catalogue.root() == code / "_catalogue"
    monkeypatch.setenv("PHANTOMSIM_CATALOGUE", str(tmp_path / "none"))
    with pytest.raises(CatalogueError, match="no such folder"):
        catalogue.root()


def test_names_are_the_files(own: Path) -> None:
    assert catalogue.names("scanners") == ["ct-64", "mr-3t"]
    assert catalogue.names("trials") == []
    assert catalogue.path("scanners", "ct-64") == own / "scanners" / "ct-64.toml"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ct-65", 'no scanner "ct-65"; nearest: "ct-64". List all: phantomsim catalogue scanners'),
        ("CT-64", 'no scanner "CT-64"; nearest: "ct-64". List all: phantomsim catalogue scanners'),
        ("3t", 'no scanner "3t"; nearest: "mr-3t". List all: phantomsim catalogue scanners'),
        ("xyz", 'no scanner "xyz"; allowed: ct-64, mr-3t. List all: phantomsim catalogue scanners'),
    ],
)
def test_an_unknown_name_is_answered_by_the_nearest(own: Path, name: str, text: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        catalogue.path("scanners", name)
    assert str(caught.value) == text


def test_copy_gives_the_file_and_never_overwrites(own: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    assert catalogue.copy("ct-64", mine) == mine
    assert mine.read_text() == CT == catalogue.show("scanners/ct-64")
    mine.write_text("edited")
    with pytest.raises(CatalogueError, match="exists; choose another name, or add --force"):
        catalogue.copy("ct-64", mine)
    assert mine.read_text() == "edited"
    catalogue.copy("ct-64", mine, force=True)
    assert mine.read_text() == CT
    assert catalogue.copy("ct-64", tmp_path) == tmp_path / "ct-64.toml"
    with pytest.raises(CatalogueError, match="make it first"):
        catalogue.copy("ct-64", tmp_path / "none" / "x.toml")
    with pytest.raises(CatalogueError, match="have no files to copy"):
        catalogue.copy("gaussian", tmp_path)


def test_a_name_in_two_places_must_say_which(own: Path) -> None:
    (own / "trials").mkdir()
    (own / "trials" / "ct-64.toml").write_text('kind = "trial"\n')
    with pytest.raises(CatalogueError, match="say scanners/ct-64 or trials/ct-64"):
        catalogue.show("ct-64")
    assert catalogue.show("scanners/ct-64") == CT


@pytest.mark.parametrize("noun", [*catalogue.FOLDERS, *catalogue.PARTS, *catalogue.TABLES])
def test_every_entry_of_the_real_catalogue_can_be_shown_and_says_what_it_is(noun: str) -> None:
    entries = catalogue.entries(noun)
    assert entries
    for name, what in entries:
        assert what, f"{noun}/{name} has no description"
        tomllib.loads(catalogue.show(f"{noun}/{name}"))


def test_every_file_of_the_real_catalogue_is_a_right_specification() -> None:
    from phantomsim import spec

    for folder in (*catalogue.FOLDERS, *catalogue.PARTS.values()):
        for name in catalogue.names(folder):
            assert spec.check(catalogue.path(folder, name)) == []
