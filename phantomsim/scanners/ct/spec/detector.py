"""Detectors, and the grid before them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import pydantic

from phantomsim.spec import Spec

NonNegative = Annotated[float, pydantic.Field(ge=0)]
Positive = Annotated[float, pydantic.Field(gt=0)]
Share = Annotated[float, pydantic.Field(gt=0, le=1)]


class EnergyIntegrating(Spec):
    """A scintillator whose light is summed.

    Attributes:
        material: "gos" (Gd2O2S) or "csi".
        thickness_mm: thickness of the scintillator [mm].
        fill: part of a cell's area that detects [1].
        electronic_noise_keV: SD of the electronic noise of one cell in one view, as absorbed energy [keV].
        xray_crosstalk: share of a cell's absorbed photons that reaches each of its four neighbours (quanta move: noise
            is not correlated by it) [1].
        optical_crosstalk: share of a cell's light that each of its four neighbours gets (signal and noise) [1].
        gain_spread: SD of the cells' gains, which the air scan corrects [1].
    """

    kind: Literal["energy-integrating"] = "energy-integrating"
    material: Literal["gos", "csi"] = "gos"
    thickness_mm: Positive
    fill: Share = 1.0
    electronic_noise_keV: NonNegative = 0.0
    xray_crosstalk: Annotated[float, pydantic.Field(ge=0, le=0.2)] = 0.0
    optical_crosstalk: Annotated[float, pydantic.Field(ge=0, le=0.2)] = 0.0
    gain_spread: Annotated[float, pydantic.Field(ge=0, le=0.3)] = 0.0


class PhotonCounting(Spec):
    """A semiconductor that counts photons by the height of their pulses.

    Attributes:
        material: "cdte" or "si".
        thickness_mm: of the sensor [mm].
        fill: part of a cell's area that detects [1].
        pixel_mm: side of a sub-pixel, which counts by itself; a cell sums its sub-pixels [mm].
        thresholds_keV: lower ends of the energy bins, rising; the last bin is open [keV].
        resolution_keV: SD of a pulse's height [keV].
        charge_cloud_mm: SD of the charge cloud, which neighbours share [mm].
        fluorescence: whether characteristic x-rays may leave the pixel.
        dead_time_ns: of a sub-pixel; pulses closer than that pile up [ns].
        pile_up: "none", "paralyzable" or "nonparalyzable".
    """

    kind: Literal["photon-counting"] = "photon-counting"
    material: Literal["cdte", "si"] = "cdte"
    thickness_mm: Positive
    fill: Share = 1.0
    pixel_mm: Positive = 0.275
    thresholds_keV: Annotated[tuple[Positive, ...], pydantic.Field(min_length=1, max_length=8)]
    resolution_keV: Positive = 2.0
    charge_cloud_mm: NonNegative = 0.02
    fluorescence: bool = True
    dead_time_ns: NonNegative = 0.0
    pile_up: Literal["none", "paralyzable", "nonparalyzable"] = "none"

    @pydantic.model_validator(mode="after")
    def _rising(self) -> Self:
        if any(a >= b for a, b in zip(self.thresholds_keV, self.thresholds_keV[1:])):
            raise ValueError(f"thresholds_keV are {self.thresholds_keV}; must rise")
        return self


Detector = Annotated[EnergyIntegrating | PhotonCounting, pydantic.Field(discriminator="kind")]


class AntiScatterGrid(Spec):
    """Lamellae that point at the focal spot.

    Attributes:
        ratio: height of the lamellae over the gap between them [1].
        lamella_mm, gap_mm: thickness and gap, at the detector [mm].
        two_dimensional: whether lamellae run along columns and rows, or along z only.
        material: of the lamellae.
    """

    ratio: Positive
    lamella_mm: Positive
    gap_mm: Positive
    two_dimensional: bool = False
    material: Literal["tungsten", "lead"] = "tungsten"
