"""Limits of the hardware in the units of sequences, and rounding to its rasters."""

from __future__ import annotations

import math
from dataclasses import dataclass

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.spec.hardware import Hardware

GAMMA_BAR_Hz_per_uT = 42.577478518  # of the proton, CODATA 2018
SPARE = 1e-6  # of a raster step: what rounding of floats may add


@dataclass(frozen=True)
class System:
    """What a sequence may ask for.

    Attributes:
        gradient_Hz_per_mm, slew_Hz_per_mm_s, pulse_Hz: largest gradient, its slew and nutation frequency.
        raster_s, rf_raster_s: of gradients and blocks, and of pulses.
        rf_dead_s, rf_ringdown_s, adc_dead_s: see `Hardware`.
    """

    gradient_Hz_per_mm: float
    slew_Hz_per_mm_s: float
    pulse_Hz: float
    raster_s: float
    rf_raster_s: float
    rf_dead_s: float
    rf_ringdown_s: float
    adc_dead_s: float

    @classmethod
    def of(cls, hardware: Hardware) -> System:
        """Convert mT/m, T/m/s and uT."""
        return cls(
            hardware.max_gradient_mT_per_m * GAMMA_BAR_Hz_per_uT,
            hardware.max_slew_T_per_m_per_s * 1000 * GAMMA_BAR_Hz_per_uT,
            hardware.max_B1_uT * GAMMA_BAR_Hz_per_uT,
            hardware.gradient_raster_s,
            hardware.rf_raster_s,
            hardware.rf_dead_s,
            hardware.rf_ringdown_s,
            hardware.adc_dead_s,
        )

    def up(self, time_s: float) -> float:
        """The next instant on the gradient raster."""
        return math.ceil(time_s / self.raster_s - SPARE) * self.raster_s

    def down(self, time_s: float) -> float:
        """The last instant on the gradient raster."""
        return math.floor(time_s / self.raster_s + SPARE) * self.raster_s

    def ramp_s(self, gradient_Hz_per_mm: float) -> float:
        """Shortest ramp from zero, at least one step of the raster."""
        return max(self.up(abs(gradient_Hz_per_mm) / self.slew_Hz_per_mm_s), self.raster_s)

    def check_gradient(self, gradient_Hz_per_mm: float, what: str, remedy: str) -> None:
        """Raises ScannerError where a gradient is too strong."""
        if abs(gradient_Hz_per_mm) > self.gradient_Hz_per_mm * (1 + 1e-9):
            asked, allowed = (g / GAMMA_BAR_Hz_per_uT for g in (abs(gradient_Hz_per_mm), self.gradient_Hz_per_mm))
            raise ScannerError(
                f"{what} needs a gradient of {asked:.1f} mT/m; hardware.max_gradient_mT_per_m is {allowed:.1f}. "
                f"{remedy}",
                "hardware",
                "max_gradient_mT_per_m",
            )


def ms(time_s: float) -> str:
    """A time for a message, rounded up to 10 us."""
    return f"{math.ceil(time_s * 1e5 - 1e-3) / 100:g} ms"
