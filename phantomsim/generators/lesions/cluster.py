"""Small bodies in an ellipsoid, each drawn on voxels by its own: microcalcifications keep their mass on any grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import numpy as np

from phantomsim.errors import PlacementError
from phantomsim.generators.lesions.shape_spec import BODIES, ClusterForm
from phantomsim.generators.lesions.star import REACH_SD, Star, star
from phantomsim.generators.lesions.voxels import ball_radius_mm, box_shape, fractions

OVERLAP = 0.01  # of their volume that may be lost where bodies touch
TINY = 0.25  # radius in voxels below which a body is strewn points
POINTS = 512
_TRIES = 16  # places of a body before it may lie where it will
_SHAPES = 4  # stars that bodies share, turned by mirroring


@dataclass(frozen=True)
class Cluster:
    """Bodies about a centre.

    Attributes:
        place_mm: centres from the cluster's (x, y, z) [N, 3].
        volume_mL: of each [N].
        shapes: stars, of which body i has number i modulo their count.
    """

    place_mm: np.ndarray
    volume_mL: np.ndarray
    shapes: tuple[Star, ...]

    def scaled(self, volume_mL: float) -> Cluster:
        """The same bodies with another volume together; their places stay."""
        factor = volume_mL / float(self.volume_mL.sum())
        return Cluster(self.place_mm, self.volume_mL * factor, self.shapes)

    def box(self, spacing_mm: tuple[float, ...]) -> tuple[int, int, int]:
        """Voxels of a box that holds it about any centre within a voxel."""
        radius = max(ball_radius_mm(float(v)) for v in self.volume_mL) * max(s.reach for s in self.shapes)
        far = np.abs(self.place_mm).max(axis=0)[::-1] + radius
        return tuple(2 * (math.ceil(f / d) + 2) + 1 for f, d in zip(far, spacing_mm))  # type: ignore[return-value]

    def fraction(self, centre: np.ndarray, spacing_mm: tuple[float, ...], box: tuple[int, int, int]) -> np.ndarray:
        """Volume fractions in a box, float32 [z, y, x]; their sum x voxel volume is the bodies' volume.

        Raises:
            PlacementError: the bodies fill their extent more than once.
        """
        out = np.zeros(box, np.float32)
        for i, (place, volume) in enumerate(zip(self.place_mm, self.volume_mL)):
            shape = self.shapes[i % len(self.shapes)]
            at = centre + place[::-1] / np.asarray(spacing_mm)
            own = box_shape(float(volume), shape.reach, spacing_mm)
            start = np.rint(at).astype(int) - np.asarray(own) // 2
            if ball_radius_mm(float(volume)) < TINY * min(spacing_mm):
                part = _scattered(shape, float(volume), at - start, spacing_mm, own)
            else:
                part = fractions(shape, float(volume), at - start, spacing_mm, own)
            out[tuple(slice(int(s), int(s) + n) for s, n in zip(start, own))] += part
        held = np.minimum(out, 1.0)
        if held.sum(dtype=float) < (1 - OVERLAP) * out.sum(dtype=float):
            volume = float(self.volume_mL.sum())
            raise PlacementError(f"{len(self.volume_mL)} bodies of {volume:.3g} mL together overlap; lower volume_mL")
        return held


def _scattered(
    shape: Star, volume_mL: float, at: np.ndarray, spacing_mm: tuple[float, ...], box: tuple[int, int, int]
) -> np.ndarray:
    """A body much smaller than a voxel: points that fill it evenly, each counted in the voxel that it lies in."""
    i = np.arange(POINTS) + 0.5
    z, phi = 1 - 2 * i / POINTS, math.pi * (1 + 5**0.5) * i  # a Fibonacci lattice
    flat = np.sqrt(1 - z * z)
    way = np.stack([flat * np.cos(phi), flat * np.sin(phi), z], -1)
    reach = 1 / shape.size(way)  # of the surface in each direction, in radii
    depth = np.modf(i * (5**0.5 - 1) / 2)[0] ** (1 / 3)
    points = way * (ball_radius_mm(volume_mL) * reach * depth)[:, None]
    weight = reach**3 / (reach**3).sum() * volume_mL * 1000 / math.prod(spacing_mm)
    index = np.rint(at + points[:, ::-1] / np.asarray(spacing_mm)).astype(int)
    out = np.zeros(box, np.float32)
    np.add.at(out, tuple(index.T), weight)
    return out


def cluster(key: jax.Array, form: ClusterForm, numbers: np.ndarray) -> Cluster:
    """Draw a cluster.

    Args:
        numbers: uniform, three: for the count, the extent and the aspect.
    """
    count = int(np.clip(round(form.number.quantile(numbers[0])), 1, BODIES))
    extent, aspect = form.extent_mm.quantile(numbers[1]), form.aspect.quantile(numbers[2])
    sizes, places, turn, shape = jax.random.split(key, 4)
    diameters = np.array(
        [form.diameter_mm.quantile(u) for u in np.asarray(jax.random.uniform(sizes, (BODIES,)), float)]
    )
    volumes = math.pi / 6000 * diameters[:count] ** 3
    axes, _ = np.linalg.qr(np.asarray(jax.random.normal(turn, (3, 3)), float))
    half = np.array([extent, extent / aspect, extent / aspect]) / 2
    drawn = np.asarray(jax.random.uniform(places, (BODIES, _TRIES, 4)), float)[:count]
    place = _apart(_in_ball(drawn) * half @ axes.T, diameters[:count] / 2)
    shapes = tuple(star(jax.random.fold_in(shape, i), form.irregularity, 3.0) for i in range(_SHAPES))
    return Cluster(place, volumes, shapes)


def _in_ball(uniform: np.ndarray) -> np.ndarray:
    """Points even in the unit ball, from four uniform numbers each."""
    z, phi = 2 * uniform[..., 0] - 1, 2 * math.pi * uniform[..., 1]
    flat = np.sqrt(1 - z * z)
    return np.stack([flat * np.cos(phi), flat * np.sin(phi), z], -1) * (uniform[..., 2:3] ** (1 / 3))


def _apart(tried: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Of the places tried for each body [N, tries, 3] the first that keeps clear of the bodies before it."""
    kept = np.zeros((len(tried), 3))
    for i, places in enumerate(tried):
        gap = np.linalg.norm(places[:, None] - kept[None, :i], axis=-1) - math.exp(REACH_SD * 0.2) * (
            radius[:i] + radius[i]
        )
        clear = (gap > 0).all(axis=1)
        kept[i] = places[int(clear.argmax()) if clear.any() else 0]
    return kept
