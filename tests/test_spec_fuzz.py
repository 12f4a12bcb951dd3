"""No edit of a file, and no `--set`, ends in anything but a specification or lines for people."""

import re
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spec_models import CT, STUDY, Study, make_catalogue

from phantomsim import spec
from phantomsim.errors import SpecError

VALUES = ["1", "-1", "0.5", "true", '"x"', '"head"', "[]", "[1, 2]", "{}", "{ base = 1 }", '{ base = "head" }',
          '{ kind = "ct" }', '{ kind = ["ct"] }', "inf", "1979-05-27", '"./mine.toml"', '""', '"../.."']  # fmt: skip
KEYS = [
    "seed",
    "kind",
    "arms",
    "base",
    "name",
    "scanner",
    "protocol",
    "algorithm",
    "mAs",
    "volume_mL",
    "min",
    "0",
    "low",
]
FULL = STUDY.replace("seed = 7", 'seed = 7\nvolume_mL = { min = 1, max = 2 }\nfolder = "x"\nfilters = ["identity"]')
LINE = re.compile(r"(--set .*?|(my|mine)\.toml:\d+:\d+): \S")


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> object:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "mine.toml").write_text(CT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHANTOMSIM_CATALOGUE", str(make_catalogue(folder / "catalogue")))
        patch.chdir(folder)
        yield


def answer(text: str, *sets: str) -> None:
    Path("my.toml").write_text(text, encoding="utf-8")
    try:
        assert isinstance(spec.read("my.toml", Study, sets), Study)
    except SpecError as error:
        for line in str(error).splitlines():
            assert LINE.match(line), line


quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(st.data())
def test_any_value_may_be_replaced_by_any_other(data: st.DataObject) -> None:
    text = FULL
    for _ in range(data.draw(st.integers(1, 3))):
        places = [m.span(1) for m in re.finditer(r"= (.+)", text)]
        start, end = data.draw(st.sampled_from(places))
        text = text[:start] + data.draw(st.sampled_from(VALUES)) + text[end:]
    answer(text)


@quick
@given(st.integers(0, len(FULL)), st.integers(0, 8), st.text("=[]{}\"'.,\n#ab1é", max_size=4))
def test_any_piece_may_be_cut_or_put_in(start: int, length: int, new: str) -> None:
    answer(FULL[:start] + new + FULL[start + length :])


@quick
@given(
    st.lists(st.sampled_from(KEYS), max_size=5), st.sampled_from([*VALUES, "x y", "[1", "", "=", string.punctuation])
)
def test_any_change_may_be_asked_for(keys: list[str], value: str) -> None:
    answer(FULL, f"{'.'.join(keys)}={value}")
