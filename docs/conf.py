"""Sphinx configuration; builds offline: .venv/bin/sphinx-build -W -b html docs docs/_build."""

import json
import re
from importlib import import_module
from typing import Any

import click
from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

from phantomsim import __version__
from phantomsim.cli.main import main
from phantomsim.spec import Spec
from phantomsim.specfile import types, words

project = "phantomsim"
author = "The phantomsim developers"
copyright = "the phantomsim developers; Apache-2.0"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["deflist", "colon_fence", "fieldlist"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]

html_theme = "furo"
html_title = f"phantomsim {release}"
html_show_sphinx = False
default_role = "code"

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False


class ClickHelp(Directive):
    """`{click-help} run` shows what `phantomsim run --help` prints."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0] if self.arguments else ""
        parent = click.Context(main, info_name="phantomsim")
        command: Any = main.get_command(parent, name) if name else main
        context = click.Context(command, parent=parent, info_name=name, max_content_width=100, terminal_width=100)
        text = command.get_help(context if name else parent)
        return [nodes.literal_block(text, text, language="text")]


class SpecKeys(Directive):
    """`.. spec-keys:: module Class ...`: the docstring of each model and a table of its keys."""

    required_arguments = 1
    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        module, *names = " ".join(self.arguments).split()
        lines = [line for name in names for line in _spec(module, name)]
        node = nodes.section()
        node.document = self.state.document
        self.state.nested_parse(StringList(lines, source=module), 0, node)
        return node.children


def _spec(module: str, name: str) -> list[str]:
    model = getattr(import_module(module), name)
    head = [f".. autoclass:: {module}.{name}()", "   :no-members:", "", "   .. list-table::", "      :widths: 20 55 25"]
    head += ["      :header-rows: 1", "", "      * - key", "        - allowed", "        - default"]
    for key, type_ in types.fields(model).items():
        field = model.model_fields[key]
        default = "" if field.is_required() else _default(field.get_default(call_default_factory=True))
        allowed = words.describe(type_) + (f"; {field.description}" if field.description else "")
        head += [f"      * - ``{key}``", f"        - {_plain(allowed)}", f"        - {default}"]
    return [*head, ""]


def _default(value: Any) -> str:
    """A default as a file would say it."""
    if isinstance(value, Spec):
        value = getattr(value, "kind", None) or "as below"
    if value in (None, "", (), {}):
        return "none" if value is None else "empty"
    return f"``{json.dumps(value) if not isinstance(value, tuple) else json.dumps(list(value))}``"


def _plain(text: str) -> str:
    return re.sub(r"([*_|`\\])", r"\\\1", text)


def setup(app: Any) -> None:
    """Register the directives."""
    app.add_directive("click-help", ClickHelp)
    app.add_directive("spec-keys", SpecKeys)
