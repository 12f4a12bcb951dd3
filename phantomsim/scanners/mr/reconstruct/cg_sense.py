"""SENSE for any trajectory: conjugate gradients on the regularised normal equations.

Pruessmann et al. 2001, doi:10.1002/mrm.1241.
"""

from __future__ import annotations

from functools import partial

import jax

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.reconstruct.conjugate_gradient import conjugate_gradient
from phantomsim.scanners.mr.reconstruct.encoding import Encoding

Array = jax.Array


@partial(jax.jit, static_argnames="iterations")
def cg_sense(encoding: Encoding, data: Array, regularisation: float = 0.0, iterations: int = 20) -> Array:
    """The image whose encoded data are nearest to those measured; early stopping regularises too.

    Args:
        encoding: of whitened coils.
        data: whitened, complex64 [coil, ...] as encoding.forward gives.
        regularisation: Tikhonov's, relative to the normal operator's mean diagonal, as in `unfolding`.
        iterations: static.
    Returns:
        complex64 [*N]. Slices are mapped by jax.vmap or jax.lax.map over maps and data.
    Raises:
        ScannerError: iterations below 1, or data that do not fit the coils.
    """
    check(encoding, data, iterations)
    floor = regularisation * encoding.power
    return conjugate_gradient(lambda x: encoding.normal(x) + floor * x, encoding.adjoint(data), iterations)[0]


def check(encoding: Encoding, data: Array, iterations: int) -> None:
    """Refuse what cannot be reconstructed."""
    if iterations < 1:
        raise ScannerError(f"{iterations} iterations of a reconstruction; give at least 1")
    if data.shape[0] != encoding.maps.shape[0]:
        raise ScannerError(
            f"data of {data.shape[0]} coils and maps of {encoding.maps.shape[0]}; give both for the same coils"
        )
