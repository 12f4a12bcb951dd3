"""Growing the trees of the lungs: airways, arteries beside them, veins between them."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from phantomsim.generators.procedural import trees
from phantomsim.generators.procedural.canvas import Numbers
from phantomsim.generators.procedural.chest import heart, lungs, vessels
from phantomsim.generators.procedural.chest.frame import Frame, frame
from phantomsim.generators.procedural.chest.vessels import Place
from phantomsim.generators.procedural.shapes import union

CANDIDATES, POINTS = 12288, 256  # points strewn over the chest; of which serve a lobe
AIR_DEPTH, BLOOD_DEPTH = 5, 6  # generations below the lobe's own branch
FIRST = 7  # branches of the first three generations
LOBES = tuple(f"{side}-{lobe}" for side, lobes in lungs.LOBES.items() for lobe in lobes)
LOBE_PART = {lobe: 0.75 if "middle" in lobe else 1.0 for lobe in LOBES}
WALL_PART = 0.3  # of a bronchus's radius; unverified


def grow(n: Numbers, key: jax.Array) -> Numbers:
    """Branches of all trees, by kind and size."""
    f = frame(n)
    where = heart.pose(n, f)
    chosen = _points(n, f, where, key)
    forks, gates, thin = vessels.bronchi(n, f), vessels.hila(f, where), jnp.array([LOBE_PART[lobe] for lobe in LOBES])
    air, blood = 0.48 * thin * n["trachea_mm"] / 2, 0.45 * thin * n["pulmonary_trunk_mm"] / 2
    beside = _stacked(chosen, "")
    bronchi = _trees(beside, _stacked(forks, ""), air, AIR_DEPTH, 0.8)
    arteries = _trees(beside + 3.0, _stacked(gates, "artery-"), blood, BLOOD_DEPTH, 0.7)
    veins = _trees(_stacked(chosen, "veins-"), _stacked(gates, "vein-"), blood, BLOOD_DEPTH, 0.7)
    walls = bronchi.at[:, :, 6:].multiply(1.0 + WALL_PART)
    out: Numbers = {}
    for kind, rows in (("bronchi", bronchi), ("walls", walls), ("arteries", arteries), ("veins", veins)):
        out[f"{kind}-long"], out[f"{kind}-short"] = rows[:, :FIRST].reshape(-1, 8), rows[:, FIRST:].reshape(-1, 8)
    return out


def _trees(points: jax.Array, roots: jax.Array, radii: jax.Array, depth: int, least_mm: float) -> jax.Array:
    """One tree a lobe, [lobe, branch, 8]."""
    return jax.vmap(lambda a, b, c: trees.grow(a, tuple(b), c, depth, least_mm))(points, roots, radii)


def _stacked(parts: Mapping[str, Place | jax.Array], prefix: str) -> jax.Array:
    """One row a lobe."""
    rows = (parts[prefix + lobe] for lobe in LOBES)
    return jnp.stack(
        [a if isinstance(a, jax.Array) else jnp.stack([jnp.asarray(v, jnp.float32) for v in a]) for a in rows]
    )


def _points(n: Numbers, f: Frame, where: heart.Pose, key: jax.Array) -> Numbers:
    """Points in each lobe, [POINTS, 3]: one set for airways and arteries, one for veins."""
    spread, order = jax.random.split(key)
    low = jnp.array([-140.0, -110.0, -160.0]) * jnp.stack([f.k, f.k, f.s])
    high = jnp.array([140.0, 120.0, 140.0]) * jnp.stack([f.k, f.k, f.s])
    q = low + (high - low) * jax.random.uniform(spread, (CANDIDATES, 3))
    p = (q[:, 0], q[:, 1], q[:, 2])
    solid = union(heart.left_ventricle(p, where, 9.0), heart.right_ventricle(p, where), *heart.atria(p, where))
    out = {}
    for i, (lobe, within) in enumerate(lungs.inside(n, f, p, solid).items()):
        keys = jax.random.split(jax.random.fold_in(order, i), 2)
        for prefix, one in zip(("", "veins-"), keys):
            _, first = jax.lax.top_k(within - jax.random.uniform(one, (CANDIDATES,)), POINTS)
            taken = q[first[jnp.arange(POINTS) % jnp.clip(within.sum(), 1, POINTS)]]  # again where there are few
            out[prefix + lobe] = taken + 2.0 * jax.random.normal(one, taken.shape)
    return out
