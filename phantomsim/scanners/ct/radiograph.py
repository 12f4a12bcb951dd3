"""A radiograph: the logarithm of one view over the air scan, laid out in the plane of the isocentre."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.ct.geometry import Geometry

Layout = tuple[tuple[int, int, int], tuple[float, float, float], np.ndarray]


def layout(geometry: Geometry) -> Layout:
    """Pixels of a picture from the front: one layer, rows along z and columns along x.

    Returns:
        shape (row, 1, column); spacing along z, y, x, scaled to the isocentre; (x, y, z) of pixel 0 from it [mm].
    """
    pitch = geometry.column_at_isocentre_mm
    row = geometry.row_mm / geometry.magnification
    x = geometry.columns_from_centre[0] * pitch
    z = geometry.rows_from_centre[0] * row + float(geometry.centre_mm[0, 2])
    return (geometry.rows, 1, geometry.columns), (row, pitch, pitch), np.array([x, 0.0, z])


def picture(integrals: jax.Array, geometry: Geometry) -> jax.Array:
    """Picture of the first view, as seen from behind the patient: patient's right at low x, head at high z.

    Args:
        integrals: minus the logarithm of readings over those in air [view, row, column]; every cell is divided by its
            own air reading, which is the flat field.
        geometry: of the view. The columns of a curved detector are resampled to even steps in the plane.
    Returns:
        float32 [row, 1, column] on the grid of `layout`: -log of transmission [1]; 0 in air.
    """
    view = jnp.asarray(integrals)[0]
    if geometry.detector == "curved" and geometry.beam == "cone":
        flat = geometry.columns_from_centre * geometry.fan_step
        place = np.arctan(flat) / geometry.fan_step + (geometry.columns - 1) / 2 + geometry.column_offset
        low = np.clip(np.floor(place).astype(int), 0, geometry.columns - 2)
        part = jnp.asarray(np.clip(place - low, 0, 1), jnp.float32)
        view = view[:, low] * (1 - part) + view[:, low + 1] * part
    return view[:, None, :]
