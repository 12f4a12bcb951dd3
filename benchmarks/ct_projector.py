"""Time and check the CT projector: `python benchmarks/ct_projector.py [2d] [128] [256] [volumes]`.

Prints wall and process seconds (best of three) of forward and adjoint, RMSE of integrals against closed forms of
Gaussians over their peak, and what a volume costs when 1 to 32 travel together.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct import orbits
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.projector import Projector

BLOBS = (((20.0, -30.0, 10.0), 15.0, 1.0), ((-40.0, 5.0, -25.0), 12.0, 0.7))  # middle, sigma [mm]; amplitude


def timed(work: Callable[[], jax.Array], repeats: int = 3) -> tuple[float, float]:
    """Best wall and process seconds after one run to compile."""
    jax.block_until_ready(work())
    times = []
    for _ in range(repeats):
        wall, used = time.perf_counter(), time.process_time()
        jax.block_until_ready(work())
        times.append((time.perf_counter() - wall, time.process_time() - used))
    return min(w for w, _ in times), min(u for _, u in times)


def setting(name: str) -> tuple[Geometry, tuple[int, int, int], tuple[float, float, float]]:
    """Geometry, shape and spacing (z, y, x) of a named case; volumes are 256 mm wide, or 410 mm in 2D."""
    if name == "2d":
        return orbits.fan(541.0, 949.0, 720, 888, 1.0), (1, 512, 512), (2.0, 0.8, 0.8)
    n, columns, rows = (128, 192, 128) if name == "128" else (256, 384, 256)
    cell = 256.0 / rows
    return orbits.flat_panel(541.0, 949.0, 360, columns, rows, 1.7 * cell, 1.5 * cell), (n, n, n), (256.0 / n,) * 3


def gaussians(shape: tuple[int, int, int], spacing: tuple[float, float, float], level: bool) -> np.ndarray:
    """Blobs in a volume [z, y, x]; in 2D all are in the plane z = 0."""
    z, y, x = ((np.arange(n) - (n - 1) / 2) * d for n, d in zip(shape, spacing))
    total = np.zeros(shape, np.float32)
    for (cx, cy, cz), s, a in BLOBS:
        up = z - (0 if level else cz)
        total += a * np.exp(-((x - cx) ** 2 + (y[:, None] - cy) ** 2 + (up[:, None, None]) ** 2) / (2 * s**2))
    return total


def integrals(geometry: Geometry, level: bool) -> np.ndarray:
    """Closed form of `gaussians` along rays to cells' middles [view, row, column]."""
    u = geometry.cells() - geometry.source_mm[:, None, None]
    u /= np.linalg.norm(u, axis=-1, keepdims=True)
    total = np.zeros(geometry.shape)
    for (cx, cy, cz), s, a in BLOBS:
        to = (np.array([cx, cy, 0 if level else cz]) - geometry.source_mm)[:, None, None]
        apart2 = np.sum(to**2, -1) - np.sum(to * u, -1) ** 2
        total += a * np.sqrt(2 * np.pi) * s * np.exp(-apart2 / (2 * s**2))
    return total


def compare(name: str) -> None:
    """One case, both footprints."""
    geometry, shape, spacing = setting(name)
    level = name == "2d"
    volume, exact = jnp.asarray(gaussians(shape, spacing, level)[None]), integrals(geometry, level)
    for footprint in ("point", "cell"):
        projector = Projector(geometry, shape, spacing, footprint=footprint)  # type: ignore[arg-type]
        found = projector.forward(volume)
        rmse = float(np.sqrt(np.mean((np.asarray(found[0]) - exact) ** 2)) / exact.max())
        forward, back = timed(lambda p=projector: p.forward(volume)), timed(lambda p=projector, d=found: p.adjoint(d))
        print(
            f"{name:>4} {footprint:5} forward {forward[0]:.2f} s ({forward[1]:.2f} CPU), adjoint {back[0]:.2f} s"
            f" ({back[1]:.2f} CPU), RMSE/peak against rays {rmse:.1e}",
            flush=True,
        )


def volumes() -> None:
    """CPU seconds per volume for 1 to 32 together, axial, few rows."""
    geometry, shape = orbits.third_generation(541.0, 949.0, 180, 300, 8, 2.0, 4.0), (16, 128, 128)
    for count in (1, 2, 4, 8, 16, 32):
        projector = Projector(geometry, shape, (2.0, 2.0, 2.0), count=count)
        many = jnp.ones((count, *shape))
        wall, used = timed(lambda p=projector, v=many: p.forward(v))
        print(f"{count:3} volumes: {wall / count:.3f} s, {used / count:.3f} CPU s each", flush=True)


if __name__ == "__main__":
    for case in sys.argv[1:] or ["2d", "128", "volumes"]:
        volumes() if case == "volumes" else compare(case)
