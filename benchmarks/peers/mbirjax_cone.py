"""mbirjax's cone-beam projector (separable footprints, JAX) on the CPU. Needs mbirjax."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import ct_truth
import jax
import jax.numpy as jnp
import mbirjax
import numpy as np

case, repeat, _ = next(ct_truth.asked())
if case.planar:
    sys.exit("mbirjax's cone beam needs several rows")
dz, dy, dx = case.spacing
model = mbirjax.ConeBeamModel(
    (case.views, case.rows, case.columns), case.angles, case.distance, source_iso_dist=case.radius
)
nz, ny, nx = case.shape
model.set_params(
    recon_shape=(ny, nx, nz), delta_voxel=dx, delta_det_channel=case.column, delta_det_row=case.row, verbose=0
)


def forward(volume: np.ndarray) -> np.ndarray:
    """[z, y, x] -> [view, row, column]."""
    return np.asarray(model.forward_project(arranged(volume)))[..., ::-1]


def arranged(volume: np.ndarray) -> jax.Array:
    """[z, y, x] as mbirjax has it: [y, x the other way, z], and so do its columns run the other way."""
    return jnp.asarray(np.ascontiguousarray(volume.transpose(1, 2, 0)[:, ::-1]))


found = ct_truth.accuracy(forward, case, ("point", "cell"))
volume = arranged(ct_truth.volume_of("gaussians", case))
times = ct_truth.timed(lambda: jax.block_until_ready(model.forward_project(volume)), repeat)
ct_truth.report("mbirjax", case, "forward", "cell", times, **found)
data = model.forward_project(volume)
times = ct_truth.timed(lambda: jax.block_until_ready(model.back_project(data)), repeat)
ct_truth.report("mbirjax", case, "adjoint", "cell", times)
