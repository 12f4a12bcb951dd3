"""Basis material decomposition of projections, ray by ray, by maximum likelihood.

Alvarez and Macovski, Phys. Med. Biol. 21 (1976) 733, doi:10.1088/0031-9155/21/5/002 (two energies); Roessl and Proksa,
Phys. Med. Biol. 52 (2007) 4679, doi:10.1088/0031-9155/52/15/020 (counts in energy bins). With as many channels as bases
the solution meets the readings exactly; with more, channels count by their noise.

First Newton steps on logarithms, which are nearly linear in the paths, then steps of Fisher scoring on the likelihood.
A reading is taken as a Poisson number of quanta; noise that is not (electronics) is added to both reading and mean as a
constant of the same variance: Snyder, Hammoud and White, J. Opt. Soc. Am. A 10 (1993) 1014,
doi:10.1364/JOSAA.10.001014. Paths are held between bounds; one at its bound is left out of the step (Bertsekas, SIAM J.
Control Optim. 20 (1982) 221, doi:10.1137/0320018), so that rays of few photons give finite values.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from phantomsim.scanners.ct.spectral.model import SpectralModel, slopes
from phantomsim.scanners.ct.spectral.solve import inverse, solve

FEWEST = 0.5  # quanta; lower readings are raised to it before the logarithm of the first steps
DAMPING = 1e-5  # share of the diagonal that is added to it
FARTHEST = 3.0  # optical depths that a step may change any channel by


@partial(jax.jit, static_argnames=("log_steps", "steps"))
def decompose(
    readings: jax.Array,
    model: SpectralModel,
    bounds: jax.Array,
    excess: jax.Array | float = 0.0,
    log_steps: int = 8,
    steps: int = 4,
) -> jax.Array:
    """Paths of the bases. Differentiable by the readings.

    Args:
        readings: of C channels [C, view, row, column], in quanta.
        model: in the same unit.
        bounds: least and greatest path of each basis [K, 2], in the unit of its path.
        excess: variance of the readings beyond Poisson's, in quanta^2; broadcasts against them.
        log_steps, steps: Newton steps on logarithms, and on the likelihood.
    Returns:
        float32 [K, view, row, column].
    """

    def view(data: tuple[jax.Array, jax.Array]) -> jax.Array:
        return _decompose(*data, model, bounds, log_steps, steps)

    shift = jnp.broadcast_to(jnp.asarray(excess, jnp.float32), readings.shape)
    # View by view: as many exponentials as there are energies for each ray would not fit in memory.
    paths = jax.lax.map(view, (readings.swapaxes(0, 1), shift.swapaxes(0, 1)))
    return paths.swapaxes(0, 1)


def _decompose(
    readings: jax.Array, shift: jax.Array, model: SpectralModel, bounds: jax.Array, log_steps: int, steps: int
) -> jax.Array:
    """Of one view [C, row, column] -> [K, row, column]."""
    fixed, offset, limits = jax.lax.stop_gradient((readings, shift, jnp.asarray(bounds)))
    shape = (len(model.mu_per_mm), *readings.shape[1:])
    low, high = (jnp.broadcast_to(limits[:, i, None, None], shape) for i in (0, 1))
    paths = jnp.clip(jnp.zeros(shape, jnp.float32), low, high)
    logarithm = jnp.log(jnp.maximum(fixed, FEWEST))

    def on_logarithms(paths: jax.Array, _: None) -> tuple[jax.Array, None]:
        mean, slope = slopes(model, paths)
        mu = slope / mean[:, None]
        trust = jnp.maximum(fixed, FEWEST) ** 2 / (jnp.maximum(fixed, FEWEST) + offset)
        return _step(paths, mu, trust, jnp.log(mean) - logarithm, low, high), None

    def on_likelihood(paths: jax.Array, _: None) -> tuple[jax.Array, None]:
        return _score(paths, fixed, offset, model, low, high), None

    paths = jax.lax.scan(on_logarithms, paths, None, log_steps)[0]
    paths = jax.lax.scan(on_likelihood, paths, None, steps)[0]
    # One more step from the solution, this one differentiated: the implicit function's derivative.
    return _score(jax.lax.stop_gradient(paths), readings, offset, model, low, high)


def _score(
    paths: jax.Array, readings: jax.Array, shift: jax.Array, model: SpectralModel, low: jax.Array, high: jax.Array
) -> jax.Array:
    """One step of Fisher scoring on the likelihood of shifted Poisson numbers."""
    mean, slope = slopes(model, paths)
    mean = jnp.maximum(mean, 1e-6)
    return _step(paths, slope / mean[:, None], mean**2 / (mean + shift), (mean - readings) / mean, low, high)


def _step(
    paths: jax.Array, mu: jax.Array, trust: jax.Array, missing: jax.Array, low: jax.Array, high: jax.Array
) -> jax.Array:
    """Weighted least squares of `missing` optical depth [C, ...] on mu [C, K, ...], within bounds."""
    right = (mu * (trust * missing)[:, None]).sum(0)
    matrix = (mu[:, :, None] * mu[:, None, :] * trust[:, None, None]).sum(0)
    stuck = ((paths <= low) & (right < 0)) | ((paths >= high) & (right > 0))
    free = ~stuck
    unit = jnp.eye(len(matrix))[:, :, None, None]
    scale = jnp.einsum("kk...->k...", matrix)
    matrix = matrix * (free[:, None] & free[None]) + unit * (DAMPING * scale + stuck * scale)[:, None]
    change = solve(matrix, right * free)
    depth = jnp.abs((mu * change).sum(1)).max(0)
    change *= jnp.minimum(1, FARTHEST / jnp.maximum(depth, FARTHEST))
    return jnp.clip(paths + change, low, high)


def cramer_rao(model: SpectralModel, paths: jax.Array, excess: jax.Array | float = 0.0) -> jax.Array:
    """Least covariance of any unbiased estimate of the paths [K, K, ...].

    Roessl and Herrmann, Phys. Med. Biol. 54 (2009) 1307, doi:10.1088/0031-9155/54/5/014; the change of the variance
    with the paths is left out (negligible for many quanta: Alvarez, unverified).

    Args:
        model: in quanta.
        paths: [K, ...].
        excess: as in `decompose`.
    """
    mean, slope = slopes(model, paths)
    information = (slope[:, :, None] * slope[:, None] / (mean + excess)[:, None, None]).sum(0)
    return inverse(information)
