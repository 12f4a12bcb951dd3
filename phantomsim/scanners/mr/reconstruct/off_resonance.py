"""Encoding while spins precess off resonance: a few instants of the readout stand for all.

Man et al. 1997, doi:10.1002/mrm.1910370523; least-squares interpolators: Sutton et al. 2003,
doi:10.1109/TMI.2002.808360.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr import nufft

Array = jax.Array

MOST = 64  # segments; a readout that needs more is better cut into shots


@partial(jax.tree_util.register_dataclass, data_fields=["maps", "plan", "phases", "shares", "weights"], meta_fields=[])
@dataclass(frozen=True)
class OffResonance:
    """Data sum over l of b_l(t) F(exp(-2 pi i df t_l) x); make one with `off_resonance`.

    Attributes:
        maps: complex64 [coil, *N].
        plan: of the points.
        phases: exp(-2 pi i df t_l), complex64 [segment, *N].
        shares: b_l(t), complex64 [segment, point].
        weights: of the samples in the least squares, float32 [point].
    """

    maps: Array
    plan: nufft.Plan
    phases: Array
    shares: Array
    weights: Array

    @property
    def power(self) -> Array:
        """Mean of the normal operator's diagonal."""
        return jnp.mean(jnp.sum(jnp.abs(self.maps) ** 2, 0)) * jnp.sum(self.weights)

    def forward(self, image: Array) -> Array:
        """Data [coil, point]."""

        def add(total: Array, segment: tuple[Array, Array]) -> tuple[Array, None]:
            phase, share = segment
            return total + share * self.plan.to_points(self.maps * (phase * image)), None

        empty = jnp.zeros((len(self.maps), self.plan.count), jnp.complex64)
        return jax.lax.scan(add, empty, (self.phases, self.shares))[0]

    def adjoint(self, data: Array) -> Array:
        """Image [*N] of weighted data."""

        def add(total: Array, segment: tuple[Array, Array]) -> tuple[Array, None]:
            phase, share = segment
            images = self.plan.to_image(data * (self.weights * jnp.conj(share)))
            return total + jnp.conj(phase) * jnp.sum(jnp.conj(self.maps) * images, 0), None

        return jax.lax.scan(add, jnp.zeros(self.maps.shape[1:], jnp.complex64), (self.phases, self.shares))[0]

    def normal(self, image: Array) -> Array:
        """adjoint(forward(image))."""
        return self.adjoint(self.forward(image))


def off_resonance(
    maps: Array,
    points: np.ndarray,
    times_s: np.ndarray,
    field_Hz: np.ndarray,
    weights: np.ndarray | None = None,
    tolerance: float = 1e-3,
    kernel: nufft.Kernel | None = None,
) -> OffResonance:
    """Plan the encoding of a trajectory under a field map, on the host.

    Args:
        maps: complex64 [coil, *N].
        points: float32 [point, axis] cycles per pixel.
        times_s: of each sample since excitation [point] s.
        field_Hz: off-resonance [*N]; a spin gains the phase -2 pi df t.
        weights: of the samples in the least squares [point].
        tolerance: root-mean-square error of exp(-2 pi i df t) over the field's range and the readout.
    Raises:
        ScannerError: shapes do not fit, values are not finite, or too many segments would be needed.
    """
    field_Hz, times_s = np.asarray(field_Hz, float), np.asarray(times_s, float)
    if field_Hz.shape != maps.shape[1:] or times_s.shape != (len(points),):
        raise ScannerError(
            f"field map {field_Hz.shape} and times {times_s.shape} for maps {maps.shape[1:]} and {len(points)} points;"
            " give a field for each pixel and a time for each point"
        )
    if not (np.all(np.isfinite(field_Hz)) and np.all(np.isfinite(times_s))):
        raise ScannerError("field map or times hold values that are not finite; give Hz and s, 0 where nothing is")
    instants, shares = interpolators(times_s, float(field_Hz.min()), float(field_Hz.max()), tolerance)
    phases = np.exp(-2j * np.pi * field_Hz * instants.reshape(-1, *[1] * field_Hz.ndim))
    weights = np.ones(len(points)) if weights is None else weights
    plan = nufft.plan(points, field_Hz.shape, nufft.Kernel.within(1e-4) if kernel is None else kernel)
    return OffResonance(
        jnp.asarray(maps),
        plan,
        jnp.asarray(phases, jnp.complex64),
        jnp.asarray(shares, jnp.complex64),
        jnp.asarray(weights, jnp.float32),
    )


def interpolators(
    times_s: np.ndarray, low_Hz: float, high_Hz: float, tolerance: float = 1e-3
) -> tuple[np.ndarray, np.ndarray]:
    """The fewest instants, and the weights of each for every time, that keep the error below the tolerance.

    Returns:
        instants [segment] s; weights complex128 [segment, time].
    """
    first, last = times_s.min(), times_s.max()
    cycles = (high_Hz - low_Hz) * (last - first)
    if cycles >= MOST:
        raise _too_long(cycles)
    field = np.linspace(low_Hz, high_Hz, int(8 * np.ceil(cycles)) + 32)
    trial = np.linspace(first, last, 4 * len(field) + 1)
    for count in range(int(np.ceil(cycles)) + 1, MOST + 1):  # one instant a cycle at the least
        instants = np.linspace(first, last, count) if count > 1 else np.array([(first + last) / 2])
        basis = np.exp(-2j * np.pi * np.outer(field, instants))
        solve = np.linalg.pinv(basis, rcond=1e-7)
        wanted = np.exp(-2j * np.pi * np.outer(field, trial))
        if np.sqrt(np.mean(np.abs(basis @ (solve @ wanted) - wanted) ** 2)) <= tolerance:
            break
    else:
        raise _too_long(cycles)
    parts = [
        solve @ np.exp(-2j * np.pi * np.outer(field, t)) for t in np.array_split(times_s, len(times_s) // 4096 + 1)
    ]
    return instants, np.concatenate(parts, 1)


def _too_long(cycles: float) -> ScannerError:
    return ScannerError(
        f"{cycles:.0f} cycles of off-resonance in one readout need more than {MOST} segments; shorten the readout,"
        " shim, or ask for a larger tolerance"
    )
