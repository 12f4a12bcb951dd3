"""What a person writes about a generator of patients made of shapes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from phantomsim.generators.common_spec import Count, Fraction, Texture
from phantomsim.generators.contrast_spec import NATIVE, PhaseName
from phantomsim.spec import Misfit, Spec

#: Covariates that each procedural anatomy is built from, in the order in which they are drawn; a generator file
#: gives a distribution for each.
_BREAST = (
    *("breast_mL", "gland_mL", "base_mm", "skin_mm", "areola_mm", "nipple_mm", "nipple_height_mm", "duct_mm"),
    *("ligament_mm", "pectoral_mm", "compressed_mm"),
)
REGIONS: dict[str, tuple[str, ...]] = {
    "abdomen": (
        *("height_mm", "bmi_kg_per_m2", "liver_mL", "spleen_mL", "kidney_right_mL", "kidney_left_mL", "pancreas_mL"),
        *("gallbladder_mL", "kidney_length_mm", "aorta_diameter_mm", "vena_cava_width_mm", "vena_cava_depth_mm"),
        *("visceral_fat_cm2", "subcutaneous_fat_cm2", "vertebra_width_mm", "vertebra_height_mm", "pelvis_width_mm"),
        *("femoral_head_mm", "psoas_l3_cm2", "renal_cortex_mm", "adrenal_mL", "coeliac_mm", "sma_mm", "iliac_mm"),
        *("portal_vein_mm", "stomach_mL", "colon_ascending_mm", "colon_transverse_mm", "colon_descending_mm"),
        *("bladder_mL",),
    ),
    "chest": (
        *("height_mm", "bmi_kg_per_m2", "lung_mL", "right_lung_share", "right_lower_share", "right_middle_share"),
        *("left_lower_share", "lv_mL", "lv_mass_g", "rv_mL", "la_mL", "ra_mL", "pericardial_fat_mL"),
        *("ascending_aorta_mm", "descending_aorta_mm", "pulmonary_trunk_mm", "vena_cava_mm", "trachea_mm"),
        *("subcarinal_deg", "kyphosis_deg", "vertebra_width_mm", "manubrium_mm", "sternum_mm", "chest_wall_mm"),
        *("breast_mL", "gland_fraction"),
    ),
    "breast": _BREAST,
    "breast-compressed": _BREAST,
    "head": (
        *("icv_mL", "brain_fraction", "ventricles_mL", "skull_mm", "scalp_mm", "cortex_mm", "eye_diameter_mm"),
        *("cerebellum_mL", "thalamus_mL", "caudate_mL", "putamen_mL", "pallidum_mL", "hippocampus_mL", "amygdala_mL"),
    ),
}

DENSEST = 0.75  # gland in the breast, beyond which there is no room for it under the skin
#: What follows from covariates, and from which.
FOLLOW = {"bsa_m2": ("height_mm", "bmi_kg_per_m2"), "density": ("breast_mL", "gland_mL")}


class Covariate(Spec):
    """A truncated normal law; its mean may depend on sex and on covariates that stand before it.

    Attributes:
        law: "lognormal" for quantities with a long upper tail; mean and SD stay those of the quantity itself.
        mean: one value, or one for each sex, at the reference of every slope.
        sd: standard deviation of what the slopes do not explain.
        slope: change of the mean per unit of an earlier covariate (`age_years`, or any before it in REGIONS).
        about: that covariate's reference value (0 where not given).
        min, max: where the law is cut.
        source: the publication.
    """

    law: Literal["normal", "lognormal"] = "normal"
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
        if self.law == "lognormal" and self.min <= 0:
            raise ValueError(f"min {self.min} must be above 0 for a lognormal law")
        if not set(self.about) <= set(self.slope):
            raise ValueError(f"about names {sorted(set(self.about) - set(self.slope))}, which slope does not")
        return self


class Procedural(Spec):
    """Patients made of shapes: implicit functions of place.

    Attributes:
        region: which anatomy.
        voxel_mm: edge of the cubic voxels [mm].
        shape: voxels along z, y, x.
        centre_z_mm: height of the grid's middle; 0 is the middle of L1 (abdomen) or of the brain case (head).
        male_fraction: share of men.
        age_years: youngest and oldest; uniform between.
        covariates: a distribution for each that the region is built from.
        texture: relative-density texture.
        phase: of contrast agent, "native" or a name in generators/phases; lesions take it from the patient.
        strata: least and largest value of covariates, of `age_years` or of what follows from them (`bsa_m2`,
            `density`); whoever lies outside is drawn again, so that all else keeps its law given the stratum.
    """

    kind: Literal["procedural"]
    name: str = ""
    description: str = ""
    region: Literal["abdomen", "chest", "breast", "breast-compressed", "head"]
    voxel_mm: Annotated[float, Field(gt=0.2, le=10.0)] = 2.0
    shape: tuple[Count, Count, Count]
    centre_z_mm: float = 0.0
    male_fraction: Fraction = 0.5
    age_years: tuple[Annotated[float, Field(ge=18.0)], Annotated[float, Field(le=100.0)]] = (20.0, 80.0)
    covariates: dict[str, Covariate]
    texture: Texture = Texture()
    phase: PhaseName = NATIVE
    strata: dict[str, tuple[float, float]] = Field(default_factory=dict)

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
        if self.age_years[0] > self.age_years[1]:
            what = f"age_years: {self.age_years[0]:g} must not be above {self.age_years[1]:g}"
            raise Misfit(what, "age_years")
        known = {"age_years"}
        for name, law in self.laws():
            if late := set(law.slope) - known:
                allowed = ", ".join(sorted(known))
                what = f"{name} depends on {', '.join(sorted(late))}; it may depend on {allowed}"
                raise Misfit(what, "covariates", name, "slope")
            known |= {name} | {new for new, of in FOLLOW.items() if set(of) <= known | {name}}
        for name, (low, high) in self.strata.items():
            if name not in known:
                raise Misfit(f"strata names {name}; allowed: {', '.join(sorted(known))}", "strata", name)
            if low >= high:
                raise Misfit(f"strata.{name}: {low} must be below {high}", "strata", name)
            if name == "density" and high > DENSEST:
                what = f"strata.density: {high} is beyond what is drawn; at most {DENSEST}"
                raise Misfit(what, "strata", name)
        return self
