"""Where the energy of one photon goes in a semiconductor: charge clouds, characteristic x-rays, Compton recoil.

A photon that interacts leaves a Gaussian charge cloud of one size, which sub-pixels share by its integral over each
of them (error functions; Taguchi et al., Med. Phys. 43 (2016) 6386, doi:10.1118/1.4966699 do alike). After
photoelectric absorption above a K edge a characteristic x-ray may be emitted evenly in all directions: it escapes
through front or back, or is absorbed at some distance and leaves a second cloud, often in another sub-pixel. After
incoherent scatter (Klein and Nishina 1929) the recoil energy stays, and the scattered photon does the same as a
characteristic one. What the second photon sets free in its turn stays where it is absorbed, and no electron leaves
its cloud.

All is integrated over the place of the interaction, evenly over a sub-pixel, over its depth (closed form), and over
direction and range of the second photon: Gauss-Legendre points and one fixed set of scrambled Sobol points.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from phantomsim.materials.attenuation import ELECTRON_KEV
from phantomsim.scanners.ct.detector.fluorescence import inside, interaction, lines
from phantomsim.scanners.ct.spec import PhotonCounting

REACH = 2  # sub-pixels on either side that are told apart; what lands further off is taken to land there
WIDTH = 2 * REACH + 1
SOBOL = 11  # 2^11 points: 0.3 % of a bin's counts
LEAST_CLOUD_MM = 1e-6
EDGE_SIGMAS = 4.0  # clouds that are further from a border are not shared
NEAR, FAR = 48, 2  # Gauss-Legendre points close to a border and away from it


class Events(NamedTuple):
    """What may become of a photon that interacts.

    Attributes:
        chance: of each outcome, sums to 1 [S].
        pulse_keV: energy collected by each sub-pixel; the photon hit the middle one [S, WIDTH (y), WIDTH (x)].
        escaped_keV: energy that left the sensor [S].
    """

    chance: np.ndarray
    pulse_keV: np.ndarray
    escaped_keV: np.ndarray


def interacts(detector: PhotonCounting, energy_keV: np.ndarray) -> np.ndarray:
    """Probability that a photon interacts in the sensor [N]."""
    return -np.expm1(-interaction(detector.material, np.asarray(energy_keV, float)).per_mm * detector.thickness_mm)


def events(detector: PhotonCounting, energy_keV: float) -> Events:
    """Outcomes of a photon of one energy that interacts."""
    energy = np.array([energy_keV])
    first = interaction(detector.material, energy)
    electric = float(first.photoelectric[0])
    found = [line for line in lines(detector.material, energy) if detector.fluorescence and line.share[0] > 0]
    parts = [_characteristic(detector, first.per_mm[0], energy_keV, line.photon_keV) for line in found]
    chances = [electric * float(line.share[0]) for line in found]
    parts += [_local(detector, energy_keV), _compton(detector, first.per_mm[0], energy_keV)]
    chances += [electric - sum(chances), 1 - electric]
    return Events(
        np.concatenate([part.chance * chance for part, chance in zip(parts, chances)]),
        np.concatenate([part.pulse_keV for part in parts]),
        np.concatenate([part.escaped_keV for part in parts]),
    )


def shares(place_mm: np.ndarray, pixel_mm: float, cloud_mm: float) -> np.ndarray:
    """Part of a charge cloud over each sub-pixel of a line [..., WIDTH]; the outermost reach to infinity.

    Args:
        place_mm: middle of the cloud from the middle of the line [mm].
        pixel_mm: side of a sub-pixel [mm].
        cloud_mm: SD of the cloud [mm].
    """
    from scipy.special import ndtr

    borders = (np.arange(WIDTH - 1) - REACH + 0.5) * pixel_mm
    below = ndtr((borders - place_mm[..., None]) / max(cloud_mm, LEAST_CLOUD_MM))
    ends = np.zeros_like(below[..., :1])
    return np.diff(below, axis=-1, prepend=ends, append=ends + 1).astype(np.float32)


@lru_cache(maxsize=8)
def _local_shares(pixel_mm: float, cloud_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights and shares of clouds on a product grid over a quarter of a sub-pixel, which stands for all."""
    edge = min(EDGE_SIGMAS * max(cloud_mm, LEAST_CLOUD_MM), pixel_mm / 2)
    far, near = np.polynomial.legendre.leggauss(FAR), np.polynomial.legendre.leggauss(NEAR)
    middle = pixel_mm / 2 - edge
    place = np.concatenate([middle * (far[0] + 1) / 2, middle + edge * (near[0] + 1) / 2])
    weight = np.concatenate([middle * far[1], edge * near[1]]) / pixel_mm
    along = shares(place, pixel_mm, cloud_mm)
    both = along[:, None, :, None] * along[None, :, None, :]
    return np.outer(weight, weight).ravel(), both.reshape(-1, WIDTH, WIDTH)


