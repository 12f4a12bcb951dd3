"""Laws of CT, measured on small scans: `phantomsim validate ct` prints them."""

from importlib import import_module

from phantomsim.laws import Law

TOPICS = ("beam", "detector", "scatter", "cylinders", "dose", "reconstruct", "iterative", "chain")


def laws() -> list[Law]:
    """Measure every law of CT, topic by topic."""
    return [law for topic in TOPICS for law in import_module(f"{__name__}.{topic}").laws()]
