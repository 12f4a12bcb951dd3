"""Noise-free signals of a patient: line integrals of every state, focal point and instant, through the beam."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.phantom import Phantom
from phantomsim.scanners.ct import breathing, motion, sampling, volume
from phantomsim.scanners.ct.bases import Bases
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.projector import line_integrals
from phantomsim.scanners.ct.spec import Breathing, CTProtocol, CTScanner, RigidMotion
from phantomsim.scanners.ct.transmission import transmission

MOST_PATHS = 2**27  # line integrals at a time: 512 MiB of float32


class Slab(NamedTuple):
    """The part of a patient that the beam can reach, in basis materials.

    Attributes:
        volumes: in excess of air [K, z, y, x].
        lung: share of lung, for breathing [z, y, x], or 0.
        centre_mm: (x, y, z) of the middle from the isocentre [mm].
        first, rows: first row of the phantom (may be negative), and how many.
    """

    volumes: jax.Array
    lung: jax.Array | float
    centre_mm: np.ndarray
    first: int
    rows: int


def slab(
    phantom: Phantom, isocentre_mm: np.typing.ArrayLike, geometry: Geometry, bases: Bases, protocol: CTProtocol
) -> Slab:
    """Cut and mix a phantom. Raises ScannerError where the beam misses it, or for values that nothing can have."""
    spacing = phantom.grid.spacing_mm
    breathes = isinstance(protocol.motion, Breathing)
    first, count = volume.reach_rows(geometry, phantom, isocentre_mm, _margin(protocol, spacing[0]))
    part = volume.cut(phantom, first, count)
    volumes = volume.basis_volumes(part, bases.coefficients, bases.air)
    centre = -phantom.grid.local(isocentre_mm)
    centre[2] += (first + (count - 1) / 2 - (phantom.grid.shape[0] - 1) / 2) * spacing[0]
    lung = breathing.lung_share(part, phantom.tissues) if breathes else 0.0
    return Slab(volumes, lung, centre, first, count)


def _margin(protocol: CTProtocol, row_mm: float) -> int:
    """Rows beyond those that the beam reaches which may move into it."""
    if isinstance(protocol.motion, Breathing):
        return breathing.margin_rows(protocol.motion, row_mm)
    return math.ceil(abs(protocol.motion.shift_mm[2]) / row_mm) if protocol.motion else 0


def signals(
    phantom: Phantom, isocentre_mm: np.typing.ArrayLike, geometry: Geometry, bases: Bases, scanner: CTScanner,
    protocol: CTProtocol,
) -> tuple[tuple[jax.Array, ...], jax.Array]:  # fmt: skip
    """Primary signals of every beam over those in air, and the paths of water [view, row, column].

    Signals of focal points and instants are averaged, not their logarithms: thin dense things blur as they do.

    Returns:
        (for each beam float32 [moment, view, row, column], water path of the central sample [mm]).
    """
    body = slab(phantom, isocentre_mm, geometry, bases, protocol)
    spacing = phantom.grid.spacing_mm
    totals: list[list[np.ndarray | jax.Array]] = [[] for _ in bases.beams]
    water: list[jax.Array] = []
    order: list[np.ndarray] = []
    for views, volumes in _states(body, phantom, geometry, protocol):
        for block in _blocks(views, geometry, len(volumes)):
            sums: list[jax.Array] = []
            for one, weight in _samples(geometry, scanner, protocol):
                here = _moved(one, protocol, geometry).subset(block)
                paths = line_integrals(volumes, spacing, body.centre_mm, here, protocol.footprint)
                passed = [weight * transmission(paths, table) for table in bases.tables]
                sums = [a + b for a, b in zip(sums, passed)] if sums else passed
            for total, one_sum in zip(totals, sums):
                total.append(one_sum)
            water.append(paths[0])
            order.append(block)
    back = np.argsort(np.concatenate(order))
    joined = tuple(_joined(parts, back, 1) for parts in totals)
    return joined, _joined(water, back, 0)


def _samples(geometry: Geometry, scanner: CTScanner, protocol: CTProtocol) -> list[tuple[Geometry, float]]:
    """Points of the focal spot and instants of a view, and their weights."""
    focus = scanner.large_focus if protocol.large_focus else scanner.small_focus
    return sampling.samples(geometry, focus, scanner.anode_deg, protocol.focal_samples, protocol.rotation_samples)


def _joined(parts: list, back: np.ndarray, axis: int) -> jax.Array:
    if len(parts) == 1:
        return parts[0]
    return jnp.take(jnp.concatenate(parts, axis), back, axis)


def _states(
    body: Slab, phantom: Phantom, geometry: Geometry, protocol: CTProtocol
) -> Iterator[tuple[np.ndarray, jax.Array]]:
    """Views that see the body in one state, and its volumes."""
    if not isinstance(protocol.motion, Breathing):
        yield np.arange(geometry.views), body.volumes
        return
    found = breathing.states(protocol.motion, _times(geometry, protocol))
    place = breathing.body(protocol.motion, phantom, body.first, body.rows)
    for state, amplitude in enumerate(found.amplitudes):
        warped = breathing.warped(body.volumes, body.lung, place, protocol.motion, float(amplitude))
        yield np.flatnonzero(found.view == state), warped


def _moved(sample: Geometry, protocol: CTProtocol, geometry: Geometry) -> Geometry:
    if not isinstance(protocol.motion, RigidMotion):
        return sample
    return motion.moved(sample, protocol.motion, _times(geometry, protocol))


def _times(geometry: Geometry, protocol: CTProtocol) -> np.ndarray:
    return motion.view_times(geometry.views, protocol.views, protocol.rotation_s)


def _blocks(views: np.ndarray, geometry: Geometry, bases: int) -> list[np.ndarray]:
    """Views in parts of (nearly) one size whose line integrals fit into memory.

    Of one full circle, views a quarter turn apart stay together, and with their mirror images: the projector makes use
    of them. Other views stay in order, next to those that see the same part of the patient.
    """
    each = bases * geometry.rows * geometry.columns
    parts = max(1, -(-len(views) * each // MOST_PATHS))
    orbit = geometry.orbit
    circle = orbit is not None and not orbit.feed_mm and len(views) == orbit.views_per_turn
    if parts > 1 and circle and not len(views) % 4:
        turn = len(views) // 4
        step = np.arange(turn)
        first = np.argsort(np.minimum(step, turn - step), kind="stable")
        return [(part[:, None] + turn * np.arange(4)).reshape(-1) for part in np.array_split(first, parts)]
    return np.array_split(views, parts)
