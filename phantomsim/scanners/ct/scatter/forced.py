"""What each collision sends to the detector on average: forced detection.

A real collision would scatter the photon anywhere; instead its chance to reach one random point of the detector is
scored: the differential sections of coherent and incoherent scatter there, and the attenuation on the way, by a sum
along the ray (Kalos, Nucl. Sci. Eng. 16 (1963) 111, for estimators at a point). A cell sees a hundred times more scores
than photons that happen to hit it.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from phantomsim.materials.attenuation import ELECTRON_KEV
from phantomsim.scanners.ct.scatter import random, transport
from phantomsim.scanners.ct.scatter.cross_sections import ELECTRON_RADIUS_CM, KEV_ANGSTROM
from phantomsim.scanners.ct.scatter.interactions import ENERGIES, LOW_KEV, MOMENTA, TOP_MOMENTUM, get, lookup, place
from phantomsim.scanners.ct.scatter.medium import Medium, Vector, entry, voxel
from phantomsim.scanners.ct.scatter.source import Frame, points
from phantomsim.scanners.ct.scatter.transport import Flight, Lanes, Queue

FLIGHTS = 32  # of every lane between two rounds of scoring
CHUNK = 16384  # collisions scored at a time
PARTS = 3  # single coherent, single incoherent, multiple


class Ways(NamedTuple):
    """From N collisions to points of the detector.

    Attributes:
        direction: unit vectors.
        cell: flat index of (view, row, column).
        solid_angle: of the whole detector as seen from the collision, if all of it were like this point [sr].
    """

    direction: Vector
    cell: jax.Array
    solid_angle: jax.Array


def aim(frame: Frame, shape: tuple[int, int, int], flight: Flight, u: list[jax.Array]) -> Ways:
    """Choose a point anywhere on the detector for each collision; `shape` is (view, row, column), `u` two draws."""
    _, rows, columns = shape
    column, row = u[0] * columns, u[1] * rows
    target = points(frame, flight.view, column, row)
    way = target - jnp.stack(flight.position, -1)
    distance = jnp.linalg.norm(way, axis=1)
    along, up = frame.along[flight.view], frame.up[flight.view]
    radial = target - frame.source[flight.view]
    radial -= up * ((radial * up).sum(1) / (up * up).sum(1))[:, None]
    normal = jnp.where(frame.curved > 0, radial, jnp.cross(along, up))
    slant = jnp.abs((normal * way).sum(1)) / (jnp.linalg.norm(normal, axis=1) * distance)
    area = rows * columns * jnp.linalg.norm(jnp.cross(along, up), axis=1)
    whole = [jnp.minimum(a.astype(jnp.int32), n - 1) for a, n in ((row, rows), (column, columns))]
    cell = (flight.view * rows + whole[0]) * columns + whole[1]
    x, y, z = (way / distance[:, None]).T
    return Ways((x, y, z), cell, area * slant / distance**2)


def optical_depths(
    medium: Medium, point: Vector, direction: Vector, energies: list[jax.Array], jitter: jax.Array, steps: int
) -> list[jax.Array]:
    """Attenuation from points to the edge of the medium at several energies, from `steps` samples of each ray."""
    _, length = entry(medium, point, direction)
    pitch = length / steps
    places = [place(e, ENERGIES) for e in energies]
    nodes = [low + (share > 0.5) for low, share in places]  # nearest: 1 % of an energy apart

    def body(i: jax.Array, sums: list[jax.Array]) -> list[jax.Array]:
        at = transport.along(point, direction, (i + jitter) * pitch)
        index, _ = voxel(medium, at)
        material = get(medium.label.ravel(), index).astype(jnp.int32) * ENERGIES
        density = get(medium.density.ravel(), index)
        return [s + density * get(medium.tables.total, material + n) for s, n in zip(sums, nodes)]

    sums = jax.lax.fori_loop(0, steps, body, [jnp.zeros_like(pitch) for _ in energies])
    return [s * pitch for s in sums]


def sections(medium: Medium, flight: Flight, cosine: jax.Array, energy: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Differential coherent and incoherent scatter at nominal density [1/mm/sr]."""
    x = energy / KEV_ANGSTROM * jnp.sqrt(jnp.maximum(0.5 - 0.5 * cosine, 0))
    at = jnp.sqrt(x / TOP_MOMENTUM) * (MOMENTA - 1)
    low = jnp.clip(at.astype(jnp.int32), 0, MOMENTA - 2)
    bound = lookup(medium.tables.bound, flight.material * MOMENTA + low, at - low)
    kept = 1 / (1 + energy / ELECTRON_KEV * (1 - cosine))
    half_area = 0.5 * ELECTRON_RADIUS_CM**2 * BARN_PER_CM2
    coherent = half_area * (1 + cosine**2) * bound[:, 0]
    return coherent, half_area * kept**2 * (kept + 1 / kept - 1 + cosine**2) * bound[:, 1]


