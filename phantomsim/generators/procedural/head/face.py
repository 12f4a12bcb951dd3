"""The face: jaws with teeth, cheek bones, sinuses, nasal cavity, mouth, throat, chewing muscles."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural.canvas import Canvas, Numbers
from phantomsim.generators.procedural.head.organs import pair
from phantomsim.generators.procedural.shapes import Point, arctan2, capsule, chain, ellipsoid, sine, superellipse, union

SOFT = ["soft-tissue", "subcutaneous-fat", "neck-muscles"]


def face(canvas: Canvas, n: Numbers) -> None:
    """Paint the face, from muscles to airways."""
    p = (jnp.abs(canvas.p[0]), canvas.p[1], canvas.p[2])
    _muscles(canvas, p)
    _upper(canvas, p, n["wobble"])
    _lower(canvas, p)
    _teeth(canvas, p)
    _nose(canvas, p, n)
    _mouth(canvas, p)


def _muscles(canvas: Canvas, p: Point) -> None:
    masseter = lambda: capsule(p, (57.0, 34.0, -58.0), (52.0, 18.0, -106.0), 7.0, 8.0)  # noqa: E731
    canvas.put(pair("masseter"), masseter, on=SOFT, z_mm=(-118.0, -46.0))
    temporal = lambda: ellipsoid(p, (66.0, 22.0, -28.0), (7.0, 30.0, 34.0))  # noqa: E731
    canvas.put(pair("temporalis"), temporal, on=SOFT, z_mm=(-64.0, 8.0))
    gland = lambda: ellipsoid(p, (58.0, 4.0, -78.0), (9.0, 14.0, 24.0))  # noqa: E731
    canvas.put(pair("parotid"), gland, on=SOFT, z_mm=(-104.0, -52.0))
    canvas.put("tongue", lambda: ellipsoid(p, (0.0, 42.0, -92.0), (24.0, 34.0, 19.0)), on=SOFT, z_mm=(-112.0, -72.0))


def _upper(canvas: Canvas, p: Point, w: jax.Array) -> None:
    """Maxilla with palate and sinus, cheek bone and arch."""
    z_mm = (-84.0, -30.0)

    def bone() -> jax.Array:
        x, y, z = p
        arch = jnp.maximum(jnp.abs(superellipse(x, y - 44.0, 25.0, 40.0, 2.2)) - 5.5, jnp.abs(z + 74.0) - 8.0)
        palate = jnp.maximum(superellipse(x, y - 44.0, 25.0, 40.0, 2.2), jnp.abs(z + 68.0) - 1.6)
        block = ellipsoid(p, (29.0, 58.0, -56.0), (15.5, 19.0, 19.0))
        cheek = chain(
            p, ((34.0, 72.0, -50.0), (52.0, 62.0, -52.0), (66.0, 38.0, -50.0), (69.0, 6.0, -46.0)), (6, 7, 4, 3)
        )
        return union(jnp.maximum(union(arch, palate), 32.0 - y), block, cheek)

    canvas.put("facial-bones", bone, on=[*SOFT, "temporalis-left", "temporalis-right"], z_mm=z_mm)
    canvas.put("facial-marrow", lambda: bone() + 2.2, on=["facial-bones"], z_mm=z_mm)
    dent = 2.0 * sine(0.12 * p[1] + w[73]) * sine(0.13 * p[2] + w[74])
    sinus = lambda: ellipsoid(p, (29.0, 57.0, -56.0), (12.0 + w[75], 15.5, 15.5 + w[76])) + dent  # noqa: E731
    canvas.put(pair("maxillary-sinus"), sinus, on=["facial-bones", "facial-marrow", *SOFT], z_mm=z_mm)


def _lower(canvas: Canvas, p: Point) -> None:
    """Mandible: body, angle, ramus, condyle."""

    def bone() -> jax.Array:
        x, y, z = p
        body = jnp.maximum(jnp.abs(superellipse(x, y - 32.0, 41.0, 52.0, 2.0)) - 5.5, jnp.abs(z + 107.0) - 12.0)
        ramus = capsule((p[0], 0.55 * p[1], p[2]), (46.0, 9.0, -108.0), (51.0, 2.0, -58.0), 6.0, 4.0)
        return union(jnp.maximum(body, 22.0 - y), ramus, ellipsoid(p, (52.0, -2.0, -52.0), (9.0, 5.0, 5.0)))

    canvas.put("mandible", bone, on=[*SOFT, "tongue", *pair("masseter"), *pair("parotid")], z_mm=(-122.0, -42.0))
    canvas.put("mandible-marrow", lambda: bone() + 2.6, on=["mandible"], z_mm=(-122.0, -42.0))


def _teeth(canvas: Canvas, p: Point) -> None:
    """Two rows: a comb along the dental arch, 16 teeth in each."""

    def rows() -> jax.Array:
        x, y, z = p
        along = arctan2(x, (y - 44.0) * 0.65)
        comb = 0.9 * (sine(16.0 * along + 0.5 * jnp.pi) < -0.72)
        arch = jnp.abs(superellipse(x, y - 44.0, 25.0, 39.0, 2.2)) - 3.6
        tall = jnp.minimum(jnp.abs(z + 84.5) - 5.0, jnp.abs(z + 95.5) - 5.0)
        return jnp.maximum(jnp.maximum(arch, tall), 46.0 - y) + comb

    canvas.put("teeth", rows, on=[*SOFT, "tongue", "mandible", "facial-bones", "facial-marrow"], z_mm=(-102.0, -78.0))


def _nose(canvas: Canvas, p: Point, n: Numbers) -> None:
    """Nasal cavity lined with mucosa, turbinates, septum; ethmoid cells above."""
    x, y, z = p
    z_mm = (-72.0, -22.0)
    narrow = 14.0 - 0.22 * jnp.clip(z + 60.0, 0.0, 40.0)
    cavity = lambda: jnp.maximum(superellipse(x, z + 48.0, narrow, 20.0, 2.5), jnp.abs(y - 64.0) - 36.0)  # noqa: E731
    canvas.put("mucosa", cavity, on=[*SOFT, "facial-bones", "facial-marrow"], z_mm=z_mm)
    scroll = jnp.abs(x - 6.6 - 2.0 * sine(0.36 * (z + 30.0))) - 1.7 + 0.4 * n["wobble"][7]
    canvas.put("airway", lambda: jnp.maximum(cavity() + 2.0, scroll), on=["mucosa"], z_mm=z_mm)
    canvas.put(
        "nasal-cartilage",
        lambda: jnp.maximum(canvas.sheet(canvas.p[0], 2.0), cavity()),
        on=["mucosa", "airway"],
        z_mm=z_mm,
    )
    nostril = lambda: capsule(p, (5.5, 84.0, -60.0), (7.0, 102.0, -68.0), 3.6)  # noqa: E731
    canvas.put("airway", nostril, z_mm=(-76.0, -54.0))
    cells = lambda: jnp.maximum(  # noqa: E731
        superellipse(x, y - 52.0, 11.5, 22.0, 3.0), jnp.abs(z + 27.0) - 6.5
    )
    w = n["wobble"]
    bend = sine(0.21 * y + w[71]) + sine(0.17 * z + 0.3 * x + w[72])
    walls = jnp.minimum(jnp.abs(sine(0.3 * x + 0.7 * bend)), jnp.abs(sine(0.24 * y + 0.6 * bend))) * 3.0
    canvas.put("facial-bones", cells, z_mm=(-36.0, -18.0))
    canvas.put(
        "ethmoid-cells", lambda: jnp.maximum(cells() + 1.0, 0.5 - walls), on=["facial-bones"], z_mm=(-36.0, -18.0)
    )


def _mouth(canvas: Canvas, p: Point) -> None:
    """The slit above the tongue; the throat from the nose to the larynx."""
    slit = lambda: ellipsoid(p, (0.0, 44.0, -72.5), (19.0, 32.0, 2.0))  # noqa: E731
    canvas.put("airway", slit, on=[*SOFT, "tongue"], z_mm=(-78.0, -68.0))
    way = ((0.0, 30.0, -46.0), (0.0, 18.0, -66.0), (0.0, 10.0, -92.0), (0.0, 12.0, -150.0))
    throat = lambda: chain((0.62 * p[0], p[1], p[2]), way, (8.0, 7.0, 6.0, 7.0))  # noqa: E731
    soft = [*SOFT, "tongue", "mucosa"]
    canvas.put("mucosa", lambda: throat() - 2.0, on=soft, z_mm=(-170.0, -36.0))
    canvas.put(
        "larynx", lambda: jnp.maximum(jnp.abs(throat() - 3.5) - 1.2, p[2] + 118.0), on=soft, z_mm=(-170.0, -112.0)
    )
    canvas.put("airway", throat, on=["mucosa", *soft], z_mm=(-170.0, -36.0))
