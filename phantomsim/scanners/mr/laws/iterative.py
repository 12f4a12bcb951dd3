"""What must hold of iterative reconstructions."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from phantomsim.laws import Law
from phantomsim.scanners.mr import patterns
from phantomsim.scanners.mr.laws.nufft import complex_normal, spiral
from phantomsim.scanners.mr.reconstruct.cg_sense import cg_sense
from phantomsim.scanners.mr.reconstruct.compressed_sensing import l1_wavelet
from phantomsim.scanners.mr.reconstruct.encoding import Cartesian
from phantomsim.scanners.mr.reconstruct.off_resonance import off_resonance
from phantomsim.scanners.mr.reconstruct.wavelet import synthesise


def laws() -> list[Law]:
    """SENSE, sparse recovery and correction of off-resonance."""
    return [*_sense(), *_sparse(), *_off_resonance()]


def _apart(found: object, want: np.ndarray) -> float:
    return float(np.linalg.norm(np.asarray(found) - want) / np.linalg.norm(want))


def _sense() -> list[Law]:
    """Every second line of six coils, against dense least squares in float64."""
    rng = np.random.default_rng(5)
    n, coils = 16, 6
    maps, truth = complex_normal(rng, coils, n, 8), complex_normal(rng, n, 8)
    mask = np.zeros((n, 8), np.float32)
    mask[::2] = 1
    encoding = Cartesian(jnp.asarray(maps), jnp.asarray(mask))
    data = np.asarray(encoding.forward(jnp.asarray(truth))) + 3 * complex_normal(rng, coils, n, 8) * mask
    waves = [np.exp(-2j * np.pi * np.outer(np.arange(m) - m // 2, np.arange(m) - (m - 1) / 2) / m) for m in (n, 8)]
    whole = np.kron(waves[0][::2], waves[1])
    system = np.concatenate([whole * here.ravel() for here in maps])
    closed = np.linalg.lstsq(system, data[:, ::2].reshape(-1), rcond=None)[0].reshape(n, 8)
    return [
        Law(
            "CG-SENSE at R = 2 after 40 steps, relative distance from least squares",
            "normal equations; Pruessmann et al. 1999 and 2001, doi:10.1002/mrm.1241",
            0.0,
            _apart(cg_sense(encoding, data, iterations=40), closed),
            1e-4,
        )
    ]


def _sparse() -> list[Law]:
    """An image of few wavelets from a third of random lines; and what the missing lines cost without them."""
    rng = np.random.default_rng(2)
    n = 64
    coefficients = np.zeros((n, n), np.complex64)
    coefficients[:8, :8] = complex_normal(rng, 8, 8) + 4
    coefficients.flat[rng.choice(n * n // 4, 60, replace=False)] += 2 * complex_normal(rng, 60)
    truth = np.asarray(synthesise(coefficients, 3))
    mask = patterns.poisson_disc((n, n), 3.0, 12, 3).astype(np.float32)
    encoding = Cartesian(jnp.ones((1, n, n), jnp.complex64), jnp.asarray(mask))
    data = encoding.forward(jnp.asarray(truth))
    found = l1_wavelet(encoding, data, threshold=1e-3, iterations=100, levels=3)
    zeros = np.asarray(encoding.adjoint(data)) / n**2
    return [
        Law(
            "L1-wavelet from a third of k-space, relative error over that of zeros in the gaps, sparse image",
            "exact in theory; Candes et al. 2006, doi:10.1109/TIT.2005.862083; Lustig et al. 2007",
            0.0,
            _apart(found, truth) / _apart(zeros, truth),
            0.02,
        )
    ]


def _off_resonance() -> list[Law]:
    """A Gaussian under a field that rises along x: precession shifts k, so the data are closed."""
    points, n, sigma, slope = spiral(40.0, 12288), 64, 5.0, 1.5  # slope in Hz per pixel
    times = np.linspace(0.0, 0.03, len(points))
    y, x = np.indices((n, n)) - (n - 1) / 2
    truth = np.exp(-(y**2 + x**2) / (2 * sigma**2))
    k = points.astype(float)
    moved = k[:, 1] + slope * times
    data = 2 * np.pi * sigma**2 * np.exp(-2 * (np.pi * sigma) ** 2 * (k[:, 0] ** 2 + moved**2))
    maps = jnp.ones((1, n, n), jnp.complex64)
    encoding = off_resonance(maps, points, times, slope * x)
    found = cg_sense(encoding, jnp.asarray(data[None], jnp.complex64), iterations=10)
    return [
        Law(
            "Gaussian by a 30 ms spiral across 94 Hz, corrected: relative l2 error",
            "closed form, exp(-2 pi^2 sigma^2 |k + g t|^2); Sutton et al. 2003, doi:10.1109/TMI.2002.808360",
            0.0,
            _apart(found, truth),
            0.01,
        )
    ]
