"""Lobes that radiate from the nipple, each drained by a tree of ducts; and the vessels from the chest wall."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural import trees
from phantomsim.generators.procedural.breast.frame import Frame
from phantomsim.generators.procedural.canvas import Numbers

LOBES = 18  # ducts in the nipple: 17.5 on average (Taneri 2006, doi:10.1159/000096775)
DEPTH = 4  # forks
FORK_MM = 8.0  # first fork below the nipple: 8.0 +- 5.5 (Ramsay 2005, J Anat 206:525)
LOBULE_MM = 0.7  # radius of a terminal lobular unit, 0.5 to 1 mm across (unverified)
_PIECES = (4, 3, 2, 1, 1, 1)  # straight pieces of a branch, by generation: bends with the breast
_GOLDEN = jnp.pi * (3.0 - 5.0**0.5)


def lobes(key: jax.Array, f: Frame) -> jax.Array:
    """Far ends of the lobes' axes, which begin at the nipple: material (x, y, z) [mm], [LOBES, 3]."""
    i = jnp.arange(LOBES)
    turn = i * _GOLDEN + jax.random.uniform(key, maxval=2.0 * jnp.pi)
    r = 0.78 * jnp.sqrt((i + 0.5) / LOBES)
    deep = f.c * (0.12 + 0.3 * r * r)
    return jnp.stack([f.a * (r * jnp.cos(turn) + 0.06), deep, f.b * (r * jnp.sin(turn) + 0.05)], 1)


def ducts(key: jax.Array, f: Frame, ends: jax.Array, n: Numbers) -> tuple[jax.Array, jax.Array]:
    """Branches (as of `trees.grow`, material) of all lobes' ducts; terminal lobular units, as very short branches."""
    radius = 0.5 * n["duct_mm"]
    nipple = jnp.stack([0.0 * f.c, f.c, 0.0 * f.c])
    spread = 0.28 * n["nipple_mm"] * jnp.sqrt((jnp.arange(LOBES) + 0.5) / LOBES)
    turn = jnp.arange(LOBES) * _GOLDEN
    mouths = jnp.stack([spread * jnp.cos(turn), f.c + 0.0 * turn, spread * jnp.sin(turn)], 1)
    toward = (ends - nipple) / jnp.linalg.norm(ends - nipple, axis=1, keepdims=True)
    forks = mouths + FORK_MM * (0.6 * jnp.array([0.0, -1.0, 0.0]) + 0.4 * toward)
    many = 4 * 2**DEPTH
    t = jnp.sqrt(jax.random.uniform(key, (LOBES, many, 1), minval=0.06, maxval=1.0))
    aside = 0.16 * jnp.stack([f.a, f.c, f.b]) * jax.random.normal(jax.random.fold_in(key, 1), (LOBES, many, 3))
    points = nipple + t * (ends[:, None] - nipple) + t * aside
    grown = jax.vmap(lambda q, root: trees.grow(_inside(q, f, 0.88), root, radius, DEPTH, 0.15))(points, forks)
    last = grown[:, 2**DEPTH - 1 :].reshape(-1, 8)
    whole = jnp.full((LOBES, 1), 1.0) * radius
    trunk = jnp.concatenate([mouths + jnp.array([0.0, 4.0, 0.0]), forks, whole, whole], 1)
    size = jnp.full((len(last), 2), LOBULE_MM)
    units = jnp.concatenate([last[:, 3:6], last[:, 3:6] + 0.3, size], 1)
    return jnp.concatenate([trunk, pieces(grown)]), units


def vessels(key: jax.Array, f: Frame) -> tuple[jax.Array, jax.Array]:
    """Branches (material) of arteries and of veins: from the breastbone's side and from the armpit's.

    Perforators of the internal and branches of the lateral thoracic vessels; radii 1.0 and 1.3 mm (unverified).
    """
    roots = ((-0.92, 0.25), (0.9, 0.4))  # x / a, z / b
    rows = []
    for kind, radius in ((0, 1.0), (1, 1.3)):
        for side, (x, z) in enumerate(roots):
            u = jax.random.normal(jax.random.fold_in(key, 2 * kind + side), (128, 3))
            u = u / jnp.linalg.norm(u, axis=1, keepdims=True)
            u = jnp.stack([0.55 * u[:, 0] + 0.35 * jnp.sign(x), jnp.abs(u[:, 1]) * 0.75 + 0.08, u[:, 2]], 1)
            deep = 0.7 if kind == 0 else 0.85  # veins run nearer to the skin
            points = _inside(u * deep * jnp.stack([f.a, f.c, f.b]), f, 0.9)
            root = (f.a * (x + 0.03 * kind), 2.0 + 0.0 * f.c, f.b * (z - 0.12 * kind))
            rows.append(trees.grow(points, root, radius, 5, 0.25))
    both = [pieces(jnp.stack(rows[i : i + 2])) for i in (0, 2)]
    return both[0], both[1]


def pieces(grown: jax.Array) -> jax.Array:
    """Branches of several trees [tree, branch, 8] cut into straight pieces, [piece, 8]."""
    out, start = [], 0
    for generation in range((grown.shape[1] + 1).bit_length() - 1):
        rows = grown[:, start : start + 2**generation].reshape(-1, 8)
        start += 2**generation
        count = _PIECES[generation]
        line, thin = rows[:, 3:6] - rows[:, :3], rows[:, 7:] - rows[:, 6:7]
        for i in range(count):
            s, t = i / count, (i + 1) / count
            ends = [rows[:, :3] + s * line, rows[:, :3] + t * line, rows[:, 6:7] + s * thin, rows[:, 6:7] + t * thin]
            out.append(jnp.concatenate(ends, 1))
    return jnp.concatenate(out)


def _inside(points: jax.Array, f: Frame, most: float) -> jax.Array:
    """Points drawn towards the middle of the base, where need be, to lie within a share of the breast's radii."""
    u = points / jnp.stack([f.a, f.c, f.b])
    r = jnp.linalg.norm(u, axis=-1, keepdims=True)
    u = u * jnp.minimum(1.0, most / jnp.maximum(r, 1e-6))
    u = u.at[..., 1].set(jnp.maximum(u[..., 1], 0.08))
    return u * jnp.stack([f.a, f.c, f.b])
