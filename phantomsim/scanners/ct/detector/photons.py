"""A photon-counting detector photon by photon: slow and plain, the reference for `sharing` and `counting`."""

from __future__ import annotations

import numpy as np

from phantomsim.materials.attenuation import ELECTRON_KEV
from phantomsim.scanners.ct.detector.fluorescence import interaction, lines
from phantomsim.scanners.ct.spec import PhotonCounting


def count(detector: PhotonCounting, energy_keV: float, photons: int, side: int, rng: np.random.Generator) -> np.ndarray:
    """Which bin each sub-pixel counts in, photon by photon.

    Args:
        photons: that many fall evenly on the sensor.
        side: the sensor is a square of that many sub-pixels, its borders joined.
    Returns:
        int8 [photons, side, side]: 0 no count, else the bin, from 1.
    """
    size = side * detector.pixel_mm
    first = interaction(detector.material, np.array([energy_keV]))
    place = np.stack(
        [rng.uniform(0, size, photons), rng.uniform(0, size, photons), rng.exponential(1 / first.per_mm[0], photons)],
        -1,
    )
    electric = rng.uniform(size=photons) < first.photoelectric[0]
    second = _second_keV(detector, energy_keV, electric, rng)
    cosine = np.where(
        electric, rng.uniform(-1, 1, photons), 1 - (energy_keV / np.maximum(second, 1) - 1) * ELECTRON_KEV / energy_keV
    )
    moved = place + _way(detector, second, cosine, rng)
    hit = place[:, 2] < detector.thickness_mm
    caught = hit & (moved[:, 2] > 0) & (moved[:, 2] < detector.thickness_mm)
    pulse = _clouds(detector, place[:, :2], (energy_keV - second) * hit, side)
    pulse += _clouds(detector, moved[:, :2], second * caught, side)
    pulse += detector.resolution_keV * rng.standard_normal(pulse.shape)
    return np.digitize(pulse, np.asarray(detector.thresholds_keV)).astype(np.int8)


def _second_keV(
    detector: PhotonCounting, energy_keV: float, electric: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Energy of the characteristic or the scattered photon, 0 without one [photons]."""
    found = lines(detector.material, np.array([energy_keV])) if detector.fluorescence else []
    chances = [float(line.share[0]) for line in found]
    kind = rng.choice(len(found) + 1, len(electric), p=[*chances, 1 - sum(chances)])
    second = np.array([*(line.photon_keV for line in found), 0.0])[kind]
    scattered = np.flatnonzero(~electric)
    while len(scattered):  # Klein and Nishina's distribution by rejection
        cosine = rng.uniform(-1, 1, len(scattered))
        kept = 1 / (1 + energy_keV / ELECTRON_KEV * (1 - cosine))
        taken = rng.uniform(0, 2, len(scattered)) < kept**2 * (kept + 1 / kept - 1 + cosine**2)
        second[scattered[taken]] = energy_keV * kept[taken]
        scattered = scattered[~taken]
    return second


def _way(detector: PhotonCounting, energy_keV: np.ndarray, cosine: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """From where a second photon starts to where it is absorbed [photons, 3] [mm]."""
    per_mm = interaction(detector.material, np.maximum(energy_keV, 1.0)).per_mm
    turn = rng.uniform(0, 2 * np.pi, len(cosine))
    sine = np.sqrt(np.maximum(1 - cosine**2, 0))
    direction = np.stack([sine * np.cos(turn), sine * np.sin(turn), cosine], -1)
    return direction * rng.exponential(1 / per_mm)[:, None]


def _clouds(detector: PhotonCounting, place_mm: np.ndarray, energy_keV: np.ndarray, side: int) -> np.ndarray:
    """Energy collected by each sub-pixel [photons, side, side] [keV]."""
    from scipy.special import ndtr

    pixel, sigma = detector.pixel_mm, max(detector.charge_cloud_mm, 1e-9)
    along = np.zeros((2, len(place_mm), side))
    cell = np.floor(place_mm / pixel).astype(int)
    for step in (-2, -1, 0, 1, 2):
        low = (cell + step) * pixel - place_mm
        share = ndtr((low + pixel) / sigma) - ndtr(low / sigma)
        for axis in (0, 1):
            np.add.at(along[axis], (np.arange(len(cell)), (cell[:, axis] + step) % side), share[:, axis])
    return energy_keV[:, None, None] * along[1][:, :, None] * along[0][:, None, :]
