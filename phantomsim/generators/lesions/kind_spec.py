"""A kind of lesion, as a file of the catalogue describes it: what, how large, which form, where, how it grows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, model_validator

from phantomsim.generators.common_spec import Fraction
from phantomsim.generators.contrast_spec import NATIVE, Iodine, body_iodine, names
from phantomsim.generators.lesions.distribution import Distribution, NotNegative, Positive, Share, counted
from phantomsim.generators.lesions.shape_spec import Shape
from phantomsim.spec import Spec

MOST = 256  # lesions of a patient
Millimetres = Annotated[float, Field(ge=0.0, le=100.0)]


class Layer(Spec):
    """A part of the lesion that is of another tissue, between two surfaces of its own form.

    Attributes:
        share: of the lesion's volume, from the middle outwards: a core.
        thickness_mm: from the surface inwards: a capsule. One of the two is given.
    """

    tissue: str
    share: Share | None = None
    thickness_mm: Positive | None = None
    source: str = ""

    @model_validator(mode="after")
    def _one(self) -> Layer:
        if (self.share is None) == (self.thickness_mm is None):
            raise ValueError("give either share (a core) or thickness_mm (a capsule)")
        return self


class Mottle(Spec):
    """A second tissue mixed in unevenly, by a smooth random field: the lesion's texture.

    Attributes:
        share: mean volume share [1]; locally from 0 to twice as much.
        coarsest_mm: longest wavelength of the field [mm].
    """

    tissue: str
    share: Annotated[float, Field(gt=0.0, le=0.5)]
    coarsest_mm: PositiveFloat
    source: str = ""


class Oedema(Spec):
    """Swollen tissue around the lesion; it comes with it and does not count as lesion.

    Attributes:
        tissue: what takes the place of `host` there.
        thickness_mm: how far it reaches [mm].
        share: volume share of a voxel that swells at most; it falls to 0 at the rim.
    """

    tissue: str
    host: tuple[str, ...]
    thickness_mm: NotNegative
    share: Fraction = 1.0
    source: str = ""


class Near(Spec):
    """A preference for places by their distance from something.

    Attributes:
        of: a tissue or organ (patterns such as `vein-*` are allowed); or "surface", that of the host; "ventricles";
            "inner-table", the wall of the skull; "vertex", the top of the brain.
        scale_mm: the density of places falls as exp(-distance / scale) [mm]; absent: even.
        min_mm, max_mm: no place nearer or further [mm].
    """

    of: str
    scale_mm: PositiveFloat | None = None
    min_mm: Annotated[float, Field(ge=0.0)] = 0.0
    max_mm: PositiveFloat = 1e3
    source: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Near:
        if self.min_mm > self.max_mm:
            raise ValueError(f"min_mm {self.min_mm:g} is above max_mm {self.max_mm:g}")
        return self


class Place(Spec):
    """Rules for where a lesion may lie; see `Lesions` for those that both have.

    Attributes:
        clear_mm: least distance of the whole lesion from tissues or organs, by name [mm]: vessels, skin.
        near: preferences; their densities are multiplied.
        keep_host: least share of the host's volume that all lesions together leave.
        one_side: least share of a lesion of the head that lies on one side of the brain's middle plane.
    """

    margin_mm: Millimetres = 0.0
    inside_host: Fraction = 0.0
    forbidden: tuple[str, ...] = ()
    clear_mm: dict[str, Millimetres] = Field(default_factory=dict)
    near: tuple[Near, ...] = ()
    keep_host: Fraction = 0.0
    one_side: Annotated[float, Field(ge=0.5, le=1.0)] = 0.5


class MassEffect(Spec):
    """How a lesion pushes its surroundings aside; see `generators.lesions.flow`.

    Attributes:
        share: of its volume that displaces; the rest takes the host's place.
        moves: tissues that are moved.
        yields: those of them that give way, as cerebrospinal fluid does; the others keep their volume.
        least_mL: smaller lesions move nothing.
    """

    share: Annotated[float, Field(gt=0.0, lt=1.0)]
    moves: tuple[str, ...]
    yields: tuple[str, ...]
    least_mL: PositiveFloat = 1.0
    source: str = ""


class Phase(Spec):
    """After contrast agent: iodine in the lesion's tissues [mg/mL] by name, its layers' among them.

    The body's is that of the phase of this name in `generators/phases`; what is named here goes before it.
    """

    iodine_mg_per_mL: Iodine = Field(default_factory=dict)
    source: str = ""


class Published(Spec):
    """A published CT number that the lesion's tissue must meet [HU]; against another tissue where one is named."""

    phase: str = "native"
    against: str = ""
    min_HU: float
    max_HU: float
    kVp: Annotated[float, Field(ge=40.0, le=150.0)] = 120.0
    source: str


class LesionKind(Spec):
    """A disease: what trials name in `[population.lesions]`.

    Attributes:
        tissue: what it is made of, where no layer says otherwise.
        host: tissues or organs (patterns allowed) in which its centre lies.
        count: lesions of a patient.
        volume_mL: of each; a cluster's is that of its bodies where it is not given.
        edge_mm: width over which it fades into its host [mm]; 0 is sharp.
        doubling_days: of its volume; one number is drawn for each lesion.
        published: CT numbers that `phantomsim validate lesions` holds its tissue against.
    """

    kind: Literal["lesion"] = "lesion"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=80)]
    description: str = ""
    tissue: str
    host: tuple[str, ...] = Field(min_length=1)
    count: Annotated[Distribution, counted(0, MOST)] = Distribution(law="fixed", value=1.0)
    volume_mL: Positive | None = None
    shape: Annotated[Shape, Field(discriminator="form")]
    layers: tuple[Layer, ...] = ()
    mottle: Mottle | None = None
    edge_mm: Annotated[float, Field(ge=0.0, le=20.0)] = 0.0
    oedema: Oedema | None = None
    place: Place = Place()
    mass_effect: MassEffect | None = None
    doubling_days: Positive | None = None
    phases: dict[str, Phase] = Field(default_factory=dict)
    published: tuple[Published, ...] = ()
    source: str = ""

    @property
    def tissues(self) -> tuple[str, ...]:
        """All that it brings."""
        parts = (*self.layers, *(part for part in (self.mottle, self.oedema) if part is not None))
        return tuple(dict.fromkeys((self.tissue, *(part.tissue for part in parts))))

    def iodine(self, phase: str) -> dict[str, float]:
        """Iodine in a patient's tissues and the lesion's [mg/mL]. Raises KeyError: the kind has no such phase."""
        if phase == NATIVE:
            return {}
        body = body_iodine(phase) if phase in names() else {}
        return body | self.phases[phase].iodine_mg_per_mL

    @model_validator(mode="after")
    def _sized(self) -> LesionKind:
        if self.volume_mL is None and self.shape.form != "cluster":
            raise ValueError(f"a {self.shape.form} needs volume_mL")
        if self.layers and self.shape.form == "cluster":
            raise ValueError("a cluster has no layers")
        if both := sorted(set(self.host) & set(self.place.forbidden)):
            raise ValueError(f"{', '.join(both)} is both host and forbidden")
        return self
