"""Spine with discs, canal and cord; ribs with their cartilages; breastbone, collar bones, shoulder blades, humeri."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.chest.frame import (
    Frame,
    back_mm,
    front_mm,
    height_mm,
    pitch_mm,
    spine_front_mm,
    vertebra,
)
from phantomsim.generators.procedural.shapes import Point, ellipsoid, superellipse, tubes, union

ORGANS = {
    "vertebrae-cortical": "bone-cortical",
    "vertebrae-cancellous": "bone-cancellous",
    "discs": "cartilage",
    "csf": "csf",
    "spinal-cord": "spinal-cord",
    **{f"ribs-{side}-{part}": f"bone-{part}" for part in ("cortical", "cancellous") for side in ("left", "right")},
    "costal-cartilage-left": "cartilage",
    "costal-cartilage-right": "cartilage",
    "sternum-cortical": "bone-cortical",
    "sternum-cancellous": "bone-cancellous",
    "xiphoid": "cartilage",
    **{
        f"{bone}-{side}-{part}": f"bone-{part}"
        for bone in ("clavicle", "scapula", "humerus")
        for part in ("cortical", "cancellous")
        for side in ("left", "right")
    },
}
SHELL_MM = 1.0  # Holcombe 2019, doi:10.1111/joa.13045: the ribs' cortex, up to 1.4 mm at the pleura
BODY_SHELL_MM = 0.7  # of vertebral bodies; unverified
RIB_THICK_MM, RIB_HIGH_MM = 3.7, 6.6  # half axes of a rib's section; unverified


def pair(bone: str, part: str) -> tuple[str, str]:
    return f"{bone}-left-{part}", f"{bone}-right-{part}"


def draw(canvas: Canvas, n: Numbers, f: Frame, t: Numbers) -> None:
    """Paint all bones of the chest."""
    spine(canvas, n, f, t)
    canvas.within("ribs", lambda: _ribs(canvas, n, f, t))
    canvas.within("sternum", lambda: _sternum(canvas, n, f, t))
    canvas.within("shoulder girdle", lambda: _girdle(canvas, f, t))


def spine(canvas: Canvas, n: Numbers, f: Frame, t: Numbers) -> None:
    x, y, z = canvas.p
    front = y - spine_front_mm(f, z)
    upright = z + 2.0 * f.bend_per_mm * z * (front + 15.0)  # end plates stand square to the spine
    number = vertebra(f, upright)
    near = jnp.round(number)
    level = upright - height_mm(f, near)
    grown = near - 7.0
    half = 0.5 * n["vertebra_width_mm"] * (1.0 + 0.045 * grown + 0.007 * grown**2)
    deep = 0.5 * n["vertebra_width_mm"] * (0.88 + 0.055 * jnp.minimum(grown, 2.0))
    disc = jnp.maximum(2.7 + 0.45 * (number - 4.5), 2.5) * f.s  # Fletcher 2015, doi:10.1007/s00586-015-3925-y
    waist = 0.06 * half * (1.0 - (2.4 * level / pitch_mm(f, near)) ** 2)
    column = superellipse(x, front + deep, half - waist, deep - 0.5 * waist, 2.3)
    tall = jnp.abs(level) - 0.5 * (pitch_mm(f, near) - disc)
    body = jnp.maximum(column, tall)
    behind = front + 2.0 * deep + 8.5  # from the middle of the canal
    arch = jnp.maximum(jnp.abs(superellipse(x, behind, 12.5, 11.0, 2.0)) - 3.0, jnp.abs(level + 2.0) - 8.5)
    pedicle = jnp.maximum(
        jnp.maximum(jnp.abs(jnp.abs(x) - 11.0) - 3.6, jnp.abs(behind - 6.0) - 8.0), jnp.abs(level - 3.0) - 6.0
    )
    spinous = ellipsoid((x, behind + 24.0, level - 0.55 * (behind + 14.0)), (0.0, 0.0, -2.0), (3.4, 15.0, 8.0))
    across = ellipsoid(
        (jnp.abs(x) - 24.0, behind + 9.0 + 0.45 * (jnp.abs(x) - 20.0), level - 2.0), (0.0, 0.0, 0.0), (13.0, 4.6, 6.0)
    )
    (bone, column) = keep(union(body, arch, pedicle, spinous, across), column)
    t["spine"] = union(column, superellipse(x, behind, 19.0, 15.0, 2.3))  # with what leaves its foramina
    canvas.put("discs", column)
    canvas.put("vertebrae-cortical", bone)
    canvas.put("vertebrae-cancellous", bone + BODY_SHELL_MM)
    canal = superellipse(x, behind, 9.0, 8.0, 2.0)
    canvas.put("csf", canal)
    canvas.put("spinal-cord", superellipse(x, behind, 4.6, 3.6, 2.0))


def _ribs(canvas: Canvas, n: Numbers, f: Frame, t: Numbers) -> None:
    x, y, z = canvas.p
    far, k = jnp.abs(x), f.k
    along = y - back_mm(f, z)  # from the back wall to the front
    slant = 0.52 + 0.05 * f.wobble[8]
    head = z + slant * jnp.maximum(along - 4.0, 0.0) * jnp.clip(along / 60.0, 0.4, 1.0) + 5.0 * f.s
    rough = vertebra(f, head) - 0.0
    joint = (34.0 + 11.0 * (rough - 1.0)) * k  # where bone turns to cartilage, from the median plane
    rise = jnp.clip(0.13 * (rough - 2.5), 0.0, 0.95)
    in_front = t["around"] > 0.25
    lifted = head - jnp.where(in_front, rise * jnp.maximum(joint - far, 0.0), 0.0)
    number = vertebra(f, lifted)
    near = jnp.clip(jnp.round(number), 1.0, 12.0)
    off = lifted - height_mm(f, near)
    ring = t["cage"] - 5.2
    section = (jnp.sqrt((ring / RIB_THICK_MM) ** 2 + (off / RIB_HIGH_MM) ** 2) - 1.0) * RIB_THICK_MM
    reach = jnp.where(near > 11.5, 34.0, jnp.where(near > 10.5, 85.0, 400.0)) * k
    margin = jnp.maximum(16.0 * k, 13.0 + 24.0 * k * (near - 6.6))  # the costal margin
    ends = jnp.maximum(along - reach, jnp.where(in_front, margin - far, 27.0 - far))
    shaft = jnp.maximum(section, ends)
    neck = _segment(far, along, (30.0, -4.5), (15.0, 16.0))
    neck = (jnp.sqrt((neck / 3.8) ** 2 + (off / 5.0) ** 2) - 1.0) * 3.8
    (rib,) = keep(jnp.minimum(shaft, neck))
    gristle = jnp.where(in_front, far - joint, 1e3)  # negative in cartilage
    z_mm = (-1e4, 150.0 * f.s)
    canvas.put(("costal-cartilage-left", "costal-cartilage-right"), jnp.maximum(shaft, gristle), z_mm=z_mm)
    bony = jnp.maximum(rib, -gristle)
    canvas.put(pair("ribs", "cortical"), bony, z_mm=z_mm)
    canvas.put(pair("ribs", "cancellous"), bony + SHELL_MM, on=pair("ribs", "cortical"), z_mm=z_mm)


def _segment(u: jax.Array, v: jax.Array, a: tuple[float, float], b: tuple[float, float]) -> jax.Array:
    """Distance to a segment of a plane."""
    du, dv = b[0] - a[0], b[1] - a[1]
    s = jnp.clip(((u - a[0]) * du + (v - a[1]) * dv) / (du * du + dv * dv), 0.0, 1.0)
    return jnp.sqrt((u - a[0] - s * du) ** 2 + (v - a[1] - s * dv) ** 2 + 1e-6)


def _sternum(canvas: Canvas, n: Numbers, f: Frame, t: Numbers) -> None:
    x, _, z = canvas.p
    top = 95.0 * f.s
    angle = top - 0.87 * n["manubrium_mm"]  # the bone leans: its height is less than its length
    end = angle - 0.95 * n["sternum_mm"]
    up = jnp.clip((z - angle) / (top - angle), 0.0, 1.0)
    down = jnp.clip((angle - z) / (angle - end), 0.0, 1.0)
    half = jnp.where(z > angle, 15.0 + 15.0 * up, 13.0 + 9.0 * down - 9.0 * down**4)
    plate = jnp.maximum(jnp.abs(t["cage"] - 5.8) - 5.0, jnp.abs(x) - half)
    plate = jnp.where(t["around"] > 0, plate, 1e3)
    notch = 0.012 * x * x
    bone = jnp.maximum(plate, jnp.maximum(z - top - notch + 4.0, end - z))
    bone = jnp.maximum(bone, 1.2 - jnp.abs(z - angle))  # the joint between manubrium and body
    xiphoid = jnp.maximum(jnp.maximum(plate + 2.0, jnp.abs(x) - 8.0), jnp.maximum(z - end, end - 28.0 * f.s - z))
    (bone,) = keep(bone)
    canvas.put("xiphoid", jnp.minimum(xiphoid, jnp.maximum(plate, jnp.abs(z - angle) - 1.2)))
    canvas.put("sternum-cortical", bone)
    canvas.put("sternum-cancellous", bone + SHELL_MM)


def _girdle(canvas: Canvas, f: Frame, t: Numbers) -> None:
    """Collar bone, shoulder blade and humerus of raised arms."""
    s, k = f.s, f.k
    q: Point = (jnp.abs(canvas.p[0]), canvas.p[1], canvas.p[2])
    y = back_mm(f, 150.0 * s)
    high = (80.0 * s, 400.0 * s)

    def clavicle() -> jax.Array:
        start = (20.0, front_mm(f, 95.0 * s) + 6.0, 99.0 * s)
        second = (58.0 * k, front_mm(f, 95.0 * s) + 4.0, 110.0 * s)
        third, last = (100.0 * k, y + 62.0 * k, 132.0 * s), (136.0 * k, y + 32.0 * k, 150.0 * s)
        return tubes(q, [(start, second, 9.0, 6.0), (second, third, 6.0, 5.5), (third, last, 5.5, 7.0)])

    def humerus() -> jax.Array:
        head, shaft = (148.0 * k, y + 27.0 * k, 138.0 * s), (154.0 * k, y + 27.0 * k, 170.0 * s)
        return tubes(q, [(head, shaft, 23.0, 13.0), (shaft, (178.0 * k, y + 26.0 * k, 330.0 * s), 12.0, 11.0)])

    for bone, field, shell in (("clavicle", clavicle, 1.5), ("humerus", humerus, 2.0)):
        canvas.put(pair(bone, "cortical"), field, z_mm=high)
        canvas.put(pair(bone, "cancellous"), partial(_deeper, field, shell), z_mm=high)
    _scapula(canvas, f, t, q, y)


def _deeper(field: Callable[[], jax.Array], shell_mm: float) -> jax.Array:
    return field() + shell_mm


def _scapula(canvas: Canvas, f: Frame, t: Numbers, q: Point, y: jax.Array) -> None:
    """A plate on the back of the ribs, its lateral border, its spine with the acromion, and the socket."""
    s, k = f.s, f.k
    z = q[2] / s
    medial, lateral = 60.0 + 0.13 * (112.0 - z), 98.0 + 0.28 * (z + 8.0)
    mask = jnp.maximum(jnp.maximum(medial - q[0] / k, q[0] / k - lateral), jnp.maximum(z - 118.0, -8.0 - z))
    mask = jnp.where(t["around"] < -0.05, mask, 1e3)
    plate = canvas.sheet(t["cage"] - 22.0, 3.5)
    canvas.put(pair("scapula", "cortical"), plate, on=["muscle", "muscle-fat"], where=canvas.cover(mask))

    def ridge() -> jax.Array:
        base, middle = (66.0 * k, y - 8.0 * k, 92.0 * s), (110.0 * k, y - 16.0 * k, 116.0 * s)
        tip, socket = (136.0 * k, y + 4.0 * k, 140.0 * s), (124.0 * k, y + 20.0 * k, 124.0 * s)
        return tubes(q, [(base, middle, 4.0, 6.0), (middle, tip, 6.0, 7.0), (middle, socket, 6.0, 12.0)])

    low = (70.0 * s, 200.0 * s)
    canvas.put(pair("scapula", "cortical"), ridge, on=["muscle", "muscle-fat"], z_mm=low)
    canvas.put(pair("scapula", "cancellous"), lambda: ridge() + 1.5, on=pair("scapula", "cortical"), z_mm=low)
