"""An abdomen: body wall, spine, ribs, vessels, solid organs, stomach and bowel.

x to the patient's right, y to the front, z up [mm]; z is 0 at the middle of L1, x and y at the middle of the trunk.
Volumes, areas and diameters are covariates with sources in the generator's file; positions and proportions below are
read from cross-sectional anatomy (Standring, Gray's Anatomy, 41st ed., chapters 61-74) and unverified beyond that.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.paint import Numbers, Painter, keep
from phantomsim.generators.procedural.shapes import (
    chain,
    ellipsoid,
    moved,
    smooth_union,
    superellipse,
    tubes,
    turned,
    union,
)

TISSUES = (
    *("air", "adipose", "skin", "muscle", "bone-cortical", "bone-cancellous", "cartilage", "csf", "spinal-cord"),
    *("blood", "lung", "heart", "liver", "bile", "spleen", "kidney", "urine", "adrenal", "pancreas", "stomach"),
    *("bowel", "bowel-content"),
)
PLAN_SHAPE, PLAN_VOXEL_MM = (80, 80, 104), 4.0

WALL_MM = 13.0  # the three flat muscles together
SKIN_MM = 2.0
VERTEBRA_MM, DISC_MM = 35.0, 8.0  # pitch of lumbar vertebrae and disc height
L3_MM = -2 * VERTEBRA_MM  # height of the middle of L3: where fat areas are measured
MUSCLE_L3_CM2, OTHER_L3_CM2 = 140.0, 160.0  # muscle; spine, bowel, kidneys and vessels, at L3


def draw(paint: Painter, n: Numbers) -> None:
    """Paint the patient with covariates and 64 standard normal numbers `wobble`."""
    trunk = _trunk(paint, n)
    _spine(paint, n, trunk)
    _vessels(paint, n, trunk)
    _chest(paint, n, trunk)
    _kidneys(paint, n, trunk)
    _spleen(paint, n, trunk)
    _liver(paint, n, trunk)
    _pancreas(paint, n, trunk)
    _stomach(paint, n, trunk)
    _colon(paint, n, trunk)
    _small_bowel(paint, n, trunk)


def _trunk(paint: Painter, n: Numbers) -> Numbers:
    """Skin, fat and muscle wall; returns the fascia's half axes and field, the spine's place and jitters."""
    x, y, z = paint.p
    area = 100.0 * (n["visceral_fat_cm2"] + MUSCLE_L3_CM2 + OTHER_L3_CM2)
    ratio = 1.33 + 0.04 * n["wobble"][0]
    b = jnp.sqrt(area / (jnp.pi * 1.04 * ratio))  # a superellipse of exponent 2.3 is 1.04 times the ellipse
    a = ratio * b
    around = jnp.pi * (3 * (a + b) - jnp.sqrt((3 * a + b) * (a + 3 * b)))  # Ramanujan 1914
    fat = (jnp.sqrt(around**2 + 400.0 * jnp.pi * n["subcutaneous_fat_cm2"]) - around) / (2 * jnp.pi)
    chest = jnp.clip((z + 30.0) / 100.0, 0.0, 1.0)
    wide = 1.0 + 0.12 * chest * chest * (3.0 - 2.0 * chest)  # the chest is wider than the waist
    fascia = superellipse(x, y, a * wide, b * wide, 2.3)
    (fascia,) = keep(fascia)
    body = superellipse(x, y - 0.1 * fat, a * wide + fat, b * wide + 0.95 * fat, 2.3)
    paint.put("skin", body < 0)
    paint.put("adipose", body < -SKIN_MM)
    paint.put("muscle", fascia < 0)
    alba = (jnp.abs(x) < 3.0) & (y > 0) & (fascia > -0.7 * WALL_MM)
    paint.put("adipose", (fascia < -WALL_MM) | ((fascia < 0) & alba))
    return {"a": a, "b": b, "fascia": fascia, "spine_y": 58.0 - b, "inside": fascia < -WALL_MM}


def _spine(paint: Painter, n: Numbers, t: Numbers) -> None:
    """Vertebrae with cortical shells, discs, canal and cord; psoas, quadratus and the long back muscles."""
    x, y, z = paint.p
    q = (jnp.abs(x), y - t["spine_y"], z)
    half = n["vertebra_width_mm"] / 2
    grow = jnp.clip(0.5 - z / 120.0, 0.0, 1.0)  # the psoas begins at T12 and thickens downwards
    back = superellipse(q[0] - 34.0, q[1] + 36.0, 33.0, 21.0, 2.3)
    psoas = superellipse(q[0] - 38.0, q[1] - 2.0, 5.0 + 15.0 * grow, 6.0 + 17.0 * grow, 2.0)
    quadratus = superellipse(q[0] - 66.0, q[1] + 14.0, 18.0, 9.0, 2.0)
    low = z < 40.0
    paint.put("muscle", (back < 0) | ((union(psoas, quadratus) < 0) & low))
    level = jnp.mod(z + VERTEBRA_MM / 2, VERTEBRA_MM) - VERTEBRA_MM / 2  # height from the nearest vertebra's middle
    tall = jnp.abs(level) - (VERTEBRA_MM - DISC_MM) / 2
    column = superellipse(x, q[1], half, 0.72 * half, 2.4)
    arch = jnp.maximum(
        jnp.abs(superellipse(x, q[1] + half * 0.72 + 10.0, 16.0, 13.0, 2.0)) - 3.5, jnp.abs(level + 3) - 11
    )
    spinous = ellipsoid((x, q[1], level), (0.0, -half * 0.72 - 36.0, -4.0), (4.0, 17.0, 10.0))
    across = ellipsoid((q[0], q[1], level), (35.0, -half * 0.72 - 5.0, 0.0), (20.0, 4.5, 6.0))
    (bone,) = keep(union(jnp.maximum(column, tall), arch, spinous, across))
    paint.put("cartilage", (column < 0) & (tall >= 0))
    paint.put("bone-cortical", bone < 0)
    paint.put("bone-cancellous", (bone < -2.0))
    canal = superellipse(x, q[1] + half * 0.72 + 10.0, 12.0, 9.0, 2.0)
    paint.put("csf", canal < 0)
    cord = superellipse(x, q[1] + half * 0.72 + 10.0, 5.5, 4.0, 2.0)
    paint.put("spinal-cord", (cord < 0) & (z > -20.0))  # the cord ends at L1-L2


def _vessels(paint: Painter, n: Numbers, t: Numbers) -> None:
    """Aorta and inferior vena cava, splitting at L4."""
    x, y, z = paint.p
    front = t["spine_y"] + 0.36 * n["vertebra_width_mm"]
    apart = jnp.maximum(-z - 95.0, 0.0) * 0.5  # below L4 the common iliacs go to the sides
    r = n["aorta_diameter_mm"] / 2 * (1.0 + 0.001 * z)
    aorta = superellipse(jnp.abs(x + 9.0) - apart, y - front - r - 2.0, r, r, 2.0)
    w, d = n["vena_cava_width_mm"] / 2, n["vena_cava_depth_mm"] / 2
    cava = superellipse(jnp.abs(x - 23.0 - 0.05 * z) - apart, y - front - d - 1.0 - 0.12 * jnp.maximum(z, 0), w, d, 2.0)
    paint.put("blood", (union(aorta, cava) < 0) & t["inside"])


def _chest(paint: Painter, n: Numbers, t: Numbers) -> None:
    """Diaphragm, lung bases, heart, ribs."""
    x, y, z = paint.p
    w = n["wobble"]
    side = jnp.where(x > 0, 1.0, -1.0)
    top = jnp.where(x > 0, 112.0, 100.0) + 6.0 * w[1]
    dome = top - 95.0 * (((x - 62.0 * side) / (0.75 * t["a"])) ** 2 + ((y - 8.0) / (0.82 * t["b"])) ** 2)
    (above,) = keep((z - dome) * 0.6)  # about the distance to the steep surface
    fat = paint.of("adipose") & t["inside"]
    paint.put("muscle", fat & (above > 0) & (above < 3.0))
    paint.put("lung", fat & (above >= 3.0) & (jnp.abs(x + 5.0) > 22.0 + 0.3 * jnp.maximum(y, -20.0)))
    heart = ellipsoid(paint.p, (-18.0, 30.0, 142.0), (62.0, 48.0, 46.0))
    paint.put("heart", (heart < 0) & t["inside"] & (above > 3.0))
    (t["below"],) = keep(t["inside"] & (above <= 0))
    slant = z + 0.5 * (y + t["b"])
    ring = jnp.mod(slant, 29.0) - 14.5
    rib = (jnp.sqrt(((t["fascia"] + 0.5 * WALL_MM) / 4.5) ** 2 + (ring / 7.0) ** 2) - 1.0) * 4.5
    reach = y < 0.75 * (z - 10.0)  # the costal margin
    here = (slant > 0) & (reach | (y < 25.0 - t["b"])) & (jnp.abs(x) > 34.0) & paint.of("muscle")
    paint.put("bone-cortical", here & (rib < 0))
    paint.put("bone-cancellous", here & (rib < -1.6))


def _kidneys(paint: Painter, n: Numbers, t: Numbers) -> None:
    """Kidneys with fat and pelvis in the sinus; adrenals on top."""
    w = n["wobble"]
    free = paint.of("adipose") & t["below"]
    for side, name, z0, i in ((1.0, "kidney_right", -28.0, 2), (-1.0, "kidney_left", -14.0, 5)):
        centre = (side * (70.0 + 2 * w[i]), t["spine_y"] + 7.0, z0 + 7.0 * w[i + 1])
        q = turned(moved(paint.p, centre), side * (0.22 + 0.05 * w[i + 2]), (0, 2))
        q = turned(q, side * 0.5, (0, 1))  # the hilum looks forward and inward
        long = n["kidney_length_mm"] / 2
        wide = jnp.sqrt(1.2 * n[f"{name}_mL"] * 750.0 / jnp.pi / long)  # of the ellipsoid with its sinus
        bean = ellipsoid(q, (0.0, 0.0, 0.0), (1.06 * wide, 0.94 * wide, long))
        sinus = ellipsoid(q, (-side * 0.55 * wide, 0.0, 0.0), (0.75 * wide, 0.32 * wide, 0.5 * long))
        paint.organ("kidney", name, jnp.maximum(bean, -sinus), free, n[f"{name}_mL"])
        (bean,) = keep(bean)
        t["below"] = t["below"] & (bean - paint.levels[name] > 0)  # sinus and pelvis are the kidney's own
        t["renal"] = bean if side > 0 else union(t["renal"], bean)
        pelvis = ellipsoid(q, (-side * 0.6 * wide, 0.0, 0.0), (0.45 * wide, 0.16 * wide, 0.25 * long))
        paint.put("urine", (pelvis < 0) & free & paint.of("adipose"))
        gland = ellipsoid(paint.p, (side * 36.0, t["spine_y"] + 18.0, 38.0), (3.5, 13.0, 14.0))
        paint.put("adrenal", (gland < 0) & paint.of("adipose") & t["below"])
    (t["below"],) = keep(t["below"] & (t["renal"] > 4.0))  # fat about the kidneys keeps other organs off


def _spleen(paint: Painter, n: Numbers, t: Numbers) -> None:
    """Spleen, against the left wall behind."""
    w = n["wobble"]
    centre = (-(t["a"] - WALL_MM - 27.0), -0.28 * t["b"], 52.0 + 7.0 * w[8])
    q = turned(turned(moved(paint.p, centre), -0.45, (0, 1)), 0.25, (0, 2))
    body = ellipsoid(q, (0.0, 0.0, 0.0), (24.0, 42.0, 50.0))
    paint.organ("spleen", "spleen", body, paint.of("adipose") & t["below"], n["spleen_mL"])


def _liver(paint: Painter, n: Numbers, t: Numbers) -> None:
    """Liver with hepatic and portal veins; gallbladder."""
    x, y, z = paint.p
    w = n["wobble"]
    lift = 5.0 * w[9]
    right = ellipsoid(paint.p, (0.52 * t["a"], 0.0, 42.0 + lift), (0.62 * t["a"], 0.86 * t["b"], 88.0))
    left = ellipsoid(paint.p, (-18.0 + 8.0 * w[10], 0.42 * t["b"], 62.0 + lift), (78.0, 40.0, 40.0))
    body = smooth_union(right, left, 30.0)
    below = -0.55 * (x - 30.0) * 0.6 - 0.25 * (y - 20.0) * 0.6 - 0.83 * (z + 12.0 - lift)  # the visceral face
    behind = -(y - t["spine_y"] - 22.0) - 0.5 * jnp.maximum(x - 20.0, 0.0)  # ends before the spine
    (field,) = keep(jnp.maximum(jnp.maximum(body, below), behind))
    field = paint.organ("liver", "liver", field, paint.of("adipose") & t["below"], n["liver_mL"])
    root = (24.0, t["spine_y"] + 34.0, 92.0)
    ends = ((0.75 * t["a"], -0.1 * t["b"], 62.0), (0.42 * t["a"], 0.5 * t["b"], 66.0), (-25.0, 0.5 * t["b"], 66.0))
    hilum = (30.0, 0.15 * t["b"], 26.0 + lift)
    doors = ((0.72 * t["a"], 0.05 * t["b"], 34.0 + lift), (-8.0, 0.5 * t["b"], 52.0 + lift))
    veins = [(root, end, 5.5, 2.5) for end in ends] + [(hilum, end, 7.0, 3.0) for end in doors]
    paint.put("blood", (tubes(paint.p, veins) < 0) & (field < -3.0) & paint.of("liver"))
    sac = chain(paint.p, ((46.0, 0.42 * t["b"], -8.0), (34.0, 0.25 * t["b"], 22.0)), (15.0, 7.0))
    paint.organ("bile", "gallbladder", sac, paint.of("adipose", "liver") & t["below"], n["gallbladder_mL"])


def _pancreas(paint: Painter, n: Numbers, t: Numbers) -> None:
    """Pancreas, from the duodenum over the great vessels to the spleen; splenic vein behind it."""
    y0, w = t["spine_y"] + 46.0, n["wobble"]
    points = (
        *((36.0, y0 - 2.0, -24.0), (26.0, y0 + 2.0, -4.0), (0.0, y0 + 14.0, 6.0 + 4 * w[11])),
        *((-36.0, y0 + 6.0, 14.0 + 4 * w[11]), (-78.0, y0 - 30.0, 30.0 + 6 * w[12])),
    )
    free = paint.of("adipose") & t["below"]
    vein = chain(paint.p, [(a, b - 11.0, c + 2.0) for a, b, c in points[1:]], (6.0, 5.5, 4.5, 4.0))
    paint.put("blood", (vein < 0) & free)
    tube = chain(paint.p, points, (14.0, 13.0, 9.0, 10.0, 10.0))
    paint.organ("pancreas", "pancreas", tube, paint.of("adipose") & t["below"], n["pancreas_mL"])


def _filled(paint: Painter, wall: str, field: jax.Array, free: jax.Array, thick_mm: float, gas: jax.Array) -> None:
    """A hollow organ: wall, content, and gas where it rises to."""
    paint.put(wall, free & (field < 0))
    lumen = free & (field < -thick_mm)
    paint.put("bowel-content", lumen)
    paint.put("air", lumen & gas)


def _stomach(paint: Painter, n: Numbers, t: Numbers) -> None:
    w = n["wobble"]
    points = (
        *((-62.0, -0.2 * t["b"], 74.0), (-60.0, 0.25 * t["b"], 40.0)),
        *((-20.0, 0.5 * t["b"], 8.0 + 6 * w[13]), (22.0, 0.4 * t["b"], 6.0)),
    )
    field = chain(paint.p, points, (34.0 + 3 * w[14], 28.0 + 3 * w[15], 19.0, 11.0))
    gas = paint.p[1] > (0.42 + 0.08 * w[16]) * t["b"]
    _filled(paint, "stomach", field, paint.of("adipose") & t["below"], 4.0, gas)


def _colon(paint: Painter, n: Numbers, t: Numbers) -> None:
    """The frame of the colon, with haustra; gas in front."""
    x, y, z = paint.p
    w, side = n["wobble"], t["a"] - WALL_MM - 26.0
    y0 = -0.18 * t["b"]
    right = ((side, y0, -150.0), (side, y0, -40.0), (0.7 * side, 0.45 * t["b"], -34.0))
    across = (right[-1], (0.0, 0.62 * t["b"], -48.0 + 8 * w[17]), (-0.7 * side, 0.5 * t["b"], -14.0))
    left = (across[-1], (-side - 2.0, -0.1 * t["b"], 4.0), (-side - 4.0, -0.25 * t["b"], -150.0))
    haustra = 2.5 * jnp.sin(0.27 * z + w[18]) * jnp.sin(0.24 * x + w[19])
    free = paint.of("adipose") & t["below"]
    for points, r, gas in ((right, 23.0, 0.1), (across, 19.0, 0.0), (left, 15.0, 0.6)):
        field = chain(paint.p, points, (r,) * len(points)) + haustra
        bubbles = jnp.sin(0.045 * (x + z) + 2.0 * w[20]) > gas
        middle = jnp.where(jnp.abs(x) < 0.8 * side, 0.5 * t["b"], y0 + 4.0)
        _filled(paint, "bowel", field, free & paint.of("adipose"), 2.5, bubbles & (y > middle))


def _small_bowel(paint: Painter, n: Numbers, t: Numbers) -> None:
    """Loops of small bowel in the mesentery: a warped gyroid whose level leaves the visceral fat its area at L3."""
    x, y, z = paint.p
    w = n["wobble"]
    k = 2 * jnp.pi / 44.0
    u = k * x + 0.9 * jnp.sin(0.035 * z + w[21]) + 3.0 * w[22]
    v = k * y + 0.9 * jnp.sin(0.040 * x + w[23]) + 3.0 * w[24]
    s = k * z + 0.9 * jnp.sin(0.030 * y + w[25]) + 3.0 * w[26]
    loops = -10.0 * (jnp.sin(u) * jnp.cos(v) + jnp.sin(v) * jnp.cos(s) + jnp.sin(s) * jnp.cos(u))
    fat = paint.of("adipose") & t["below"]
    room = (
        fat
        & (y > t["spine_y"] + 32.0 - 0.004 * x * x + 5.0 * jnp.sin(0.07 * x + w[27]))
        & (z < 0.25 * y - 12.0)
        & (t["fascia"] < -WALL_MM - 3.0)
    )
    at_l3 = jnp.abs(z - L3_MM) < VERTEBRA_MM / 2
    excess = (fat & at_l3).sum() * paint.voxel_mL - n["visceral_fat_cm2"] * VERTEBRA_MM / 10.0
    least, most = 0.15, 0.75  # of the room: loops neither vanish nor fill it
    space = (room & at_l3).sum() * paint.voxel_mL
    volume = jnp.clip(excess, least * space, most * space)
    loops = loops - paint.level("small_bowel_l3", loops, room & at_l3, volume)
    _filled(paint, "bowel", loops, room, 4.0, jnp.zeros((), bool))
