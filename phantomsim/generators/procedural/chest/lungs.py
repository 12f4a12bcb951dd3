"""Lungs: five lobes about the mediastinum, fissures, and the trees of airways and vessels that fill the lobes."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural import trees
from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.chest.frame import Frame, back_mm, cage, dome, front_mm, right, spine_front_mm
from phantomsim.generators.procedural.shapes import Point, ellipsoid, sine, smooth_union

LOBES = {"left": ("upper", "lower"), "right": ("upper", "middle", "lower")}
ALL = tuple(f"lung-{side}-{lobe}" for side in ("left", "right") for lobe in LOBES[side])
ORGANS = {
    **dict.fromkeys(ALL, "lung"),
    "fissures": "connective-tissue",
    **{f"{kind}-{side}": "blood" for kind in ("arteries", "veins") for side in ("left", "right")},
    **{f"bronchi-{side}-wall": "soft-tissue" for side in ("left", "right")},
    **{f"bronchi-{side}-lumen": "air" for side in ("left", "right")},
}
PLEURA_MM = 1.0
FISSURE_MM = 0.6  # two layers of visceral pleura; unverified
LONG_MM, SHORT_MM = 92.0, 56.0  # no branch of the first three generations, and of later ones, is longer


def oblique(f: Frame, p: Point) -> jax.Array:
    """Field [mm] of what lies below the oblique fissure: from T4 behind to the sixth rib in front."""
    x, y, z = p
    lean = 0.86 + 0.06 * f.wobble[11] + jnp.where(x > 0, 0.0, 0.12)
    bend = 5.0 * sine(0.022 * x / f.k + f.wobble[12]) + 0.0011 * (jnp.abs(x) - 60.0) ** 2
    plane = z - 66.0 * f.s + lean * (y - back_mm(f, z)) * f.s / f.k + bend
    ahead = y - front_mm(f, z) + 42.0 * f.k  # middle lobe and lingula reach the diaphragm in front
    return jnp.maximum(plane / jnp.sqrt(1.0 + lean * lean), 0.9 * ahead)


def horizontal(f: Frame, p: Point) -> jax.Array:
    """Field [mm] of what lies below the horizontal fissure, at the fourth costal cartilage."""
    return p[2] - 12.0 * f.s + 0.1 * (p[1] - 40.0) + 4.0 * sine(0.03 * p[0] + f.wobble[13])


def septum(f: Frame, p: Point) -> jax.Array:
    """Field [mm] of the mediastinum where it holds nothing large: thin in front, as wide as the spine behind.

    Fat fills the corners between heart, breastbone and diaphragm.
    """
    z = (p[2] + f.drop_mm) / f.s
    wide = 4.0 + 11.0 * jax.nn.sigmoid((25.0 * f.k - p[1]) / 10.0)
    corners = 16.0 * jax.nn.sigmoid((-8.0 - z) / 6.0) + 7.0 * jax.nn.sigmoid((-66.0 - z) / 6.0)
    wide = wide + corners * jax.nn.sigmoid((p[1] - 8.0 * f.k) / 6.0)
    return jnp.abs(p[0] + 2.5 * f.k) - wide * f.k


def _hila(f: Frame, p: Point) -> jax.Array:
    """Field [mm] of the fat between the vessels of both hila, where no lung creeps in."""
    y = spine_front_mm(f, 28.0 * f.s)
    right_one = ellipsoid(p, (23.0 * f.k, y + 37.0 * f.k, 18.0 * f.s), (19.0, 34.0 * f.k, 33.0 * f.s))
    left_one = ellipsoid(p, (-30.0 * f.k, y + 30.0 * f.k, 34.0 * f.s), (14.0, 22.0 * f.k, 24.0 * f.s))
    return jnp.minimum(right_one, left_one)


def draw(canvas: Canvas, n: Numbers, f: Frame, t: Numbers) -> Numbers:
    """Paint lobes, fissures and trees; returns the field of the chest above the diaphragm."""
    p = canvas.p
    middle = smooth_union(septum(f, p), t["spine"] - 4.0, 8.0)
    middle = jnp.minimum(middle, _hila(f, p))
    middle = smooth_union(middle, jnp.minimum(t["heart"] - 1.5, t["tubes"] - 2.0), 7.0)
    above = dome(f, p)
    (above, lung) = keep(above, jnp.maximum(t["cage"] + PLEURA_MM, -middle))
    share, is_right = right(f, p[0]), (p[0] > 0).astype(jnp.float32)
    part = n["right_lung_share"]
    volumes = {"right": part * n["lung_mL"], "left": (1.0 - part) * n["lung_mL"]}
    sides = {"right": is_right, "left": 1.0 - is_right}
    free = canvas.of("cavity-fat") * canvas.cover(lung)
    levels = {s: canvas.level(f"lung_{s}", above, free * sides[s], volumes[s]) for s in sides}
    (above,) = keep(above - share * levels["right"] - (1.0 - share) * levels["left"])
    upper = ("lung-left-upper", "lung-right-upper")
    canvas.put(upper, jnp.maximum(lung, above), on=["cavity-fat"])
    low = oblique(f, p)
    shares = {"right": n["right_lower_share"], "left": n["left_lower_share"]}
    cuts = {s: canvas.level(f"lower_{s}", low, canvas.of(f"lung-{s}-upper"), shares[s] * n["lung_mL"]) for s in sides}
    (low,) = keep(low - is_right * cuts["right"] - (1.0 - is_right) * cuts["left"])
    canvas.put(("lung-left-lower", "lung-right-lower"), low, on=upper)
    flat = horizontal(f, p)
    flat = flat - canvas.level(
        "middle_lobe", flat, canvas.of("lung-right-upper"), n["right_middle_share"] * n["lung_mL"]
    )
    canvas.put("lung-right-middle", flat, on=["lung-right-upper"])
    canvas.within("fissures", lambda: _fissures(canvas, low, flat))
    canvas.within("lung trees", lambda: _trees(canvas, n))
    return {"above": above}


def _fissures(canvas: Canvas, low: jax.Array, flat: jax.Array) -> None:
    canvas.put("fissures", canvas.sheet(low, FISSURE_MM), on=ALL)
    canvas.put("fissures", canvas.sheet(flat, FISSURE_MM), on=["lung-right-middle", "lung-right-upper"])


def _trees(canvas: Canvas, n: Numbers) -> None:
    room, blood = [*ALL, "fissures", "cavity-fat"], []
    for kind in ("veins", "arteries"):
        canvas.put((f"{kind}-left", f"{kind}-right"), _branches(canvas, n, kind), on=room)
        blood += [f"{kind}-left", f"{kind}-right"]
    walls = ("bronchi-left-wall", "bronchi-right-wall")
    canvas.put(walls, _branches(canvas, n, "walls"), on=[*room, *blood])
    canvas.put(("bronchi-left-lumen", "bronchi-right-lumen"), _branches(canvas, n, "bronchi"), on=walls)


def _branches(canvas: Canvas, n: Numbers, name: str) -> jax.Array:
    """Field of a tree: the long branches in large boxes, the many short ones in small boxes."""
    long, short = (
        trees.branches(canvas, n[f"{name}-{size}"], reach) for size, reach in (("long", LONG_MM), ("short", SHORT_MM))
    )
    return jnp.minimum(long, short)


def inside(n: Numbers, f: Frame, p: Point, heart: jax.Array) -> dict[str, jax.Array]:
    """About where each lobe lies before any level is solved (bool), 7 mm within its borders."""
    edge = 7.0
    lung = jnp.maximum(jnp.maximum(cage(f, p), dome(f, p)), jnp.maximum(-septum(f, p) + 10.0, 4.0 - heart)) < -edge
    low, flat, is_right = oblique(f, p), horizontal(f, p), p[0] > 0
    out = {f"{s}-lower": lung & (is_right == (s == "right")) & (low < -edge) for s in ("left", "right")}
    out["left-upper"] = lung & ~is_right & (low > edge)
    out["right-upper"] = lung & is_right & (low > edge) & (flat > edge)
    out["right-middle"] = lung & is_right & (low > edge) & (flat < -edge)
    return out
