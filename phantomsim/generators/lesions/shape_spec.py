"""Forms of lesions, as files name them by `form`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from phantomsim.generators.lesions.distribution import Distribution, Positive, counted
from phantomsim.spec import FilePath, Spec

SPICULES, BODIES = 64, 128  # of a lesion at most
Irregularity = Annotated[float, Field(ge=0.0, le=0.5)]
Smoothness = Annotated[float, Field(ge=0.0, le=8.0)]


class StarForm(Spec):
    """A random radial field about a centre.

    Attributes:
        irregularity, smoothness: see `Lesions`.
        aspect: length over width of an ellipsoid that it is a distortion of [1].
    """

    form: Literal["star"] = "star"
    irregularity: Irregularity = 0.15
    smoothness: Smoothness = 3.0
    aspect: Positive = Distribution(law="fixed", value=1.0)


class SpiculatedForm(Spec):
    """A star with cones that run out from it.

    Attributes:
        spicules: how many.
        length: of a spicule from the centre, in radii of the star [1].
        width: radius of its foot, in radii of the star [1].
    """

    form: Literal["spiculated"]
    irregularity: Irregularity = 0.15
    smoothness: Smoothness = 3.0
    spicules: Annotated[Distribution, counted(0, SPICULES)]
    length: Positive
    width: Positive


class LensForm(Spec):
    """Biconvex, against the inner table: blood between bone and dura.

    Attributes:
        flatness: diameter over thickness [1].
    """

    form: Literal["lens"]
    flatness: Positive


class CrescentForm(Spec):
    """Along the inner table of one side: blood under the dura.

    Attributes:
        thickness_mm: of a crescent of 50 mL; it goes with the cube root of the volume.
        rim: exponent by which it thins towards its rim; 4 is blunt.
    """

    form: Literal["crescent"]
    thickness_mm: Positive
    rim: Annotated[float, Field(ge=1.0, le=8.0)] = 4.0


class CisternForm(Spec):
    """Fluid spaces filled outwards from a point: sulci and cisterns.

    Attributes:
        fill: tissue that it takes the place of.
        irregularity, smoothness: of the star whose distance says how far it spreads in each direction.
    """

    form: Literal["cistern"]
    fill: tuple[str, ...] = ("csf",)
    irregularity: Irregularity = 0.3
    smoothness: Smoothness = 2.0


class VentricleForm(Spec):
    """The ventricles, from the dependent (posterior) end up to a level.

    Attributes:
        tilt_deg: angle of the level from the horizontal of a patient who lies on the back; drawn evenly to both sides.
    """

    form: Literal["ventricle"]
    tilt_deg: Annotated[float, Field(ge=0.0, le=45.0)] = 5.0


class ClusterForm(Spec):
    """Many small bodies in an ellipsoid; the volume is theirs together.

    Attributes:
        number: of bodies.
        diameter_mm: of each before all are scaled to the volume asked for.
        extent_mm: longest diameter of the cluster [mm].
        aspect: length over width of the cluster [1].
    """

    form: Literal["cluster"]
    number: Annotated[Distribution, counted(1, BODIES)]
    diameter_mm: Positive
    extent_mm: Positive
    aspect: Positive = Distribution(law="fixed", value=1.5)
    irregularity: Irregularity = 0.2


class MeshForm(Spec):
    """A closed surface from a file, scaled to the volume and turned at random.

    Attributes:
        file: STL, OBJ, PLY or GLB.
        turn: whether it is turned.
    """

    form: Literal["mesh"]
    file: Annotated[str, FilePath()]
    turn: bool = True


class MaskForm(Spec):
    """A mask from a file, scaled to the volume and turned at random.

    Attributes:
        file: NIfTI, NRRD, MetaImage, or HDF5 (`dataset`); what is above 0 is lesion.
        dataset: name in an HDF5 file.
    """

    form: Literal["mask"]
    file: Annotated[str, FilePath()]
    dataset: str = "volume"
    turn: bool = True


Shape = (
    StarForm
    | SpiculatedForm
    | LensForm
    | CrescentForm
    | CisternForm
    | VentricleForm
    | ClusterForm
    | MeshForm
    | MaskForm
)
