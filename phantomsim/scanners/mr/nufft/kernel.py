"""The Kaiser-Bessel kernel that takes points to a grid, its Fourier transform, and how wide it must be.

Jackson et al. 1991, doi:10.1109/42.97598; its shape where the grid is oversampled little: Beatty et al. 2005,
doi:10.1109/TMI.2005.848376.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import i0e

from phantomsim.errors import ScannerError

# (width, oversampling) whose aliasing, summed over three axes and all pixels (closed form of the kernel's transform),
# stays below the tolerance with room for float32.
_WITHIN = {1e-4: (6, 1.5), 1e-5: (8, 1.5), 1e-6: (9, 1.5)}


@dataclass(frozen=True)
class Kernel:
    """A Kaiser-Bessel kernel on an oversampled grid.

    Attributes:
        width: W, in cells of the oversampled grid.
        oversampling: of the grid over the image, per axis.
    """

    width: int = 6
    oversampling: float = 1.5

    def __post_init__(self) -> None:
        if not 3 <= self.width <= 12 or not 1.2 <= self.oversampling <= 3:
            raise ScannerError(
                f"NUFFT kernel of width {self.width} at oversampling {self.oversampling}: widths are 3 to 12 cells and"
                " oversampling 1.2 to 3; take Kernel.within(tolerance)"
            )

    @classmethod
    def within(cls, tolerance: float) -> Kernel:
        """The cheapest kernel known to keep the relative l2 error below 1e-4, 1e-5 or 1e-6.

        Raises:
            ScannerError: a smaller tolerance, which single precision cannot keep.
        """
        for reached, (width, oversampling) in _WITHIN.items():
            if reached <= tolerance * (1 + 1e-9):
                return cls(width, oversampling)
        raise ScannerError(f"NUFFT tolerance {tolerance:g}: single precision reaches 1e-6; ask for 1e-6 or more")

    @property
    def beta(self) -> float:
        """Shape parameter (Beatty et al. 2005, eq. 5)."""
        ratio = self.width / self.oversampling * (self.oversampling - 0.5)
        return float(np.pi * np.sqrt(ratio**2 - 0.8))

    def cells(self, count: int) -> int:
        """Size of the oversampled grid for an axis of `count` pixels: even, with factors 2, 3 and 5 alone."""
        size = max(int(np.ceil(self.oversampling * count)), 24)
        while size % 2 or not _smooth(size):
            size += 1
        return size

    def weights(self, distance: jax.Array) -> jax.Array:
        """The kernel at distances in cells; 1 in its middle, 0 from W/2 on."""
        t = 1 - jnp.square(distance * (2 * 2**0.5 / self.width))
        highest, *others = _polynomial(self.beta)
        value = jnp.full_like(t, highest)
        for coefficient in others:
            value = value * t + coefficient
        return jnp.where(t > -1, value, 0)

    def attenuation(self, count: int) -> np.ndarray:
        """Fourier transform of the kernel at the pixels of an axis, from -N // 2 on; float64 [count]."""
        frequency = (np.arange(count) - count // 2) / self.cells(count)
        root = np.sqrt(np.asarray(self.beta**2 - (np.pi * self.width * frequency) ** 2, complex))
        # sinh(r) / r over I0(beta), both without exp(beta), which overflows nothing but costs digits.
        scaled = np.where(root == 0, 1, (np.exp(root - self.beta) - np.exp(-root - self.beta)) / 2 / root)
        return self.width * np.real(scaled) / i0e(self.beta)


def _smooth(size: int) -> bool:
    for factor in (2, 3, 5):
        while size % factor == 0:
            size //= factor
    return size == 1


@lru_cache(maxsize=64)
def _polynomial(beta: float) -> tuple[float, ...]:
    """I0(beta sqrt z) / I0(beta) in powers of t = 2 z - 1, highest first.

    It is entire in z, so few powers reach 1e-8; about z = 1/2 all are positive and sum to 1, so float32 does too.
    """
    t = np.polynomial.chebyshev.chebpts1(64)
    z = (t + 1) / 2
    value = i0e(beta * np.sqrt(z)) / i0e(beta) * np.exp(beta * (np.sqrt(z) - 1))
    for degree in range(8, 30):
        fit = np.polynomial.Chebyshev.fit(t, value, degree, domain=(-1, 1))
        if np.abs(fit(t) - value).max() < 1e-8:
            break
    return tuple(float(c) for c in fit.convert(kind=np.polynomial.Polynomial).coef[::-1])
