"""Basis materials for a set of tissues, and the tables that turn their paths into readings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from phantomsim import materials

if TYPE_CHECKING:
    from phantomsim.scanners.ct.beam import Beam

WATER, AIR = "water", "air"
FIRST = (WATER, "bone-cortical")
MORE = ("iodine-water-20", "titanium")  # tried, beside the tissue that fits worst, where the first leave too much
MOST = 4
ALIKE = 1.05  # a material that leaves so little more than the best one is taken before it, if it stands earlier
TOLERANCE_HU = 1.0  # largest misfit of a tissue by its bases that is taken without adding one


class Bases:
    """Basis materials for a set of tissues in one beam, or in several that share the volumes.

    The air scan holds the air of the room, so what counts is the excess over air.

    Attributes:
        names: K basis materials, water first.
        coefficients: float32 [T, K]: path of each basis in 1 mm of tissue [mm].
        air: float32 [K]: the same in air.
        water: float64 [K]: in water, in excess of air.
        misfits_HU: of each tissue by its bases, root mean square over the signal behind 200 mm of water.
    """

    def __init__(self, beam: Beam | Sequence[Beam], tissues: Sequence[str], exact: bool = False) -> None:
        """Choose bases and fit the tissues.

        Args:
            beam: one beam, or those of dual energy.
            tissues: T names.
            exact: every tissue is a basis of its own: no misfit, and as many line integrals as tissues. For few
                labels, or as the truth to compare with.
        """
        self.beams = tuple(beam) if isinstance(beam, Sequence) else (beam,)
        self.tissues = tuple(tissues)
        self._energy = np.concatenate([b.energy_keV for b in self.beams])
        self._share = np.concatenate([b.behind_water() for b in self.beams]) / len(self.beams)
        self._mu = materials.attenuation_matrix([*tissues, WATER, AIR], self._energy)
        self.names = tuple(dict.fromkeys((WATER, AIR, *tissues))) if exact else self._chosen()
        found, misfits = self._exact() if exact else self._fit(self.names)
        self.misfits_HU = dict(zip(tissues, misfits.tolist()))
        self.coefficients = found[:-2].astype(np.float32)
        self.air = found[-1].astype(np.float32)
        self.water = found[-2] - found[-1]

    @property
    def misfit_HU(self) -> float:
        """Largest misfit of any tissue."""
        return max(self.misfits_HU.values())

    def _exact(self) -> tuple[np.ndarray, np.ndarray]:
        column = [self.names.index(name) for name in (*self.tissues, WATER, AIR)]
        return np.eye(len(self.names))[column], np.zeros(len(column))

    def _fit(self, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients and misfits [HU] of the tissues, water and air."""
        root = np.sqrt(self._share)
        bases = materials.attenuation_matrix(names, self._energy) * root
        scale = np.linalg.norm(bases, axis=1)
        found = np.linalg.lstsq((bases / scale[:, None]).T, (self._mu * root).T, rcond=None)[0].T / scale
        left = np.linalg.norm(self._mu * root - found @ bases, axis=1)
        return found, 1000 * left / (self._mu[-2] @ self._share)

    def _chosen(self) -> tuple[str, ...]:
        """Water, bone and, while any tissue fits badly, the material that helps most."""
        names: tuple[str, ...] = FIRST
        while len(names) < MOST:
            misfits = self._fit(names)[1]
            if misfits.max() <= TOLERANCE_HU:
                break
            worst = (*self.tissues, WATER, AIR)[int(misfits.argmax())]
            tried = [(*names, name) for name in dict.fromkeys((*MORE, worst)) if name not in names]
            largest = [float(self._fit(one)[1].max()) for one in tried]
            enough = max(TOLERANCE_HU, ALIKE * min(largest))
            names = next(one for one, left in zip(tried, largest) if left <= enough)
        return names

    @property
    def table(self) -> dict[str, np.ndarray]:
        """What `transmission` needs for the first beam."""
        return self.tables[0]

    @cached_property
    def tables(self) -> tuple[dict[str, np.ndarray], ...]:
        """What `transmission` needs for each beam; energies are padded to a fixed number.

        Each has the attenuation of the bases [K, E], the weights of the R responses [E, R], the filters' exponent
        [E, row x column] and the inverse of the responses in air [R, row x column] (1 cell without filters).
        """
        return tuple(self._table(beam) for beam in self.beams)

    def _table(self, beam: Beam) -> dict[str, np.ndarray]:
        pad = -len(beam.energy_keV) % beam.count
        share = beam.weights / beam.weights.sum(-1, keepdims=True)
        exponent = beam.filter_exponent.reshape(len(beam.energy_keV), -1)
        arrays = {
            "mu_per_mm": np.pad(materials.attenuation_matrix(self.names, beam.energy_keV), ((0, 0), (0, pad))),
            "weights": np.pad(share, ((0, 0), (0, pad))).T,
            "exponent": np.pad(exponent, ((0, pad), (0, 0))),
            "per_air": 1 / (share @ np.exp(-exponent)),
        }
        return {name: array.astype(np.float32) for name, array in arrays.items()}

    def water_curve(self, path_mm: np.ndarray, beam: int = 0, response: int = 0) -> np.ndarray:
        """Logarithm of the reading of an unfiltered cell behind water instead of air, float64 [N]."""
        one = self.beams[beam]
        mu = materials.attenuation_matrix(self.names, one.energy_keV)
        share = one.weights[response] / one.weights[response].sum()
        return -np.log(np.exp(-np.outer(path_mm, self.water @ mu)) @ share)
