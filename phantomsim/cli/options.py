"""Options that several commands share."""

import click

sets = click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one value, such as population.patients=4 or arms.low.protocol.mAs=30; may be given again.",
)
