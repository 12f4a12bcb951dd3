"""How a patient is scanned."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import pydantic

from phantomsim.spec import Spec

Positive = Annotated[float, pydantic.Field(gt=0)]
NonNegative = Annotated[float, pydantic.Field(ge=0)]
Count = Annotated[int, pydantic.Field(ge=1)]
Samples = Annotated[int, pydantic.Field(ge=1, le=16)]


LEAST_MAS, MOST_MAS = 0.001, 100_000.0  # of one turn


class Modulation(Spec):
    """How the tube current follows the patient, planned on a noise-free scout of the water path of each view.

    Attributes:
        angular, longitudinal: share of the modulation that is followed within a turn and along z, from 0 (none) to
            1 (photons behind the patient made equal).
        least, most: bounds of the current over its mean [1].
    """

    angular: Annotated[float, pydantic.Field(ge=0, le=1)] = 0.5
    longitudinal: Annotated[float, pydantic.Field(ge=0, le=1)] = 0.5
    least: Annotated[float, pydantic.Field(gt=0, le=1)] = 0.2
    most: Annotated[float, pydantic.Field(ge=1, le=20)] = 3.0


class RigidMotion(Spec):
    """A patient who moves as a whole during the scan: from rest to the full amount, or to and fro.

    Attributes:
        shift_mm: (x, y, z) of the largest displacement [mm].
        turn_deg: largest rotation about the isocentre's z axis [deg].
        period_s: of a sine; 0: a steady drift over the whole scan.
        start_s: when it begins [s].
    """

    kind: Literal["rigid"] = "rigid"
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn_deg: float = 0.0
    period_s: NonNegative = 0.0
    start_s: NonNegative = 0.0


class Breathing(Spec):
    """Respiration: the body's content slides along z and swells forward, most at the diaphragm, none at the spine.

    Attributes:
        depth_mm: way of the diaphragm along z from exhale to inhale [mm].
        swell_mm: way of the front of the body along y [mm].
        diaphragm_mm: world z of the diaphragm at exhale; the motion falls off above and below over `reach_mm` [mm].
        period_s: of a breath; it moves as cos^4 (Lujan 1999, doi:10.1118/1.598577).
        phase: where the breath is when the scan starts, 0 exhale [1].
        phases: states of the body that are computed in one breath.
    """

    kind: Literal["breathing"] = "breathing"
    depth_mm: NonNegative = 10.0
    swell_mm: NonNegative = 3.0
    diaphragm_mm: float = 0.0
    reach_mm: Positive = 100.0
    period_s: Positive = 4.0
    phase: float = 0.0
    phases: Samples = 8


Motion = Annotated[RigidMotion | Breathing, pydantic.Field(discriminator="kind")]


class CTProtocol(Spec):
    """How a patient is scanned.

    The tube current is given by one of `mAs`, `CTDIvol_mGy`, `SSDE_mGy` and `noise_HU`; the scanner solves for mAs.

    Attributes:
        path: "axial" (one turn, or several side by side), "helical" or "radiograph" (one view from the front).
        kVp: tube voltage [kV].
        second_kVp: voltage of a second beam through the same rays (dual energy); None: one beam.
        second_filtration: what the second beam passes besides, as {sn_mm = 0.4} [mm].
        mAs: tube current times the time of one turn [mAs]; of both beams together for dual energy, shared evenly.
        CTDIvol_mGy, SSDE_mGy: dose asked for instead [mGy].
        noise_HU: SD asked for instead, in the middle of the patient, as predicted for kernel "standard" and slices of
            5 mm [HU].
        rotation_s: time of one turn [s].
        views: readings in one turn.
        turns: turns of a helix, or of axial scans side by side.
        pitch: table feed per turn over the collimation, for helical scans [1].
        rows: detector rows in the beam.
        binned_rows, binned_columns: neighbouring cells that are read as one.
        field_mm: diameter of the scan field [mm]; cells outside it, which must see air only, are not computed.
        truncation: what is done about a patient who reaches out of the field: "error", or "allow" (as a real scanner).
        centre_on: what lies at the isocentre along z; "brain" and "lesion" are the phantom's middle where it has none.
        ctdi_phantom: which CTDI phantom the dose is stated for, "head" (16 cm) or "body" (32 cm).
        bowtie: name of one of the scanner's bowties; "none".
        large_focus: whether the scanner's large focal spot is used.
        footprint: "cell" averages over each cell; "point" follows one ray to its middle.
        focal_samples: points of the focal spot in width and in length; (1, 1): a point.
        rotation_samples: instants within a view; 1: the gantry stands still.
        scatter: "none", "kernel" (a fast estimate) or "monte-carlo" (the truth, slow).
        modulation: of the tube current; None: constant.
        motion: of the patient; None: lies still.
    """

    description: str = ""
    path: Literal["axial", "helical", "radiograph"] = "axial"
    kVp: Annotated[float, pydantic.Field(ge=40, le=150)] = 120.0
    second_kVp: Annotated[float, pydantic.Field(ge=40, le=150)] | None = None
    second_filtration: dict[str, float] = pydantic.Field(default_factory=dict)
    mAs: Annotated[float, pydantic.Field(ge=LEAST_MAS, le=MOST_MAS)] | None = None
    CTDIvol_mGy: Positive | None = None
    SSDE_mGy: Positive | None = None
    noise_HU: Positive | None = None
    rotation_s: Positive = 1.0
    views: Annotated[int, pydantic.Field(ge=1)] = 984
    turns: Positive = 1.0
    pitch: Positive = 1.0
    rows: Count = 64
    binned_rows: Count = 1
    binned_columns: Count = 1
    field_mm: Positive = 500.0
    truncation: Literal["error", "allow"] = "error"
    centre_on: Literal["phantom", "brain", "lesion"] = "phantom"
    ctdi_phantom: Literal["head", "body"] = "head"
    bowtie: str = "none"
    large_focus: bool = False
    footprint: Literal["cell", "point"] = "cell"
    focal_samples: tuple[Samples, Samples] = (1, 1)
    rotation_samples: Samples = 1
    scatter: Literal["none", "kernel", "monte-carlo"] = "none"
    modulation: Modulation | None = None
    motion: Motion | None = None

    @property
    def fixed_mAs(self) -> float | None:
        """mAs if the protocol gives it (200 if it asks for nothing), None if the scanner must solve for it."""
        asked = (self.CTDIvol_mGy, self.SSDE_mGy, self.noise_HU)
        return self.mAs or (200.0 if not any(asked) else None)

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> Self:
        asked = [n for n in ("mAs", "CTDIvol_mGy", "SSDE_mGy", "noise_HU") if getattr(self, n) is not None]
        if len(asked) > 1:
            raise ValueError(f"{' and '.join(asked)} are both given; give one, the scanner solves for the others")
        if self.path != "radiograph" and self.views < 8:
            raise ValueError(f"views is {self.views}; a turn needs at least 8")
        if self.path == "axial" and self.turns != round(self.turns):
            raise ValueError(f"turns is {self.turns}; axial scans have a whole number of turns")
        return self
