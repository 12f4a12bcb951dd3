"""A breast on a canvas, hanging or compressed."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural import shapes, trees
from phantomsim.generators.procedural.breast import chest, compression, ducts, gland
from phantomsim.generators.procedural.breast import compartments as cells
from phantomsim.generators.procedural.breast import frame as rest
from phantomsim.generators.procedural.breast.frame import Frame
from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.region import Region
from phantomsim.generators.procedural.shapes import Point

BREAST = {
    "air": "air",
    "skin": "skin",
    "areola": "skin",
    "nipple": "skin",
    "subcutaneous-fat": "breast-fat",
    "retromammary-fat": "breast-fat",
    "interlobular-fat": "breast-fat",
    "gland": "breast-gland",
    "ligaments": "connective-tissue",
    "duct-walls": "connective-tissue",
    "ducts": "breast-gland",
    "lobules": "breast-gland",
    "arteries": "blood",
    "veins": "blood",
    "pectoral-muscle": "muscle",
}
CHEST = {"chest-skin": "skin", "chest-fat": "adipose"} | chest.ORGANS
PLATES = {"chest-skin": "skin", "paddle": "polycarbonate", "support": "carbon"}
FAT = ("subcutaneous-fat", "retromammary-fat", "interlobular-fat")
FILLET_MM = 14.0  # between breast and chest; unverified
WALL_MM = 0.25  # of a duct, unverified
PLATE_MM = 2.5  # thickness of paddle and support; unverified
PLATE_BACK_MM, PLATE_FRONT_MM = 4.0, 25.0  # how far they reach behind the base and beyond the nipple
_LIGAMENT = 0.4  # walls between compartments whose values differ by more are ligaments
_REACH = {"compartments": (26.0, 34.0), "branches": (17.0, 24.0)}  # boxes, hanging and compressed [mm]
_EDGE_MM = 1.3  # of gland, at most
_ENDS = 4.0 / 3.0  # two round ends take as much as a tube so many radii long
_LOBULE_REACH_MM = 4.0


def hanging(canvas: Canvas, n: Numbers) -> None:
    """Paint a breast that hangs from a prone woman's chest."""
    f = rest.frame(n)

    def body(x: jax.Array, y: jax.Array, z: jax.Array) -> jax.Array:
        e = rest.material((x, y, z), f)
        breast = shapes.ellipsoid(e, (0.0, 0.0, 0.0), (f.a, f.c, f.b))
        return shapes.smooth_union(breast, chest.surface(e), FILLET_MM)

    e = _kept(rest.material(canvas.p, f))
    base = shapes.superellipse(e[0], e[2], f.a, f.b, 2.0)
    skin = _skin(canvas, distance(body, canvas.p), canvas.cover(base) * canvas.cover(-e[1]), n)
    canvas.put("chest-skin", -base, on=["skin"])
    canvas.put("chest-fat", -base, on=["subcutaneous-fat"])
    chest.draw(canvas, e, n)
    _inside(canvas, e, f, n, skin, rest.world((0.0 * f.c, f.c, 0.0 * f.c), f), 0)


def compressed(canvas: Canvas, n: Numbers) -> None:
    """Paint a breast between plates."""
    f = rest.frame(n)
    k = compression.plates(f, n["compressed_mm"])
    _, y, z = canvas.p
    behind = compression.BASE_Y_MM - y
    e = _kept(compression.material(canvas.p, f, k))
    level = distance(lambda *p: compression.outline(p, k), canvas.p)
    nipple = compression.world((0.0 * f.c, f.c, 0.0 * f.c), f, k)
    skin = _skin(canvas, level, canvas.cover(behind), n)
    canvas.put("chest-skin", -behind, on=["skin"])
    canvas.put("pectoral-muscle", -behind, on=["subcutaneous-fat"])
    canvas.put("air", n["pectoral_mm"] - behind)  # nothing of the chest is drawn behind it
    _inside(canvas, e, f, n, skin, nipple, 1)
    reach = jnp.maximum(behind - PLATE_BACK_MM, y - nipple[1] - PLATE_FRONT_MM)
    for name, height in (("paddle", z - k.half_mm), ("support", -z - k.half_mm)):
        canvas.put(name, jnp.maximum(reach, jnp.abs(height - 0.5 * PLATE_MM) - 0.5 * PLATE_MM), on=["air"])


def _kept(e: Point) -> Point:
    x, y, z = keep(*e)
    return x, y, z


def _skin(canvas: Canvas, body: jax.Array, breast: jax.Array, n: Numbers) -> jax.Array:
    """Paint fat, and skin on it, so that the breast has its volume in its share of voxels; returns the body's field."""
    body = body - canvas.level("breast", body, breast, n["breast_mL"])
    canvas.put("subcutaneous-fat", body)
    whole, inner = canvas.cover(body), canvas.cover(body + n["skin_mm"])
    shell = jnp.where(whole > 0, 1.0 - inner / jnp.maximum(whole, 1e-6), 0.0)  # of what the body fills
    canvas.put("skin", jnp.full_like(body, -2.0 * canvas.voxel_mm), on=["subcutaneous-fat"], where=shell)
    return body


