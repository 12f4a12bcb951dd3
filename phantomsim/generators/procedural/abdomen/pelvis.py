"""Bones of the pelvis and hips, and the buttocks around them."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.abdomen.wall import CAVITY, TRUNK
from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.common.curves import along
from phantomsim.generators.procedural.shapes import Point, arctan2, brick, capsule, ellipsoid, smooth_union, union

MUSCLES = ("quadratus-lumborum", "psoas", "erector-spinae", "gluteus-maximus", "gluteus-medius", "iliacus")
SIDES = ("left", "right")
SOFT: tuple[str, ...] = (
    *(TRUNK, CAVITY, "rectus-abdominis", "rectus-sheath", "external-oblique", "internal-oblique", "transversus"),
    *("fat-intermuscular", *(f"{m}-{s}" for m in MUSCLES for s in SIDES)),
)
CORTEX_MM = 1.6  # unverified
ARC_MM = 69.0  # radius of the sacral curve; unverified


def pelvis(canvas: Canvas, n: Numbers, f: Numbers) -> None:
    """Paint sacrum, hip bones, femora with their joints, and gluteal muscles."""
    x, y, z = canvas.p
    h, wide = f["h"], f["hip"] / 140.0
    q = (jnp.abs(x) / wide, (y - f["prom_y"]) / h, (z - f["prom"]) / h)  # of a pelvis 280 mm wide, from the promontory
    top = f["prom"] + 66.0 * h
    (wing,) = keep(_wing(q))
    _buttocks(canvas, f, q, wing, top)
    head = n["femoral_head_mm"] / 2 / h
    joint = _ball(q, head)

    def hip() -> jax.Array:
        cup = jnp.maximum(joint - 9.0, -(joint - 3.0))
        bone = smooth_union(wing, union(cup, _lower(q)), 8.0)
        return jnp.maximum(bone, 3.0 - joint)

    span = (-1e4, top)
    pairs = {part: (f"hip-left-{part}", f"hip-right-{part}") for part in ("cortical", "cancellous")}
    canvas.put(pairs["cortical"], hip, on=SOFT, z_mm=span)
    canvas.put(pairs["cancellous"], lambda: hip() + CORTEX_MM, on=pairs["cortical"], z_mm=span)
    canvas.put("symphysis", lambda: _symphysis(q), on=(*SOFT, *pairs["cortical"], *pairs["cancellous"]), z_mm=span)
    _sacrum(canvas, f, q)
    _femur(canvas, q, joint, span)


def _wing(q: Point) -> jax.Array:
    """The ilium: a plate that runs from the sacrum outwards and forwards, widest at the crest."""
    x, y, z = q
    knots = (-88.0, -62.0, -40.0, -8.0, 25.0, 45.0, 58.0)
    x0, y0 = (
        along(z, knots, (62.0, 60.0, 52.0, 46.0, 56.0, 72.0, 92.0)),
        along(z, knots, (10, -4, -32, -40, -34, -24, -8)),
    )
    x1, y1 = (
        along(z, knots, (92.0, 98.0, 112.0, 128.0, 134.0, 130.0, 116.0)),
        along(z, knots, (56, 62, 70, 82, 62, 36, 10)),
    )
    thick = along(z, knots, (11.0, 11.0, 7.5, 5.0, 4.2, 5.0, 5.5))
    dx, dy = x1 - x0, y1 - y0
    long = jnp.sqrt(dx * dx + dy * dy)
    t = ((x - x0) * dx + (y - y0) * dy) / (long * long)
    bow = 7.0 * (1.0 - (2.0 * jnp.clip(t, 0.0, 1.0) - 1.0) ** 2)  # hollow inside
    out = ((x - x0) * dy - (y - y0) * dx) / long - bow
    past = jnp.maximum(jnp.abs(t - 0.5) - 0.5, 0.0) * long
    flat = jnp.sqrt(out * out + past * past + 1e-4) - thick * (0.75 + 0.5 * jnp.abs(2 * t - 1.0).clip(0.0, 1.0))
    return jnp.maximum(flat * 0.92, jnp.maximum(z - 58.0, -88.0 - z) * 0.8)


def _ball(q: Point, head: jax.Array) -> jax.Array:
    """Distance to the femoral head."""
    return jnp.sqrt((q[0] - 89.0) ** 2 + (q[1] - 48.0) ** 2 + (q[2] + 72.0) ** 2 + 1e-4) - head


def _lower(q: Point) -> jax.Array:
    """Ischium and pubis."""
    ischium = capsule(q, (84.0, 28.0, -84.0), (58.0, 14.0, -134.0), 13.0, 14.0)
    above = capsule(q, (74.0, 72.0, -68.0), (12.0, 94.0, -98.0), 9.0, 9.5)
    below = capsule(q, (13.0, 92.0, -108.0), (52.0, 26.0, -136.0), 6.5, 8.0)
    return union(ischium, above, below)


def _symphysis(q: Point) -> jax.Array:
    return jnp.maximum(brick(q[0] - 3.5, jnp.abs(q[1] - 93.0) - 9.0, 2.0), jnp.abs(q[2] + 102.0) - 17.0)


def _sacrum(canvas: Canvas, f: Numbers, q: Point) -> None:
    """Sacrum and coccyx along an arc of a circle, broad above and thin below, with the canal in it."""
    x, y, z = q
    dy, dz = y - 22.0, z + 63.0
    out = jnp.sqrt(dy * dy + dz * dz + 1e-4) - ARC_MM  # positive behind
    s = (arctan2(dz, dy) - 1.9) % (2 * jnp.pi)  # 0 at the promontory, growing downwards
    t = s / 2.15
    t = jnp.where(s > 4.5, 0.0, t)
    thick = along(t, (0.0, 0.35, 0.7, 0.78, 1.0), (17.0, 13.5, 8.5, 7.0, 5.0), 0.03)
    half = along(t, (0.0, 0.12, 0.4, 0.7, 0.78, 1.0), (50.0, 51.0, 40.0, 24.0, 14.0, 8.0), 0.03)
    thick = thick * (1.0 - 0.35 * jnp.clip(x / half, 0.0, 1.0) ** 2)
    ends = jnp.where(s > 4.5, (2 * jnp.pi - s), s - 2.15) * ARC_MM
    bone = jnp.maximum(brick(jnp.abs(out - 4.0) - thick, (x - half) * 0.92, 5.0), ends)
    span = (f["prom"] - 130.0 * f["h"], f["prom"] + 20.0 * f["h"])
    (bone,) = keep(bone)
    hips = tuple(f"hip-{side}-{part}" for side in ("left", "right") for part in ("cortical", "cancellous"))
    canvas.put("sacroiliac-cartilage", bone - 1.5, on=hips, z_mm=span)
    canvas.put("sacrum-cortical", bone, on=(*SOFT, "sacroiliac-cartilage"), z_mm=span)
    canvas.put("sacrum-cancellous", lambda: bone + CORTEX_MM, on=("sacrum-cortical",), z_mm=span)
    canal = jnp.maximum(jnp.sqrt((x / 1.6) ** 2 + (out - 11.0 + 9.0 * t) ** 2 + 1e-4) - 6.5 * (1.0 - t), s - 1.3)
    both = ("sacrum-cortical", "sacrum-cancellous")
    canvas.put("dural-sac", lambda: jnp.maximum(canal, jnp.where(s > 4.5, 9.0, -9.0)), on=both, z_mm=span)


def _femur(canvas: Canvas, q: Point, joint: jax.Array, span: tuple[float, jax.Array]) -> None:
    """Head in its cartilage, neck, greater trochanter and shaft."""

    def bone() -> jax.Array:
        neck = capsule(q, (91.0, 47.0, -74.0), (131.0, 38.0, -104.0), 14.0, 16.0)
        knob = ellipsoid(q, (138.0, 32.0, -98.0), (14.0, 20.0, 22.0))
        shaft = capsule(q, (133.0, 36.0, -112.0), (122.0, 42.0, -420.0), 16.5, 14.0)
        return union(joint, smooth_union(smooth_union(neck, knob, 8.0), shaft, 10.0))

    hips = tuple(f"hip-{side}-{part}" for side in ("left", "right") for part in ("cortical", "cancellous"))
    canvas.put("hip-cartilage", lambda: joint - 3.0, on=(*SOFT, *hips), z_mm=span)
    pairs = {part: (f"femur-left-{part}", f"femur-right-{part}") for part in ("cortical", "cancellous")}
    canvas.put(pairs["cortical"], bone, on=(*SOFT, "hip-cartilage"), z_mm=span)
    canvas.put(pairs["cancellous"], lambda: bone() + 3.0, on=pairs["cortical"], z_mm=span)


def _buttocks(canvas: Canvas, f: Numbers, q: Point, wing: jax.Array, top: jax.Array) -> None:
    """Gluteus maximus behind, medius and minimus on the wing, iliacus in it; fat between."""
    x, y, z = q
    span = (f["prom"] - 150.0 * f["h"], top)
    plane = y + 16.0 + 0.30 * (45.0 - z * 0.5 - x)  # in front of it medius, behind it maximus
    low = jnp.maximum(-150.0 - z, z - 50.0)
    big = jnp.maximum(jnp.maximum(plane, low), 8.0 - x)
    canvas.put(("gluteus-maximus-left", "gluteus-maximus-right"), lambda: big, on=(TRUNK,), z_mm=span)
    outer = jnp.maximum(jnp.maximum(-plane, jnp.maximum(z - 56.0, -120.0 - z)), jnp.maximum(100.0 - x, y - 70.0))
    behind = jnp.maximum(jnp.maximum(-plane, jnp.maximum(z - 56.0, -75.0 - z)), jnp.maximum(55.0 - x, y - 70.0))
    canvas.put(
        ("gluteus-medius-left", "gluteus-medius-right"), lambda: jnp.minimum(outer, behind), on=(TRUNK,), z_mm=span
    )
    gap = jnp.maximum(jnp.abs(plane) - 1.6, jnp.maximum(low, 30.0 - x))
    glutei = ("gluteus-maximus-left", "gluteus-maximus-right", "gluteus-medius-left", "gluteus-medius-right")
    canvas.put("fat-intermuscular", lambda: gap, on=glutei, z_mm=span)
    iliac = jnp.maximum(wing - 11.0, jnp.maximum(z - 50.0, 20.0 - y - 0.9 * (x - 40.0)))
    iliac = jnp.maximum(iliac, -60.0 - z)
    canvas.put(("iliacus-left", "iliacus-right"), lambda: iliac, on=(CAVITY,), z_mm=span)
