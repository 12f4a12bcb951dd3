"""K-space of a slice that cuts the patient aslant, by a few transforms in the plane.

About the slice's middle plane z0(x, y) in the patient, z = z0 + u and R^T k = (a, b, c) give, n being R's third row,

    a x + b y + c z = (a - c nx / nz) x + (b - c ny / nz) y + c u + const,

where |c u| is small, since slices are thin and tilts moderate. exp(-2 pi i c u) is interpolated in c between P
Chebyshev nodes, off by no more than A^P / (2^(P - 1) P!), A = 2 pi max|c u| (the remainder of Lagrange's
interpolation).
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr import nufft
from phantomsim.scanners.mr.signal import moving_samples as samples
from phantomsim.scanners.mr.signal import points
from phantomsim.scanners.mr.signal.moving_encode import Scene
from phantomsim.scanners.mr.signal.moving_states import State
from phantomsim.scanners.mr.signal.moving_views import Seen
from phantomsim.scanners.mr.signal.moving_volumes import Rows
from phantomsim.scanners.mr.signal.moving_weights import Slice

Array = jax.Array
ERROR = 1e-4
MOST = 8  # nodes; beyond, a transform in space is no slower


def nodes(state: State, cut: Slice, height_mm: float, k: np.ndarray) -> np.ndarray | None:
    """Values of c between which is interpolated [P] 1/mm; None if too many would be needed.

    Args:
        height_mm: of voxels across the slice.
        k: R^T k of the samples [..., 3].
    """
    steep = abs(float(state.rotation[2, 2]))
    largest = float(np.abs(k[..., 2]).max())
    turn = 2 * np.pi * largest * (cut.reach_mm + height_mm / 2)
    for count in range(1, MOST + 1):
        if turn**count <= steep**count * ERROR * 2 ** (count - 1) * math.factorial(count):
            return largest * np.cos(np.pi * (np.arange(count) + 0.5) / count)
    return None


def kspace(
    scene: Scene, volumes: Array, seen: Seen, body: Rows, cut: Slice, state: State, k: np.ndarray, at: np.ndarray
) -> Array:
    """Samples of the state's shots, complex64 [coil, shot, sample].

    Args:
        volumes: share of the slice in each voxel x magnetisation [R, z, y, x].
        k: R^T k of `samples.padded` shots, float64 [shot, sample, 3].
        at: see `nodes`.
    """
    which, (nx, ny, nz) = samples.padded(state.shots), state.rotation[2]
    (z, y, x), (dz, dy, dx) = body.axes_mm, scene.subject.spacing_mm
    plane = (cut.middle_mm - state.shift_mm[2] - ny * y[:, None] - nx * x) / nz
    flat = k.reshape(-1, 3)
    a, b, c = flat.T
    in_plane = np.stack([b - c * ny / nz, a - c * nx / nz], -1)
    plan = nufft.plan((in_plane * [dy, dx]).astype(np.float32), volumes.shape[2:], points.ACCURATE)
    total = jnp.zeros((*volumes.shape[:1], len(seen.table), len(flat)), jnp.complex64)
    for i, node in enumerate(at):
        others = np.delete(at, i)
        share = np.prod((c[:, None] - others) / (node - others), axis=1)
        u = [np.asarray(v - z.mean(), np.float32) for v in (z, plane)]
        images = _summed(volumes, seen, *u, np.float32(node))
        total = _added(total, plan.to_points(images), share.astype(np.float32))
    turns = in_plane @ [y.mean(), x.mean()] + c * (cut.middle_mm - state.shift_mm[2]) / nz
    turns += flat @ (state.rotation.T @ (state.shift_mm - scene.protocol.offset_mm))
    box = np.prod(np.sinc(flat * [dx, dy, dz]) * [dx, dy, dz], -1)
    factor = jnp.asarray(box * np.exp(-2j * np.pi * (turns - np.round(turns))), jnp.complex64)
    found = (total * factor).reshape(*total.shape[:2], *k.shape[:2])
    raw = jnp.einsum("rcns,nsr->cns", found, scene.modes.basis[scene.modes.of_shot[which]], precision="highest")
    count = len(state.shots)
    return samples.received(scene.protocol, scene.played.shots, state.shots, raw[:, :count])


@jax.jit
def _added(total: Array, values: Array, share: Array) -> Array:
    return total + values * share


@jax.jit
def _summed(volumes: Array, seen: Seen, z_mm: Array, plane_mm: Array, c: Array) -> Array:
    """What coils see, summed along z with exp(-2 pi i c u), complex64 [R, coil, y, x]."""
    angle = -2 * jnp.pi * c * (z_mm[:, None, None] - plane_mm)
    return samples.summed(volumes * jax.lax.complex(jnp.cos(angle), jnp.sin(angle)), seen)
