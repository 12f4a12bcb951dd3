"""Changes from the command line: `--set a.b.c=value` written into a document before its references are resolved."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace

from phantomsim.errors import SpecError
from phantomsim.specfile.nodes import Node, Origin, join

_STEP = re.compile(r"""\[(\d+)\]|\.?(?:("(?:\\.|[^"\\])*"|'[^']*')|([^.\[\]"'=\s]+))""")

# Keys of which a table has one: what says another later (in a table based on it, or by --set) takes the first away.
RIVALS = (("mAs", "CTDIvol_mGy", "SSDE_mGy", "noise_HU"),)


def apply(root: Node, text: str) -> Node:
    """The document with one change, `a.b.c=value`.

    Args:
        root: the document.
        text: keys joined by dots (lists by number, or by the `name` of their tables), an equals sign, and a value
            as TOML writes it; what is no TOML value is a string.
    Raises:
        SpecError: it cannot be read, or goes through a value that has no keys.
    """
    keys, equals, value = text.partition("=")
    origin = Origin(f"--set {text}", keys.strip())
    if not equals:
        raise SpecError(f"--set {text}: has no value; write --set key.key=value")
    return _put(
        root, _steps(keys.strip(), origin), _node(_value(value.strip(), origin), origin, origin.path), "", origin
    )


def _steps(keys: str, origin: Origin) -> list[str]:
    steps, i = [], 0
    while i < len(keys):
        match = _STEP.match(keys, i)
        if not match or (i == 0 and match.group().startswith(".")):
            raise SpecError(f"{origin.where}: the key is not of the form a.b.c, a.0.c or a.name.c")
        number, quoted, bare = match.groups()
        steps.append(tomllib.loads(f"k = {quoted}")["k"] if quoted else number or bare)
        i = match.end()
    if not steps:
        raise SpecError(f"{origin.where}: has no key; write --set key.key=value")
    return steps


def _value(text: str, origin: Origin) -> object:
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError as error:
        if text[:1] in ("[", "{", '"', "'"):
            raise SpecError(f"{origin.where}: not a TOML value: {error}") from None
        return text
    return table["value"] if len(table) == 1 else text


def _node(value: object, origin: Origin, path: str) -> Node:
    here = replace(origin, path=path)
    if isinstance(value, dict):
        value = {k: _node(v, origin, join(path, k)) for k, v in value.items()}
    elif isinstance(value, list):
        value = [_node(v, origin, join(path, n)) for n, v in enumerate(value)]
    return Node(value, here, here)


def _put(node: Node, steps: list[str], new: Node, path: str, origin: Origin) -> Node:
    """A copy of the node in which the place that `steps` lead to is `new`."""
    if not steps:
        return new
    step, rest = steps[0], steps[1:]
    if isinstance(node.value, list):
        n = index(node, step)
        if n is None:
            raise SpecError(f"{origin.where}: {path} has no item {step}; {_items(node)}")
        items = list(node.value)
        items[n] = _put(items[n], rest, new, join(path, n), origin)
        return replace(node, value=items)
    if isinstance(node.value, str):  # a reference: keep it and say what differs
        node = replace(node, value={"base": replace(node, at=node.value_at)})
    if not isinstance(node.value, dict):
        raise SpecError(f"{origin.where}: {path} is {node.value}, which has no keys")
    empty = _node({}, origin, join(path, step))
    child = _put(node.value.get(step, empty), rest, new, join(path, step), origin)
    kept = node.value if rest else without_rivals(node.value, {step: child})
    return replace(node, value={**kept, step: child})


def index(items: Node, step: str) -> int | None:
    """Number of the item that `step` means: a number, or the `name` of a table in the list."""
    if step.isdecimal():
        return int(step) if int(step) < len(items.value) else None
    return next((n for n, item in enumerate(items.value) if _name(item) == step), None)


def _name(item: Node) -> object:
    name = item.get("name")
    return name.value if name else None


def _items(items: Node) -> str:
    named = [f'"{_name(item)}"' for item in items.value if _name(item)]
    return f"it has {len(items.value)}, from 0" + (f": {', '.join(named)}" if named else "")


def without_rivals(table: dict[str, Node], over: dict[str, Node]) -> dict[str, Node]:
    """A table without those keys that a key of `over` stands instead of; see RIVALS."""
    gone = {rival for group in RIVALS if set(group) & set(over) for rival in group} - set(over)
    return {key: node for key, node in table.items() if key not in gone}


def merge(base: Node, over: Node) -> Node:
    """`base` with what `over` says instead: tables key by key, all else replaced; `--set` reaches into lists."""
    if isinstance(over.value, dict) and isinstance(base.value, dict):
        table = without_rivals(base.value, over.value)
        for key, child in over.value.items():
            table[key] = merge(table[key], child) if key in table else child
        if not over.is_set:  # what a file adds stands before its base: its own protocol is the first
            table = {key: table[key] for key in [*(k for k in over.value if k not in base.value), *table]}
        return replace(over, value=table)
    if isinstance(over.value, dict) and isinstance(base.value, list) and over.is_set:
        numbers = {index(base, key): child for key, child in over.value.items()}
        if None not in numbers:
            items = [merge(item, numbers[n]) if n in numbers else item for n, item in enumerate(base.value)]
            return replace(base, value=items)
    if isinstance(over.value, dict) and isinstance(base.value, str) and over.is_set:
        return replace(over, value={"base": base, **over.value})
    return over
