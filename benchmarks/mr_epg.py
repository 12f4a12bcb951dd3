"""Voxel-echoes of phase graphs per core-second, of ours and of blochsim, in one run.

    export MR_PEERS_BLOCHSIM=~/peers/bin/python       # an environment with blochsim (MIT; needs torch)
    python benchmarks/mr_epg.py [--voxels 4096] [--repeat 7]

Turbo spin echo, 16 echoes of 120 degrees; and an inversion with 256 RF-spoiled gradient echoes of 15 degrees after it.
Each voxel has its own T1, T2 and B1+. Core-seconds are those of all the process's threads; medians after one run that
compiles. The peer keeps as many orders; times of a loaded machine are no shorter than those of a quiet one.
"""

import argparse
import os
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np

from phantomsim.scanners.mr.epg import Train, run, steady

ECHOES, PULSES, TSE_ORDERS, SPGR_ORDERS = 16, 256, 16, 32


def tse() -> Train:
    """90 degrees about y, then refocusing pulses of 120 degrees about x, 10 ms apart, read at the echoes."""
    phase = np.r_[np.pi / 2, np.zeros(ECHOES)]
    train = steady.repeated(10.0, np.r_[90.0, np.full(ECHOES, 120.0)], phase)
    pulse = np.arange(1, ECHOES + 1, dtype=np.int32)
    half = np.full(ECHOES, 0.005)
    return replace(
        train, before_s=np.r_[0.0, 0.005, np.full(ECHOES - 1, 0.01)], order=np.r_[0, 1, np.full(ECHOES - 1, 2)],
        shots=pulse - 1, step=pulse, echo=np.full(ECHOES, -1, np.int32), after_s=half,
        receiver_rad=np.full(ECHOES, np.pi / 2), reference_s=half * pulse, dephasing_s=0 * half, reference=pulse,
    )  # fmt: skip


def spgr() -> tuple[Train, np.ndarray]:
    """An inversion, spoiled; 20 ms later pulses of quadratic phase. Also these phases in degrees."""
    n = np.arange(PULSES)
    phase = np.remainder(117.0 * (n * (n + 1) // 2), 360.0)
    train = steady.repeated(10.0, np.r_[180.0, np.full(PULSES, 15.0)], np.deg2rad(np.r_[0.0, phase]))
    before, spoiled = np.r_[0.0, 0.02, np.full(PULSES - 1, 0.01)], np.arange(PULSES + 1) == 1
    linear = np.r_[0.0, np.ones(PULSES)]
    return replace(
        train, before_s=before, spoiled=spoiled, order=np.where(spoiled, 0, train.order), linear=linear
    ), phase


def seconds(call, repeat: int) -> np.ndarray:
    """Core-seconds of each of several calls."""
    jax.block_until_ready(call())
    times = []
    for _ in range(repeat):
        start = time.process_time()
        jax.block_until_ready(call())
        times.append(time.process_time() - start)
    return np.array(times)


def peer(case: dict) -> dict | None:
    python = os.environ.get("MR_PEERS_BLOCHSIM")
    if not python:
        print("blochsim is not asked: MR_PEERS_BLOCHSIM names no environment")
        return None
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder, "in.npz"), Path(folder, "out.npz")
        np.savez(given, **case)
        subprocess.run([python, Path(__file__).with_name("peers") / "blochsim_epg.py", given, found], check=True)
        return dict(np.load(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--voxels", type=int, default=4096)
    parser.add_argument("--repeat", type=int, default=7)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    T1, T2, B1 = (rng.uniform(*ends, args.voxels) for ends in ((200, 4000), (20, 300), (0.8, 1.2)))
    spoiled, phase = spgr()
    trains = {"tse": (tse(), TSE_ORDERS, ECHOES), "spgr": (spoiled, SPGR_ORDERS, PULSES)}
    theirs = peer({
        "T1": T1, "T2": T2, "B1": B1, "repeat": args.repeat, "tse_states": TSE_ORDERS + 1,
        "spgr_states": SPGR_ORDERS + 1, "tse_flip": np.full(ECHOES, 120.0), "spgr_flip": np.full(PULSES, 15.0),
        "spgr_phase": phase,
    })  # fmt: skip
    for name, (train, orders, echoes) in trains.items():
        call = lambda train=train, orders=orders: run(train, T1, T2, B1, orders=orders)  # noqa: E731
        ours = np.median(seconds(call, args.repeat))
        print(f"{name}: {args.voxels} voxels x {echoes} echoes, orders 0 to {orders}")
        print(f"  phantomsim {args.voxels * echoes / ours:.3g} voxel-echoes per core-second ({ours:.4f} core-s)")
        total = lambda T2, train=train, orders=orders: abs(run(train, T1, T2, B1, orders=orders)).sum()  # noqa: E731
        slope = jax.jit(jax.grad(total))
        T2_ms = jax.numpy.asarray(T2, jax.numpy.float32)
        backward = np.median(seconds(lambda slope=slope, T2_ms=T2_ms: slope(T2_ms), 3))
        print(f"  gradient w.r.t. T2 of every voxel: {backward / ours:.2f} x forward")
        if theirs:
            rate, own = np.median(theirs[f"{name}_s"]), np.asarray(call())[:, -echoes:]
            print(f"  blochsim   {args.voxels * echoes / rate:.3g}; ours is {rate / ours:.2f} x as fast")
            apart = np.abs(np.abs(theirs[name]) - np.abs(own)).max()
            print(f"  largest difference of magnitudes {apart:.2g} M0")


if __name__ == "__main__":
    main()
