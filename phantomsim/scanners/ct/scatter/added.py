"""Scatter on top of the primary signals, as the protocol asks for it."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.phantom import Phantom
from phantomsim.scanners.ct.readout import Readout
from phantomsim.scanners.ct.scatter import kernel
from phantomsim.scanners.ct.scatter.patient import patient_scatter
from phantomsim.scanners.ct.spec import CTProtocol


def with_scatter(
    signals: Sequence[jax.Array],
    readouts: Sequence[Readout],
    phantom: Phantom,
    isocentre_mm: np.typing.ArrayLike,
    protocol: CTProtocol,
    key: jax.Array | None,
) -> tuple[jax.Array, ...]:
    """Signals over those in air, scatter that passes the anti-scatter grid included.

    Args:
        signals: primary, of each beam [moment, view, row, column].
        readouts: of the beams.
        key: of the Monte Carlo; None: a fixed one.
    """
    if protocol.scatter == "none":
        return tuple(signals)
    share = readouts[0].scatter_share
    if protocol.scatter == "kernel":
        return tuple(s + share * _estimate(s, r) for s, r in zip(signals, readouts))
    keys = jax.random.split(jax.random.key(0, impl="threefry2x32") if key is None else key, len(signals))
    return tuple(s + share * _simulated(k, r, phantom, isocentre_mm) for s, r, k in zip(signals, readouts, keys))


def _estimate(signals: jax.Array, readout: Readout) -> jax.Array:
    spread = kernel.spread(readout.geometry)
    air = jnp.asarray(readout.air[0], jnp.float32)
    return kernel.estimate(-jnp.log(jnp.maximum(signals[0], 1e-12)), spread, air)


def _simulated(key: jax.Array, readout: Readout, phantom: Phantom, isocentre_mm: np.typing.ArrayLike) -> jax.Array:
    beam = readout.beam
    moments = readout.per_photon(beam.spectrum.energy_keV)
    found = patient_scatter(
        key, phantom, isocentre_mm, readout.geometry, beam.spectrum, moments, beam.filters, beam.filter_paths_mm
    )
    return jnp.asarray(found)
