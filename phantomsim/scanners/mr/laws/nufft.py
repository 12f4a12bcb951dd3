"""What must hold of transforms at any points of k-space."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import j1

from phantomsim.laws import Law
from phantomsim.scanners.mr import nufft
from phantomsim.scanners.mr.reconstruct.density import gridded, pipe_menon, radial

BEATTY = "direct sum in float64; kernel of Beatty et al. 2005, doi:10.1109/TMI.2005.848376"


def laws() -> list[Law]:
    """Against direct sums, adjoints, derivatives and closed forms."""
    return [*_direct(), *_ellipse(), *_spread()]


def complex_normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Complex noise, complex64."""
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


def direct(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Sum over n of image_n exp(-2 pi i k . n), complex128 [..., point]."""
    axes = points.shape[1]
    result = np.asarray(image, complex)
    for axis in range(axes):
        n = result.shape[-axes + axis - (axis > 0)] if axis else result.shape[-axes]
        wave = np.exp(-2j * np.pi * np.outer(points[:, axis].astype(float), np.arange(n) - (n - 1) / 2))
        if axis == 0:
            result = np.einsum("mn,...n->...m", wave, np.moveaxis(result, -axes, -1))
        else:
            result = np.einsum("mn,...nm->...m", wave, np.moveaxis(result, -axes + axis - 1, -2))
    return result


def spiral(turns: float, count: int, reach: float = 0.5) -> np.ndarray:
    """Archimedean spiral of equal steps along its path, from the centre, float32 [point, 2] cycles per pixel."""
    share = np.sqrt(np.arange(count) / (count - 1))
    angle = 2 * np.pi * turns * share
    return np.stack([reach * share * np.sin(angle), reach * share * np.cos(angle)], 1).astype(np.float32)


def spokes(count: int, samples: int) -> np.ndarray:
    """Full spokes at equal angles, float32 [point, 2] cycles per pixel to +-1/2."""
    angle = np.arange(count) * np.pi / count
    r = (np.arange(samples) - samples // 2) / samples
    return np.stack([np.outer(np.sin(angle), r).ravel(), np.outer(np.cos(angle), r).ravel()], 1).astype(np.float32)


def ellipse(points: np.ndarray, semi: tuple[float, float], centre: tuple[float, float]) -> np.ndarray:
    """Fourier integral of a unit ellipse of semi-axes and centre (y, x) in pixels: a J1(2 pi q) / q."""
    k = points.astype(float)
    q = np.hypot(semi[0] * k[:, 0], semi[1] * k[:, 1])
    area = np.where(q > 1e-9, j1(2 * np.pi * q) / np.maximum(q, 1e-9), np.pi)
    return semi[0] * semi[1] * area * np.exp(-2j * np.pi * (k @ np.array(centre)))


def _direct() -> list[Law]:
    rng = np.random.default_rng(1)
    image, points = complex_normal(rng, 2, 24, 31), rng.uniform(-1.2, 0.9, (200, 2)).astype(np.float32)
    want, values = direct(image, points), complex_normal(rng, 2, 200)
    found = nufft.to_points(image, points)
    back = nufft.to_image(values, points, (24, 31))
    left, right = np.vdot(values, found), np.vdot(back, image)
    apart = abs(left - right) / (np.linalg.norm(values) * np.linalg.norm(found))
    fine = nufft.to_points(image, points, nufft.Kernel.within(1e-6))
    move, step = rng.normal(size=points.shape), 1e-6
    change = (direct(image, points + step * move) - direct(image, points - step * move)) / (2 * step)
    slope = jax.jvp(lambda k: nufft.to_points(image, k), (points,), (move.astype(np.float32),))[1]
    return [
        Law("NUFFT, relative l2 error at the tolerance of 1e-4", BEATTY, 0.0, _apart(found, want), 1e-4),
        Law("NUFFT, relative l2 error at the tolerance of 1e-6", BEATTY, 0.0, _apart(fine, want), 1e-6),
        Law("NUFFT and its adjoint, <A x, y> - <x, A^H y> over |A x| |y|", "definition", 0.0, float(apart), 1e-6),
        Law(
            "derivative of a NUFFT along a change of trajectory, relative l2 error",
            "central differences of the direct sum in float64",
            0.0,
            _apart(slope, change),
            2e-4,
        ),
    ]


def _apart(found: object, want: np.ndarray) -> float:
    return float(np.linalg.norm(np.asarray(found) - want) / np.linalg.norm(want))


def _ellipse() -> list[Law]:
    points, semi, centre = spokes(128, 96), (20.0, 14.0), (3.0, -5.0)
    data = ellipse(points, semi, centre).astype(np.complex64)[None]
    plan, maps = nufft.plan(points, (64, 64)), jnp.ones((1, 64, 64), jnp.complex64)
    y, x = np.indices((64, 64)) - 31.5
    inside = ((y - centre[0]) / semi[0]) ** 2 + ((x - centre[1]) / semi[1]) ** 2
    source = "its Fourier integral a b J1(2 pi q) / q; density: areas of rings, or Pipe and Menon 1999"
    laws = []
    for name, density in (("areas of rings", radial(128, 96, 1 / 96).ravel()), ("iterated", pipe_menon(plan))):
        image = np.abs(np.asarray(gridded(maps, plan, data, jnp.asarray(density))))
        value = float(image[inside < 0.5].mean())
        laws.append(Law(f"inside of a unit ellipse in a gridded radial scan, density {name}", source, 1.0, value, 0.01))
    return laws


def _spread() -> list[Law]:
    """A pixel of a spiral that covers the disc |k| < 1/2."""
    plan = nufft.plan(spiral(40.0, 12000), (64, 64))
    spread = np.real(np.asarray(plan.to_image(pipe_menon(plan).astype(jnp.complex64))))
    r = np.hypot(*(np.indices((64, 64)) - 31.5))
    jinc = j1(np.pi * r) / (2 * r)
    near = r < 24
    return [
        Law(
            "point spread of a density-compensated spiral, largest distance from that of a disc over its peak",
            "J1(2 pi K r) K / r, K = 1/2; Pipe and Menon 1999, doi:10.1002/(SICI)1522-2594(199901)41:1<179",
            0.0,
            float(np.abs(spread - jinc)[near].max() / (np.pi / 4)),
            0.02,
        )
    ]
