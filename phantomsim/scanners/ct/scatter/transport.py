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
from phantomsim.scanners.ct.scatter.interactions import ENERGIES, LOW_KEV, cosines, lookup, place
from phantomsim.scanners.ct.scatter.medium import Medium, entry, voxel
from phantomsim.scanners.ct.scatter.source import Photons

CUT_KEV = 1.5 * LOW_KEV  # photons below it are absorbed where they are: 1 um of water
TINY_MM = 1e-3  # inside the box, so that rounding does not leave a photon at its door


class Lanes(NamedTuple):
    """Where the photon of each lane is: [3, L] or [L]; energy 0: the lane is free."""

    rng: jax.Array
    position: jax.Array
    direction: jax.Array
    energy: jax.Array
    order: jax.Array
    view: jax.Array
    next: jax.Array


class Flight(NamedTuple):
    """One flight of each lane, as it was when it ended; [3, L] or [L].

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

    position: jax.Array
    direction: jax.Array
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
    """Photons that wait at the medium's surface, `count` of them; lane l takes photons l, l + L, l + 2 L ...

    Attributes:
        rows: position, direction, energy, view [N, 8]; energy 0: it misses the medium.
    """

    rows: jax.Array


def queue(photons: Photons, medium: Medium) -> tuple[Queue, jax.Array]:
    """Bring photons to the medium; returns also the energy of each that misses it [N]."""
    near, far = entry(medium, photons.position, photons.direction)
    hit = far > near + 2 * TINY_MM
    position = photons.position + (near + TINY_MM) * photons.direction
    energy = jnp.where(hit, photons.energy, 0.0)
    rows = jnp.concatenate([position, photons.direction, energy[None], photons.view[None].astype(jnp.float32)])
    return Queue(rows.T), photons.energy - energy


def start(key: jax.Array, lanes: int) -> Lanes:
    """Free lanes."""
    zero, none = jnp.zeros(lanes), jnp.zeros(lanes, jnp.int32)
    apart = jnp.zeros((3, lanes))
    return Lanes(random.states(key, lanes), apart, apart, zero, none, none, jnp.arange(lanes, dtype=jnp.int32))


def busy(lanes: Lanes, queue: Queue) -> jax.Array:
    """Whether any photon is under way or waits."""
    return (jnp.any(lanes.energy > 0)) | jnp.any(lanes.next < len(queue.rows))


def _fill(lanes: Lanes, queue: Queue) -> Lanes:
    """Free lanes take their next photon."""
    total = len(queue.rows)
    free = (lanes.energy <= 0) & (lanes.next < total)
    row = queue.rows.at[jnp.minimum(lanes.next, total - 1)].get(mode="promise_in_bounds").T
    return lanes._replace(
        position=jnp.where(free, row[:3], lanes.position),
        direction=jnp.where(free, row[3:6], lanes.direction),
        energy=jnp.where(free, row[6], lanes.energy),
        order=jnp.where(free, 0, lanes.order),
        view=jnp.where(free, row[7].astype(jnp.int32), lanes.view),
        next=lanes.next + free * len(lanes.energy),
    )


def turn(direction: jax.Array, cosine: jax.Array, azimuth: jax.Array) -> jax.Array:
    """Directions [3, N] turned by an angle about a random side (Duff et al. 2017, JCGT 6 (1) 1, for the side)."""
    x, y, z = direction
    sign = jnp.where(z < 0, -1.0, 1.0)
    a = -1 / (sign + z)
    b = x * y * a
    sine = jnp.sqrt(jnp.maximum(1 - cosine**2, 0))
    p, q = sine * jnp.cos(azimuth), sine * jnp.sin(azimuth)
    new = jnp.stack(
        [
            cosine * x + p * (1 + sign * x * x * a) + q * b,
            cosine * y + p * sign * b + q * (sign + y * y * a),
            cosine * z - p * sign * x - q * y,
        ]
    )
    return new / jnp.sqrt((new**2).sum(0))


def step(lanes: Lanes, queue: Queue, medium: Medium) -> tuple[Lanes, Flight]:
    """Every lane's photon makes one flight, and interacts where that ends."""
    lanes = _fill(lanes, queue)
    rng, (u_path, u_real, u_process, u_cosine, u_side) = random.uniforms(lanes.rng, 5)
    alive = lanes.energy > 0
    energy = jnp.maximum(lanes.energy, CUT_KEV)
    low, share = place(energy, ENERGIES)
    majorant = lookup(medium.majorant, low, share)
    position = lanes.position - jnp.log(u_path) / majorant * lanes.direction
    index, inside = voxel(medium, position)
    material = medium.label.ravel().at[index].get(mode="promise_in_bounds").astype(jnp.int32)
    density = medium.density.ravel().at[index].get(mode="promise_in_bounds")
    total = lookup(medium.tables.total, material * ENERGIES + low, share) * density
    tried = alive & inside
    collided = tried & (u_real * majorant < total)
    photo, coherent = lookup(medium.tables.split, material * ENERGIES + low, share).T
    absorbed = u_process < photo
    compton = u_process >= coherent
    cosine = cosines(medium.tables, material, compton.astype(jnp.int32), energy, u_cosine)
    kept = jnp.where(compton, energy / (1 + energy / ELECTRON_KEV * (1 - cosine)), energy)
    kept = jnp.where(absorbed | (kept < CUT_KEV), 0.0, kept)
    escaped = alive & ~inside
    flight = Flight(
        position, lanes.direction, lanes.energy, collided, escaped, lanes.order, lanes.view, material, index, density,
        jnp.where(collided, lanes.energy - kept, 0.0), tried, majorant,
    )  # fmt: skip
    turned = turn(lanes.direction, cosine, 2 * jnp.pi * u_side)
    after = lanes._replace(
        rng=rng,
        position=position,
        direction=jnp.where(collided, turned, lanes.direction),
        energy=jnp.where(escaped, 0.0, jnp.where(collided, kept, lanes.energy)),
        order=lanes.order + collided,
    )
    return after, flight
