"""The brain: dura, fluid, folded cortex and white matter, cerebellum, brain stem, venous sinuses.

Folds: sulci are the zero sheets of a narrow-band random field that lives on the brain's surface and is carried inwards
along rays, so that they stand upright on it, as deep as a second field says. The fluid in them is widened until the
brain has its volume; the cortex lines them.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Canvas, Numbers, keep
from phantomsim.generators.procedural.shapes import (
    Point,
    arctan2,
    capsule,
    chain,
    ellipsoid,
    sine,
    smooth_union,
    superellipse,
    union,
    waves,
)

DURA_MM = 0.7  # 0.3 to 0.8 mm (unverified)
GYRUS_MM = 23.0  # wavelength of the folding field at the surface: a gyrus is about half of it (unverified)
DEPTH_MM, DEPTH_SD_MM = 15.0, 5.0  # of sulci (unverified)
STEM = ((0.0, -14.0, 0.0), (0.0, -13.0, -26.0), (0.0, -24.0, -46.0), (0.0, -28.0, -70.0))  # midbrain to cord
PEDUNCLE_MM = 4.0  # within the cerebellum (unverified)
LOST = 1.03  # of the cerebellum to the fluid about it
BRAIN = ["cerebral-white-matter", "cerebral-cortex", "cerebellar-cortex", "cerebellar-white-matter", "brain-stem"]


class Spaces(NamedTuple):
    """Fields [mm] that the brain is made from: the space under the tentorium, cerebellum, brain stem, all fluid."""

    under: jax.Array
    cerebellum: jax.Array
    stem: jax.Array
    fluid: jax.Array


def brain(canvas: Canvas, n: Numbers, case: jax.Array) -> None:
    """Paint what the brain case holds, but for ventricles and nuclei."""
    p = (jnp.abs(canvas.p[0]), canvas.p[1], canvas.p[2])
    cavity = case + DURA_MM
    spaces = _spaces(canvas, p, n, case)
    brain_mL = n["icv_mL"] * n["brain_fraction"] + n["ventricles_mL"]
    room = canvas.cover(cavity) if canvas.solve else cavity
    width = -canvas.level("brain", -spaces.fluid, room, brain_mL)
    canvas.put("dura", case)
    canvas.put("cerebral-white-matter", cavity)
    cortex = jnp.maximum(spaces.fluid - jnp.maximum(width, 0.0) - n["cortex_mm"], cavity)
    canvas.put("cerebral-cortex", cortex, on=["cerebral-white-matter"])
    _hind(canvas, p, spaces)
    canvas.put("csf", jnp.maximum(spaces.fluid - width, cavity), on=BRAIN)
    _partitions(canvas, p, n, case)


def _spaces(canvas: Canvas, p: Point, n: Numbers, case: jax.Array) -> Spaces:
    under = jnp.maximum(0.85 * (p[2] - _tentorium(p)), 0.84 * (p[1] - 4.0 + 0.65 * p[0]))
    lobes = ellipsoid(p, (25.0, -50.0, -30.0), (34.0, 33.0, 30.0))
    vermis = ellipsoid(p, (0.0, -46.0, -26.0), (13.0, 27.0, 26.0))
    stem = union(
        chain((0.8 * p[0], p[1], p[2]), STEM, (9.0, 12.5, 7.5, 5.5)),
        capsule(p, (8.0, -8.0, -6.0), (5.0, -8.0, -20.0), 6.0),
        capsule(p, (8.0, -18.0, -28.0), (18.0, -34.0, -31.0), 7.5),
    )
    lobed = jnp.maximum(jnp.maximum(smooth_union(lobes, vermis, 8.0), under + 1.2), case + 2.2)
    cerebellum = lobed - canvas.level("cerebellum", lobed, _but(canvas, case + 0.8, stem), LOST * n["cerebellum_mL"])
    cistern = union(
        ellipsoid(p, (0.0, 2.0, -24.0), (16.0, 17.0, 9.0)), ellipsoid(p, (0.0, -12.0, -42.0), (24.0, 18.0, 24.0))
    )
    cistern = union(cistern, ellipsoid(p, (0.0, -32.0, 2.0), (11.0, 6.0, 7.0)))
    fluid = union(_folds(canvas, p, n, case), jnp.maximum(cistern, case), under)
    fluid = jnp.maximum(fluid, -union(cerebellum, stem))
    return Spaces(*keep(under, cerebellum, stem, fluid))


def _but(canvas: Canvas, space: jax.Array, taken: jax.Array) -> jax.Array:
    """Share of each voxel in a space that something else has not taken."""
    return canvas.cover(space) * (1.0 - canvas.cover(taken))


def _tentorium(p: Point) -> jax.Array:
    """Height of the tent [mm]: a ridge over the vermis that falls to the sides and to the back."""
    return 1.0 - 0.5 * p[0] - 0.4 * jnp.maximum(-45.0 - p[1], 0.0)


def _folds(canvas: Canvas, p: Point, n: Numbers, case: jax.Array) -> jax.Array:
    """Distance-like field of the hemispheres' fluid: subarachnoid space, sulci, the fissures."""
    w, q = n["wobble"], canvas.p
    vectors = w[8:50].reshape(14, 3)
    vectors = vectors / (jnp.linalg.norm(vectors, axis=1, keepdims=True) + 1e-3) * (2 * jnp.pi / GYRUS_MM)
    away = (q[0] + 0.02, q[1] + 3.0, q[2] + 6.0)
    rho = jnp.sqrt((away[0] / 66.0) ** 2 + (away[1] / 83.0) ** 2 + (away[2] / 68.0) ** 2) + 1e-3
    rho = jnp.maximum(rho, 0.35)
    top = (away[0] / rho, away[1] / rho, away[2] / rho)
    bend = waves(top, vectors, 2.0 * jnp.pi * w[50:64])
    deep = DEPTH_MM + DEPTH_SD_MM * waves(top, 0.4 * vectors[:4], 2.0 * jnp.pi * w[64:68])
    sheet = jnp.abs(bend) * GYRUS_MM * rho / (2 * jnp.pi) / 0.6  # |f| over the rms of its steepest slope
    outer = -case - DURA_MM
    callosum = ellipsoid(p, (0.0, -4.0, 6.0), (30.0, 44.0, 27.0))
    medial = jnp.where(callosum < 0, 30.0, p[0] - 0.3)
    depth = union(outer, medial)
    sheet = sheet + 3.0 * (jnp.maximum(depth, 0.0) / jnp.maximum(deep, 6.0)) ** 3
    lateral = jnp.abs(p[2] + 5.0 + 0.35 * (p[1] - 5.0) + 3.5 * sine(0.13 * p[0] + w[71])) * 0.85 - 0.4
    lateral = jnp.maximum(jnp.maximum(lateral, 37.0 + w[70] - p[0]), jnp.abs(p[1] - 3.0) - 37.0)
    insula = jnp.maximum(
        0.95 * jnp.abs(p[0] - 38.5 - w[70] + 0.3 * (p[2] + 5.0)) - 0.4,
        superellipse(p[1] - 5.0, p[2] + 5.0, 22.0, 12.0, 2.0),
    )
    return union(union(outer, sheet), union(medial, union(lateral, insula)))