def _local(detector: PhotonCounting, energy_keV: float) -> Events:
    """All energy in one place."""
    weight, share = _local_shares(detector.pixel_mm, detector.charge_cloud_mm)
    return Events(weight, np.float32(energy_keV) * share, np.zeros(len(weight)))


@lru_cache(maxsize=1)
def _points() -> np.ndarray:
    """Points of the unit cube: x, y, cosine, azimuth, range [S, 5]."""
    from scipy.stats import qmc

    return qmc.Sobol(5, scramble=True, seed=1).random_base2(SOBOL)


@lru_cache(maxsize=64)
def _line_shares(
    material: str, pixel_mm: float, cloud_mm: float, photon_keV: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares of the first and of the second cloud [S, WIDTH, WIDTH], and how much deeper the second lies [S]."""
    per_mm = float(interaction(material, np.array([photon_keV])).per_mm[0])
    return _two_clouds(pixel_mm, cloud_mm, 2 * _points()[:, 2] - 1, np.full(2**SOBOL, per_mm))


def _two_clouds(
    pixel_mm: float, cloud_mm: float, cosine: np.ndarray, per_mm: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `_line_shares`, for given cosines to the beam and attenuation [1/mm] of the second photon [S]."""
    points = _points()
    here = (points[:, :2] - 0.5) * pixel_mm
    reach = -np.log1p(-points[:, 4]) / per_mm
    sideways = reach * np.sqrt(1 - cosine**2)
    turn = 2 * np.pi * points[:, 3]
    there = here + sideways[:, None] * np.stack([np.cos(turn), np.sin(turn)], -1)
    cell = np.rint(there / pixel_mm)
    there -= (cell - np.clip(cell, -REACH, REACH)) * pixel_mm
    clouds = (shares(place, pixel_mm, cloud_mm) for place in (here, there))
    first, second = (c[:, 1, :, None] * c[:, 0, None, :] for c in clouds)
    return first, second, reach * cosine


def _two_events(
    detector: PhotonCounting,
    per_mm: float,
    energies: tuple[np.ndarray, np.ndarray],
    clouds: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> Events:
    """Second photon absorbed, then second photon lost, each weighted by its chance over the depth of the first."""
    first, second, down = clouds
    kept, moved = (energy.astype(np.float32)[:, None, None] for energy in energies)
    stays = inside(per_mm, down, detector.thickness_mm)
    size = len(stays)
    pulse = np.empty((2 * size, WIDTH, WIDTH), np.float32)
    np.multiply(kept, first, out=pulse[size:])
    np.multiply(moved, second, out=pulse[:size])
    pulse[:size] += pulse[size:]
    lost = np.concatenate([np.zeros(size), energies[1]])
    return Events(np.concatenate([stays, 1 - stays]) / size, pulse, lost)


def _characteristic(detector: PhotonCounting, per_mm: float, energy_keV: float, photon_keV: float) -> Events:
    """A characteristic x-ray leaves the first cloud."""
    clouds = _line_shares(detector.material, detector.pixel_mm, detector.charge_cloud_mm, photon_keV)
    moved = np.full(len(clouds[2]), photon_keV)
    return _two_events(detector, per_mm, (energy_keV - moved, moved), clouds)


def _compton(detector: PhotonCounting, per_mm: float, energy_keV: float) -> Events:
    """A scattered photon leaves the recoil's cloud."""
    cosine = klein_nishina_cosine(energy_keV, _points()[:, 2])
    moved = energy_keV / (1 + energy_keV / ELECTRON_KEV * (1 - cosine))
    second = interaction(detector.material, np.maximum(moved, 1.0)).per_mm
    clouds = _two_clouds(detector.pixel_mm, detector.charge_cloud_mm, cosine, second)
    return _two_events(detector, per_mm, (energy_keV - moved, moved), clouds)


def klein_nishina_cosine(energy_keV: float, quantile: np.ndarray) -> np.ndarray:
    """Cosine of the scattering angle by the inverse of its distribution [S]."""
    cosine = np.linspace(-1, 1, 1025)
    kept = 1 / (1 + energy_keV / ELECTRON_KEV * (1 - cosine))
    density = kept**2 * (kept + 1 / kept - 1 + cosine**2)
    below = np.concatenate([[0], np.cumsum(density[1:] + density[:-1])])
    return np.interp(quantile, below / below[-1], cosine)