BARN_PER_CM2 = 1e24


def score(
    frame: Frame, shape: tuple[int, int, int], medium: Medium, response: jax.Array, flight: Flight, u: list, steps: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Cells, and mean coherent and incoherent signal that collisions send there [C, N].

    Args:
        response: signal per photon [C, E] at the tables' energies.
        u: three draws.
    """
    ways = aim(frame, shape, flight, u[:2])
    energy = jnp.maximum(flight.energy, 2 * LOW_KEV)
    cosine = jnp.clip(sum(a * b for a, b in zip(flight.direction, ways.direction)), -1, 1)
    coherent, incoherent = sections(medium, flight, cosine, energy)
    after = energy / (1 + energy / ELECTRON_KEV * (1 - cosine))
    depths = optical_depths(medium, flight.position, ways.direction, [energy, after], u[2], steps)
    total = lookup(medium.tables.total, *_shift(place(energy, ENERGIES), flight.material * ENERGIES))
    weight = ways.solid_angle / total
    signals = [
        section * weight * jnp.exp(-depth) * lookup(response.T, *place(e, ENERGIES)).T
        for section, depth, e in zip((coherent, incoherent), depths, (energy, after))
    ]
    return ways.cell, signals[0], signals[1]


def _shift(place: tuple[jax.Array, jax.Array], by: jax.Array) -> tuple[jax.Array, jax.Array]:
    return place[0] + by, place[1]


@partial(jax.jit, static_argnames=("shape", "lanes", "steps"))
def tally(
    key: jax.Array,
    waiting: Queue,
    medium: Medium,
    frame: Frame,
    response: jax.Array,
    shape: tuple[int, int, int],
    lanes: int,
    steps: int,
) -> jax.Array:
    """Fly all waiting photons and sum what their collisions send to the detector.

    Returns:
        float32 [C, PARTS, view, row, column].
    """
    first, second = jax.random.split(key)
    size = shape[0] * shape[1] * shape[2]

    def fly(lanes: Lanes, _: None) -> tuple[Lanes, Flight]:
        return transport.step(lanes, waiting, medium)

    def one_round(carry: tuple) -> tuple:
        state, rng, sums = carry
        state, flights = jax.lax.scan(fly, state, None, FLIGHTS)
        flights = jax.tree.map(jnp.ravel, flights)
        (order,) = jnp.nonzero(flights.collided, size=len(flights.collided) + CHUNK, fill_value=0)
        count = flights.collided.sum()

        def chunk(inner: tuple) -> tuple:
            begin, rng, sums = inner
            index = jax.lax.dynamic_slice(order, (begin,), (CHUNK,))
            flight = jax.tree.map(lambda a: a[index], flights)
            rng, u = random.uniforms(rng, 3)
            cell, coherent, incoherent = score(frame, shape, medium, response, flight, u, steps)
            real = begin + jnp.arange(CHUNK) < count
            single = flight.order == 0
            for i, signal in enumerate((coherent, incoherent)):
                at = cell + jnp.where(single, i, 2) * size
                sums = sums.at[:, at].add(jnp.where(real, signal, 0.0), mode="promise_in_bounds")
            return begin + CHUNK, rng, sums

        _, rng, sums = jax.lax.while_loop(lambda c: c[0] < count, chunk, (0, rng, sums))
        return state, rng, sums

    begin = (transport.start(first, lanes), random.states(second, CHUNK), jnp.zeros((len(response), PARTS * size)))
    _, _, sums = jax.lax.while_loop(lambda c: transport.busy(c[0], waiting), one_round, begin)
    return sums.reshape(len(response), PARTS, *shape)
