"""What must hold of pulses that select slices: phase graphs across a slice against the Bloch engine.

Spins stand at the places that the signal engine takes across a slice, and at each of them along the readout over one
whole cycle of what crushers dephase. So every pathway that crushers should undo is undone in the Bloch engine too, and
what is left is what pulses do: their flips and phases beside the middle, and relaxation while they last.
"""

from __future__ import annotations

import numpy as np

from phantomsim.laws import Law
from phantomsim.scanners.mr import bloch
from phantomsim.scanners.mr.epg import run
from phantomsim.scanners.mr.laws.chain import small_protocol, small_scanner
from phantomsim.scanners.mr.laws.epg import TISSUES
from phantomsim.scanners.mr.played import Played, played

PHASES = 72  # spins over a cycle: more than the orders, to both sides, that a train reaches
TRAIN = {"echo_train": 16, "echo_spacing_ms": 11.0, "refocusing_deg": 150.0, "bandwidth_Hz": 51200.0, "dummies": 1}
CASES = {
    "spin echo": {"sequence": "spin-echo", "TR_ms": 500.0, "TE_ms": 12.0, "flip_deg": 90.0, "bandwidth_Hz": 51200.0},
    "turbo spin echo, 16 of 150 degrees": TRAIN
    | {"sequence": "turbo-spin-echo", "TR_ms": 3000.0, "TE_ms": 88.0, "flip_deg": 90.0},
    "FLAIR, 16 of 150 degrees": TRAIN
    | {"sequence": "inversion-recovery", "TR_ms": 9000.0, "TI_ms": 2500.0, "TE_ms": 88.0, "flip_deg": 90.0},
}


def laws() -> list[Law]:
    """Brain only: CSF remembers the repetition before, whose spoilers are no multiples of the crushers."""
    found = []
    for name, changes in CASES.items():
        protocol = small_protocol(slices=1, slice_profile="pulse", matrix=(4, 16), phase_axis="y", **changes)
        plays = played(small_scanner(), protocol)
        source = "isochromats under the pulses as they are played"
        found.append(
            Law(f"{name}: slice of real pulses, farthest over the largest echo", source, 0.0, apart(plays), 1e-3)
        )
    return found


def apart(plays: Played) -> float:
    """Largest difference between both engines of any echo of a slice, over the largest."""
    trains = plays.trains(0, 0.0)
    middle = trains.trains[len(trains.trains) // 2]
    assert middle is not None
    T1_ms, T2_ms = np.array([TISSUES[name] for name in ("white matter", "grey matter")]).T
    x_mm = (np.arange(PHASES) + 0.5) / PHASES / middle.quantum_per_mm[0]
    tissue, z, x = (v.ravel() for v in np.meshgrid([0, 1], trains.nodes_mm, x_mm, indexing="ij"))
    spins = bloch.Spins.at(
        np.stack([x, 0 * x, z], -1), T1_ms=T1_ms[tissue], T2_ms=T2_ms[tissue], amplitude=1 / PHASES,
        receive=tissue == np.array([[0], [1]]),
    )  # fmt: skip
    want = np.asarray(bloch.simulate(plays.sequence, spins))[:, middle.shots, middle.reference]
    found = np.zeros(want.shape, complex)
    for train in trains.trains:
        if train is not None:
            found[:, np.searchsorted(middle.shots, train.shots)] += np.asarray(run(train, T1_ms, T2_ms))
    return float((np.abs(found - want).max(1) / np.abs(want).max(1)).max())
