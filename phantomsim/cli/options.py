"""Options that several commands share."""

import math
from typing import Any

import click


class Number(click.FloatRange):
    """A number in a range; `nan`, which is in none, is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = float(super().convert(value, param, ctx))
        if math.isnan(found):
            self.fail(f"{value} is no number in the range {self._describe_range()}.", param, ctx)
        return found


sets = click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one value, such as population.patients=4 or arms.low.protocol.mAs=30; may be given again.",
)
