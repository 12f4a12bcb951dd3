"""Time and check the Bloch engine: `python benchmarks/mr_bloch.py [--repeat 5] [--spins 262144] [--cores 1]`.

The work: spoiled gradient echoes of 64^2 and 128^2 (15 deg, RF spoiling by 117 deg, 4 cycles of spoiling a voxel) over
a slice of a head (of the folder `$PHANTOMSIM_HEADS`, else of discs), one coil. A pair is one isochromat at one sample;
a complex multiplication and addition by three real products cost 6 flop. The machine's own peak is that of float32
matrix products, measured between the repeats, so that what else the machine does weighs on both. "plain" is the same
work with a sine and a cosine for every pair, in JAX. Peers are not timed: of sycomore 1.3.2, the last on PyPI, there is
source alone, whose build by pip fails at its cmake step, and blochsim 0.0.14 follows phase graphs of voxels, not
isochromats under gradients.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable

import numpy as np

FLOP = 6
FOV_mm = 220.0


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and process seconds of one run."""
    import jax

    wall, used = time.perf_counter(), time.process_time()
    jax.block_until_ready(work())
    return time.perf_counter() - wall, time.process_time() - used


def peak_flops() -> Callable[[], float]:
    """Measures float32 matrix products, flop a core-second."""
    import jax
    import jax.numpy as jnp

    size = 2048
    a = jnp.asarray(np.random.default_rng(0).normal(size=(size, size)), jnp.float32)
    product = jax.jit(lambda a, b: jnp.matmul(a, b, precision="highest"))
    timed(lambda: product(a, a))
    return lambda: max(2 * size**3 / timed(lambda: product(a, a))[1] for _ in range(2))


