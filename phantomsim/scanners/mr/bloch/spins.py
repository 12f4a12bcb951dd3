"""Isochromats: points of one tissue each, that precess together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial

import jax
import numpy as np

from phantomsim.errors import ScannerError
from phantomsim.materials import MRProperties
from phantomsim.phantom import Phantom

Array = jax.Array | np.ndarray
Sensitivities = Callable[[np.ndarray], np.ndarray]
NAMES = ("position_mm", "T1_ms", "T2_ms", "amplitude", "off_resonance_Hz", "transmit", "receive", "T2prime_ms")


@partial(jax.tree_util.register_dataclass, data_fields=[*NAMES, "extent_mm"], meta_fields=[])
@dataclass(frozen=True)
class Spins:
    """N isochromats.

    Attributes:
        position_mm: (x, y, z) from the isocentre, float32 [N, 3].
        T1_ms, T2_ms: relaxation times, float32 [N].
        amplitude: equilibrium magnetisation x volume, float32 [N].
        off_resonance_Hz: field and chemical shift, positive where it precesses faster, float32 [N].
        transmit: B1+ over the nominal one, float32 or complex64 [N].
        receive: sensitivities, complex64 [coil, N].
        T2prime_ms: of the reversible decay exp(-|t| / T2'), t the time for which off-resonance has acted; inf: none,
            float32 [N]. None: none anywhere, which is faster.
        extent_mm: edges (x, y, z) of the box that each spin stands for; k-space is multiplied by the box's Fourier
            transform at the trajectory's k, which is exact for the echo that the trajectory follows. None: points.
    """

    position_mm: Array
    T1_ms: Array
    T2_ms: Array
    amplitude: Array
    off_resonance_Hz: Array
    transmit: Array
    receive: Array
    T2prime_ms: Array | None = None
    extent_mm: Array | None = None

    @property
    def count(self) -> int:
        """N."""
        return int(self.position_mm.shape[0])

    @classmethod
    def at(cls, position_mm: np.typing.ArrayLike, **properties: np.typing.ArrayLike) -> Spins:
        """Spins at points [N, 3]; what is left out is on resonance, of amplitude, fields and one coil 1, T1 and T2 inf.

        Raises:
            ScannerError: an unknown property, or one whose size does not fit.
        """
        points = np.asarray(position_mm, np.float32).reshape(-1, 3)
        known = {f.name for f in fields(cls)}
        if set(properties) - known:
            raise ScannerError(f"spins have no {', '.join(sorted(set(properties) - known))}; they have {sorted(known)}")
        default = {"T1_ms": np.inf, "T2_ms": np.inf, "amplitude": 1.0, "off_resonance_Hz": 0.0, "transmit": 1.0}
        full = {k: _spread(k, properties.get(k, v), len(points)) for k, v in default.items()}
        receive = np.asarray(properties.get("receive", np.ones((1, len(points)))), np.complex64)
        prime, extent = properties.get("T2prime_ms"), properties.get("extent_mm")
        return cls(
            points,
            receive=receive,
            T2prime_ms=None if prime is None else _spread("T2prime_ms", prime, len(points)),
            extent_mm=None if extent is None else np.asarray(extent, np.float32),
            **full,
        )

    @classmethod
    def of_phantom(
        cls,
        phantom: Phantom,
        properties: MRProperties,
        isocentre_mm: tuple[float, float, float] | None = None,
        spins_per_voxel: tuple[int, int, int] = (1, 1, 1),
        b0_Hz: Array | None = None,
        b1: Array | None = None,
        sensitivities: Sensitivities | None = None,
        **options: object,
    ) -> Spins:
        """Spins of a phantom; see `populate.populate`."""
        from phantomsim.scanners.mr.bloch.populate import populate

        return populate(phantom, properties, isocentre_mm, spins_per_voxel, b0_Hz, b1, sensitivities, **options)  # type: ignore[arg-type]

    def check(self) -> None:
        """Raises ScannerError if there are none, or if sizes do not fit one another."""
        n = self.count
        if n == 0:
            raise ScannerError("there are no spins; nothing in the phantom gives a signal where the sequence excites")
        if tuple(self.position_mm.shape) != (n, 3):
            raise ScannerError(f"position_mm has shape {tuple(self.position_mm.shape)}; must be [N, 3]")
        for name in NAMES[1:]:
            value = getattr(self, name)
            if value is not None and tuple(value.shape[-1:]) != (n,):
                raise ScannerError(f"{name} has shape {tuple(value.shape)}; its last axis must be of {n} spins")


def _spread(name: str, value: np.typing.ArrayLike, count: int) -> np.ndarray:
    given = np.asarray(value)
    kind = np.complex64 if np.iscomplexobj(given) else np.float32
    if given.shape not in ((), (1,), (count,)):
        raise ScannerError(f"{name} has shape {given.shape}; must be a number or one for each of {count} spins")
    return np.broadcast_to(given.astype(kind), (count,))
