"""Liver with portal and hepatic vein trees; gallbladder and bile duct."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural import trees
from phantomsim.generators.procedural.abdomen.branches import Place, liver_door
from phantomsim.generators.procedural.abdomen.frame import spine_y
from phantomsim.generators.procedural.abdomen.thorax import dome
from phantomsim.generators.procedural.abdomen.wall import CAVITY
from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.shapes import Point, capsule, ellipsoid, sine, smooth_cut, smooth_union

DEPTH = 6  # generations of forks of a tree
LONG_MM = 110.0  # of the first branches with their radii
TWIG_MM = 48.0
SEEDS, KEPT = 6144, 512
STEEP = 2.0


def shape(p: Point, n: Numbers, f: Numbers) -> tuple[jax.Array, jax.Array]:
    """Field of the liver before its volume is known [mm], and how steep it is [1].

    It is `STEEP` times steeper where the diaphragm and the belly's wall bound it: its volume comes and goes with the
    visceral face, while it fills its dome.
    """
    x, y, z = p
    w, h, a, b = f["w"], f["h"], f["chest_a"], f["chest_b"]
    lift = 5.0 * w[9]
    right = ellipsoid(p, (0.50 * a, -4.0, 34.0 * h + lift), (0.62 * a, 0.90 * b, 90.0 * h))
    left = ellipsoid(p, (-22.0 + 9.0 * w[10], 0.40 * b, 68.0 * h), (82.0 * h, 46.0, 40.0))
    body = smooth_union(right, left, 34.0)
    tilt = 0.52 + 0.05 * w[29]
    below = -tilt * 0.62 * (x - 34.0) - 0.22 * (y - 20.0) - 0.80 * (z - 2.0 - lift - 4.0 * w[30])  # the visceral face
    below = below + 2.2 * sine(0.045 * x + w[31]) * sine(0.05 * y + w[32])
    behind = (
        spine_y(f, z) + 23.0 - y - 0.5 * jnp.maximum(x - 22.0, 0.0) + 1.6 * jnp.maximum(12.0 - x, 0.0)
    )  # ends before the spine
    bounds = smooth_cut(body, behind, 10.0)
    steep = 1.0 + (STEEP - 1.0) * jnp.clip((STEEP * bounds - below) / 24.0 + 0.5, 0.0, 1.0)
    return smooth_cut(STEEP * bounds, below, 24.0), steep


def grow(n: Numbers, f: Numbers, key: jax.Array) -> Numbers:
    """Both trees, from points spread over the liver."""
    a, b, h = f["chest_a"], f["chest_b"], f["h"]
    low, high = jnp.array([-0.75, -1.0, -0.75]), jnp.array([1.1, 1.0, 1.2])
    u = jax.random.uniform(key, (SEEDS, 3)) * (high - low) + low
    p = (u[:, 0] * a, u[:, 1] * b, u[:, 2] * 100.0 * h)
    field = jnp.maximum(shape(p, n, f)[0], STEEP * (p[2] - dome(f, p[0], p[1])) * 0.62)
    points = jnp.stack(p, 1)[jnp.argsort(field)[:KEPT]]
    door = liver_door(f)
    y_cava = spine_y(f, jnp.float32(78.0)) + 0.38 * n["vertebra_width_mm"] + 34.0 * h
    root = (24.0 * h, y_cava, 84.0 * h)
    r = 0.36 * n["portal_vein_mm"]
    portal = trees.grow(points, door, r, DEPTH, 0.6)
    hepatic = trees.grow(jax.random.permutation(jax.random.fold_in(key, 1), points), root, 0.95 * r, DEPTH, 0.6)
    return {"portal-tree": portal, "hepatic-tree": hepatic}


def liver(canvas: Canvas, n: Numbers, f: Numbers) -> None:
    """Paint the liver, then its trees; the gallbladder in its bed."""
    h, door = f["h"], liver_door(f)
    field, steep = shape(canvas.p, n, f)
    bed = capsule(
        canvas.p, (door[0], door[1] - 2.0, door[2] - 18.0), (door[0] + 2, door[1] + 3, door[2] - 2.0), 11.0, 8.0
    )
    notch = jnp.minimum(jnp.minimum(bed, _cleft(canvas.p, f)), _barred(canvas.p, f))
    (field, steep, notch) = keep(field, steep, notch)
    free = canvas.of(CAVITY) * (1.0 - canvas.cover(notch))
    level = canvas.level("liver", field, free, n["liver_mL"])
    (field,) = keep(jnp.maximum((field - level) / steep, -notch))
    canvas.put("liver", field, on=(CAVITY,))
    _trees(canvas, n, h)
    sac = _sac(canvas.p, f, door)
    canvas.organ("gallbladder", "gallbladder", sac, (CAVITY, "liver"), n["gallbladder_mL"])


def _cleft(p: Point, f: Numbers) -> jax.Array:
    """Fat about the round ligament: aslant, a little bent, and tapering to its end (unverified)."""
    x, y, z = p
    h, w = f["h"], f["w"]
    along, up = y - 0.70 * f["b"], z - 22.0 * h
    deep = jnp.sqrt(along**2 + up**2 + 1.0) - 24.0
    middle = 9.0 * h + (0.25 + 0.1 * w[31]) * along + 1.5 * sine(0.14 * along + 0.1 * up + w[32])
    half = 2.2 * jnp.sqrt(jnp.clip(-deep / 24.0, 0.0, 1.0))
    return jnp.maximum(jnp.abs(x - middle) - half, deep)


def _barred(p: Point, f: Numbers) -> jax.Array:
    """Where no liver is, however large: beside the aorta, left of it behind, and far below its door in the middle.

    Distances are those that keep it in one piece in 200 patients; unverified otherwise.
    """
    x, y, z = p
    h = f["h"]
    behind = jnp.maximum(y - spine_y(f, z) - 30.0 * h, x - 20.0 * h)
    below = z + 25.0 * h + 0.8 * jnp.maximum(x - 30.0 * h, 0.0)
    return jnp.minimum(behind, below)


def _trees(canvas: Canvas, n: Numbers, h: jax.Array) -> None:
    rows = jnp.stack([n["hepatic-tree"], n["portal-tree"]])
    names = ("hepatic-veins", "portal-branches")
    tubes = lambda r: jnp.minimum(trees.branches(canvas, r[:15], LONG_MM), trees.branches(canvas, r[15:], TWIG_MM))  # noqa: E731
    span = (-90.0 * h, 125.0 * h)
    canvas.puts(names, rows, tubes, on=("liver",), z_mm=span)


def _sac(p: Point, f: Numbers, door: Place) -> jax.Array:
    x, y, z = door
    fundus = (x + 20.0 + 3.0 * f["w"][33], y + 0.42 * f["b"], z - 34.0)
    return capsule(p, (x + 6.0, y + 8.0, z - 10.0), fundus, 5.0, 14.0)