def _inside(canvas: Canvas, e: Point, f: Frame, n: Numbers, body: jax.Array, nipple: Point, state: int) -> None:
    """Paint what is inside the breast; `state` 0 is hanging, 1 compressed."""
    from_nipple = shapes.moved(canvas.p, nipple)
    away = jnp.sqrt(sum(d * d for d in from_nipple))
    canvas.put("areola", away - 0.5 * n["areola_mm"], on=["skin"])
    r = 0.45 * n["nipple_mm"]
    end = (nipple[0], nipple[1] + n["nipple_height_mm"] - r, nipple[2])
    canvas.put("nipple", shapes.capsule(canvas.p, (nipple[0], nipple[1] - 4.0, nipple[2]), end, r * 1.1, r))

    parts = cells.compartments(canvas, e, n["compartments"], n["compartments_at"], _REACH["compartments"][state])
    inside = gland.envelope(e, f, n)
    field, inside = keep(gland.gland(e, f, n, inside, parts), inside)
    canvas.put("retromammary-fat", e[1] - gland.retromammary_mm(f, n), on=["subcutaneous-fat"])
    canvas.put("interlobular-fat", inside, on=FAT)
    under_skin = canvas.cover(body + n["skin_mm"] + 1.5) * canvas.cover(3.0 - e[1])
    thick = n["ducts"].at[:, 6:].add(WALL_MM)
    units = n["lobules"].at[:, 3:6].add(_ENDS * n["lobules"][:, 6:7] * jnp.array([1.0, 0.0, 0.0]))
    thin = trees.taken(jnp.concatenate([thick, units, n["arteries"], n["veins"]]))
    # Over a wide voxel its detail is no slope: a linear edge would make up to a third more of the least gland.
    steep = jnp.maximum(1.0, canvas.voxel_mm / _EDGE_MM)
    canvas.organ("gland", "gland", field, FAT, n["gland_mL"], where=under_skin, steep=steep, taken=thin)
    wall = canvas.sheet(0.5 * (parts.next_mm - parts.near_mm), n["ligament_mm"])
    canvas.put("ligaments", wall, on=FAT, where=jnp.abs(parts.own - parts.other) > _LIGAMENT)
    _trees(canvas, n, thick, _REACH["branches"][state])


def _trees(canvas: Canvas, n: Numbers, thick: jax.Array, reach_mm: float) -> None:
    soft = (*FAT, "gland", "ligaments")
    for name in ("arteries", "veins"):
        canvas.put(name, trees.branches(canvas, n[name], reach_mm), on=soft)
    canvas.put("lobules", trees.branches(canvas, n["lobules"], _LOBULE_REACH_MM), on=soft)
    canvas.put("duct-walls", trees.branches(canvas, thick, reach_mm), on=(*soft, "nipple", "skin", "areola"))
    canvas.put("ducts", trees.branches(canvas, n["ducts"], reach_mm), on=["duct-walls"])


def distance(level: Callable[..., jax.Array], p: Point) -> jax.Array:
    """About the distance [mm] to where a function of (x, y, z) is zero: its value over its slope."""
    squares = []
    for axis in range(3):

        def along(v: jax.Array, axis: int = axis) -> jax.Array:
            return level(*(v if i == axis else q for i, q in enumerate(p)))

        value, slope = jax.jvp(along, (p[axis],), (jnp.ones_like(p[axis]),))
        squares.append(slope * slope)
    return value / jnp.sqrt(sum(squares) + 1e-4)


def grow_hanging(n: Numbers, key: jax.Array) -> Numbers:
    """Compartments, lobes, ducts and vessels of a hanging breast."""
    f = rest.frame(n)
    return _grow(n, key, f, lambda e: rest.world(e, f))


def grow_compressed(n: Numbers, key: jax.Array) -> Numbers:
    """The same of the same woman, compressed."""
    f = rest.frame(n)
    k = compression.plates(f, n["compressed_mm"])
    return _grow(n, key, f, lambda e: compression.world(e, f, k))


def _grow(n: Numbers, key: jax.Array, f: Frame, world: Callable[[Point], Point]) -> Numbers:
    keys = jax.random.split(key, 5)

    def place(points: jax.Array) -> jax.Array:
        return jnp.stack(world((points[:, 0], points[:, 1], points[:, 2])), 1)

    def placed(rows: jax.Array) -> jax.Array:
        return jnp.concatenate([place(rows[:, :3]), place(rows[:, 3:6]), rows[:, 6:]], 1)

    seeds = cells.points(keys[0], f)
    at = place(seeds)
    order = jnp.argsort(at[:, 2])  # neighbours are drawn one after the other: caches hold them
    ends = ducts.lobes(keys[1], f)
    milk, units = ducts.ducts(keys[2], f, ends, n)
    arteries, veins = ducts.vessels(keys[3], f)
    grown = {"ducts": milk, "lobules": units, "arteries": arteries, "veins": veins}
    return {k: placed(v) for k, v in grown.items()} | {
        "compartments": seeds[order],
        "compartments_at": at[order],
        "lobes": ends,
        "waves": gland.waves(keys[4]),
    }


REGION = Region(BREAST | CHEST, hanging, (52, 48, 52), 4.0, grow=grow_hanging)
COMPRESSED = Region(BREAST | PLATES, compressed, (26, 52, 76), 4.0, grow=grow_compressed)
