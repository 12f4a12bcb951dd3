"""Photons through a medium, one flight at a time, in lanes that take a new photon when theirs has ended.

Woodcock (delta) tracking: flights are drawn for the largest attenuation anywhere, and a collision is real with the
local attenuation's share in it (Woodcock et al. 1965, ANL-7050), so that no boundary needs to be found. Energy that
goes to electrons stays in the voxel (their range is below 0.3 mm of water at 150 keV); so does that of characteristic
radiation, which hardly leaves a voxel for elements up to calcium; for iodine (28 keV) this is an approximation.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from phantomsim.materials.attenuation import ELECTRON_KEV
from phantomsim.scanners.ct.scatter import random
from phantomsim.scanners.ct.scatter.interactions import ENERGIES, LOW_KEV, cosines, get, place
from phantomsim.scanners.ct.scatter.medium import Medium, Vector, entry, voxel
from phantomsim.scanners.ct.scatter.source import Photons

CUT_KEV = 1.5 * LOW_KEV  # photons below it are absorbed where they are: 1 um of water
TINY_MM = 1e-3  # inside the box, so that rounding does not leave a photon at its door


class Lanes(NamedTuple):
    """Where the photon of each lane is; all fields (or their parts) [L]. Energy 0: the lane is free."""

    rng: random.State
    position: Vector
    direction: Vector
    energy: jax.Array
    order: jax.Array
    view: jax.Array
    next: jax.Array


class Flight(NamedTuple):
    """One flight of each lane, as it was when it ended; all [L].

    Attributes:
        position, direction, energy: of the photon before it interacts.
        collided: whether it really interacted, in the medium.
        escaped: whether it left the medium.
        order: interactions before this one.
        view: that it was emitted in.
        material, voxel: where.
        density: relative.
        keV: left in the voxel.
        tried: whether the flight ended in the medium, interaction or not.
        majorant: the attenuation that it was drawn for [1/mm].
    """

    position: Vector
    direction: Vector
    energy: jax.Array
    collided: jax.Array
    escaped: jax.Array
    order: jax.Array
    view: jax.Array
    material: jax.Array
    voxel: jax.Array
    density: jax.Array
    keV: jax.Array
    tried: jax.Array
    majorant: jax.Array


class Queue(NamedTuple):
    """Photons that wait at the medium's surface; lane l takes photons l, l + L, l + 2 L ...

    Attributes:
        photons: those that meet the medium come first.
        hits: how many of them do.
    """

    photons: Photons
    hits: jax.Array


@jax.jit
def queue(photons: Photons, medium: Medium) -> tuple[Queue, jax.Array]:
    """Bring photons to the medium; returns also the energy of each that misses it [N]."""
    near, far = entry(medium, photons.position, photons.direction)
    hit = far > near + 2 * TINY_MM
    position = along(photons.position, photons.direction, near + TINY_MM)
    (first,) = jnp.nonzero(hit, size=len(hit), fill_value=0)
    waiting = jax.tree.map(lambda a: a[first], photons._replace(position=position))
    return Queue(waiting, hit.sum()), jnp.where(hit, 0.0, photons.energy)


def along(point: Vector, direction: Vector, way: jax.Array) -> Vector:
    """Points further on."""
    return tuple(p + way * d for p, d in zip(point, direction))  # type: ignore[return-value]


def start(key: jax.Array, lanes: int) -> Lanes:
    """Free lanes."""
    zero, none = jnp.zeros(lanes), jnp.zeros(lanes, jnp.int32)
    apart = (zero, zero, zero)
    return Lanes(random.states(key, lanes), apart, apart, zero, none, none, jnp.arange(lanes, dtype=jnp.int32))


def busy(lanes: Lanes, queue: Queue) -> jax.Array:
    """Whether any photon is under way or waits."""
    return (jnp.max(lanes.energy) > 0) | (jnp.min(lanes.next) < queue.hits)


def _fill(lanes: Lanes, queue: Queue) -> Lanes:
    """Free lanes take their next photon."""
    free = (lanes.energy <= 0) & (lanes.next < queue.hits)
    at = jnp.minimum(lanes.next, len(queue.photons.energy) - 1)
    old = Photons(lanes.position, lanes.direction, lanes.energy, lanes.view)
    new = jax.tree.map(lambda waiting, mine: jnp.where(free, get(waiting, at), mine), queue.photons, old)
    order = jnp.where(free, 0, lanes.order)
    rest = (order, new.view, lanes.next + free * len(lanes.energy))
    return Lanes(lanes.rng, new.position, new.direction, new.energy, *rest)


def turn(direction: Vector, cosine: jax.Array, azimuth: jax.Array) -> Vector:
    """Directions turned by an angle about a random side (Duff et al. 2017, JCGT 6 (1) 1, for the side)."""
    x, y, z = direction
    sign = jnp.where(z < 0, -1.0, 1.0)
    a = -1 / (sign + z)
    b = x * y * a
    sine = jnp.sqrt(jnp.maximum(1 - cosine**2, 0))
    p, q = sine * jnp.cos(azimuth), sine * jnp.sin(azimuth)
    u = cosine * x + p * (1 + sign * x * x * a) + q * b
    v = cosine * y + p * sign * b + q * (sign + y * y * a)
    w = cosine * z - p * sign * x - q * y
    length = jax.lax.rsqrt(u * u + v * v + w * w)
    return u * length, v * length, w * length


def _meet(lanes: Lanes, medium: Medium) -> tuple[random.State, Flight, jax.Array, list[jax.Array]]:
    """Fly; what is met, its place in the tables, and the draws for what happens there."""
    rng, (path, real, node_share, *rest) = random.uniforms(lanes.rng, 6)
    low, share = place(jnp.maximum(lanes.energy, CUT_KEV), ENERGIES)
    node = low + (node_share < share)  # instead of interpolating: right on average, and one look-up
    majorant = get(medium.majorant, node)
    position = along(lanes.position, lanes.direction, -jnp.log(path) / majorant)
    index, inside = voxel(medium, position)
    material = get(medium.label.ravel(), index).astype(jnp.int32)
    density = get(medium.density.ravel(), index)
    node = material * ENERGIES + node
    alive = lanes.energy > 0
    tried = alive & inside
    collided = tried & (real * majorant < get(medium.tables.total, node) * density)
    flight = Flight(
        position, lanes.direction, lanes.energy, collided, alive & ~inside, lanes.order, lanes.view, material, index,
        density, lanes.energy, tried, majorant,
    )  # fmt: skip
    return rng, flight, node, rest


def step(lanes: Lanes, queue: Queue, medium: Medium) -> tuple[Lanes, Flight]:
    """Every lane's photon makes one flight, and interacts where that ends."""
    lanes = _fill(lanes, queue)
    rng, flight, node, (process, angle, side) = _meet(lanes, medium)
    energy = jnp.maximum(lanes.energy, CUT_KEV)
    compton = process >= get(medium.tables.elastic, node)
    cosine = cosines(medium.tables, flight.material, compton.astype(jnp.int32), energy, angle)
    kept = jnp.where(compton, energy / (1 + energy / ELECTRON_KEV * (1 - cosine)), energy)
    kept = jnp.where((process < get(medium.tables.photo, node)) | (kept < CUT_KEV), 0.0, kept)
    turned = turn(lanes.direction, cosine, 2 * jnp.pi * side)
    after = Lanes(
        rng,
        flight.position,
        tuple(jnp.where(flight.collided, new, old) for new, old in zip(turned, lanes.direction)),  # type: ignore[arg-type]
        jnp.where(flight.escaped, 0.0, jnp.where(flight.collided, kept, lanes.energy)),
        lanes.order + flight.collided,
        lanes.view,
        lanes.next,
    )
    return after, flight._replace(keV=jnp.where(flight.collided, lanes.energy - kept, 0.0))
