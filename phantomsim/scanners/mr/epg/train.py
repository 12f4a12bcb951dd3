"""A train of pulses as one slice sees it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

LIMIT = 256  # orders that are kept at most
LIVES, LEAST = 3.0, 32  # orders that are kept where a train never comes to rest: 3 T2 of them, and 32


@dataclass(frozen=True, eq=False)
class Train:
    """P pulses and N shots. Numbers may be traced by JAX; integers (orders and indices) may not.

    Attributes:
        before_s: time between the centres of the previous pulse and this, 0 for the first [P].
        order: quanta of dephasing since then, int32 [P].
        spoiled: whether nothing transverse outlives that time, bool [P].
        flip_rad: flip angle where the transmit field is as nominal [P].
        linear: 1 where the flip grows as the transmit field does, 0 of adiabatic pulses [P].
        early_s, late_s: parts of a pulse before and after its centre; 0 of pulses that act at once [P].
        course_s: where pulses hold magnetisation meanwhile, see `pulses.rotation`; 0 of those that act at once [P, 9].
        phase_in_rad, phase_out_rad: a pulse turns by -phase_in about z, by the flip about x, by phase_out about z.
            Both are the pulse's phase, but for pulses off resonance [P].
        shots: which shots of the sequence, int32 [N].
        step: pulse before each shot, int32 [N].
        echo: order that is in phase at the reference, counted just after that pulse, int32 [N].
        after_s: from that pulse's centre to the reference [N].
        receiver_rad: the receiver's phase at the reference [N].
        reference_s: from the excitation to the reference [N].
        dephasing_s: time for which off-resonance has acted at the reference, signed [N].
        reference: sample of the shot at which amplitudes are given: nearest to the centre of k-space, int32 [N].
        quantum_per_mm: dephasing of one order, (x, y, z).
    """

    before_s: Any
    order: np.ndarray
    spoiled: np.ndarray
    flip_rad: Any
    linear: Any
    early_s: Any
    late_s: Any
    course_s: Any
    phase_in_rad: Any
    phase_out_rad: Any
    shots: np.ndarray
    step: np.ndarray
    echo: np.ndarray
    after_s: Any
    receiver_rad: Any
    reference_s: Any
    dephasing_s: Any
    reference: np.ndarray
    quantum_per_mm: np.ndarray


def at_once(train: Train) -> Train:
    """The train with pulses that act at once, at their centres: nothing relaxes meanwhile."""
    return replace(train, early_s=0 * train.early_s, late_s=0 * train.late_s, course_s=0 * train.course_s)


def orders_of(train: Train, T2_ms: float = np.inf, limit: int = LIMIT) -> int:
    """Orders to keep: those that can be reached since the last spoiling and still come back to an echo.

    Where a train never comes to rest that is no bound: then as many as `LIVES` times T2 dephases, or `limit`.
    """
    size = np.where(train.spoiled, 0, np.abs(train.order)).astype(np.int64)
    total, part = np.cumsum(size), np.cumsum(train.spoiled)
    begin = total[np.searchsorted(part, part)]
    # States that are further out than what remains until the part's last echo never return to be read.
    last = np.full(int(part.max(initial=0)) + 1, -(1 << 40))
    np.maximum.at(last, part[train.step], total[train.step] + np.abs(train.echo))
    need = int(np.minimum(total - begin, last[part] - total).max(initial=0))
    least = int(max(size.max(initial=0), np.abs(train.echo).max(initial=0), 1))
    rate = float(size.sum()) / max(float(np.sum(np.where(size > 0, np.asarray(train.before_s), 0.0))), 1e-9)
    lives = LEAST + LIVES * T2_ms / 1000 * rate
    grain = LEAST // 2
    return int(min(max(need, least), max(np.ceil(min(lives, limit) / grain) * grain, least), limit))
