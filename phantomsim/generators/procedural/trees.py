"""Branching trees that fill an organ: airways, vessels, ducts.

A tree is grown by splitting: points that want supply are halved across their widest direction, over and over; each half
is reached by a branch from the last fork towards its middle. What comes of it is a binary tree without crossings that
serves every point, as lobes, segments and subsegments do (space-filling growth, Kitaoka 1999,
doi:10.1152/jappl.1999.87.6.2207, in its simplest form). Radii follow Murray's law, r^3 = r1^3 + r2^3 (Murray 1926,
doi:10.1073/pnas.12.3.207).
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural import boxes
from phantomsim.generators.procedural.canvas import Canvas, Number, Taken
from phantomsim.generators.procedural.shapes import Point, moved

_REACH = 0.62  # of the way from the last fork to the middle of the points: there lies the next fork


def grow(points: jax.Array, root: Sequence[Number], radius_mm: Number, depth: int, least_mm: Number) -> jax.Array:
    """A binary tree of branches.

    Args:
        points: what is to be reached, (x, y, z) [mm], [2^depth * m, 3].
        root: start of the trunk (x, y, z) [mm].
        radius_mm: of the trunk.
        depth: generations of forks; there are 2^(depth + 1) - 1 branches.
        least_mm: no branch is thinner.
    Returns:
        Branches as (start x, y, z, end x, y, z, start radius, end radius) [mm], [branch, 8].
    """
    groups, forks = points[None], jnp.stack([jnp.asarray(v, jnp.float32) for v in root])[None]
    radii = jnp.asarray(radius_mm, jnp.float32)[None]
    rows = []
    for generation in range(depth + 1):
        middle = groups.mean(1)
        ends = forks + (_REACH if generation < depth else 0.9) * (middle - forks)
        thin = jnp.maximum(radii * 0.5 ** (1.0 / 3.0), least_mm)
        rows.append(jnp.concatenate([forks, ends, radii[:, None], thin[:, None]], 1))
        if generation < depth:
            groups, forks, radii = _halves(groups), jnp.repeat(ends, 2, 0), jnp.repeat(thin, 2)
    return jnp.concatenate(rows)


def _halves(groups: jax.Array) -> jax.Array:
    """Each group of points cut in two equal ones across its widest direction, [2 group, points / 2, 3]."""

    def one(points: jax.Array) -> jax.Array:
        away = points - points.mean(0)
        widest = jnp.linalg.eigh(away.T @ away)[1][:, -1]
        order = jnp.argsort(away @ widest)
        return points[order].reshape(2, -1, 3)

    return jax.vmap(one)(groups).reshape(2 * len(groups), -1, 3)


def branches(canvas: Canvas, rows: jax.Array, reach_mm: float) -> jax.Array:
    """Field [mm] of many tapered tubes with round ends, at their true cross-section; each is drawn in a small box only.

    Args:
        rows: as of `grow`, [branch, 8].
        reach_mm: static; edge of the box: no branch with its radii is longer. Beyond its box a branch is not seen.
    Returns:
        [z, y, x]; half a voxel or more where there is none.
    """
    thick = jnp.maximum(rows[:, 6], rows[:, 7]) + 2.0 * canvas.voxel_mm
    low, high = jnp.minimum(rows[:, 2], rows[:, 5]) - thick, jnp.maximum(rows[:, 2], rows[:, 5]) + thick
    drawn = lambda branch, p, _: canvas.tube(*_tube(p, rows[branch]))  # noqa: E731
    none = jnp.full(canvas.shape, canvas.voxel_mm, jnp.float32)
    return boxes.least(canvas, 0.5 * (rows[:, :3] + rows[:, 3:6]), (low, high), reach_mm, drawn, none)


def taken(rows: jax.Array) -> Taken:
    """What branches take of what they run through, but for their round ends: cones from end to end.

    Args:
        rows: as of `grow`, [branch, 8] [mm].
    """
    middle = 0.5 * (rows[:, :3] + rows[:, 3:6])
    long = jnp.linalg.norm(rows[:, 3:6] - rows[:, :3], axis=1)
    start, end = rows[:, 6], rows[:, 7]
    volume_mL = jnp.pi / 3000.0 * long * (start * start + start * end + end * end)
    return Taken((middle[:, 0], middle[:, 1], middle[:, 2]), volume_mL)


def _tube(p: Point, row: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Distance to a branch's line, and its radius there."""
    line, d = row[3:6] - row[:3], moved(p, row[:3])
    along = (d[0] * line[0] + d[1] * line[1] + d[2] * line[2]) / jnp.maximum((line * line).sum(), 1e-6)
    t = jnp.clip(along, 0.0, 1.0)
    away = (d[0] - t * line[0]) ** 2 + (d[1] - t * line[1]) ** 2 + (d[2] - t * line[2]) ** 2
    return jnp.sqrt(away + 1e-6), row[6] + t * (row[7] - row[6])
