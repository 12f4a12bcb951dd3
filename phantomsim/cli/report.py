"""phantomsim report"""

from pathlib import Path

import click

EPILOG = """\b
Example:
  phantomsim report runs/quickstart
"""


@click.command(epilog=EPILOG)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--frozen",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A plan frozen by `plan --freeze`; the report shows departures from it.",
)
def command(folder: Path, frozen: Path | None) -> None:
    """Analyse the run in FOLDER again and write its report."""
    from phantomsim.trials.run import analyse_again

    result = analyse_again(folder, frozen)
    for verdict in result.analysis.verdicts:
        click.echo(f"{verdict.hypothesis}: {verdict.decision}. {verdict.reason}")
    click.echo(f"Report: {result.report}")
