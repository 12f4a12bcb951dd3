"""phantomsim validate"""

import json
import sys

import click

EPILOG = """\b
Examples:
  phantomsim validate
  phantomsim validate ct --json
  phantomsim validate anatomy --patients 20
  phantomsim validate lesions --placements 1000
"""


@click.command(epilog=EPILOG)
@click.argument(
    "part", type=click.Choice(["all", "materials", "ct", "mr", "anatomy", "lesions", "statistics"]), default="all"
)
@click.option(
    "--json", "as_json", is_flag=True, help='A list of {"what", "source", "expected", "measured", "tolerance", "pass"}.'
)
@click.option(
    "--patients", type=click.IntRange(8), default=200, show_default=True, help="Sampled of every region of the anatomy."
)
@click.option(
    "--placements",
    type=click.IntRange(1),
    default=12,
    show_default=True,
    help="Lesions of each kind for which rules are looked at; 1000 take half an hour.",
)
def command(part: str, as_json: bool, patients: int, placements: int) -> None:
    """Measure the laws that the program must obey; exit 1 where one fails.

    PART is one of all, materials, ct, mr, anatomy, lesions, statistics.
    """
    from phantomsim.cli.progress import steps_line
    from phantomsim.validate import measure

    with steps_line(patience_s=0) as progress:
        laws = [law for _, found in measure(part, patients, placements, progress) for law in found]
    if as_json:
        click.echo(json.dumps([law.row() for law in laws], indent=2))
    else:
        _table(laws)
    sys.exit(0 if all(law.passed for law in laws) else 1)


def _table(laws: list) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "Law", "Expected", "Measured", "Tolerance", "Source", show_lines=False)
    for law in laws:
        mark = "[green]pass[/]" if law.passed else "[bold red]FAIL[/]"
        numbers = (f"{value:.5g}" for value in (law.expected, law.measured, law.tolerance))
        table.add_row(mark, escape(law.what), *numbers, escape(law.source))
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)
    console.print(f"{sum(law.passed for law in laws)} of {len(laws)} laws hold")
