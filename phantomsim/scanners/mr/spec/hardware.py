"""What gradients, transmitter and receiver can do."""

from __future__ import annotations

from typing import Annotated

import pydantic

from phantomsim.spec import Spec

Positive = Annotated[float, pydantic.Field(gt=0)]
Dead_s = Annotated[float, pydantic.Field(ge=0, le=0.1)]
Raster_s = Annotated[float, pydantic.Field(ge=1e-8, le=0.01)]


class Hardware(Spec):
    """Limits that a sequence must keep. The defaults are those of a whole-body scanner of the 2010s (unverified).

    Attributes:
        max_gradient_mT_per_m: of one axis.
        max_slew_T_per_m_per_s: of one axis.
        max_B1_uT: peak of the transmit field.
        rf_dead_s: before a pulse.
        rf_ringdown_s: after a pulse, before a readout.
        adc_dead_s: before and after a readout.
        gradient_raster_s, rf_raster_s: steps in which waveforms are played out.
    """

    max_gradient_mT_per_m: Positive = 40.0
    max_slew_T_per_m_per_s: Positive = 170.0
    max_B1_uT: Positive = 24.0
    rf_dead_s: Dead_s = 100e-6
    rf_ringdown_s: Dead_s = 30e-6
    adc_dead_s: Dead_s = 10e-6
    gradient_raster_s: Raster_s = 10e-6
    rf_raster_s: Raster_s = 1e-6
