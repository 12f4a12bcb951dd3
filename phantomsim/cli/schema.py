"""`phantomsim schema`: the JSON schema of a kind of file."""

from __future__ import annotations

import json

import click

from phantomsim.specfile.kinds import NOUNS


@click.command()
@click.argument("noun", type=click.Choice(list(NOUNS)))
def command(noun: str) -> None:
    """Print the JSON schema of a kind of file, for editors that complete and check TOML.

    phantomsim schema trial > trial.schema.json, and `#:schema trial.schema.json` as the TOML file's first line.
    """
    from phantomsim.specfile import kinds

    click.echo(json.dumps(kinds.schema(noun), indent=2))
