"""What must hold of fields, coils, noise against field, chemical shift and motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize_scalar

from phantomsim.grid import Grid
from phantomsim.laws import Law
from phantomsim.materials import relaxation
from phantomsim.scanners.mr import coils, noise
from phantomsim.scanners.mr.fields import concomitant, dipole, shim, transmit
from phantomsim.scanners.mr.laws.chain import ellipsoid
from phantomsim.scanners.mr.motion import kspace
from phantomsim.scanners.mr.motion.poses import turns
from phantomsim.scanners.mr.spec.array import Birdcage, Load, LoopArray

SALOMIR = "Salomir et al. 2003, doi:10.1002/cmr.b.10083; closed form of magnetostatics, Lorentz-corrected"
HOULT = "Hoult and Lauterbur 1979, doi:10.1016/0022-2364(79)90019-2"
CHI_ppm = 9.41  # of water and air (-9.05 and .36)
GRID = Grid.centred((64, 64, 64), (2.0, 2.0, 2.0))
HEAD = Load(radius_mm=85.0, length_mm=200.0, conductivity_S_per_m=0.46, permittivity=63.0)


def laws() -> list[Law]:
    """All laws of this part."""
    parts: list[Callable[[], list[Law]]] = [
        _sphere, _cylinders, _shim, _gradients, _wires, _noise, _transmit, _fat, _motion
    ]  # fmt: skip
    return [law for part in parts for law in part()]


def _distances() -> tuple[np.ndarray, ...]:
    return np.meshgrid(*GRID.axes_mm(), indexing="ij")


def _sphere() -> list[Law]:
    z, y, x = _distances()
    radius, r = 24.0, np.sqrt(x**2 + y**2 + z**2)
    found = np.asarray(dipole.shift_Hz(ellipsoid(GRID, (radius,) * 3) * CHI_ppm, GRID.spacing_mm, 3.0))
    pattern = (3 * (z / r) ** 2 - 1) / 2 * (radius / r) ** 3  # 1 at the pole
    outside, inside = (r > 1.2 * radius) & (r < 2.4 * radius), r < 0.8 * radius
    pole = np.sum(found[outside] * pattern[outside]) / np.sum(pattern[outside] ** 2)
    worst = np.abs(found - 801.3 * pattern)[outside].max()
    rms = float(np.sqrt(np.mean(found[inside] ** 2)))
    return [
        Law("field at the pole of a sphere of water in air at 3 T [Hz]", SALOMIR, 801.3, float(pole), 4.0),
        Law("worst error of the field outside that sphere, over the pole's", SALOMIR, 0.0, float(worst / 801.3), 0.005),
        Law("field inside that sphere, root mean square [Hz]", SALOMIR, 0.0, rms, 4.0),
    ]


def _cylinders() -> list[Law]:
    _, y, x = _distances()
    radius, r = 18.0, np.hypot(x, y)
    chi = np.broadcast_to(ellipsoid(Grid.centred((1, 64, 64), (1.0, 2.0, 2.0)), (1e6, radius, radius)), GRID.shape)
    along, across = (np.asarray(dipole.shift_ppm(chi, GRID.spacing_mm, axis)) for axis in "zx")
    inside, shell = r < 0.8 * radius, (r > 1.2 * radius) & (r < 2.4 * radius)
    turning = np.cos(2 * np.arctan2(y, x)) * (radius / r) ** 2
    design = np.stack([np.ones(shell.sum()), turning[shell]], 1)
    (level, size), *_ = np.linalg.lstsq(design, across[shell], rcond=None)
    return [
        Law(
            "field in an infinite cylinder along B0, over its susceptibility",
            SALOMIR + ": 1/3",
            1 / 3,
            float(along[inside].mean() - along[shell].mean()),
            0.0017,
        ),
        Law(
            "field in an infinite cylinder across B0, over its susceptibility",
            SALOMIR + ": -1/6",
            -1 / 6,
            float(across[inside].mean() - level),
            0.0017,
        ),
        Law("field outside it, of cos 2 phi (a/r)^2", SALOMIR + ": 1/2", 0.5, float(size), 0.0025),
    ]


def _shim() -> list[Law]:
    axes = tuple(jnp.asarray(a, jnp.float32) for a in Grid.centred((20, 24, 28), (8.0, 7.0, 6.0)).axes_mm())
    shapes = shim.harmonics(axes[0], axes[1], axes[2], 2)
    scale = jnp.array([50.0, 1.0, -2.0, 0.5, 0.02, 0.01, -0.03, 0.02, 0.01])
    field = jnp.tensordot(scale, shapes, 1)
    left = shim.shimmed(field, jnp.ones(field.shape).at[:, :5].set(0.0), axes, 2)
    share = float(jnp.abs(left).max() / jnp.abs(field).max())
    return [Law("what a second-order shim leaves of a second-order field", "least squares", 0.0, share, 1e-4)]


def _gradients() -> list[Law]:
    found = concomitant.concomitant_Hz(jnp.array([0.0, 0.0, 100.0]), jnp.array([10.0, 0.0, 0.0]), 0.05)
    source = "Bernstein et al. 1998, doi:10.1002/mrm.1910390218: (G z)^2 / 2 B0"
    return [Law("concomitant field, 10 mT/m at 10 cm and 50 mT [Hz]", source, 425.8, float(found), 0.5)]


def _wires() -> list[Law]:
    wire = coils.Wire(np.array([0.0, 0.0, -500.0]), np.array([0.0, 0.0, 500.0]))
    straight = coils.field(wire, np.array([100.0, 0.0, 0.0]))[1]
    a, h, rungs = 130.0, 120.0, 16
    d = np.hypot(a, h)
    cage = coils.MU0_uT_mm_per_A * rungs * h / (4 * np.pi * a * d) * (1 + a**2 / d**2)
    ports = coils.coils(Birdcage(radius_mm=a, length_mm=2 * h, rungs=rungs, noise_factor=1.0))
    middle = np.linalg.norm(coils.field(ports[0], np.zeros(3)))
    return [
        Law("field of a wire of 1 m at 10 cm [uT/A]", "mu0 I / 2 pi r x cos(atan(r / h))", 1.96116, straight, 0.002),
        Law(
            "field in the middle of a birdcage over mu0 N h / (4 pi a d) (1 + a^2 / d^2)",
            "Biot and Savart over cosine currents in rungs and rings",
            1.0,
            float(middle / cage),
            0.002,
        ),
    ]


def snr_exponent(noise_law: Literal["physical", "body", "coil"], low_T: float, high_T: float) -> float:
    """d ln SNR / d ln B0 between two fields for loops of copper wire on a head."""
    array = LoopArray(count=4, radius_mm=130.0, loop_radius_mm=66.0, noise_factor=1.1, noise_law=noise_law)
    snr = [noise.emf_uV(b) / np.sqrt(noise.resistance_ohm(array, HEAD, b)[0, 0]) for b in (low_T, high_T)]
    return float(np.log(snr[1] / snr[0]) / np.log(high_T / low_T))


def _noise() -> list[Law]:
    depth_um = 1e3 * noise.skin_depth_mm(2 * np.pi * 1e6 / noise.GYROMAGNETIC_rad_per_s_T)
    return [
        Law("exponent of SNR against B0, coils' noise", HOULT + ": 7/4", 1.75, snr_exponent("coil", 0.05, 0.5), 0.01),
        Law("exponent of SNR against B0, patient's noise", HOULT + ": 1", 1.0, snr_exponent("body", 1.5, 3.0), 0.01),
        Law("the same by physics, 10 to 20 mT", HOULT, 1.75, snr_exponent("physical", 0.01, 0.02), 0.05),
        Law("the same by physics, 6 to 12 T", HOULT, 1.0, snr_exponent("physical", 6.0, 12.0), 0.05),
        Law("skin depth of copper at 1 MHz [um]", "sqrt(2 rho / w mu0), textbooks", 66.0, depth_um, 0.5),
    ]


def _transmit() -> list[Law]:
    edge = transmit.dielectric(HEAD, 0.001, np.array([HEAD.radius_mm]))[0]
    water = Load(radius_mm=100.0, length_mm=200.0, conductivity_S_per_m=1e-6, permittivity=80.0)
    null = minimize_scalar(
        lambda rho: transmit.dielectric(water, 7.0, np.array([rho]))[0], bounds=(20, 60), method="bounded"
    )
    source = "2.4048 c / (w sqrt(eps)): first zero of J0, Tropp 2004, doi:10.1016/j.jmr.2003.12.002"
    return [
        Law("B1+ at the rim of a cylinder over its axis at 1 mT", "quasi-static limit", 1.0, float(edge), 1e-3),
        Law("radius of the first null in lossless water at 7 T [mm]", source, 43.05, float(null.x), 0.1),
    ]


def _fat() -> list[Law]:
    shift = float(relaxation(["adipose"], 3.0).shift_ppm[0]) * 3e-6 * dipole.GAMMA_BAR_Hz_per_T  # type: ignore[index]
    source = "220 Hz at 1.5 T: Hornak, The Basics of MRI, ch. 4"
    return [Law("fat from water at 3 T [Hz]", source, -440.0, shift, 5.0)]


def _motion() -> list[Law]:
    """A digital phantom moved by whole voxels and quarter turns, against its k-space under a pose."""
    n, rng = 12, np.random.default_rng(3)
    still = np.zeros((n, n, n))
    still[3:8, 4:8, 3:9] = rng.random((5, 4, 6))
    moved = np.roll(np.rot90(still, -1, (1, 2)), (2, -1, 1), (0, 1, 2))  # x to y about z, then a shift
    axis = np.arange(n) - (n - 1) / 2
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij")[::-1], -1).reshape(-1, 3)
    k = rng.uniform(-0.5, 0.5, (50, 3))

    def kspace_of(volume: np.ndarray, k: np.ndarray) -> np.ndarray:
        return np.exp(-2j * np.pi * k @ points.T) @ volume.ravel()

    rotation = turns(np.array([0.0, 0.0, 90.0]))
    turned, factor = kspace.moved_k(jnp.asarray(k), jnp.asarray(rotation), jnp.array([1.0, -1.0, 2.0]))
    error = np.abs(np.asarray(factor) * kspace_of(still, np.asarray(turned, float)) - kspace_of(moved, k)).max()
    return [Law("k-space of a moved phantom, error over its largest", "Fourier", 0.0, float(error / still.sum()), 1e-5)]
