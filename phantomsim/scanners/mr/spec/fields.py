"""Which departures from ideal fields a scanner simulates."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from phantomsim.spec import Spec

Size_mm = Annotated[float, Field(ge=1, le=2000)]


class Fields(Spec):
    """Static, gradient and transmit fields.

    Attributes:
        susceptibility: the patient's tissues distort B0.
        chemical_shift: fat precesses at its own frequency.
        coarse_mm: voxels on which the distortion is computed; 0: those of the phantom.
        shim_order: spherical harmonics up to this order are shimmed away, over the signal of each patient; 0 is the
            centre frequency alone, None leaves even that.
        shim_box_mm: edges (x, y, z) of the shimmed box about the isocentre; None: the whole phantom.
        homogeneity_ppm: of the magnet itself, peak to peak on a sphere of `homogeneity_diameter_mm`, after its own
            shim: a fourth-order harmonic.
        homogeneity_diameter_mm: of that sphere.
        transmit: "uniform", "birdcage" (the coil's own field, quasi-static) or "dielectric" (a rotating field in the
            load, which is taken as a long cylinder: brighter in the middle where the wavelength is short).
        transmit_radius_mm, transmit_length_mm: of the transmitting birdcage.
        concomitant: the readout gradient of Cartesian scans bends the field as Maxwell says (engine "signal").
    """

    susceptibility: bool = True
    chemical_shift: bool = True
    coarse_mm: float = Field(default=3.0, ge=0, le=20)
    shim_order: Literal[0, 1, 2] | None = 2
    shim_box_mm: tuple[Size_mm, Size_mm, Size_mm] | None = None
    homogeneity_ppm: float = Field(default=0.0, ge=0)
    homogeneity_diameter_mm: Size_mm = 400.0
    transmit: Literal["uniform", "birdcage", "dielectric"] = "uniform"
    transmit_radius_mm: Size_mm = 300.0
    transmit_length_mm: Size_mm = 500.0
    concomitant: bool = False
