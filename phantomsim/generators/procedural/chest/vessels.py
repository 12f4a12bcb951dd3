"""Great vessels, gullet, windpipe and main bronchi.

Points are (x, away from the front of the spine, z) of the frame of scale 1 [mm] unless they say otherwise; the heart's
are its own. Courses are read from cross-sectional anatomy (Standring, Gray's Anatomy, 41st ed., chapters 56-57) and
unverified beyond that.
"""

from __future__ import annotations

import itertools
import math

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.chest.frame import Frame, spine_front_mm
from phantomsim.generators.procedural.chest.heart import Pose
from phantomsim.generators.procedural.shapes import Number, chain, ellipsoid, tubes, union

ORGANS = {
    "aorta-wall": "muscle",
    "aorta-blood": "blood",
    "arch-branches": "blood",
    "pulmonary-trunk": "blood",
    "systemic-veins": "blood",
    "pulmonary-veins": "blood",
    "oesophagus": "oesophagus",
    "airway-wall": "soft-tissue",
    "airway-lumen": "air",
    "thyroid": "thyroid",
}
AORTIC_WALL_MM = 2.8  # MESA, PMC3766427: mean wall of the ascending aorta
AIRWAY_WALL_MM = 1.6  # of trachea and main bronchi; unverified
CARINA_MM = 58.0
RIGHT_SHARE = 0.45  # of the subcarinal angle: 34.9 of 77.4 degrees (Mi 2015, doi:10.1371/journal.pone.0123177)
RIGHT_MM, LEFT_MM = 13.6, 48.3  # lengths of the main bronchi, the same source
Place = tuple[Number, Number, Number]
Tube = tuple[Place, Place, Number, Number]


def place(f: Frame, x: Number, ahead: Number, z: Number) -> Place:
    """A point of the frame of scale 1, counted from the front of the spine."""
    return x * f.k, spine_front_mm(f, z * f.s) + ahead * f.k, z * f.s


def path(f: Frame, points: list[tuple[float, float, float]], radii: list[Number]) -> list[Tube]:
    at = [place(f, *point) for point in points]
    return [(a, b, r, s) for a, b, r, s in zip(at, at[1:], radii, radii[1:])]


def bronchi(n: Numbers, f: Frame) -> dict[str, Place]:
    """Where trachea and bronchi fork."""
    angle = jnp.deg2rad(n["subcarinal_deg"])
    out = {"carina": place(f, 2.0, 22.0, CARINA_MM)}
    c = out["carina"]
    a, b = RIGHT_SHARE * angle, (1.0 - RIGHT_SHARE) * angle
    long = f.s * RIGHT_MM
    out["right"] = r = (c[0] + long * jnp.sin(a), c[1] - 2.0, c[2] - long * jnp.cos(a))
    out["right-upper"] = (r[0] + 21.0, r[1] - 1.0, r[2] + 3.0)
    out["between"] = m = (r[0] + 24.0 * jnp.sin(a), r[1] - 1.0, r[2] - 24.0 * jnp.cos(a))
    out["right-middle"] = (m[0] + 14.0, m[1] + 11.0, m[2] - 12.0)
    out["right-lower"] = (m[0] + 10.0, m[1] - 8.0, m[2] - 15.0)
    long = f.s * LEFT_MM
    out["left"] = w = (c[0] - long * jnp.sin(b), c[1] - 6.0, c[2] - long * jnp.cos(b))
    out["left-upper"] = (w[0] - 13.0, w[1] + 8.0, w[2] + 2.0)
    out["left-lower"] = (w[0] - 8.0, w[1] - 9.0, w[2] - 13.0)
    return out


def hila(f: Frame, where: Pose) -> dict[str, Place]:
    """Where vessels enter the lobes: arteries, then veins."""
    arteries = {"right-upper": (46, 38, 41), "right-middle": (50, 38, 17), "right-lower": (48, 26, 12)}
    arteries |= {"left-upper": (-46, 34, 46), "left-lower": (-50, 17, 26)}
    out = {f"artery-{lobe}": place(f, *point) for lobe, point in arteries.items()}
    upper, lower = (42.0, -18.0, 42.0), (46.0, -38.0, 10.0)
    out |= {"vein-right-upper": where.at(*upper), "vein-right-lower": where.at(*lower)}
    out |= {
        "vein-left-upper": where.at(-42.0, -18.0, 40.0),
        "vein-left-lower": where.at(-44.0, -38.0, 8.0),
    }
    out["vein-right-middle"] = out["vein-right-upper"]
    return out


