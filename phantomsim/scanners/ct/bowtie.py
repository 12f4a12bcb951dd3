"""Bowtie filters: how much of its material each ray crosses before the patient."""

from __future__ import annotations

import numpy as np

from phantomsim.materials.spectra import filter_attenuation_per_mm
from phantomsim.scanners.ct.rays import Rays
from phantomsim.scanners.ct.spec import AnalyticBowtie, Bowtie

MATCH_KEV = 60.0  # the analytic shape attenuates as water does at this energy, near the mean of a CT beam


def thickness_mm(bowtie: Bowtie, fan: np.typing.ArrayLike, radius_mm: float) -> np.ndarray:
    """Thickness along rays in the plane of the fan.

    Args:
        bowtie: analytic or tabulated.
        fan: angle to the central ray [rad], any shape; either sign.
        radius_mm: source to isocentre.
    Returns:
        float64, the shape of `fan` [mm].
    """
    angle = np.abs(np.asarray(fan, float))
    if not isinstance(bowtie, AnalyticBowtie):
        return np.interp(np.rad2deg(angle), bowtie.fan_deg, bowtie.thickness_mm)
    water, material = (filter_attenuation_per_mm(m, np.array([MATCH_KEV]))[0] for m in ("water", bowtie.material))
    half = bowtie.cylinder_mm / 2
    chord = 2 * np.sqrt(np.maximum(half**2 - np.square(radius_mm * np.sin(angle)), 0))
    return bowtie.centre_mm + bowtie.strength * (bowtie.cylinder_mm - chord) * water / material


def path_mm(bowtie: Bowtie, rays: Rays, radius_mm: float) -> np.ndarray:
    """Path of each ray in the filter [row, column] [mm].

    The filter has one profile all along z, so a ray that rises out of the fan's plane crosses it aslant.
    """
    return thickness_mm(bowtie, rays.fan, radius_mm) / rays.level
