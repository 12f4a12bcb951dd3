"""What a person writes about a generator of patients."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, field_validator, model_validator

from phantomsim.generators.common_spec import Axes, Count, Texture
from phantomsim.generators.contrast_spec import NATIVE, PhaseName
from phantomsim.generators.deformable.spec import Deformable
from phantomsim.generators.labels_spec import LabelTable
from phantomsim.generators.meshes_spec import FromMeshes
from phantomsim.generators.procedural.spec import Procedural
from phantomsim.spec import Catalogued, FilePath, Spec


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
        pattern: which files (`**/` goes down folders): NIfTI, NRRD or MetaImage.
        axes: where the files' world axes point to, for files that do not say or say it wrongly.
        labels: what each label is made of; a name in generators/labels or a path.
        ids: which of the table's sets of ids the files use; the table's default where not given.
        voxel_mm: resample to cubes of this size; as in the file where not given.
        method: how labels are resampled; numbers of labels are never mixed. "signed-distance" is smoother and slower;
            "fractions", for coarser voxels, keeps the volume of every tissue that lies in them, however thin.
        shape: pad with air or crop to these voxels z, y, x about the body, so that all patients share compiled code.
        background: fills what the labels leave unnamed inside the body.
        shell_mm: thickness of cortical bone around each piece of cancellous bone, for labels that name whole bones.
        islands: keep pieces that are not part of the largest connected body (noise outside the head, mostly).
        texture: relative-density texture.
        phase: of contrast agent, "native" or a name in generators/phases; lesions take it from the patient.
    """

    kind: Literal["from-files"]
    name: str = ""
    description: str = ""
    folder: Annotated[str, FilePath()]
    pattern: str = "*.nii.gz"
    labels: Annotated[LabelTable, Catalogued("generators/labels")]
    ids: str | None = None
    axes: Axes | None = None
    voxel_mm: PositiveFloat | None = None
    method: Literal["nearest", "signed-distance", "fractions"] = "nearest"
    shape: tuple[Count, Count, Count] | None = None
    background: Background | None = None
    shell_mm: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0
    islands: bool = False
    texture: Texture = Texture()
    phase: PhaseName = NATIVE

    @model_validator(mode="after")
    def _whole(self) -> FromFiles:
        if self.method == "fractions" and (self.background is not None or self.shell_mm):
            raise ValueError("method fractions leaves no whole voxels for background or shell_mm; use signed-distance")
        return self


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


class Segmentation(Spec):
    """A label map beside each CT volume: tissue by the label, density by the CT number.

    Attributes:
        file: its name beside the volume's; {name} is the volume's name without its ending.
        labels, ids: as of `FromFiles`. Labels of air name nothing: there the ladder decides.
        within: largest part by which a labelled voxel's density may differ from its tissue's; where it differs more
            (gas in the bowel, vessels in the lung, dense bone) the ladder decides too.
        enhanced: tissues that hold contrast medium: what they are brighter by is iodine, up to 20 mg/mL.
    """

    file: str = "{name}_segmentation.nii.gz"
    labels: Annotated[LabelTable, Catalogued("generators/labels")]
    ids: str | None = None
    within: Annotated[float, Field(gt=0.0, le=0.5)] = 0.2
    enhanced: tuple[str, ...] = ()

    @field_validator("file")
    @classmethod
    def _beside(cls, file: str) -> str:
        rest = file.replace("{name}", "")
        if set(rest) & set("{}\\") or ".." in rest.split("/") or rest.startswith("/"):
            raise ValueError("is a file's name beside the volume's, in which {name} may stand for that")
        return file


class FromHU(Spec):
    """Patients from a folder of CT volumes in HU; patient p is file p modulo their number.

    Every voxel becomes a mixture of two tissues, so that partial volumes, fat in muscle and thin bone keep their CT
    numbers. A CT number alone cannot tell iodine from bone: contrast-filled vessels become part bone, unless a
    `segmentation` names them. Metal is bone of raised density, unless the ladder ends in one, such as "titanium".

    Attributes:
        folder, pattern, axes: as of `FromFiles`.
        ladder: which tissues.
        segmentation: label maps of the same volumes, where there are any.
        body_HU: the body is the largest piece above this, its holes filled; what lies outside (couch, clothes) is air.
        voxel_mm: resample, linearly in HU, to cubes of this size; as in the file where not given.
    """

    kind: Literal["from-hu"]
    name: str = ""
    description: str = ""
    folder: Annotated[str, FilePath()]
    pattern: str = "*.nii.gz"
    axes: Axes | None = None
    ladder: Ladder = Ladder()
    segmentation: Segmentation | None = None
    body_HU: float = -300.0
    voxel_mm: PositiveFloat | None = None


Generator = Annotated[FromFiles | FromHU | FromMeshes | Procedural | Deformable, Field(discriminator="kind")]
