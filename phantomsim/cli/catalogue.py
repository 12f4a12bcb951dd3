"""`phantomsim catalogue`: what comes with phantomsim."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from phantomsim.catalogue import FOLDERS, PARTS, TABLES


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, show and copy what comes with phantomsim; without a command, list everything."""
    if ctx.invoked_subcommand is None:
        for noun in (*FOLDERS, *PARTS, *TABLES):
            _list(noun, heading=True)


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """Print an entry: a file as it is, or the values and keys of a tissue, algorithm or reader."""
    from phantomsim import catalogue

    click.echo(catalogue.show(name), nl=False)


@command.command()
@click.argument("name")
@click.argument("destination", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
def copy(name: str, destination: Path, force: bool) -> None:
    """Copy a file, such as a scanner's or a lesion's, to DESTINATION (a file or a folder), to make it your own."""
    from phantomsim import catalogue

    click.echo(catalogue.copy(name, destination, force))


def _list(noun: str, heading: bool = False) -> None:
    from phantomsim import catalogue

    rows = catalogue.entries(noun)
    if sys.stdout.isatty():
        return _table(noun, rows)
    if heading:
        click.echo(f"{noun}:")
    width = max((len(name) for name, _ in rows), default=0)
    for name, what in rows:
        click.echo(f"{'  ' * heading}{name:{width}}  {what}".rstrip())


def _table(noun: str, rows: list[tuple[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=noun, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, what in rows:
        table.add_row(name, what)
    Console().print(table, "")


def _lister(noun: str) -> click.Command:
    return click.Command(noun, callback=lambda: _list(noun), help=f"List the {noun}.")


for _noun in (*FOLDERS, *PARTS, *TABLES):
    command.add_command(_lister(_noun))
