"""`phantomsim check`: is a specification right?"""

from __future__ import annotations

import click

from phantomsim.cli.options import sets as sets_option


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@sets_option
@click.pass_context
def command(ctx: click.Context, files: tuple[str, ...], sets: tuple[str, ...]) -> None:
    """Check trial, scanner and generator files (paths or catalogue names).

    Prints one line for each problem: file, line, column, key, what is wrong and what is allowed. Of files without such
    mistakes every scan is laid out and every lesion's host is looked for, so that what no scanner or patient can do is
    told as well. Data that a file needs and that are not on this machine are told of, but are no mistake.
    Exits with 0 if all files are right, else with 2.
    """
    from phantomsim import spec

    wrong = 0
    for file in files:
        problems, notices = spec.check(file, sets), list[str]()
        if not problems:
            problems, notices = _beyond(file, sets)
        wrong += bool(problems)
        for line in (*problems, *notices):
            click.echo(line, err=True)
        click.echo(f"{file}: {len(problems)} problem{'s' * (len(problems) > 1)}" if problems else f"{file}: ok")
    ctx.exit(2 if wrong else 0)


def _beyond(file: str, sets: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """What no scanner can do, and which data are not here. Imported only for files that are right: it takes JAX."""
    from phantomsim.trials import feasible

    return feasible.problems(file, sets), feasible.missing(file, sets)
