"""Courses of the branches of the great vessels, of the portal vein, ureters and bile duct."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.abdomen.frame import spine_y
from phantomsim.generators.procedural.canvas import Number, Numbers
from phantomsim.generators.procedural.common.curves import table, tubes

GROUPS: dict[str, str | tuple[str, str]] = {
    **{f"iliac-{v}": (f"iliac-{v}-left", f"iliac-{v}-right") for v in ("artery", "vein")},
    **{f"renal-{v}": (f"renal-{v}-left", f"renal-{v}-right") for v in ("vein", "artery")},
    **{"ureter": ("ureter-left", "ureter-right"), "portal": "portal-vein", "coeliac": "coeliac-arteries"},
    **{"mesenteric": "mesenteric-arteries", "bile": "bile-duct"},
}
_NOWHERE = (0.0, 0.0, 1e4, 0.0, 0.0, 1e4, 0.1, 0.1)
Place = tuple[Number, Number, Number]


def grow(n: Numbers, f: Numbers) -> Numbers:
    """Tubes by group (see GROUPS), each padded with tubes far away to the length of the longest."""
    found = {
        **{"coeliac": _coeliac(n, f), "mesenteric": _mesenteric(n, f), "ureter": _ureters(n, f), "bile": _bile(n, f)},
        **{"renal-artery": _renal_arteries(n, f), "renal-vein": _renal_veins(n, f), "portal": _portal(n, f)},
        "iliac-artery": _iliac(f, -8.0 * f["h"], _front(n, f) + 8.0, -3.25 * f["pitch"] + 4.0, n["iliac_mm"] / 2, 0.0),
        "iliac-vein": _iliac(
            f, 22.0 * f["h"], _front(n, f) + 4.0, -3.25 * f["pitch"] - 10.0, 0.57 * n["iliac_mm"], -12.0
        ),
    }
    most = max(len(rows) for rows in found.values())
    padded = [jnp.concatenate([found[g], jnp.tile(jnp.array(_NOWHERE), (most - len(found[g]), 1))]) for g in GROUPS]
    return {"vessels": jnp.stack(padded)}


def liver_door(f: Numbers) -> Place:
    """Where the portal vein enters the liver."""
    return 30.0 * f["h"], 0.12 * f["b"] + 4.0, 30.0 * f["h"] + 5.0 * f["w"][9]


def kidney_place(f: Numbers, side: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Middle of the right (1) or left (-1) kidney."""
    w, i = f["w"], 2 if side > 0 else 5
    z = (-0.85 if side > 0 else -0.5) * f["pitch"] + 6.0 * w[i + 1]
    return side * ((64.0 + 2.0 * w[i]) * f["h"] + 0.06 * (f["a"] - 130.0)), spine_y(f, z) + 4.0, z


def _front(n: Numbers, f: Numbers, z: Number | None = None) -> jax.Array:
    """Front of the vertebral bodies at a height (at L2 unless told) [mm]."""
    return spine_y(f, -f["pitch"] if z is None else z) + 0.38 * n["vertebra_width_mm"]


def _tube(per: int, *points: tuple[Number, ...]) -> jax.Array:
    return tubes(table(points), per)


def _coeliac(n: Numbers, f: Numbers) -> jax.Array:
    """Trunk at T12-L1, common hepatic and splenic artery."""
    h, z, r, door = f["h"], 0.42 * f["pitch"], n["coeliac_mm"] / 2, liver_door(f)
    x, y = -8.0 * h, _front(n, f, z) + n["aorta_diameter_mm"] / 2
    fork = (x, y + n["aorta_diameter_mm"] / 2 + 16.0, z - 3.0)
    turn, end = (14.0, fork[1] + 12, z + 2, 0.75 * r), (door[0] - 4, door[1] - 7, door[2] - 8, 0.6 * r)
    hilum = (-(f["chest_a"] - 62.0), spine_y(f, z) + 8.0, 50.0 * h, 0.6 * r)
    bends = ((-34.0, fork[1] - 10, z + 20, 0.8 * r), (-66.0, fork[1] - 36, z + 24, 0.7 * r))
    return jnp.concatenate([_tube(3, (x, y, z, r), (*fork, r), turn, end), _tube(3, (*fork, 0.8 * r), *bends, hilum)])


def _mesenteric(n: Numbers, f: Numbers) -> jax.Array:
    """Superior mesenteric artery from the upper L1, with four of its fan of branches."""
    h, p, r, y = f["h"], f["pitch"], n["sma_mm"] / 2, _front(n, f) + 46.0 * f["h"]
    z, out = 0.12 * p, n["aorta_diameter_mm"] / 2
    start = _front(n, f, z) + out
    stem = ((-8.0 * h, start, z, r), (2.0 - 8.0 * h, start + out + 10, z - 8, r), (4.0, y - 6, -1.2 * p, 0.9 * r))
    rows = [_tube(3, *stem, (16.0, y, -2.2 * p, 0.7 * r), (42.0 * h, y - 2, -3.0 * p, 0.45 * r))]
    for x0, z0, x1, z1 in ((6, -1.3, -70, -1.5), (12, -1.9, -62, -2.7), (14, -2.2, -20, -3.6), (8, -1.4, 70, -1.5)):
        middle = (0.5 * (x0 + x1) * h, y + 11, 0.5 * (z0 + z1) * p, 0.42 * r)
        rows.append(_tube(2, (x0 * h, y - 1, z0 * p, 0.5 * r), middle, (x1 * h, y + 14, z1 * p, 0.3 * r)))
    return jnp.concatenate(rows)


