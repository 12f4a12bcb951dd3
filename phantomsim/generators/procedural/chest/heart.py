"""The heart at end-diastole: four chambers with their walls, and the fat about them."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.chest.frame import Frame, front_mm, heart_mL
from phantomsim.generators.procedural.shapes import Point, ellipsoid, moved, smooth_union, union

ORGANS = {
    "lv-myocardium": "heart",
    "lv-blood": "blood",
    "rv-wall": "heart",
    "rv-blood": "blood",
    "la-wall": "heart",
    "la-blood": "blood",
    "ra-wall": "heart",
    "ra-blood": "blood",
    "pericardial-fat": "adipose",
}
MUSCLE_G_PER_ML = 1.05  # ICRU 46
RV_WALL_MM, ATRIAL_WALL_MM = 3.0, 2.0  # unverified
GROOVE_MM = 30.0  # over which fat rounds the grooves between chambers, where most of it is (unverified)
USUAL_mL = 590.0  # of the chambers' blood with the left ventricle's wall: the heart of scale 1


class Pose(NamedTuple):
    """Where the heart lies.

    Attributes:
        centre: of all chambers (x, y, z) [mm].
        h: scale.
        axes: unit vectors to the apex, to the right ventricle, and square to both, [3, 3].
    """

    centre: jax.Array
    h: jax.Array
    axes: jax.Array

    def at(self, x: float, y: float, z: float) -> tuple[jax.Array, jax.Array, jax.Array]:
        """A place of the heart of scale 1, from its centre."""
        c, h = self.centre, self.h
        return c[0] + h * x, c[1] + h * y, c[2] + h * z


def pose(n: Numbers, f: Frame) -> Pose:
    """The heart lies more across in the stout (its axis about 50 degrees from the vertical; unverified)."""
    h = (heart_mL(n) / USUAL_mL) ** (1.0 / 3.0)
    z = -33.0 * f.s - 0.9 * f.drop_mm
    centre = jnp.stack([-9.0 * f.k, front_mm(f, z) - 63.0 * h, z])
    lie = jnp.clip(0.03 * (n["bmi_kg_per_m2"] - 25.0), -0.2, 0.3) + 0.07 * f.wobble[9]
    apex = jnp.stack([-0.65 - 0.3 * lie, 0.58 + 0.1 * f.wobble[10], -0.49 + 0.5 * lie])
    apex = apex / jnp.linalg.norm(apex)
    ahead = jnp.array([0.62, 0.78, 0.1])
    ahead = ahead - (ahead @ apex) * apex
    ahead = ahead / jnp.linalg.norm(ahead)
    return Pose(centre, h, jnp.stack([apex, ahead, jnp.cross(apex, ahead)]))


def _turned(p: Point, where: Pose, centre: Point) -> Point:
    """The point along the heart's axes, in millimetres of the heart of scale 1."""
    q = moved(p, centre)
    a = where.axes
    return tuple((q[0] * a[i, 0] + q[1] * a[i, 1] + q[2] * a[i, 2]) / where.h for i in range(3))  # type: ignore[return-value]


def left_ventricle(p: Point, where: Pose, wall: float) -> jax.Array:
    """Field [mm]: an ellipsoid of revolution, cut at the valves."""
    along, u, v = _turned(p, where, where.at(-24.0, 2.0, -11.0))
    return where.h * jnp.maximum(
        ellipsoid((u, v, along), (0.0, 0.0, 0.0), (27.0 + wall, 27.0 + wall, 46.0 + wall)), -32.0 - along
    )


def right_ventricle(p: Point, where: Pose) -> jax.Array:
    """Field [mm], wrapped about the left ventricle, with the way out to the pulmonary trunk."""
    along, u, v = _turned(p, where, where.at(-24.0, 2.0, -11.0))
    body = jnp.maximum(ellipsoid((along, u - 25.0, v - 4.0), (-6.0, 0.0, 0.0), (52.0, 30.0, 44.0)), -40.0 - along)
    q = moved(p, where.at(-13.0, 25.0, 14.0))
    way_out = ellipsoid(tuple(a / where.h for a in q), (0.0, 0.0, 0.0), (17.0, 16.0, 22.0))  # type: ignore[arg-type]
    return where.h * smooth_union(body, way_out, 14.0)


def atria(p: Point, where: Pose) -> tuple[jax.Array, jax.Array]:
    """Fields [mm] of the left and the right atrium."""
    h = where.h
    left = ellipsoid(p, where.at(6.0, -27.0, 17.0), (36.0 * h, 21.0 * h, 26.0 * h))
    right = ellipsoid(p, where.at(40.0, 2.0, -3.0), (25.0 * h, 29.0 * h, 37.0 * h))
    ear = ellipsoid(p, where.at(30.0, 20.0, 22.0), (14.0 * h, 13.0 * h, 14.0 * h))
    return left, smooth_union(right, ear, 10.0)


def draw(canvas: Canvas, n: Numbers, f: Frame) -> tuple[jax.Array, jax.Array]:
    """Paint chambers and walls; returns the fields of the whole heart and of its fat, which fills grooves first."""
    p, where, room = canvas.p, pose(n, f), ["cavity-fat"]
    muscle_mL = n["lv_mass_g"] / MUSCLE_G_PER_ML
    outer, inner = left_ventricle(p, where, 9.0), left_ventricle(p, where, 0.0)
    outer = canvas.organ("lv-myocardium", "lv_outside", outer, room, n["lv_mL"] + muscle_mL)
    canvas.organ("lv-blood", "lv", inner, ["lv-myocardium"], n["lv_mL"])
    left, right = atria(p, where)
    fields, full = [outer], canvas.cover(outer)
    for name, field, wall_mm in (
        ("rv", right_ventricle(p, where), RV_WALL_MM),
        ("la", left, ATRIAL_WALL_MM),
        ("ra", right, ATRIAL_WALL_MM),
    ):
        field = field - canvas.level(name, field, room, n[f"{name}_mL"])
        (field,) = keep(field)
        canvas.put(f"{name}-wall", field - wall_mm, on=room, about=full)
        (full,) = keep(jnp.maximum(full, canvas.cover(field - wall_mm)))
        canvas.put(f"{name}-blood", field, on=[f"{name}-wall"])
        fields.append(field - wall_mm)
    filled = functools.reduce(lambda a, b: smooth_union(a, b, GROOVE_MM * where.h), fields)
    whole, filled = keep(union(*fields), filled)
    return whole, filled