def _aorta(n: Numbers, f: Frame, where: Pose) -> list[Tube]:
    """From the valve over the arch to the diaphragm."""
    up, down = n["ascending_aorta_mm"] / 2, n["descending_aorta_mm"] / 2
    arch = 0.5 * (up + down)
    rows: list[Tube] = [(where.at(9.0, 5.0, 22.0), place(f, 14.0, 70.0, 30.0), 0.98 * up, up)]
    rows += path(f, [(14, 70, 30), (17, 58, 55), (9, 44, 79), (-8, 26, 84)], [up, up, 0.95 * arch, 0.92 * arch])
    turns = [beside_spine(n, f, z, turn, wide) for z, turn, wide in _DESCENT]
    bend = place(f, -22.0, 8.0, 70.0)
    rows += [(place(f, -8.0, 26.0, 84.0), bend, 0.92 * arch, 0.95 * arch), (bend, turns[0], 0.95 * arch, down)]
    return rows + [(a, b, down, down) for a, b in itertools.pairwise(turns)]


#: z, angle from the front about the vertebral body [degrees], and the body's width over that of T7.
_DESCENT = ((45.0, 64.0, 0.95), (0.0, 60.0, 1.0), (-60.0, 42.0, 1.13), (-110.0, 24.0, 1.3), (-190.0, 12.0, 1.5))


def beside_spine(n: Numbers, f: Frame, z: float, turn_deg: float, wide: float) -> Place:
    """Middle of the descending aorta, which touches the vertebral body."""
    half = 0.5 * n["vertebra_width_mm"]
    away, turn = half * wide + 0.5 * n["descending_aorta_mm"] + 2.5, math.radians(turn_deg)
    front = spine_front_mm(f, z * f.s) - 0.9 * half
    return -away * math.sin(turn), front + away * math.cos(turn), z * f.s


def _arch_branches(f: Frame) -> list[Tube]:
    """Brachiocephalic trunk, left common carotid and left subclavian artery, with what follows in the neck."""
    rows = path(f, [(11, 44, 80), (22, 36, 112), (30, 32, 140), (26, 30, 190)], [7.5, 6.5, 6.0, 4.0])
    rows += path(f, [(30, 32, 140), (60, 30, 150), (105, 22, 142)], [5.0, 5.0, 4.5])
    rows += path(f, [(-3, 32, 84), (-15, 30, 118), (-24, 30, 190)], [5.0, 4.3, 4.0])
    return rows + path(f, [(-15, 18, 80), (-24, 12, 112), (-44, 18, 140), (-105, 22, 142)], [6.0, 5.3, 5.0, 4.5])


def _pulmonary(n: Numbers, f: Frame, where: Pose) -> list[Tube]:
    """Pulmonary trunk and arteries as far as the lobes."""
    r, gates = n["pulmonary_trunk_mm"] / 2, hila(f, where)
    fork, low = place(f, -15.0, 58.0, 38.0), place(f, -22.0, 80.0, 16.0)
    right, left = place(f, 30.0, 40.0, 34.0), place(f, -36.0, 38.0, 48.0)
    rows: list[Tube] = [(where.at(-13.0, 25.0, 24.0), low, r, r), (low, fork, r, 0.95 * r)]
    rows += [
        (fork, place(f, 4.0, 40.0, 36.0), 0.8 * r, 0.78 * r),
        (place(f, 4.0, 40.0, 36.0), right, 0.78 * r, 0.74 * r),
    ]
    rows += [(fork, left, 0.8 * r, 0.74 * r), (left, gates["artery-left-upper"], 0.55 * r, 0.4 * r)]
    rows += [
        (left, gates["artery-left-lower"], 0.7 * r, 0.55 * r),
        (right, gates["artery-right-upper"], 0.5 * r, 0.4 * r),
    ]
    middle, lower = gates["artery-right-middle"], gates["artery-right-lower"]
    return [*rows, (right, middle, 0.6 * r, 0.3 * r), (right, lower, 0.68 * r, 0.52 * r)]


def _veins(n: Numbers, f: Frame, where: Pose) -> list[Tube]:
    """Venae cavae, the veins behind the manubrium, azygos."""
    r = n["vena_cava_mm"] / 2
    rows = path(f, [(28, 62, 96), (31, 60, 55)], [0.92 * r, r])
    rows.append((place(f, 31.0, 60.0, 55.0), where.at(38.0, 0.0, 24.0), r, r))
    rows += path(
        f, [(28, 62, 96), (0, 66, 99), (-30, 52, 112), (-60, 40, 128), (-110, 30, 136)], [7.0, 6.5, 6.5, 6.0, 5.0]
    )
    rows += path(f, [(28, 62, 96), (38, 48, 116), (62, 38, 128), (110, 30, 136)], [7.0, 7.0, 6.0, 5.0])
    rows += path(f, [(9, 3, -190), (10, 2, 50), (20, 14, 68), (30, 48, 64)], [3.0, 4.0, 4.2, 4.5])
    rows.append((where.at(36.0, -6.0, -28.0), place(f, 26.0, 36.0, -88.0), 1.25 * r, 1.2 * r))
    return rows + path(f, [(26, 36, -88), (24, 26, -190)], [1.2 * r, 1.2 * r])


