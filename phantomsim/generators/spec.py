"""What a person writes about a generator of patients."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, model_validator

from phantomsim.generators.labels_spec import LabelTable
from phantomsim.spec import Catalogued, FilePath, Spec

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=4, le=2048)]

#: Covariates that each procedural anatomy is built from, in the order in which they are drawn; a generator file
#: gives a distribution for each.
REGIONS: dict[str, tuple[str, ...]] = {
    "abdomen": (
        *("height_mm", "bmi_kg_per_m2", "liver_mL", "spleen_mL", "kidney_right_mL", "kidney_left_mL", "pancreas_mL"),
        *("gallbladder_mL", "kidney_length_mm", "aorta_diameter_mm", "vena_cava_width_mm", "vena_cava_depth_mm"),
        *("visceral_fat_cm2", "subcutaneous_fat_cm2", "vertebra_width_mm"),
    ),
    "head": ("icv_mL", "brain_fraction", "ventricles_mL", "skull_mm", "scalp_mm", "cortex_mm", "eye_diameter_mm"),
}


class Texture(Spec):
    """Relative-density texture of solid tissue: Gaussian noise with spectrum 1 / frequency^power.

    Attributes:
        sd: standard deviation of the relative density [1]; 0.005 is about 5 HU in soft tissue.
        power: exponent of the power spectrum; 3 is that of anatomical clutter (Burgess 1999, doi:10.1118/1.598480).
        coarsest_mm: the spectrum is flat for longer wavelengths [mm].
    """

    sd: Fraction = 0.0
    power: Annotated[float, Field(ge=0.0, le=6.0)] = 3.0
    coarsest_mm: PositiveFloat = 40.0


class Background(Spec):
    """What lies where the labels name nothing, inside the body's outline.

    The outline is, slice by slice, the convex hull of all labelled voxels, grown by `margin_mm`.

    Attributes:
        tissue: fills the outline.
        margin_mm: tissue beyond the outermost label [mm].
        skin_mm: thickness of the skin around it [mm]; 0 for none.
    """

    tissue: str = "adipose"
    margin_mm: Annotated[float, Field(ge=0.0, le=100.0)] = 20.0
    skin_mm: Annotated[float, Field(ge=0.0, le=10.0)] = 2.0


class FromFiles(Spec):
    """Patients from a folder of segmentations; patient p is file p modulo their number.

    Attributes:
        folder: where they are, from the folder of the file that says so; `~` and `$VARIABLE` are expanded.
        pattern: which files (`**/` goes down folders).
        labels: what each label is made of; a name in generators/labels or a path.
        ids: which of the table's sets of ids the files use; the table's default where not given.
        voxel_mm: resample to cubes of this size; as in the file where not given.
        method: how labels are resampled; never by linear mixing. "signed-distance" is smoother and slower.
        shape: pad with air or crop to these voxels z, y, x about the body, so that all patients share compiled code.
        background: fills what the labels leave unnamed inside the body.
        shell_mm: thickness of cortical bone around each piece of cancellous bone, for labels that name whole bones.
        islands: keep pieces that are not part of the largest connected body (noise outside the head, mostly).
        texture: relative-density texture.
    """

    kind: Literal["from-files"]
    name: str = ""
    description: str = ""
    folder: Annotated[str, FilePath()]
    pattern: str = "*.nii.gz"
    labels: Annotated[LabelTable, Catalogued("generators/labels")]
    ids: str | None = None
    voxel_mm: PositiveFloat | None = None
    method: Literal["nearest", "signed-distance"] = "nearest"
    shape: tuple[Count, Count, Count] | None = None
    background: Background | None = None
    shell_mm: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0
    islands: bool = False
    texture: Texture = Texture()


class Ladder(Spec):
    """Tissues that a CT number is a mixture of: its two neighbours by the CT numbers that they have in the scan's beam.

    Attributes:
        tissues: from the lightest to the densest; above the last one the density rises instead.
        kVp: tube voltage of the scan that is read [kV].
        filtration: of its beam, as {al_mm = 6.8} [mm].
    """

    tissues: Annotated[tuple[str, ...], Field(min_length=2, max_length=12)] = (
        *("air", "lung", "adipose", "muscle", "bone-cancellous", "bone-cortical"),
    )
    kVp: Annotated[float, Field(ge=40, le=150)] = 120.0
    filtration: dict[str, float] = Field(default_factory=lambda: {"al_mm": 6.8})


class FromHU(Spec):
    """Patients from a folder of CT volumes in HU; patient p is file p modulo their number.

    Every voxel becomes a mixture of two tissues, so that partial volumes, fat in muscle and thin bone keep their CT
    numbers. A CT number alone cannot tell iodine from bone: contrast-filled vessels become part bone.

    Attributes:
        folder, pattern: as of `FromFiles`.
        ladder: which tissues.
        body_HU: the body is the largest piece above this, its holes filled; what lies outside (couch, clothes) is air.
        voxel_mm: resample, linearly in HU, to cubes of this size; as in the file where not given.
    """

    kind: Literal["from-hu"]
    name: str = ""
    description: str = ""
    folder: Annotated[str, FilePath()]
    pattern: str = "*.nii.gz"
    ladder: Ladder = Ladder()
    body_HU: float = -300.0
    voxel_mm: PositiveFloat | None = None


class Covariate(Spec):
    """A truncated normal law; its mean may depend on sex and on covariates that stand before it.

    Attributes:
        mean: one value, or one for each sex, at the reference of every slope.
        sd: standard deviation of what the slopes do not explain.
        slope: change of the mean per unit of an earlier covariate (`age_years`, or any before it in REGIONS).
        about: that covariate's reference value (0 where not given).
        min, max: where the law is cut.
        source: the publication.
    """

    mean: float | dict[Literal["female", "male"], float]
    sd: float | dict[Literal["female", "male"], float]
    slope: dict[str, float] = Field(default_factory=dict)
    about: dict[str, float] = Field(default_factory=dict)
    min: float
    max: float
    source: str

    @model_validator(mode="after")
    def _ordered(self) -> Covariate:
        if self.min >= self.max:
            raise ValueError(f"min {self.min} must be below max {self.max}")
        if not set(self.about) <= set(self.slope):
            raise ValueError(f"about names {sorted(set(self.about) - set(self.slope))}, which slope does not")
        return self


class Procedural(Spec):
    """Patients made of ellipsoids, superquadrics and tubes.

    Attributes:
        region: which anatomy.
        voxel_mm: edge of the cubic voxels [mm].
        shape: voxels along z, y, x.
        centre_z_mm: height of the grid's middle; 0 is the middle of L1 (abdomen) or of the brain case (head).
        male_fraction: share of men.
        age_years: youngest and oldest; uniform between.
        covariates: a distribution for each that the region is built from.
        texture: relative-density texture.
    """

    kind: Literal["procedural"]
    name: str = ""
    description: str = ""
    region: Literal["abdomen", "head"]
    voxel_mm: Annotated[float, Field(gt=0.2, le=10.0)] = 2.0
    shape: tuple[Count, Count, Count]
    centre_z_mm: float = 0.0
    male_fraction: Fraction = 0.5
    age_years: tuple[Annotated[float, Field(ge=18.0)], Annotated[float, Field(le=100.0)]] = (20.0, 80.0)
    covariates: dict[str, Covariate]
    texture: Texture = Texture()

    def laws(self) -> list[tuple[str, Covariate]]:
        """Covariates in the region's order, in which they are drawn; a file may name them in any order."""
        return [(name, self.covariates[name]) for name in REGIONS[self.region]]

    @model_validator(mode="after")
    def _complete(self) -> Procedural:
        wanted, given = set(REGIONS[self.region]), set(self.covariates)
        if wanted != given:
            raise ValueError(
                f"covariates of the {self.region}: missing {sorted(wanted - given)}, unknown {sorted(given - wanted)}"
            )
        known = {"age_years"}
        for name, law in self.laws():
            if late := set(law.slope) - known:
                allowed = ", ".join(sorted(known))
                raise ValueError(f"{name} depends on {', '.join(sorted(late))}; it may depend on {allowed}")
            known.add(name)
            if {"height_mm", "bmi_kg_per_m2"} <= known:
                known.add("bsa_m2")  # follows from both
        return self


Generator = Annotated[FromFiles | FromHU | Procedural, Field(discriminator="kind")]
