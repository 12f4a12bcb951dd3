"""What a person writes about patients made of surface meshes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, field_validator

from phantomsim.errors import TissueError
from phantomsim.generators.common_spec import Axes, Count, Texture
from phantomsim.generators.contrast_spec import NATIVE, PhaseName
from phantomsim.materials.tissues import table
from phantomsim.spec import FilePath, Spec


class MeshPart(Spec):
    """A closed mesh and what it is made of.

    Attributes:
        file: STL, OBJ, PLY or GLB, from the patient's folder.
        tissue: what it is made of; also "air".
        unit: of the file's numbers; mm where not given, m for GLB.
        axes: where the file's axes point to; "RAS" where not given, for GLB "LSA" (y up). Some programs write "LPS".
        repair: close holes by fans around their middles; without it they are an error.
    """

    file: str
    tissue: str
    unit: Literal["mm", "cm", "m", "inch"] | None = None
    axes: Axes | None = None
    repair: bool = False

    @field_validator("tissue")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            table()[name]
        except TissueError as error:
            raise ValueError(str(error)) from None
        return name

    @field_validator("file")
    @classmethod
    def _inside(cls, file: str) -> str:
        if file.startswith(("/", "\\")) or ".." in file.replace("\\", "/").split("/"):
            raise ValueError("must lie in the patient's folder")
        return file


class FromMeshes(Spec):
    """Patients made of closed surface meshes, painted in order: a later part lies over the earlier ones.

    Attributes:
        folder: where they are, from the folder of the file that says so; `~` and `$VARIABLE` are expanded.
        pattern: which of its sub-folders are patients, each with the same files; the folder itself where not given.
        parts: the meshes.
        voxel_mm: edge of the voxels, or three, along z, y, x.
        margin_mm: air around the meshes.
        shape: voxels z, y, x about the middle of the meshes, so that all patients share compiled code; as the meshes
            and the margin need where not given.
        subvoxels: each voxel is looked at in so many places along each axis; the share of each tissue is that of the
            places. 1: the tissue at its middle.
        texture: relative-density texture.
        phase: of contrast agent, "native" or a name in generators/phases; lesions take it from the patient.
    """

    kind: Literal["from-meshes"]
    name: str = ""
    description: str = ""
    folder: Annotated[str, FilePath()]
    pattern: str = ""
    parts: Annotated[tuple[MeshPart, ...], Field(min_length=1, max_length=200)]
    voxel_mm: PositiveFloat | tuple[PositiveFloat, PositiveFloat, PositiveFloat] = 1.0
    margin_mm: Annotated[float, Field(ge=0.0, le=500.0)] = 10.0
    shape: tuple[Count, Count, Count] | None = None
    subvoxels: Annotated[int, Field(ge=1, le=8)] = 3
    texture: Texture = Texture()
    phase: PhaseName = NATIVE
