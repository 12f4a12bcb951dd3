"""Readings behind any stack of materials: a sum over few energies of exp(-sum of attenuation x path)."""

from __future__ import annotations

import jax
import jax.numpy as jnp


@jax.jit
def transmission(paths_mm: jax.Array, table: dict[str, jax.Array]) -> jax.Array:
    """Responses of the detector relative to those in air, which holds the filters.

    Args:
        paths_mm: line integrals of the K bases [K, view, row, column] [mm].
        table: of `Bases.tables`.
    Returns:
        float32 [R, view, row, column], 1 in air; of energy-integrating detectors mean and variance.
    """

    def one(view: jax.Array) -> jax.Array:
        optical = jnp.einsum("ke,kn->en", table["mu_per_mm"], view.reshape(len(view), -1), precision="highest")
        passed = jnp.exp(-optical - table["exponent"])
        return jnp.einsum("en,er->rn", passed, table["weights"], precision="highest") * table["per_air"]

    parts = jax.lax.map(one, paths_mm.transpose(1, 0, 2, 3))
    return jnp.moveaxis(parts, 1, 0).reshape(-1, *paths_mm.shape[1:])
