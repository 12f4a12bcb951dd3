"""The neck: cervical spine with discs, cord and canal, muscles, carotid arteries and jugular veins."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Canvas, Numbers
from phantomsim.generators.procedural.head.organs import pair
from phantomsim.generators.procedural.shapes import Point, capsule, chain, ellipsoid, smooth_union, superellipse, union

PITCH_MM, TOP_MM = 17.0, -62.0  # of cervical vertebrae (unverified); lower face of the skull's base
LOW = -250.0


def neck(canvas: Canvas, n: Numbers) -> None:
    """Paint the neck below the skull."""
    x, y, z = canvas.p
    p = (jnp.abs(x), y + 0.08 * (z + 60.0), z)  # the column leans a little forwards
    _muscles(canvas, p)
    _spine(canvas, p)
    soft = ["soft-tissue", "subcutaneous-fat", "neck-muscles"]
    artery = lambda: chain(p, ((24.0, 8.0, -45.0), (24.0, 4.0, -90.0), (28.0, 8.0, -160.0)), (2.6, 3.2, 3.6))  # noqa: E731
    vein = lambda: chain(p, ((31.0, -4.0, -50.0), (33.0, 0.0, -90.0), (36.0, 8.0, -160.0)), (4.0, 5.5, 6.5))  # noqa: E731
    canvas.put(pair("jugular"), vein, on=soft, z_mm=(LOW, -42.0))
    canvas.put(pair("carotid"), artery, on=[*soft, *pair("jugular")], z_mm=(LOW, -40.0))


def _muscles(canvas: Canvas, p: Point) -> None:
    soft, z_mm = ["soft-tissue"], (LOW, -48.0)

    def back() -> jax.Array:
        deep = superellipse(p[0] - 18.0, p[1] + 52.0, 19.0, 15.0, 2.0)
        outer = superellipse(p[0] - 20.0, p[1] + 66.0 + 0.5 * p[0], 24.0, 6.0, 2.0)
        return jnp.maximum(union(deep, outer), p[2] + 52.0 + 0.3 * (p[1] + 60.0))

    strap = lambda: capsule(p, (56.0, -24.0, -66.0), (28.0, 22.0, -170.0), 9.0, 10.0)  # noqa: E731
    front = lambda: jnp.maximum(superellipse(p[0] - 8.0, p[1] - 4.0, 8.0, 5.0, 2.0), p[2] + 58.0)  # noqa: E731
    side = lambda: jnp.maximum(superellipse(p[0] - 27.0, p[1] + 14.0, 10.0, 13.0, 2.0), p[2] + 76.0)  # noqa: E731
    canvas.put("neck-muscles", lambda: union(union(back(), front()), side()), on=soft, z_mm=z_mm)
    canvas.put(pair("sternocleidomastoid"), strap, on=["soft-tissue", "neck-muscles"], z_mm=z_mm)


def _spine(canvas: Canvas, p: Point) -> None:
    """Bodies and discs, arches, transverse and spinous processes; fluid and cord from the foramen magnum down."""
    x, y, z = p
    z_mm = (LOW, TOP_MM + 6.0)
    level = jnp.mod(z - TOP_MM, PITCH_MM) - PITCH_MM / 2
    below = z - TOP_MM
    column = lambda: jnp.maximum(superellipse(x, y + 11.0, 10.5, 8.5, 2.4), below)  # noqa: E731

    def bone() -> jax.Array:
        body = jnp.maximum(column(), jnp.abs(level) - 5.8)
        arch = jnp.maximum(jnp.abs(superellipse(x, y + 28.0, 13.5, 10.5, 2.2)) - 2.3, jnp.abs(level + 1.0) - 4.5)
        across = ellipsoid((x, y, level), (19.0, -16.0, 0.0), (8.0, 4.5, 4.5))
        spine = capsule((x, y, level), (0.0, -38.0, 0.0), (0.0, -56.0, -3.0), 3.4, 2.6)
        return jnp.maximum(smooth_union(union(body, union(arch, across)), spine, 2.0), below)

    soft = ["soft-tissue", "neck-muscles"]
    canvas.put("discs", column, on=soft, z_mm=z_mm)
    canvas.put("vertebrae", bone, on=["discs", *soft], z_mm=z_mm)
    canvas.put("vertebral-marrow", lambda: bone() + 1.6, on=["vertebrae"], z_mm=z_mm)
    fluid = lambda: jnp.maximum(superellipse(x, y + 28.0, 10.5, 8.0, 2.0), z + 44.0)  # noqa: E731
    canvas.put("spinal-csf", fluid, on=["vertebrae", "vertebral-marrow", *soft], z_mm=(LOW, -40.0))
    cord = lambda: jnp.maximum(superellipse(x, y + 28.0, 6.0, 4.3, 2.0), z + 46.0)  # noqa: E731
    canvas.put("spinal-cord", cord, on=["spinal-csf"], z_mm=(LOW, -40.0))
