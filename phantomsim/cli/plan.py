"""phantomsim plan"""

from pathlib import Path

import click

from phantomsim.cli.options import Number, sets

EPILOG = """\b
Examples:
  phantomsim plan quickstart
  phantomsim plan my.toml --patients 200 --csv plan.csv
  phantomsim plan my.toml --freeze my.frozen.json
"""


@click.command(epilog=EPILOG)
@click.argument("trial")
@click.option("--patients", type=click.IntRange(1), help="Number of patients, instead of the file's.")
@sets
@click.option("--auc", type=Number(0.5, 0.999), default=0.8, show_default=True, help="AUC that is guessed.")
@click.option(
    "--correlation",
    type=Number(0.0, 0.99),
    default=0.5,
    show_default=True,
    help="Guessed correlation of two arms' scores within a case.",
)
@click.option("--measure", is_flag=True, help="Simulate one patient to estimate time and memory.")
@click.option("--csv", "table", type=click.Path(path_type=Path), help="Write plan.csv here.")
@click.option(
    "--freeze", type=click.Path(path_type=Path), help="Write the trial with its digest here, for `run --frozen`."
)
def command(
    trial: str,
    patients: int | None,
    sets: tuple[str, ...],
    auc: float,
    correlation: float,
    measure: bool,
    table: Path | None,
    freeze: Path | None,
) -> None:
    """Say what TRIAL will take and what it can hope to show, before it is run."""
    from phantomsim.trials.forecast import forecast, measure_patient
    from phantomsim.trials.freeze import write_frozen
    from phantomsim.trials.plan import PLAN_COLUMNS, make_plan
    from phantomsim.trials.run import load_trial, ready, source_of

    plan = make_plan(load_trial(trial, sets, patients))
    ready(plan.trial, source_of(trial))
    cost = measure_patient(plan.trial) if measure else None
    click.echo(forecast(plan, auc, correlation, cost))
    if table is not None:
        from phantomsim.trials.folder import RunFolder

        RunFolder(table.parent).write_table(table.name, PLAN_COLUMNS, plan.rows({}, cost.seconds if cost else None))
        click.echo(f"Plan: {table}")
    if freeze is not None:
        click.echo(f"Frozen: {freeze} (digest {write_frozen(plan.trial, freeze)})")
