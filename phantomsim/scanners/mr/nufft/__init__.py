"""Fourier transforms between pixels and any points of k-space: a Kaiser-Bessel NUFFT in JAX, in 1D, 2D and 3D."""

from phantomsim.scanners.mr.nufft.kernel import Kernel
from phantomsim.scanners.mr.nufft.plan import Plan, plan
from phantomsim.scanners.mr.nufft.toeplitz import Toeplitz, toeplitz
from phantomsim.scanners.mr.nufft.transform import to_image, to_points

__all__ = ["Kernel", "Plan", "Toeplitz", "plan", "to_image", "to_points", "toeplitz"]