def _renal_arteries(n: Numbers, f: Numbers) -> jax.Array:
    h, z = f["h"], -0.45 * f["pitch"]
    x, y = -8.0 * h, _front(n, f, z) + n["aorta_diameter_mm"] / 2
    rows = []
    for s in (1, -1):
        k = kidney_place(f, s)
        ends = (k[0] - s * 20 * h, k[1] + 4, k[2], 2.4)
        rows.append(_tube(3, (x, y, z, 2.9), (0.5 * (x + k[0]), y - 14 * h, z - 6, 2.8), ends))
    return jnp.concatenate(rows)


def _renal_veins(n: Numbers, f: Numbers) -> jax.Array:
    """The left one crosses in front of the aorta."""
    h, z, y = f["h"], -0.45 * f["pitch"], _front(n, f) + n["vena_cava_depth_mm"] / 2
    x, right, left = 22.0 * h, kidney_place(f, 1), kidney_place(f, -1)
    over = (-6.0 * h, _front(n, f, z) + n["aorta_diameter_mm"] + 5.0, z + 4, 4.0)
    end = (right[0] - 17 * h, right[1] + 9, right[2] + 3, 4.0)
    short = _tube(3, (x, y, z, 5.0), (0.6 * x + 0.4 * right[0], y, z - 5, 5.0), end)
    half, end = (0.5 * (left[0] - 8.0 * h), y - 2.0, z + 2, 5.0), (left[0] + 17 * h, left[1] + 9, left[2] + 3, 4.0)
    return jnp.concatenate([short, _tube(3, (x, y, z + 4, 5.0), over, half, end)])


def _iliac(f: Numbers, x0: Number, y0: Number, z0: Number, r: Number, back: float) -> jax.Array:
    """Common, external and internal iliac vessels of both sides."""
    h, wide, z, y = f["h"], f["hip"] / 140.0, f["prom"], f["prom_y"]
    rows = []
    for s in (1, -1):
        fork = (s * 50 * wide, y + 28 * h + back, z - 24 * h)
        common = ((x0, y0, z0, r), (0.4 * x0 + s * 24 * wide, y + 31 * h + back, z + 8, r), (*fork, r))
        brim = (s * 66 * wide, y + 56 * h + 0.6 * back, z - 50 * h, 0.75 * r)
        groin = (s * (74 + 0.8 * back) * wide, y + 90 * h + 0.3 * back, z - 84 * h, 0.75 * r)
        thigh = (s * (80 + 0.8 * back) * wide, y + 92 * h + 0.3 * back, z - 130 * h, 0.75 * r)
        inner = ((s * 52 * wide, y - 4 * h + back, z - 48 * h), (s * 50 * wide, y - 14 * h + back, z - 76 * h))
        rows.append(_tube(3, *common, brim, groin, thigh))
        rows.append(_tube(2, (*fork, 0.7 * r), (*inner[0], 0.6 * r), (*inner[1], 0.4 * r)))
    return jnp.concatenate(rows)


def _portal(n: Numbers, f: Numbers) -> jax.Array:
    """Portal vein from behind the pancreas' neck, superior mesenteric and splenic vein."""
    h, p, r, y, door = f["h"], f["pitch"], n["portal_vein_mm"] / 2, _front(n, f), liver_door(f)
    meet = (14.0 * h, y + 34.0 * h, 0.02 * p)
    between = tuple(0.6 * a + 0.4 * b for a, b in zip(meet, door, strict=True))
    low = ((18.0 * h, y + 42 * h, -p, 0.72 * r), (26.0 * h, y + 46 * h, -2.1 * p, 0.6 * r))
    side = ((-14.0, y + 29 * h, 0.1 * p, 0.55 * r), (-46.0 * h, y + 10 * h, 0.38 * p, 0.5 * r))
    hilum = (-(f["chest_a"] - 66.0), spine_y(f, 0.4 * p) + 8, 48.0 * h, 0.45 * r)
    up = _tube(2, (*meet, r), (*between, r), (*door, r))
    down = _tube(4, (*meet, 0.72 * r), *low, (50 * h, y + 44 * h, -3 * p, 0.4 * r))
    return jnp.concatenate([up, down, _tube(4, (*meet, 0.55 * r), *side, hilum)])


def _bile(n: Numbers, f: Numbers) -> jax.Array:
    h, p, y, door = f["h"], f["pitch"], _front(n, f), liver_door(f)
    up = ((door[0] + 6, door[1] + 4, door[2] - 4, 2.6), (34.0 * h, door[1] + 2, 6.0, 2.9))
    return _tube(3, *up, (33.0 * h, y + 24 * h, -0.6 * p, 2.4), (38.0 * h, y + 22 * h, -1.0 * p, 1.8))


def _ureters(n: Numbers, f: Numbers) -> jax.Array:
    h, z, y, low = f["h"], f["prom"], f["prom_y"], -2.0 * f["pitch"]
    rows = []
    for s in (1, -1):
        k = kidney_place(f, s)
        top = ((k[0] - s * 21 * h, k[1] + 6, k[2] - 6, 3.2), (s * 42 * h, spine_y(f, low) + 26, low, 1.8))
        brim = ((s * 40 * h, y + 38 * h, z + 10, 1.8), (s * 54 * h, y - 2 * h, z - 50 * h, 1.7))
        end = ((s * 40 * h, y + 30 * h, z - 92 * h, 1.7), (s * 22 * h, y + 52 * h, z - 86 * h, 1.6))
        rows.append(_tube(4, *top, *brim, *end))
    return jnp.concatenate(rows)
