"""Exponential growth: V(t) = V0 2^(t / doubling time), the definition of a volume doubling time."""

from __future__ import annotations


def grown_mL(start_mL: float, days: float, doubling_days: float | None) -> float:
    """Volume after some days [mL]; what does not double stays.

    Args:
        start_mL: volume at day 0.
        doubling_days: negative for what shrinks.
    """
    return start_mL if doubling_days is None or days == 0 else start_mL * 2.0 ** (days / doubling_days)
