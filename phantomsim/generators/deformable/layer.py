"""A shell made thicker or thinner, without moving what it encloses: the bones of the vault."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage

from phantomsim.generators.deformable.lattice import Lattice, sample
from phantomsim.generators.deformable.model_file import Model

RAYS, STEP_MM, REACH_MM = 300, 0.5, 130.0
SOFT_MM = 1.5  # the distance's smoothing [mm], so that its gradient is a smooth normal


class Shell(NamedTuple):
    """Where the shell lies in the mean anatomy.

    Attributes:
        field: distance from what it encloses [mm] (negative inside), and its unit normal (z, y, x), [z, y, x, 4].
        fade: share of the change at each height z, given by the two heights between which it grows [2] [mm].
        thickness_mm: in the mean.
    """

    field: jax.Array
    fade: jax.Array
    thickness_mm: jax.Array


@lru_cache(maxsize=4)
def shell(
    model: Model, inside: tuple[int, ...], above_mm: tuple[float, float], of_structure: bytes, thickness_mm: float
) -> Shell:
    """The shell around some groups of the mean anatomy, on the refinement by two of the model's lattice."""
    lattice = model.lattice.refined(2)
    groups = np.frombuffer(of_structure, np.uint8)
    shares = np.asarray(model.groups(groups, int(groups.max()) + 1, lattice.spacing_mm))[..., list(inside)].sum(axis=-1)
    fine = np.repeat(np.repeat(np.repeat(shares, 2, 0), 2, 1), 2, 2) > 0.5
    body = ndimage.binary_closing(fine, iterations=3)
    h = lattice.spacing_mm / 2
    distance = (ndimage.distance_transform_edt(~body) - ndimage.distance_transform_edt(body)) * h
    distance = ndimage.gaussian_filter(distance, SOFT_MM / h)
    normal = np.stack(np.gradient(distance, h), axis=-1)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 0.2)
    field = np.concatenate([distance[..., None], normal], axis=-1).astype(np.float32)
    return Shell(jnp.asarray(field), jnp.asarray(above_mm, jnp.float32), jnp.float32(thickness_mm))


def thickened(points: jax.Array, shell: Shell, lattice: Lattice, factor: jax.Array) -> jax.Array:
    """Where the material of a place comes from when the shell is `factor` times as thick and all outside moves with it.

    Args:
        points: places [mm]; lattice: of the shell's field.
    """
    found = sample(shell.field, lattice.index(points))
    distance, normal = found[..., 0], found[..., 1:]
    low, high = shell.fade
    height = jnp.clip((points[..., 0] - low) / (high - low), 0.0, 1.0)
    share = height * height * (3 - 2 * height)
    local = 1 + (factor - 1) * share
    moved = jnp.clip(distance, 0.0, local * shell.thickness_mm) * (1 - 1 / local)
    return points - normal * moved[..., None]


def ray_points(centre_mm: np.ndarray, elevation_deg: float) -> np.ndarray:
    """Points along rays from a centre that rise by at least an angle, [rays, steps, 3] (z, y, x) [mm]."""
    lowest = np.sin(np.deg2rad(elevation_deg))
    up = lowest + (1 - lowest) * (np.arange(RAYS) + 0.5) / RAYS
    turn = np.pi * (1 + 5**0.5) * np.arange(RAYS)  # golden angle: evenly spread directions
    flat = np.sqrt(1 - up**2)
    directions = np.stack([up, flat * np.cos(turn), flat * np.sin(turn)], axis=-1)
    radii = np.arange(STEP_MM, REACH_MM, STEP_MM)
    return (np.asarray(centre_mm) + directions[:, None] * radii[:, None]).astype(np.float32)


def along_rays(
    label: np.ndarray,
    first_mm: np.ndarray,
    spacing_mm: tuple[float, ...],
    made_of: np.ndarray,
    elevation_deg: float,
    rotation: np.ndarray | None = None,
    centre_mm: np.ndarray | None = None,
) -> float:
    """Mean length of a layer along rays through a label volume [mm].

    Args:
        first_mm: of voxel [0, 0, 0], from the point where rays start where `centre_mm` is not given.
        made_of: whether each structure belongs to the layer, bool [structures].
        rotation: turns the rays.
    """
    rays = ray_points(np.zeros(3), elevation_deg)
    places = rays @ (np.eye(3) if rotation is None else rotation).T + (np.zeros(3) if centre_mm is None else centre_mm)
    return length_mm(label, (places - first_mm) / np.asarray(spacing_mm), made_of)


def length_mm(label: np.ndarray, index: np.ndarray, made_of: np.ndarray) -> float:
    """Mean over rays [rays, steps, 3] of the length that lies in a layer [mm], given fractional indices."""
    whole = np.rint(index).astype(int)
    inside = ((whole >= 0) & (whole < np.array(label.shape))).all(axis=-1)
    whole = np.clip(whole, 0, np.array(label.shape) - 1)
    hit = made_of[label[tuple(np.moveaxis(whole, -1, 0))]] & inside
    return float(hit.sum(axis=1).mean() * STEP_MM)
