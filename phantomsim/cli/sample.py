"""phantomsim sample"""

import sys
from pathlib import Path

import click

from phantomsim.cli.options import Number, sets

EPILOG = """\b
Examples:
  phantomsim sample abdomen-procedural -n 4 --seed 7 --out phantoms
  phantomsim sample heads-from-files --set folder=/data/heads -n 2 --format nifti --out heads
  phantomsim sample head-procedural --lesions haemorrhage-deep --out bled
  phantomsim sample head-procedural --format stl --format mr-maps --field-T 1.5 --out head
"""

FORMATS = ["zarr", "nifti", "stl", "mr-maps"]


@click.command(epilog=EPILOG)
@click.argument("generator")
@click.option("-n", "--patients", type=click.IntRange(1), default=1, show_default=True, help="How many.")
@click.option("--first", type=click.IntRange(0), default=0, show_default=True, help="Number of the first patient.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to.")
@click.option(
    *("--format", "form"),
    type=click.Choice(FORMATS),
    multiple=True,
    default=("zarr",),
    show_default=True,
    help="What to write; may be given several times. stl: surfaces for printing; mr-maps: PD, T1, T2, T2*, chi.",
)
@click.option(
    *("--field-T", "field_T"),
    type=Number(0.0, 25.0, min_open=True),
    default=3.0,
    show_default=True,
    help="Field strength of mr-maps.",
)
@click.option(
    "--lesions",
    metavar="KIND",
    help="Put in lesions, with a table: a kind (phantomsim catalogue lesions), or a file such as "
    'kind = "ms-lesion", count = 5, on_failure = "skip".',
)
@click.option("--days", type=Number(0.0, 36525.0), help="How long they have grown; a file's own days else.")
@sets
def command(
    generator: str,
    patients: int,
    first: int,
    seed: int,
    out: Path,
    form: tuple[str, ...],
    field_T: float,
    lesions: str | None,
    days: float | None,
    sets: tuple[str, ...],
) -> None:
    """Make phantoms with GENERATOR (a file or a catalogue name), one store a patient, and a picture of all."""
    from phantomsim.trials.sample import sample

    asked = None
    if days is not None and lesions is None:
        raise click.UsageError("--days is the age of lesions; add --lesions KIND")
    if lesions is not None:
        from phantomsim.generators.lesions.catalogue import of_kind

        asked = of_kind(lesions, days)
    numbers, told = range(first, first + patients), list[str]()
    with click.progressbar(length=patients, label="Phantoms", file=sys.stderr) as bar:
        picture = sample(generator, numbers, seed, out, form, sets, lambda: bar.update(1), field_T, asked, told.append)
    for line in told:
        click.echo(f"Note: {line}", err=True)
    click.echo(f"Phantoms: {out}")
    click.echo(f"Picture: {picture}")
    if asked is not None:
        click.echo(f"Lesions: {out / 'lesions.csv'}")
