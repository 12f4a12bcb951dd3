"""How likely each structure is at every place of the mean, from everyone registered to it."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from phantomsim.generators.deformable import shares
from phantomsim.generators.deformable.compose import way
from phantomsim.generators.deformable.fine import Fine
from phantomsim.generators.deformable.lattice import Lattice
from phantomsim.generators.deformable.person import Person
from phantomsim.generators.deformable.register import Registered

LEVELS = 64  # of likelihood that are kept, so that the file compresses
ITERATIONS, LARGEST_BIAS = 24, 1.5  # of fitting biases


def likelihoods(
    people: list[Person],
    registered: Registered,
    atlas: Lattice,
    structures: int,
    mirror: bool,
    report: Callable[[str], None],
) -> np.ndarray:
    """Mean share of each structure [structures, z, y, x] on `atlas` over those who show a place, uint8 of 255.

    Where nobody shows a place, the nearest one above repeats.
    """
    total = np.zeros((*atlas.shape, structures), np.float32)
    count = np.zeros(atlas.shape, np.float32)
    points = jnp.asarray(atlas.points())
    lattice = registered.lattice
    for someone, pose, velocity in zip(people, registered.maps, registered.velocities):
        places = way(jnp.asarray(velocity), pose, lattice)(points, lattice)
        fine = Fine(someone.name, someone.label, someone.first_mm, np.array(someone.grid.spacing_mm), pose, velocity)
        seen = someone.sees(np.asarray(places))
        total += shares.shares(fine, places, np.arange(structures), structures) * seen[..., None]
        count += seen
        report(f"mean anatomy: {someone.name}")
    if mirror:
        total, count = total + total[:, :, ::-1], count + count[:, :, ::-1]
    for z in range(atlas.shape[0] - 2, -1, -1):
        missing = count[z] == 0
        total[z][missing], count[z][missing] = total[z + 1][missing], count[z + 1][missing]
    mean = np.moveaxis(total / np.maximum(count, 1)[..., None], -1, 0)
    mean[0] += count == 0
    return np.rint(np.rint(mean * LEVELS) * (255 / LEVELS)).astype(np.uint8)


def biases(likely: np.ndarray, together: list[list[int]]) -> np.ndarray:
    """What to add to each structure's log-likelihood so that, where the likeliest wins, all have their mean volumes.

    Args:
        together: structures that compete as one, and get one bias.
    """
    structures = len(likely)
    first = {k: t[0] for t in together for k in t}
    owner = np.array([first.get(k, k) for k in range(structures)])
    body = likely[0] < 255
    shares = np.zeros((structures, int(body.sum())), np.float32)
    np.add.at(shares, owner, likely[:, body].astype(np.float32))
    wanted = shares.sum(axis=1) / 255
    bias = np.zeros(structures)
    for _ in range(ITERATIONS):
        got = np.bincount(np.argmax(shares * np.exp(bias)[:, None].astype(np.float32), axis=0), minlength=structures)
        step = 0.5 * np.log((wanted + 1) / (got + 1))
        bias = np.clip(bias + step - step[0], -LARGEST_BIAS, LARGEST_BIAS)
    return bias[owner].astype(np.float32)
