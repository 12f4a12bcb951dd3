"""Time and check the signal engine: `python benchmarks/mr_signal.py [slice volume] [--small] [--repeat 5]`.

slice: one spoiled gradient echo of 256^2, 8 coils, a readout of 1.3 ms under off-resonance of +-60 Hz, from a phantom
ready in the scanner to k-space. volume: a 3D one of 256^3 (`--small`: 128^3), 8 coils. Each beside plain FFTs of the
same sizes, one a coil, in the same run. Errors (not of 256^3) are against the sum over all voxels in float64 at random
samples, over the largest sample. Medians after one run that compiles; core-seconds are of all threads of the process;
peak memory is of the whole process so far, so cases are best run one by one for it.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.materials import MRProperties, relaxation
from phantomsim.scanners.mr.laws.chain import small_protocol, small_scanner
from phantomsim.scanners.mr.laws.signal import Ready, direct_sum, head, ready

READOUT_s = 1.3e-3
FOV_mm = 230.4


def timed(work: Callable[[], object], repeat: int) -> tuple[float, float]:
    """Median wall and core-seconds after one run to compile."""
    jax.block_until_ready(work())
    walls, used = [], []
    for _ in range(repeat):
        wall, process = time.perf_counter(), time.process_time()
        jax.block_until_ready(work())
        walls.append(time.perf_counter() - wall)
        used.append(time.process_time() - process)
    return float(np.median(walls)), float(np.median(used))


def amplitudes(properties: MRProperties, flip_deg: float) -> np.ndarray:
    """Just after each pulse where TR is many T1: PD sin(flip)."""
    return np.asarray(properties.PD, float) * np.sin(np.deg2rad(flip_deg))


def error(one: Ready, phantom, field, properties, found, count: int) -> float:
    """Largest error at `count` random samples, half of them where k-space is large, over the largest sample."""
    rng = np.random.default_rng(0)
    p = one.protocol
    shot = rng.integers(0, found.shape[1], count)
    at = rng.integers(0, p.samples, count)
    near = rng.integers(-4, 5, (2, count // 2)) + p.phase_lines // 2  # half of them where k-space is large
    lines = (
        one.plays.shots.line
        if p.encoding == "2d"
        else np.where(one.plays.shots.partition == p.slices // 2, one.plays.shots.line, -1)
    )
    shot[: count // 2] = [int(np.flatnonzero(lines == n)[0]) for n in near[0]]
    at[: count // 2] = near[1]
    want = direct_sum(small_scanner(), one, phantom, field, properties, amplitudes(properties, p.flip_deg), (shot, at))
    got = np.asarray(found[:, shot, at])
    return float(np.abs(got - want).max() / np.abs(np.asarray(found)).max())


def case(name: str, count: int) -> tuple[Ready, tuple]:
    """A phantom in the scanner and what the direct sum needs; TR is so long that every shot starts at equilibrium."""
    rows = 1 if name == "slice" else count
    voxel = FOV_mm / count
    phantom, field = head(count, rows, voxel, 5.0 if name == "slice" else voxel)
    protocol = small_protocol(
        matrix=(count, count), fov_mm=(FOV_mm, FOV_mm), slices=rows, slice_mm=5.0 if name == "slice" else voxel,
        encoding="2d" if name == "slice" else "3d", bandwidth_Hz=count / READOUT_s, flip_deg=15.0, TR_ms=30000.0,
        TE_ms=5.0, dummies=0, readout_oversampling=1, phase_axis="y",
    )  # fmt: skip
    properties = relaxation(phantom.tissues, 3.0)
    return ready(small_scanner(), protocol, phantom, field, properties), (phantom, field, properties)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=["slice", "volume"], choices=["slice", "volume"])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    for name in args.cases:
        count = 128 if args.small and name == "volume" else 256
        start = time.perf_counter()
        one, given = case(name, count)
        made = time.perf_counter() - start
        work = one.slices if name == "slice" else one.volume
        repeat = args.repeat if name == "slice" else min(args.repeat, 3)
        wall, used = timed(work, repeat)
        L = one.modes.rank
        print(f"{name}: {count} per axis, 8 coils, {READOUT_s * 1e3} ms, L = {L}, made ready in {made:.1f} s")
        print(f"  phantomsim {used:.3f} core-s, {wall:.3f} s")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"  peak memory of the process {peak:.2f} GiB", flush=True)
        if name == "slice" or args.small:  # the sum over 256^3 voxels needs more memory than the engine
            print(f"  error {error(one, *given, work(), 64 if name == 'slice' else 6):.2g} of the largest sample")
        shape = (8, *one.subject.layers.label.shape)
        axes = (2, 3) if name == "slice" else (1, 2, 3)
        values = jnp.ones(shape[1:], jnp.complex64)
        plain = jax.jit(partial(_plain, shape[0], tuple(a - 1 for a in axes)))
        wall, used = timed(lambda values=values, plain=plain: plain(values), repeat)
        print(f"  plain FFTs, one a coil: {used:.3f} core-s, {wall:.3f} s", flush=True)


def _plain(coils: int, axes: tuple[int, ...], values: jax.Array) -> jax.Array:
    """A sum over the spectra, so that they are not all held."""
    return jax.lax.map(lambda c: jnp.fft.fftn(values * c, axes=axes), jnp.arange(1.0, coils + 1))


if __name__ == "__main__":
    main()
