"""One patient's shape: random, with the volumes and the thickness that are asked for, and free of folds in space."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import GeneratorError
from phantomsim.generators.deformable import layer
from phantomsim.generators.deformable.anatomy import Anatomy
from phantomsim.generators.deformable.compose import Shape, Way, decode, least_jacobian, place
from phantomsim.generators.deformable.fine import Fine
from phantomsim.generators.deformable.latent import Code
from phantomsim.generators.deformable.lattice import Lattice, smooth
from phantomsim.generators.deformable.noise import band_noise
from phantomsim.generators.deformable.quantities import conditioned
from phantomsim.generators.deformable.svf import exponential

DAMPINGS, DAMPING = 3, 0.85  # of one draw before another is made
DRAWS = 4
SECANTS, CLOSE_MM = 5, 0.02  # of the search for the layer's thickness
THICKNESS_FACTOR = (0.45, 2.2)  # beyond which a shell is not stretched


class Found(NamedTuple):
    """A shape, the map to its fine structure on `on`, and how it was come by."""

    shape: Shape
    places: jax.Array
    on: Lattice
    layer_mm: float | None
    damped: int
    redrawn: int
    least_jacobian: float


def find(
    anatomy: Anatomy,
    fine: Fine,
    way: Way,
    parts: jax.Array | None,
    wanted_log: np.ndarray | None,
    layer_mm: float | None,
    on: Lattice,
    key: jax.Array,
) -> Found:
    """Draw until the composed map's Jacobian is positive everywhere, damping each draw up to three times.

    Args:
        parts, wanted_log: quantities of the fine structure seen from the mean, and the log of their volumes [mL];
            None where nothing is asked for.
        layer_mm: thickness of the layer that is asked for.
        on: nodes at which the map is given and checked.
    Raises:
        GeneratorError: no draw was free of folds.
    """
    lattice = anatomy.model.lattice
    damped = 0
    for draw in range(DRAWS):
        code_key, folds_key = jax.random.split(jax.random.fold_in(key, draw))
        code = anatomy.model.decoder.draw(code_key)
        folds = shifts(anatomy, folds_key) if fine.subject else jnp.zeros((*lattice.refined(2).shape, 3))
        for _ in range(DAMPINGS + 1):
            if parts is not None:
                code, _ = conditioned(anatomy.graph, anatomy.state, code, parts, jnp.asarray(wanted_log, jnp.float32))
            unstretch, back = decode(anatomy.graph, anatomy.state, code)
            shape = Shape(unstretch, back, jnp.float32(1.0), folds)
            shape, got_mm = with_layer(anatomy, fine, way, shape, layer_mm)
            places = place(jnp.asarray(on.points()), shape, anatomy.shell, way, lattice)
            least, bad = least_jacobian(places, on)
            if float(bad) == 0.0:
                return Found(shape, places, on, got_mm, damped, draw, float(least))
            damped += 1
            code, folds = Code(*(a * DAMPING for a in code)), folds * DAMPING
    raise GeneratorError(
        f'generator "{anatomy.spec.name}": {DRAWS} shapes folded space even when damped; are the covariates beyond '
        "what the model can do? Bring min and max of the laws nearer to the people that it was trained on"
    )


def shifts(anatomy: Anatomy, key: jax.Array) -> jax.Array:
    """Displacement [mm] that moves folds about, on the model's lattice refined by two; smooth and invertible."""
    fine = anatomy.model.lattice.refined(2)
    total = jnp.zeros((*fine.shape, 3))
    for i, (fold, _) in enumerate(anatomy.folds):
        keys = jax.random.split(jax.random.fold_in(key, i), 3)
        period = 2 * fold.spacing_mm / fine.spacing_mm
        z, y, x = fine.shape
        noise = np.stack([band_noise(k, period)[:z, :y, :x] for k in keys], axis=-1)
        order = [anatomy.model.structures.index(s) for s in fold.order]
        groups = sorted({int(anatomy.of_structure[s]) for s in order})
        share = smooth(anatomy.groups[..., groups].sum(axis=-1, keepdims=True), 1.0)
        total = total + fold.shift_mm / np.sqrt(3) * noise * share
    return exponential(total, fine)


def with_layer(
    anatomy: Anatomy, fine: Fine, way: Way, shape: Shape, wanted_mm: float | None
) -> tuple[Shape, float | None]:
    """The shape whose layer has a thickness, found by secants, and the thickness that it has [mm]."""
    if anatomy.shell is None or wanted_mm is None:
        return shape, None

    def of(factor: float) -> float:
        return thickness_mm(anatomy, fine, way, shape._replace(factor=jnp.float32(factor)))

    low, high = THICKNESS_FACTOR
    a, mm_a = 1.0, of(1.0)
    b = float(np.clip(wanted_mm / mm_a, low, high))
    mm_b = of(b)
    for _ in range(SECANTS):
        if abs(mm_b - wanted_mm) < CLOSE_MM or abs(mm_b - mm_a) < 1e-6:
            break
        a, b, mm_a = b, float(np.clip(b + (wanted_mm - mm_b) * (b - a) / (mm_b - mm_a), low, high)), mm_b
        mm_b = of(b)
    return shape._replace(factor=jnp.float32(b)), mm_b


def thickness_mm(anatomy: Anatomy, fine: Fine, way: Way, shape: Shape) -> float:
    """Mean length of layer along rays, seen through the map."""
    what = anatomy.spec.layer
    assert what is not None
    points = layer.ray_points(np.zeros(3), what.elevation_deg)
    places = np.asarray(place(jnp.asarray(points), shape, anatomy.shell, way, anatomy.model.lattice))
    made_of = np.isin(anatomy.of_structure, anatomy.numbers(what.of))
    return layer.length_mm(fine.label, (places - fine.first_mm) / fine.spacing_mm, made_of)
