"""Orbits: bony cones with fat, eyes with lenses, optic nerves, the four straight muscles."""

from __future__ import annotations

import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Canvas, Numbers
from phantomsim.generators.procedural.head.organs import pair
from phantomsim.generators.procedural.shapes import capsule, ellipsoid, tubes, union

Z_MM = (-60.0, -8.0)
SOFT = ["soft-tissue", "subcutaneous-fat", *pair("temporalis")]


def orbits(canvas: Canvas, n: Numbers) -> None:
    """Paint both; the eye's axial length is a covariate."""
    p = (jnp.abs(canvas.p[0]), canvas.p[1], canvas.p[2])
    r = n["eye_diameter_mm"] / 2
    eye = (32.0, 78.0 - r, -33.0)
    apex = (11.0, 28.0, -27.0)
    cone = lambda: union(  # noqa: E731
        ellipsoid(p, (31.0, 66.0, -33.0), (18.5, 19.0, 17.0)),
        capsule(p, (26.0, 53.0, -32.0), (12.0, 28.0, -27.0), 14.0, 4.0),
    )
    canvas.put("facial-bones", lambda: jnp.maximum(cone() - 2.0, p[1] - 72.0), on=[*SOFT, "skull", "diploe"], z_mm=Z_MM)
    fat = pair("orbital-fat")
    canvas.put(fat, lambda: jnp.maximum(cone(), p[1] - 77.0), on=[*SOFT, "facial-bones", "skull", "diploe"], z_mm=Z_MM)
    ways = ((r, 0.0), (-r, 0.0), (0.0, r), (0.0, -r))
    pulls = lambda: tubes(  # noqa: E731
        p, [((eye[0] + 0.95 * dx, eye[1] - 1.0, eye[2] + 0.95 * dz), apex, 1.9, 2.0) for dx, dz in ways]
    )
    canvas.put(pair("eye-muscles"), pulls, on=fat, z_mm=Z_MM)
    nerve = lambda: capsule(p, (eye[0] - 2.0, eye[1] - r + 1.0, eye[2] + 1.0), apex, 2.0)  # noqa: E731
    canvas.put(pair("optic-nerve"), nerve, z_mm=Z_MM)
    globe = lambda: ellipsoid(p, eye, (r, r, r))  # noqa: E731
    canvas.put(pair("eye"), globe, on=[*fat, *pair("eye-muscles"), *pair("optic-nerve"), *SOFT], z_mm=Z_MM)
    canvas.put("skin", lambda: globe() - 2.5, on=["air"], z_mm=Z_MM)  # lids
    lens = lambda: jnp.maximum(ellipsoid(p, (eye[0], eye[1] + 0.68 * r, eye[2]), (4.5, 2.0, 4.5)), globe() + 0.5)  # noqa: E731
    canvas.put(pair("lens"), lens, z_mm=Z_MM)
