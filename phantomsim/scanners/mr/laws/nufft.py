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
    return [*_direct(), *_radial()]


def complex_normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Complex noise, complex64."""
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


def direct(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Sum over n of image_n exp(-2 pi i k . n), complex128 [..., point]."""
    sizes = image.shape[image.ndim - points.shape[1] :]
    waves = [
        np.exp(-2j * np.pi * np.outer(k, np.arange(n) - (n - 1) / 2)) for k, n in zip(points.T.astype(float), sizes)
    ]
    letters = "zyx"[: len(sizes)]
    return np.einsum(f"...{letters},{','.join('m' + a for a in letters)}->...m", image, *waves, optimize=True)


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
    plan = nufft.plan(points, (24, 31))
    found, back = plan.to_points(jnp.asarray(image)), plan.to_image(jnp.asarray(values))
    left, right = np.vdot(values, found), np.vdot(back, image)
    apart = abs(left - right) / (np.linalg.norm(values) * np.linalg.norm(found))
    move, step = rng.normal(size=points.shape), 1e-6
    change = (direct(image, points + step * move) - direct(image, points - step * move)) / (2 * step)
    kernel, here, along = nufft.Kernel.within(1e-6), jnp.asarray(points), jnp.asarray(move, jnp.float32)
    fine, slope = jax.jvp(lambda k: nufft.to_points(jnp.asarray(image), k, kernel), (here,), (along,))
    return [
        Law("NUFFT, relative l2 error at the tolerance of 1e-4", BEATTY, 0.0, _apart(found, want), 1e-4),
        Law("NUFFT, relative l2 error at the tolerance of 1e-6", BEATTY, 0.0, _apart(fine, want), 1e-6),
        Law("NUFFT and its adjoint, <A x, y> - <x, A^H y> over |A x| |y|", "definition", 0.0, float(apart), 1e-6),
        Law(
            "derivative of a NUFFT along a change of trajectory, relative l2 error",
            "central differences of the direct sum in float64",
            0.0,
            _apart(slope, change),
            1e-5,
        ),
    ]


def _apart(found: object, want: np.ndarray) -> float:
    return float(np.linalg.norm(np.asarray(found) - want) / np.linalg.norm(want))


def _radial() -> list[Law]:
    """An ellipse, and a pixel, by 128 spokes that cover the disc |k| < 1/2."""
    points, semi, centre = spokes(128, 96), (20.0, 14.0), (3.0, -5.0)
    plan, maps = nufft.plan(points, (64, 64)), jnp.ones((1, 64, 64), jnp.complex64)
    y, x = np.indices((64, 64)) - 31.5
    inside = ((y - centre[0]) / semi[0]) ** 2 + ((x - centre[1]) / semi[1]) ** 2 < 0.5
    data = jnp.asarray(ellipse(points, semi, centre)[None], jnp.complex64)
    iterated, source = pipe_menon(plan), "its Fourier integral a b J1(2 pi q) / q; density: "
    laws = []
    for name, density in (
        ("Euler-Maclaurin", jnp.asarray(radial(128, 96, 1 / 96).ravel())),
        ("Pipe and Menon 1999", iterated),
    ):
        value = float(jnp.abs(gridded(maps, plan, data, density))[inside].mean())
        laws.append(Law("inside of a unit ellipse in a gridded radial scan", source + name, 1.0, value, 0.01))
    spread = np.real(np.asarray(gridded(maps, plan, jnp.ones_like(data), iterated)))
    r = np.hypot(y, x)
    apart = np.abs(spread - j1(np.pi * r) / (2 * r))[r < 24].max() / (np.pi / 4)
    source = "J1(2 pi K r) K / r; Pipe and Menon 1999, doi:10.1002/(SICI)1522-2594(199901)41:1<179"
    what = "point spread of density-compensated spokes, largest distance from a disc's over its peak"
    return [*laws, Law(what, source, 0.0, float(apart), 0.02)]
