"""A law: a statement about the program that can be measured and may fail."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Law:
    """One row of `phantomsim validate`.

    Attributes:
        what: the statement, with its unit.
        source: theory, standard or publication that `expected` comes from; never this program.
        expected: the value that the source gives.
        measured: the value that the program gave.
        tolerance: largest allowed |measured - expected|, in the same unit.
    """

    what: str
    source: str
    expected: float
    measured: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the law holds; a NaN never does."""
        return bool(math.isfinite(self.measured) and abs(self.measured - self.expected) <= self.tolerance)

    def row(self) -> dict[str, object]:
        """The law as `phantomsim validate --json` prints it."""
        return {
            "what": self.what,
            "source": self.source,
            "expected": float(self.expected),
            "measured": float(self.measured),
            "tolerance": float(self.tolerance),
            "pass": self.passed,
        }
