"""Positions agree with tomllib: what stands at the place of a value is that value."""

import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from phantomsim.specfile.positions import Lines, positions

KEYS = st.one_of(st.text("abz-_09", min_size=1, max_size=3), st.text("a.\"'#=[]\\ é\n", max_size=3))
TEXTS = st.text("ab\"'\\#,]}=[{ \néñ", max_size=8)
SCALARS = st.one_of(st.integers(-99, 99), st.booleans(), st.floats(allow_nan=False, width=32), TEXTS)
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(KEYS, v, max_size=3), max_leaves=6)
TABLES = st.dictionaries(KEYS, VALUES, max_size=4)


class Writer:
    """Writes a table as TOML in as many ways as the draw chooses: dotted, inline, headers, quotes, comments."""

    def __init__(self, draw: Any) -> None:
        self.pick = lambda *options: draw(st.sampled_from(options))

    def document(self, table: dict[str, Any]) -> str:
        return self.gap() + self.body(table, "")

    def body(self, table: dict[str, Any], header: str) -> str:
        flat, nested = [], []
        for key, value in table.items():
            name = self.key(key)
            full = f"{header}{self.space()}.{self.space()}{name}" if header else name
            if isinstance(value, dict) and self.pick(True, False):
                nested.append(f"[{self.space()}{full}]{self.end()}{self.body(value, full)}")
            elif isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
                nested += [f"[[{full}]]{self.end()}{self.body(v, full)}" for v in value]
            else:
                flat.append(self.statement(name, value))
        return "".join(flat) + "".join(nested)

    def statement(self, name: str, value: Any) -> str:
        if isinstance(value, dict) and value and self.pick(True, False):
            return "".join(self.statement(f"{name}{self.space()}.{self.key(k)}", v) for k, v in value.items())
        return f"{self.space()}{name}{self.space()}={self.space()}{self.value(value)}{self.end()}"

    def value(self, value: Any) -> str:
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{self.key(k)} = {self.value(v)}" for k, v in value.items()) + " }"
        if isinstance(value, list):
            return "[" + "".join(f"{self.gap()}{self.value(v)}{self.gap()}," for v in value) + self.gap() + "]"
        if isinstance(value, str):
            return self.string(value)
        return str(value).lower() if isinstance(value, bool) else repr(value)

    def string(self, text: str, long: bool = True) -> str:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        ways = [f'"{escaped}"']
        if "'" not in text and "\n" not in text:
            ways.append(f"'{text}'")
        if long:
            ways.append('"""\n' + text.replace("\\", "\\\\").replace('"', '\\"') + '"""')
            ways.append(
                '"""' + escaped.replace('\\"', '"') + '"""' if '""' not in text and text[:1] != '"' else ways[0]
            )
            ways.append("'''\n" + text + "'''" if "''" not in text else ways[0])
        return self.pick(*ways)

    def key(self, name: str) -> str:
        bare = name and all(c.isascii() and (c.isalnum() or c in "-_") for c in name)
        return self.pick(name, self.string(name, long=False)) if bare else self.string(name, long=False)

    def space(self) -> str:
        return self.pick("", " ", "\t ")

    def gap(self) -> str:
        return self.pick("", " ", "\n", "# a = [ ' \"\n")

    def end(self) -> str:
        return self.pick("\n", "\r\n", '  # "b" = {\n', "\n\n")


@st.composite
def documents(draw: Any) -> str:
    return Writer(draw).document(draw(TABLES))


@settings(max_examples=100, deadline=None)
@given(documents())
def test_the_text_at_each_place_is_the_value_that_tomllib_reads(text: str) -> None:
    data = tomllib.loads(text)
    places = positions(text)
    text = text.replace("\r\n", "\n")

    def agree(value: Any, path: tuple[str | int, ...]) -> None:
        place = places[path]
        if path and isinstance(path[-1], str):
            assert text.startswith(_spellings(path[-1]), place.key)
        if isinstance(value, dict):
            for key, child in value.items():
                agree(child, (*path, key))
        elif isinstance(value, list):
            for n, child in enumerate(value):
                agree(child, (*path, n))
        else:
            assert tomllib.loads(f"v = {text[place.value : place.end]}") == {"v": value}

    agree(data, ())


def _spellings(name: str) -> tuple[str, ...]:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return (f'"{escaped}"', f"'{name}'", name or "''")


def test_places_by_line_and_column() -> None:
    text = 'a.b = 1\n[[arms]]\nname = "x"\n[arms.deep]\n"k k" = """\n]"""\n[[arms]]\nlist = [1,\n  {z = 2}]\n'
    places, lines = positions(text), Lines(text)
    at = {path: lines.at(place.key) for path, place in places.items()}
    assert at[("a",)] == (1, 1)
    assert at[("a", "b")] == (1, 3)
    assert at[("arms", 0, "deep", "k k")] == (5, 1)
    assert at[("arms", 1)] == (7, 1)
    assert at[("arms", 1, "list", 1, "z")] == (9, 4)
    assert lines.at(places[("arms", 1, "list", 1, "z")].value) == (9, 8)