def _hind(canvas: Canvas, p: Point, s: Spaces) -> None:
    """Cerebellum with its folia, brain stem."""
    radius = jnp.sqrt((p[1] + 34.0) ** 2 + (p[2] + 26.0) ** 2 + 0.3 * p[0] ** 2)
    angle = arctan2(p[2] + 26.0, p[1] + 34.0)
    folia = 3.0 * sine(11.0 * angle + 0.09 * p[0]) * jnp.clip(radius / 20.0, 0.0, 1.0)
    canvas.put("cerebellar-cortex", s.cerebellum)
    canvas.put("cerebellar-white-matter", s.cerebellum + 7.5 + folia, on=["cerebellar-cortex"])
    # Peduncles end near the cerebellum's surface: between its folia they would be crumbs.
    stem = jnp.maximum(s.stem, -s.cerebellum - PEDUNCLE_MM)
    canvas.put("brain-stem", stem, on=["cerebral-white-matter", "cerebral-cortex", "cerebellar-cortex"])


def _partitions(canvas: Canvas, p: Point, n: Numbers, case: jax.Array) -> None:
    """Falx and tentorium, with the sinuses that run in them."""
    tent = 0.85 * (p[2] - _tentorium(p))
    flap = jnp.maximum(jnp.maximum(canvas.sheet(tent, 0.8), 0.84 * (p[1] - 4.0 + 0.65 * p[0])), 14.0 - p[0])
    falx = jnp.maximum(canvas.sheet(canvas.p[0], 1.0), jnp.maximum(-case - 38.0, 10.0 - p[2]))
    canvas.put("dura", union(flap, jnp.maximum(falx, case)), on=["csf"])
    crest = jnp.maximum(p[0] - 5.5 - 0.7 * case, jnp.maximum(-case - 8.5, -(p[2] + 5.0)))
    across = jnp.maximum(jnp.maximum(jnp.abs(tent + 1.0) - 4.0, -case - 7.0), p[1] + 20.0)
    sinus = jnp.maximum(union(crest, across), case + 0.3)
    canvas.put("venous-sinuses", sinus, on=["csf", "dura", *BRAIN])
