"""Time and check the NUFFT beside finufft and jax-finufft.

`python benchmarks/mr_nufft.py [radial spiral cube] [--repeat 5]`. Peers are timed in the same run where they can be
imported. Errors are relative l2 against direct sums in float64 at 200 of the points. Every program is asked for a
relative error of 1e-4 in single precision; finufft plans once, as we do, and jax-finufft cannot. Peak memory is of the
whole process so far, so cases are best run one by one for it.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr import nufft
from phantomsim.scanners.mr.laws.nufft import complex_normal, direct, spiral, spokes

TOLERANCE = 1e-4


@dataclass(frozen=True)
class Pair:
    """One program's transforms of a case, ready to be timed."""

    name: str
    forward: Callable[[], object]
    adjoint: Callable[[], object]


def timed(work: Callable[[], object], repeat: int) -> tuple[float, float]:
    """Median wall and process seconds after one run to compile."""
    jax.block_until_ready(work())
    walls, used = [], []
    for _ in range(repeat):
        wall, process = time.perf_counter(), time.process_time()
        jax.block_until_ready(work())
        walls.append(time.perf_counter() - wall)
        used.append(time.process_time() - process)
    return float(np.median(walls)), float(np.median(used))


def case(name: str) -> tuple[np.ndarray, tuple[int, ...], int]:
    """Points in cycles per pixel, shape of the image, coils."""
    if name == "radial":
        return spokes(402, 512), (256, 256), 8
    if name == "spiral":
        return spiral(128.0, 205824), (256, 256), 8
    rng = np.random.default_rng(0)
    way = rng.normal(size=(1608, 3))
    r = (np.arange(128) - 64) / 128
    way = way / np.linalg.norm(way, axis=1, keepdims=True)
    return (way[:, None] * r[:, None]).reshape(-1, 3).astype(np.float32), (64, 64, 64), 8


def ours(points: np.ndarray, image: jax.Array, values: jax.Array) -> list[Pair]:
    """Planned, with points that may change, and the normal operator."""
    shape = image.shape[1:]
    plan, gram = nufft.plan(points, shape), nufft.toeplitz(points, shape)
    k = jnp.asarray(points)
    return [
        Pair("phantomsim, planned", lambda: plan.to_points(image), lambda: plan.to_image(values)),
        Pair("phantomsim", lambda: nufft.to_points(image, k), lambda: nufft.to_image(values, k, shape)),
        Pair("phantomsim, A^H A (Toeplitz)", lambda: gram(image), lambda: gram(image)),
    ]


def peers(points: np.ndarray, image: np.ndarray, values: np.ndarray) -> list[Pair]:
    """Finufft, planned, on one thread and on all; jax-finufft. Their middle is pixel N // 2: the work is the same."""
    k = [np.ascontiguousarray(2 * np.pi * points[:, axis]).astype(np.float32) for axis in range(points.shape[1])]
    shape, found = image.shape[1:], []
    try:
        import finufft

        for threads in (1, 0):
            options = {"eps": TOLERANCE, "dtype": "complex64", "nthreads": threads, "n_trans": len(image)}
            ahead = finufft.Plan(2, shape, isign=-1, **options)
            back = finufft.Plan(1, shape, isign=1, **options)
            ahead.setpts(*k)
            back.setpts(*k)
            name = "finufft, planned, " + ("1 thread" if threads else "all threads")
            found.append(Pair(name, lambda p=ahead: p.execute(image), lambda p=back: p.execute(values)))
    except ImportError:
        print("finufft is not installed here")
    try:
        import jax_finufft

        spread = jax.jit(lambda v, *q: jax_finufft.nufft1(shape, v, *q, eps=TOLERANCE, iflag=1))
        read = jax.jit(lambda x, *q: jax_finufft.nufft2(x, *q, eps=TOLERANCE, iflag=-1))
        x, v, q = jnp.asarray(image), jnp.asarray(values), [jnp.asarray(a) for a in k]
        found.append(Pair("jax-finufft", lambda: read(x, *q), lambda: spread(v, *q)))
    except ImportError:
        print("jax-finufft is not installed here")
    return found


def errors(name: str, got: object, points: np.ndarray, image: np.ndarray) -> str:
    """Relative l2 error of a forward transform at some points."""
    if "Toeplitz" in name:
        return ""
    some = np.linspace(0, len(points) - 1, 200).astype(int)
    want = direct(image[:2], points[some])
    if "finufft" in name:
        # Their pixels count from N // 2, ours from (N - 1) / 2.
        shift = sum((n % 2 == 0) * 0.5 * points[some, a].astype(float) for a, n in enumerate(image.shape[1:]))
        want = want * np.exp(2j * np.pi * shift)
    return f", error {np.linalg.norm(np.asarray(got)[:2, some] - want) / np.linalg.norm(want):.1e}"


def compare(name: str, repeat: int) -> None:
    """One case by every program."""
    points, shape, coils = case(name)
    rng = np.random.default_rng(1)
    image, values = complex_normal(rng, coils, *shape), complex_normal(rng, coils, len(points))
    print(f"{name}: {len(points)} points, {' x '.join(map(str, shape))}, {coils} coils", flush=True)
    base: list[float] = []
    for pair in ours(points, jnp.asarray(image), jnp.asarray(values)) + peers(points, image, values):
        forward, adjoint = timed(pair.forward, repeat), timed(pair.adjoint, repeat)
        base = base or [forward[0], adjoint[0], forward[1], adjoint[1]]
        ratio = [a / b for a, b in zip((forward[0], adjoint[0], forward[1], adjoint[1]), base)]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"  {pair.name:30} forward {forward[0]:.3f} s ({forward[1]:.3f} CPU), adjoint {adjoint[0]:.3f} s"
            f" ({adjoint[1]:.3f} CPU); over ours {ratio[0]:.2f}, {ratio[1]:.2f} (CPU {ratio[2]:.2f}, {ratio[3]:.2f})"
            f"{errors(pair.name, pair.forward(), points, image)}; peak so far {peak:.0f} MiB",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=["radial", "spiral", "cube"])
    parser.add_argument("--repeat", type=int, default=5)
    asked = parser.parse_args()
    for one in asked.cases:
        compare(one, asked.repeat)
