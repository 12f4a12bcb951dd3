"""A head: scalp, skull with diploe, folded brain in its fluid, ventricles, orbits, airways, face and neck.

x to the patient's right, y to the front, z up [mm]; the origin is the middle of the brain case. Brain case, brain and
ventricles get the volumes of the covariates, whose sources are in the generator's file; positions and proportions
below are read from cross-sectional anatomy (Standring, Gray's Anatomy, 41st ed., chapters 22-40) and unverified beyond
that. Folds: sulci are the zero sheets of a random field, widened until the brain has its volume; the cortex lines them.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.paint import Numbers, Painter
from phantomsim.generators.procedural.shapes import (
    Point,
    capsule,
    chain,
    ellipsoid,
    smooth_union,
    superellipse,
    tubes,
    union,
    waves,
)

TISSUES = (
    *("air", "skin", "adipose", "muscle", "soft-tissue", "bone-cortical", "bone-cancellous", "mucosa", "cartilage"),
    *("dura", "csf", "grey-matter", "white-matter", "blood", "spinal-cord", "eye", "lens", "optic-nerve"),
)
PLAN_SHAPE, PLAN_VOXEL_MM = (66, 74, 58), 3.0

SKIN_MM, DURA_MM = 2.0, 1.0
GYRUS_MM = 20.0  # wavelength of the folding field: gyri of about half of it (unverified)
DEPTH_MM = 24.0  # sulci end here
TENTORIUM_Y_MM, TENTORIUM_Z_MM = -8.0, -22.0


def draw(paint: Painter, n: Numbers) -> None:
    """Paint the patient with covariates and 64 standard normal numbers `wobble`."""
    p = (jnp.abs(paint.p[0]), paint.p[1], paint.p[2])  # most structures are alike on both sides
    case = _brain_case(paint, n)
    _outside(paint, p, n, case)
    _skull(paint, p, n, case)
    _face(paint, p, n)
    _orbits(paint, p, n)
    _neck(paint, p, n)
    _brain(paint, p, n, case)


def _brain_case(paint: Painter, n: Numbers) -> jax.Array:
    """Field of the intracranial space, at its volume."""
    w = n["wobble"]
    p = (paint.p[0] * (1.0 + 0.025 * w[0]), paint.p[1] * (1.0 - 0.025 * w[0]), paint.p[2])
    top = ellipsoid(p, (0.0, 0.0, 8.0), (66.0, 84.0, 63.0))
    floor = -(p[2] + 22.0 - 0.28 * jnp.minimum(p[1] + 10.0, 40.0)) * 0.95  # rises towards the forehead
    fossa = ellipsoid(p, (0.0, -40.0, -28.0), (54.0, 40.0, 34.0))
    middle = ellipsoid((jnp.abs(p[0]), p[1], p[2]), (42.0, 12.0, -22.0), (22.0, 30.0, 20.0))
    field = smooth_union(smooth_union(jnp.maximum(top, floor), fossa, 10.0), middle, 6.0)
    return field - paint.level("intracranial", field, jnp.ones(field.shape, bool), n["icv_mL"])


def _outside(paint: Painter, p: Point, n: Numbers, case: jax.Array) -> None:
    """Skin, fat and soft tissue of scalp, face and neck."""
    z = p[2]
    thick = n["skull_mm"] + n["scalp_mm"]
    dome = case - thick
    face = jnp.maximum(superellipse(p[0], p[1] - 32.0, 60.0 + 0.25 * (z + 60.0), 60.0 + 0.1 * (z + 60.0), 2.5), z + 5.0)
    face = jnp.maximum(face, -(z + 118.0 - 0.3 * (40.0 - p[1])))
    neck = jnp.maximum(superellipse(p[0], p[1] + 14.0, 56.0, 60.0, 2.2), z + 40.0)
    nose = ellipsoid(p, (0.0, 92.0, -46.0), (13.0, 20.0, 20.0))
    ear = ellipsoid(p, (80.0, -12.0, -36.0), (5.0, 15.0, 28.0))
    body = smooth_union(smooth_union(smooth_union(smooth_union(dome, face, 14.0), neck, 20.0), nose, 8.0), ear, 5.0)
    paint.put("skin", body < 0)
    paint.put("adipose", body < -SKIN_MM)
    paint.put("soft-tissue", body < -SKIN_MM - 0.35 * n["scalp_mm"])
    chew = ellipsoid(p, (58.0, 22.0, -62.0), (11.0, 24.0, 34.0))
    paint.put("muscle", (chew < 0) & (body < -SKIN_MM - 2.0))


def _skull(paint: Painter, p: Point, n: Numbers, case: jax.Array) -> None:
    """Outer table, diploe, inner table; mastoid cells; frontal sinus; the foramen magnum stays open."""
    bone = n["skull_mm"] * (1.0 + 0.12 * jnp.sin(0.04 * p[1]) - 0.25 * jnp.exp(-(((p[0] - 62.0) / 14.0) ** 2)))
    bone = bone + 4.0 * jnp.clip(-(p[2] + 30.0) / 20.0, 0.0, 1.0)  # the base is thick
    hole = superellipse(p[0], p[1] + 32.0, 15.0, 17.0, 2.0)
    low = p[2] < -45.0
    paint.put("bone-cortical", (case >= 0) & (case < bone) & ~((hole < 0) & low))
    paint.put("bone-cancellous", (case > 0.27 * bone) & (case < 0.73 * bone) & ~((hole < 3.0) & low))
    petrous = ellipsoid(p, (38.0, -12.0, -40.0), (26.0, 9.0, 9.0))
    paint.put("bone-cortical", petrous < 0)
    paint.put("bone-cancellous", petrous < -2.5)
    mastoid = ellipsoid(p, (58.0, -24.0, -50.0), (11.0, 13.0, 18.0))
    paint.put("bone-cortical", mastoid < 0)
    cells = jnp.sin(0.9 * p[0]) * jnp.sin(0.8 * p[1] + 1.0) * jnp.sin(0.85 * p[2])
    paint.put("air", (mastoid < -2.0) & (cells > 0.05))
    sinus = ellipsoid(p, (11.0, 88.0, -12.0), (12.0, 7.0, 11.0 + n["wobble"][1]))
    paint.put("bone-cortical", (sinus < 2.0) & (case >= 0))
    paint.put("air", (sinus < 0) & (case >= 2.0))


def _face(paint: Painter, p: Point, n: Numbers) -> None:
    """Jaws with teeth, cheek bones, nasal cavity, sinuses, throat."""
    x, y, z = p
    upper = jnp.maximum(jnp.abs(superellipse(x, y - 44.0, 27.0, 38.0, 2.2)) - 5.0, jnp.abs(z + 72.0) - 9.0)
    lower = jnp.maximum(jnp.abs(superellipse(x, y - 40.0, 34.0, 45.0, 2.2)) - 6.0, jnp.abs(z + 98.0) - 11.0)
    ramus = capsule(p, (46.0, 18.0, -100.0), (50.0, 6.0, -52.0), 6.0)
    cheek = chain(p, ((30.0, 70.0, -52.0), (50.0, 56.0, -42.0), (63.0, 10.0, -38.0)), (6.0, 6.0, 4.0))
    jaws = union(jnp.maximum(union(upper, lower), 20.0 - y), ramus, cheek)
    paint.put("bone-cortical", jaws < 0)
    paint.put("bone-cancellous", jaws < -2.5)
    for part in (
        ellipsoid(p, (27.0, 58.0, -50.0), (13.0, 16.0, 16.0)),
        ellipsoid(p, (7.0, 24.0, -36.0), (9.0, 11.0, 9.0)),
    ):
        paint.put("bone-cortical", part < 1.5)
        paint.put("air", part < 0)
    nasal = jnp.maximum(superellipse(x, z + 46.0, 14.0, 24.0, 2.5), jnp.abs(y - 62.0) - 34.0)
    paint.put("mucosa", nasal < 0)
    turbinate = jnp.sin(0.32 * (z + 30.0)) * 2.2 + 6.5
    paint.put("air", (nasal < -2.0) & (jnp.abs(x - turbinate) < 2.3))
    paint.put("cartilage", (nasal < 0) & (x < 1.2))
    throat = superellipse(x, y - 22.0, 11.0, 7.0, 2.0)
    paint.put("mucosa", (throat < 2.0) & (z < -34.0))
    paint.put("air", (throat < 0) & (z < -34.0))


def _orbits(paint: Painter, p: Point, n: Numbers) -> None:
    """Orbits with fat, eye and lens, optic nerve and four straight muscles."""
    r = n["eye_diameter_mm"] / 2
    eye = (31.0, 82.0 - r, -28.0)
    cone = union(
        ellipsoid(p, (30.0, 70.0, -28.0), (19.0, 20.0, 17.0)),
        capsule(p, (26.0, 58.0, -28.0), (10.0, 30.0, -26.0), 14.0, 5.0),
    )
    paint.put("bone-cortical", (cone < 2.0) & (p[1] < 74.0))
    paint.put("adipose", (cone < 0))
    apex = (11.0, 31.0, -26.0)
    nerve = capsule(p, (eye[0] - 1.0, eye[1] - r + 1.0, eye[2]), apex, 2.2)
    ways = ((r, 0.0), (-r, 0.0), (0.0, r), (0.0, -r))
    pulls = tubes(p, [((eye[0] + dx, eye[1] - 2.0, eye[2] + dz), apex, 2.2, 2.2) for dx, dz in ways])
    paint.put("muscle", pulls < 0)
    paint.put("optic-nerve", nerve < 0)
    globe = ellipsoid(p, eye, (r, r, r))
    paint.put("eye", globe < 0)
    lens = ellipsoid(p, (eye[0], eye[1] + 0.72 * r, eye[2]), (4.5, 2.0, 4.5))
    paint.put("lens", (lens < 0) & (globe < -1.0))


def _neck(paint: Painter, p: Point, n: Numbers) -> None:
    """Cervical spine, neck muscles, carotid arteries and jugular veins."""
    x, y, z = p
    below = z < -72.0
    back = superellipse(x - 22.0, y + 52.0, 24.0, 20.0, 2.2)
    side = superellipse(x - 44.0, y + 10.0, 11.0, 20.0, 2.0)
    paint.put("muscle", below & (union(back, side) < 0) & paint.of("soft-tissue", "adipose"))
    tall = jnp.abs(jnp.mod(z + 70.0, 17.0) - 8.5) - 6.5
    column = superellipse(x, y + 8.0, 10.0, 8.5, 2.4)
    arch = jnp.abs(superellipse(x, y + 28.0, 13.5, 11.5, 2.0)) - 2.5
    bone = jnp.maximum(union(column, arch), tall)
    paint.put("cartilage", below & (column < 0))
    paint.put("bone-cortical", below & (bone < 0))
    paint.put("bone-cancellous", below & (bone < -2.0))
    canal = superellipse(x, y + 28.0, 11.0, 9.0, 2.0)
    inside = (canal < 0) & (z < -46.0)
    paint.put("csf", inside)
    artery = capsule(p, (26.0, 4.0, -140.0), (24.0, 0.0, -46.0), 3.2)
    vein = capsule(p, (34.0, 0.0, -140.0), (30.0, -8.0, -50.0), 5.0)
    paint.put("blood", (union(artery, vein) < 0) & paint.of("soft-tissue", "adipose", "muscle"))
    cord = superellipse(x, y + 28.0, 6.0, 4.5, 2.0)
    paint.put("spinal-cord", (cord < 0) & (z < -56.0))


def _brain(paint: Painter, p: Point, n: Numbers, case: jax.Array) -> None:
    """Dura, fluid, folded cortex and white matter, nuclei, ventricles, cerebellum, brain stem, sinuses."""
    within = case < 0
    paint.put("dura", within)
    paint.put("white-matter", case < -DURA_MM)
    cavity = case < -DURA_MM
    cerebellum, stem, ventricles = _hind(p), _stem(p), _ventricles(p)
    hind = (union(cerebellum, stem) < 0) & cavity
    sulcus = _sulci(paint.p, p, n, case)
    gap = jnp.where(p[2] < TENTORIUM_Z_MM + 6.0, 1.0, 0.0)  # wider fluid at the base
    fluid = jnp.where(hind, jnp.inf, sulcus - gap)
    below = (p[1] < TENTORIUM_Y_MM) & (p[2] < TENTORIUM_Z_MM - 0.25 * (p[1] + 40.0)) & (jnp.abs(p[0]) < 70.0)
    fluid = jnp.where(below & ~hind, -10.0, fluid)
    amount = n["icv_mL"] * (1.0 - n["brain_fraction"])
    hollow = paint.level("ventricles", ventricles, cavity & ~hind, n["ventricles_mL"])
    within_ventricles = ventricles < hollow
    fluid = jnp.where(within_ventricles, jnp.inf, fluid)
    width = paint.level("sulci", fluid, cavity & ~within_ventricles, amount - n["ventricles_mL"])
    cortex = (fluid < width + n["cortex_mm"]) & (case > -DEPTH_MM - 3.0)
    paint.put("grey-matter", cavity & cortex & ~below)
    _nuclei(paint, p, cavity)
    paint.put("csf", cavity & (fluid < width))
    paint.put("csf", cavity & within_ventricles)
    _paint_hind(paint, p, cerebellum, stem, cavity)
    flap = jnp.abs(p[2] - TENTORIUM_Z_MM + 0.25 * (p[1] + 40.0)) < 0.8
    paint.put("dura", cavity & flap & (p[1] < -30.0) & paint.of("csf"))
    paint.put("dura", cavity & (p[0] < 0.8) & (case > -30.0) & (p[2] > 20.0) & paint.of("csf"))
    sinus = (p[0] < 5.0 + 0.6 * case) & (case > -7.0) & ((p[2] > 10.0) | (p[1] < -60.0)) & cavity
    paint.put("blood", sinus & (p[0] < 6.0))


def _sulci(q: Point, p: Point, n: Numbers, case: jax.Array) -> jax.Array:
    """Distance-like field of the fluid about the hemispheres [mm]: subarachnoid space, sulci, fissures."""
    w = n["wobble"]
    vectors = w[8:50].reshape(14, 3)
    vectors = vectors / (jnp.linalg.norm(vectors, axis=1, keepdims=True) + 1e-3) * (2 * jnp.pi / GYRUS_MM)
    bend = waves(q, vectors, 2.0 * jnp.pi * w[50:64])
    sheet = jnp.abs(bend) * GYRUS_MM / (2 * jnp.pi) / 0.6  # |f| / rms |grad f|, along the steepest direction
    depth = -case - DURA_MM
    taper = 3.0 * jnp.maximum(depth / DEPTH_MM, 0.0) ** 3
    sheet = sheet + taper + jnp.where(depth > DEPTH_MM, 20.0, 0.0)
    callosum = ellipsoid(p, (0.0, -4.0, 4.0), (30.0, 46.0, 26.0))
    fissure = jnp.where(callosum < 0, 20.0, p[0])
    side = ellipsoid(p, (50.0, 6.0 + 2.0 * w[2], -6.0), (17.0, 30.0, 1.5)) + 0.3
    return union(depth, sheet, fissure, side)


def _ventricles(p: Point) -> jax.Array:
    body = chain(
        p,
        ((7.0, 36.0, 4.0), (9.0, 18.0, 16.0), (10.0, -12.0, 20.0), (20.0, -36.0, 10.0), (24.0, -56.0, 6.0)),
        (3.5, 5.0, 4.5, 6.0, 2.5),
    )
    horn = chain(p, ((20.0, -36.0, 10.0), (31.0, -20.0, -10.0), (31.0, -2.0, -16.0)), (5.0, 2.5, 1.5))
    third = ellipsoid(p, (0.0, -4.0, 2.0), (2.2, 14.0, 11.0))
    fourth = ellipsoid(p, (0.0, -32.0, -34.0), (7.0, 5.0, 9.0))
    return union(body, horn, third, fourth)


def _nuclei(paint: Painter, p: Point, cavity: jax.Array) -> None:
    """Thalamus, caudate, putamen and pallidum, hippocampus and amygdala."""
    nuclei = union(
        ellipsoid(p, (11.0, -10.0, 6.0), (8.0, 15.0, 9.0)),
        chain(p, ((13.0, 26.0, 8.0), (16.0, 6.0, 20.0), (19.0, -22.0, 18.0)), (6.0, 3.5, 2.0)),
        ellipsoid((p[0] + 0.22 * p[1], p[1], p[2]), (26.0, 6.0, 2.0), (6.0, 18.0, 10.0)),
        chain(p, ((25.0, 4.0, -18.0), (27.0, -14.0, -16.0), (25.0, -30.0, -6.0)), (7.0, 5.0, 3.5)),
    )
    paint.put("grey-matter", cavity & (nuclei < 0))


def _hind(p: Point) -> jax.Array:
    """Cerebellum: two hemispheres and the vermis."""
    lobe = ellipsoid(p, (25.0, -46.0, -38.0), (28.0, 30.0, 20.0))
    return smooth_union(lobe, ellipsoid(p, (0.0, -48.0, -36.0), (14.0, 24.0, 20.0)), 8.0)


def _stem(p: Point) -> jax.Array:
    return union(
        chain(p, ((5.0, -10.0, -12.0), (3.0, -14.0, -26.0)), (9.0, 12.0)),
        chain(p, ((0.0, -16.0, -30.0), (0.0, -26.0, -48.0), (0.0, -28.0, -70.0)), (14.0, 9.0, 6.0)),
    )


def _paint_hind(paint: Painter, p: Point, cerebellum: jax.Array, stem: jax.Array, cavity: jax.Array) -> None:
    """Cerebellar cortex in folia about a white core; brain stem; fourth ventricle."""
    folia = jnp.sin(0.85 * jnp.sqrt((p[1] + 30.0) ** 2 + (p[2] + 30.0) ** 2)) * 3.0
    paint.put("grey-matter", cavity & (cerebellum < 0))
    paint.put("white-matter", cavity & (cerebellum < -9.0 + folia))
    paint.put("white-matter", (stem < 0) & (cavity | paint.of("csf")))
    fourth = ellipsoid(p, (0.0, -32.0, -34.0), (7.0, 5.0, 9.0))
    paint.put("csf", cavity & (fourth < 0))