def spoiled_gre(count: int, selective: bool):
    """A sequence of `count` lines of `count` samples, pixels of FOV / count, and a hard or a selective pulse."""
    from phantomsim.scanners.mr.laws.bloch import hann_sinc, hard, scale, trapezoid
    from phantomsim.scanners.mr.sequences import Builder, Readout

    build, dwell = Builder(), 10e-6
    pulse, wave, strength = hann_sinc() if selective else (hard(), None, 0.0)
    read, lobe, spoiler = trapezoid(count * dwell), trapezoid(5e-4), trapezoid(1.5e-3)
    along, phase, acquired = 1 / FOV_mm / dwell, 0.0, Readout(count, dwell, 1e-4)
    for i in range(count):
        ky = (i - count // 2) / FOV_mm / lobe.area_s
        slab = (wave, strength) if wave else None
        build.add(3e-3, pulse, (None, None, slab), pulse_Hz=scale(pulse, 15.0), pulse_phase_rad=np.deg2rad(phase % 360))
        back = (lobe, -strength * wave.area_s / 2 / lobe.area_s) if wave else None
        build.add(lobe.duration_s, None, ((lobe, -along * read.area_s / 2 / lobe.area_s), (lobe, ky), back))
        build.add(read.duration_s, None, ((read, along), None, None), acquired,
                  readout_phase_rad=np.deg2rad(phase % 360))  # fmt: skip
        cycles = 4 * count / FOV_mm / spoiler.area_s
        build.add(spoiler.duration_s, None, ((spoiler, cycles), (lobe, -ky), None))
        phase += 117.0 * (i + 1)
    return build.build()


def slice_of_head(spins: int):
    """About `spins` isochromats of a middle slice, several a voxel along x; the name of what it is."""
    from phantomsim.materials import relaxation
    from phantomsim.scanners.mr import bloch

    label, spacing, names, what = _labels()
    mr = relaxation(names, 3.0)
    y, x = np.nonzero(mr.PD[label] > 0)
    tissue = label[y, x]
    each = max(round(spins / len(y)), 1)
    sub = ((np.arange(each) + 0.5) / each - 0.5) * spacing[1]
    points = np.zeros((len(y), each, 3))
    points[..., 0] = (x[:, None] - (label.shape[1] - 1) / 2) * spacing[1] + sub
    points[..., 1] = (y[:, None] - (label.shape[0] - 1) / 2) * spacing[0]
    columns = {"T1_ms": mr.T1_ms, "T2_ms": mr.T2_ms, "amplitude": mr.PD}
    values = {name: np.repeat(column[tissue], each) for name, column in columns.items()}
    drift = np.repeat(20 * np.sin(x / 30.0) * np.cos(y / 40.0), each)
    return bloch.Spins.at(points.reshape(-1, 3), off_resonance_Hz=drift, **values), what


def _labels() -> tuple[np.ndarray, tuple[float, float], list[str], str]:
    folder = os.environ.get("PHANTOMSIM_HEADS")
    if folder and os.path.isdir(folder):
        from phantomsim.generators.generate import generate
        from phantomsim.generators.spec import FromFiles
        from phantomsim.spec import read

        phantom = generate(read("heads-from-files", FromFiles), 1, 0)
        middle = phantom.grid.shape[0] // 2
        return np.asarray(phantom.label)[middle], phantom.grid.spacing_mm[1:], list(phantom.tissues), "head slice"
    y, x = np.indices((180, 180)) - 89.5
    label = np.zeros((180, 180), int)
    for i, radius in enumerate((80, 60, 30)):
        label[np.hypot(y, x) < radius] = i + 1
    return label, (1.0, 1.0), ["air", "csf", "grey-matter", "white-matter"], "discs"


def plain(sequence, spins):
    """The same by a sine and a cosine for every pair: hard pulses, T2 and off-resonance in the readout."""
    import jax
    import jax.numpy as jnp

    from phantomsim.scanners.mr.trajectory import trajectory

    path = trajectory(sequence)
    k, since = path.k_per_mm()[..., :2], path.decay_s()
    r, f = jnp.asarray(spins.position_mm[:, :2]), jnp.asarray(spins.off_resonance_Hz)
    rate, weight = 1000.0 / jnp.asarray(spins.T2_ms), jnp.asarray(spins.amplitude)

    @jax.jit
    def run(k, since):
        def sample(job):
            k, t = job
            w = k[0] * r[:, 0] + k[1] * r[:, 1] + f * t
            m = weight * jnp.exp(-t * rate)
            return jnp.sum(m * jnp.cos(2 * jnp.pi * w)) - 1j * jnp.sum(m * jnp.sin(2 * jnp.pi * w))

        return jax.lax.map(sample, (k, since))

    return lambda: run(jnp.asarray(k.reshape(-1, 2), jnp.float32), jnp.asarray(since.ravel(), jnp.float32))


def compare(count: int, selective: bool, spins, repeat: int, chunk: int | None) -> None:
    """One case."""
    from phantomsim.scanners.mr import bloch

    sequence, peak = spoiled_gre(count, selective), peak_flops()

    def work():
        return bloch.simulate(sequence, spins, chunk=chunk)

    timed(work)
    runs = []
    for _ in range(repeat):
        top = peak()
        wall, used = timed(work)
        runs.append((used, wall, (top + peak()) / 2))
    pairs = spins.count * count * count
    used, wall, top = min(runs)
    share = sorted(FLOP * pairs / u / t for u, _, t in runs)
    name = "selective pulse" if selective else "hard pulse"
    print(
        f"{count}^2 {name}: {spins.count} isochromats, {wall:.3f} s wall, {used:.3f} core-s, {pairs / used:.2e} pairs a"
        f" core-s; peak {top / 1e9:.0f} GFLOP/s a core; share of the peak {100 * share[-1]:.0f} %"
        f" (median {100 * share[len(share) // 2]:.0f} %)",
        flush=True,
    )


def accuracy() -> None:
    """Against float64 rotation matrices, on 16 lines."""
    from phantomsim.scanners.mr import bloch
    from phantomsim.scanners.mr.laws.bloch import error, random_spins
    from phantomsim.scanners.mr.laws.bloch_reference import reference

    for selective in (False, True):
        sequence, spins = spoiled_gre(16, selective), random_spins(300)
        found, (expected, _) = np.asarray(bloch.simulate(sequence, spins)), reference(sequence, spins)
        print(f"error against float64, {'selective' if selective else 'hard'} pulse: {error(found, expected):.1e}")


def main() -> None:
    """Print all figures."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--repeat", type=int, default=5)
    options.add_argument("--spins", type=int, default=1 << 18)
    options.add_argument("--cores", type=int, default=0, help="bind to so many cores; 0: do not")
    options.add_argument("--chunk", type=int, default=None)
    given = options.parse_args()
    if given.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-given.cores :])
    spins, what = slice_of_head(given.spins)
    print(what, flush=True)
    for count, selective in ((64, False), (128, False), (64, True), (128, True)):
        compare(count, selective, spins, given.repeat, given.chunk)
    sequence = spoiled_gre(64, False)
    work = plain(sequence, spins)
    timed(work)
    wall, used = min(timed(work) for _ in range(2))
    print(f"64^2 plain sincos: {wall:.2f} s wall, {used:.2f} core-s, {spins.count * 64**2 / used:.2e} pairs a core-s")
    accuracy()
    print(f"peak memory of the process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
