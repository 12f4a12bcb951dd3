"""A form drawn out along an axis, its volume kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phantomsim.generators.lesions.voxels import Form


@dataclass(frozen=True)
class Stretched:
    """Another form, `aspect` times as long along `axis` as before against its width.

    Attributes:
        axis: unit vector (x, y, z).
    """

    form: Form
    axis: np.ndarray
    aspect: float

    @property
    def reach(self) -> float:
        return self.form.reach * max(self.aspect ** (2 / 3), self.aspect ** (-1 / 3))

    @property
    def extent(self) -> tuple[float, float]:
        (short, long), along, across = self.form.extent, self.aspect ** (2 / 3), self.aspect ** (-1 / 3)
        return short * min(along, across), long * max(along, across)

    def shell(self, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
        """See `Star.shell`; of the points before they were drawn out, which are bounded closer."""
        wide, less = self.aspect ** (2 / 3), self.aspect ** (-4 / 3) - self.aspect ** (2 / 3)
        q = wide * np.eye(3) + less * np.outer(self.axis, self.axis)  # of (x, y, z): wide |p|^2 + less (p . axis)^2
        q = q.astype(z.dtype)
        plane = q[2, 2] * z * z + q[1, 1] * y * y + 2 * q[1, 2] * y * z
        square = q[0, 0] * x + 2 * (q[0, 1] * y + q[0, 2] * z)  # in place: the box is large
        square *= x
        square += plane
        return square, self.form.extent

    @property
    def slope(self) -> float:
        return self.form.slope * max(self.aspect ** (1 / 3), self.aspect ** (-2 / 3))

    def size(self, offset_mm: np.ndarray, radius_mm: float) -> np.ndarray:
        """See `Star.size`."""
        across = self.aspect ** (1 / 3)
        more = (self.aspect ** (-2 / 3) - across) * self.axis  # along the axis
        turned = (across * np.eye(3) + np.outer(self.axis, more)).astype(offset_mm.dtype)
        return self.form.size(offset_mm @ turned, radius_mm)