def _pulmonary_veins(f: Frame, where: Pose) -> list[Tube]:
    h, gates = where.h, hila(f, where)
    starts = {"right-upper": (30.0, -24.0, 24.0), "right-lower": (32.0, -32.0, 12.0)}
    starts |= {"left-upper": (-20.0, -24.0, 26.0), "left-lower": (-20.0, -34.0, 12.0)}
    return [(where.at(*start), gates[f"vein-{lobe}"], 7.5 * h, 6.0 * h) for lobe, start in starts.items()]


def _airways(n: Numbers, f: Frame) -> list[Tube]:
    """Windpipe, main and lobar bronchi: their lumen."""
    forks, r = bronchi(n, f), n["trachea_mm"] / 2
    top, carina = place(f, 1.0, 25.0, 200.0), forks["carina"]
    rows: list[Tube] = [
        (top, carina, r, r),
        (carina, forks["right"], 0.8 * r, 0.78 * r),
        (carina, forks["left"], 0.75 * r, 0.66 * r),
    ]
    rows += [
        (forks["right"], forks["right-upper"], 0.55 * r, 0.5 * r),
        (forks["right"], forks["between"], 0.66 * r, 0.6 * r),
    ]
    rows += [
        (forks["between"], forks[f"right-{lobe}"], 0.55 * r, q * r) for lobe, q in (("middle", 0.4), ("lower", 0.52))
    ]
    rows += [(forks["left"], forks[f"left-{lobe}"], 0.58 * r, 0.52 * r) for lobe in ("upper", "lower")]
    return rows


def before_heart(canvas: Canvas, n: Numbers, f: Frame, where: Pose) -> jax.Array:
    """Paint aorta and gullet, about which the heart moulds itself; returns the field of both."""
    p, soft = canvas.p, ["cavity-fat", "muscle", "muscle-fat"]  # above the ribs they run through the neck
    gullet = chain(p, [place(f, *q) for q in _GULLET], [7.0 * f.k] * len(_GULLET))
    (aorta, gullet) = keep(tubes(p, _aorta(n, f, where)), gullet)
    canvas.put("aorta-wall", aorta, on=soft)
    canvas.put("aorta-blood", aorta + AORTIC_WALL_MM * jnp.clip(-aorta / AORTIC_WALL_MM, 0.3, 1.0), on=["aorta-wall"])
    canvas.put("oesophagus", gullet, on=soft)
    return union(aorta, gullet)


def after_heart(canvas: Canvas, n: Numbers, f: Frame, where: Pose, before: jax.Array) -> jax.Array:
    """Paint the other tubes of the mediastinum; returns the field of all of them."""
    p, room = canvas.p, ["cavity-fat"]
    arms, veins = tubes(p, _arch_branches(f)), tubes(p, _veins(n, f, where))
    trunk, small = tubes(p, _pulmonary(n, f, where)), tubes(p, _pulmonary_veins(f, where))
    (arms, veins, trunk, small) = keep(arms, veins, trunk, small)
    soft = [*room, "muscle", "muscle-fat"]  # above the ribs the vessels run through the neck
    canvas.put("arch-branches", arms, on=soft)
    canvas.put("pulmonary-trunk", trunk, on=room)
    canvas.put("systemic-veins", veins, on=soft)
    canvas.put("pulmonary-veins", small, on=room)
    (air,) = keep(tubes(p, _airways(n, f)))
    high = (150.0 * f.s, 1e4)
    spot = place(f, 0.0, 27.0, 176.0)
    canvas.put(
        "thyroid", lambda: ellipsoid((jnp.abs(p[0]) - 16.0, p[1], p[2]), spot, (8.0, 10.0, 24.0)), on=soft, z_mm=high
    )
    canvas.put("airway-wall", air - AIRWAY_WALL_MM)
    canvas.put("airway-lumen", air, on=["airway-wall"])
    (every,) = keep(union(before, arms, veins, trunk, small, air - AIRWAY_WALL_MM))
    return every


_GULLET = [
    (-2, 9, 200),
    (-4, 9, 100),
    (-2, 9, 58),
    (-4, 10, 20),
    (-6, 12, -20),
    (-10, 20, -60),
    (-14, 30, -84),
    (-34, 40, -104),
]
