"""phantomsim run"""

from pathlib import Path

import click

from phantomsim.cli.options import sets

EPILOG = """\b
Examples:
  phantomsim run trials/quickstart.toml
  phantomsim run head-ct-haemorrhage-dose --set population.generator.folder=/data/heads --workers 2
  phantomsim run my.toml --out runs/mine --resume
"""


@click.command(epilog=EPILOG)
@click.argument("trial")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run.  [default: runs/<trial's name>]")
@click.option("--patients", type=click.IntRange(1), help="Number of patients, instead of the file's.")
@click.option("--workers", type=click.IntRange(1), help="Worker processes; results do not depend on it.")
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
@sets
@click.option(
    "--frozen",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A plan frozen by `plan --freeze`; the report shows departures from it.",
)
def command(
    trial: str,
    out: Path | None,
    patients: int | None,
    workers: int | None,
    resume: bool,
    sets: tuple[str, ...],
    frozen: Path | None,
) -> None:
    """Run TRIAL (a file or a catalogue name): simulate, read, analyse, report."""
    from phantomsim.cli.progress import patients_bar
    from phantomsim.trials.run import load_trial, run, source_of

    spec = load_trial(trial, sets, patients)
    with patients_bar(spec.title or spec.name) as progress:
        result = run(
            spec, out, workers=workers, resume=resume, frozen=frozen, progress=progress, source=source_of(trial)
        )
    click.echo()
    for verdict in result.analysis.verdicts:
        click.echo(f"{verdict.hypothesis}: {verdict.decision}. {verdict.reason}")
    failed = result.failures
    if failed:
        more = f"; the first: {failed[0]}"
        click.echo(f"{len(failed)} readings failed and count as the worst value{more}", err=True)
    click.echo(f"Report: {result.report}")
