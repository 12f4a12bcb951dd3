"""Shift of B0 by magnetic susceptibility: convolution with the dipole, Lorentz sphere taken out.

In k-space the kernel is 1/3 - k_B0^2 / k^2 (Salomir et al. 2003, doi:10.1002/cmr.b.10083; Marques and Bowtell 2005,
doi:10.1002/cmr.b.20034). To first order in susceptibility, which is 1e-5 in tissue. The field falls off slowly, so the
volume is padded to twice its size: a sphere that fills three quarters of it is then right to .2 % of its pole's field
outside and .1 % (mean) inside. The pad repeats the outermost voxels: a body that the grid cuts off goes on as a
cylinder would, where an end in air would distort the field about the cut.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.fft import next_fast_len

from phantomsim.errors import ScannerError

GAMMA_BAR_Hz_per_T = 42.577478518e6  # proton, CODATA 2018
PAD = 2.0  # padded over original size


def shift_ppm(
    chi_ppm: jax.Array | np.ndarray, spacing_mm: tuple[float, float, float], field_axis: str = "z", pad: float = PAD
) -> jax.Array:
    """Relative shift of the field that nuclei see, float32 [z, y, x] ppm.

    Args:
        chi_ppm: volume susceptibility (SI) [z, y, x] ppm; a constant in all of it changes nothing.
        spacing_mm: of voxels along z, y, x.
        field_axis: of B0, "x", "y" or "z" (static).
        pad: size of the padded volume over the given one (static); 1 lets the field wrap around.
    Raises:
        ScannerError: a volume that has not three dimensions.
    """
    if jnp.ndim(chi_ppm) != 3:
        raise ScannerError(f"susceptibility has shape {jnp.shape(chi_ppm)}; it must be a volume [z, y, x]")
    shape = tuple(next_fast_len(int(n * pad), real=True) for n in jnp.shape(chi_ppm))
    return _shift(jnp.asarray(chi_ppm, jnp.float32), jnp.asarray(spacing_mm, jnp.float32), field_axis, shape)


def shift_Hz(
    chi_ppm: jax.Array | np.ndarray,
    spacing_mm: tuple[float, float, float],
    field_T: float,
    field_axis: str = "z",
) -> jax.Array:
    """The same as off-resonance, float32 [z, y, x] Hz; see `shift_ppm`."""
    return shift_ppm(chi_ppm, spacing_mm, field_axis) * (GAMMA_BAR_Hz_per_T * field_T * 1e-6)


@partial(jax.jit, static_argnames=("field_axis", "shape"))
def _shift(chi: jax.Array, spacing: jax.Array, field_axis: str, shape: tuple[int, int, int]) -> jax.Array:
    chi = chi - jnp.mean(chi)  # small numbers round less
    extra = [total - n for total, n in zip(shape, chi.shape)]
    padded = jnp.pad(chi, [(e // 2, e - e // 2) for e in extra], mode="edge")
    found = jnp.fft.irfftn(jnp.fft.rfftn(padded) * dipole_kernel(spacing, field_axis, shape), s=shape)
    return found[tuple(slice(e // 2, e // 2 + n) for e, n in zip(extra, chi.shape))]


def dipole_kernel(spacing_mm: jax.Array, field_axis: str, shape: tuple[int, int, int]) -> jax.Array:
    """1/3 - k_B0^2 / k^2 on the half spectrum of `rfftn`, float32 [z, y, x/2 + 1]; 0 at k = 0 (a sphere's mean)."""
    nz, ny, nx = shape
    k = [
        (jnp.fft.fftfreq(nz) / spacing_mm[0])[:, None, None],
        (jnp.fft.fftfreq(ny) / spacing_mm[1])[None, :, None],
        (jnp.fft.rfftfreq(nx) / spacing_mm[2])[None, None, :],
    ]
    total = k[0] ** 2 + k[1] ** 2 + k[2] ** 2
    along = k["zyx".index(field_axis)] ** 2
    return jnp.where(total > 0, 1 / 3 - along / jnp.where(total > 0, total, 1.0), 0.0).astype(jnp.float32)
