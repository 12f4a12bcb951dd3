"""What a person's field of view leaves out, as the mean tells: heads cropped at the neck miss fluid and stem."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.generators.deformable.affine import Affine
from phantomsim.generators.deformable.compose import way
from phantomsim.generators.deformable.lattice import Lattice
from phantomsim.generators.deformable.person import Person
from phantomsim.generators.deformable.svf import derivative, determinant


def volumes_mL(parts: jax.Array, lattice: Lattice, someone: Person, pose: Affine, velocity: np.ndarray) -> np.ndarray:
    """Volumes of parts of the mean [mL] that a registered person would show outside the field of view.

    Args:
        parts: shares [z, y, x, parts] on the refinement by two of the lattice.
        pose, velocity: affine map and raw field [z, y, x, 3] [mm] on the lattice, from the mean to the person.
    Returns:
        One volume a part.
    """
    on = lattice.refined(2)
    places = way(jnp.asarray(velocity), pose, lattice)(jnp.asarray(on.points()), lattice)
    volume = determinant(derivative(places, on.spacing_mm) - jnp.eye(3))  # of a map, not a shift
    hidden = volume * (1 - jnp.asarray(someone.sees(np.asarray(places))))
    return np.asarray((parts * hidden[..., None]).sum(axis=(0, 1, 2)), float) * on.spacing_mm**3 / 1000
