"""What a person writes about a generator that deforms a mean anatomy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from phantomsim.generators.common_spec import Count, Fraction, Texture
from phantomsim.generators.labels_spec import LabelTable
from phantomsim.generators.procedural.spec import Covariate
from phantomsim.spec import Catalogued, FilePath, Spec

Point = tuple[float, float, float]


class Group(Spec):
    """Structures that registration sees as one tissue.

    Attributes:
        weight: of its squared differences in the loss.
        structures: names of the label table; a group with none takes all that no other group names.
    """

    name: str
    weight: PositiveFloat = 1.0
    structures: tuple[str, ...] = ()


class Training(Spec):
    """How a mean anatomy and its deformations are learned.

    Attributes:
        lattice_mm: spacing of the velocity fields [mm]; images are compared at this and at half of it.
        lattice_shape: their nodes along z, y, x.
        middle_mm: the lattice's middle (z, y, x), from the centre of mass of `centre_on` [mm].
        centre_on: groups whose centre of mass is the origin.
        mirror: left and right are alike: the mean is symmetric, and everyone is used a second time as a mirror image.
        cut_fraction: a face of a file is a cut through the body where its outermost labelled plane holds more than
            this share of the labels of the fullest plane; what lies beyond is not seen.
        rounds: of registering everyone to the mean and making the mean anew.
        affine_iterations, coarse_iterations, fine_iterations: of each round.
        smoothness: weight of the mean squared gradient of velocities.
        components: global components of the latent, at most one fewer than the (mirrored) people.
        blend_mm: spacing of the nodes at which the latent field blends components locally [mm].
        global_share: share of the variance of components that is the same all over the body.
        latent_epochs: of training the decoder; 0 leaves it at the principal components that it starts with.
        code_penalty: weight of the latent's squared norm in the loss, per unit of variance.
        atlas_mm: voxels of the mean anatomy that is shipped [mm]; divides `lattice_mm`.
        carrier_coverage: share of the mean anatomy that a file must show for its fine structure to be used.
        seed: of all that is random in training.
    """

    lattice_mm: PositiveFloat = 8.0
    lattice_shape: tuple[PositiveInt, PositiveInt, PositiveInt] = (32, 32, 24)
    middle_mm: Point = (0.0, 0.0, 0.0)
    centre_on: Annotated[tuple[str, ...], Field(min_length=1)]
    mirror: bool = True
    cut_fraction: Annotated[float, Field(gt=0.0, le=1.0)] = 0.05
    rounds: PositiveInt = 3
    affine_iterations: PositiveInt = 100
    coarse_iterations: PositiveInt = 60
    fine_iterations: PositiveInt = 50
    smoothness: PositiveFloat = 0.02
    components: PositiveInt = 16
    blend_mm: PositiveFloat = 64.0
    global_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.6
    latent_epochs: NonNegativeInt = 60
    code_penalty: PositiveFloat = 1e-5
    atlas_mm: PositiveFloat = 2.0
    carrier_coverage: Annotated[float, Field(gt=0.0, le=1.0)] = 0.97
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @model_validator(mode="after")
    def _divides(self) -> Training:
        factor = self.lattice_mm / self.atlas_mm
        if abs(factor - round(factor)) > 1e-6 or round(factor) % 2:
            raise ValueError(f"lattice_mm / atlas_mm is {factor:g}; must be an even whole number")
        return self


class Layer(Spec):
    """A shell whose thickness is drawn, not inherited: the bone of the vault around the brain.

    Attributes:
        name: of its thickness in covariates, ends in `_mm`.
        inside: groups within the shell; `of`: groups that it is made of.
        above_mm: heights z between which the change fades in, from the lattice's middle [mm].
        elevation_deg: thickness is measured along rays from the centre that rise by at least this [deg].
    """

    name: Annotated[str, Field(pattern=r"_mm$")]
    inside: Annotated[tuple[str, ...], Field(min_length=1)]
    of: Annotated[tuple[str, ...], Field(min_length=1)]
    above_mm: tuple[float, float] = (-20.0, 10.0)
    elevation_deg: Annotated[float, Field(ge=-90.0, lt=90.0)] = 30.0


class Folds(Spec):
    """Structures that lie on one another in folds, different in everyone.

    The mean anatomy knows only how likely each is; a smooth random field, constant along the normal of the outer
    surface, chooses, so that the parts keep their likelihoods and form ridges and furrows. In the fine structure of a
    real person the folds are shifted instead.

    Attributes:
        order: structures from the outside in; together they fill what is folded.
        within: groups whose outer surface gives the normals.
        spacing_mm: from one fold to the next [mm].
        shift_mm: root-mean-square shift of a carrier's folds [mm].
    """

    order: Annotated[tuple[str, ...], Field(min_length=2, max_length=4)]
    within: Annotated[tuple[str, ...], Field(min_length=1)]
    spacing_mm: PositiveFloat = 12.0
    shift_mm: Annotated[float, Field(ge=0.0, le=5.0)] = 1.5


class Deformable(Spec):
    """Patients from a mean anatomy and a latent model of shape, learned by `phantomsim train`.

    Attributes:
        model: what training wrote; a path, from the folder of the file that says so.
        carriers: folder of segmentations whose fine structure patients take in turn; the mean anatomy's where empty.
        pattern: which of its files.
        labels, ids: of the segmentations, in training and as carriers; as of `FromFiles`.
        groups: what registration tells apart; the first is the air around.
        quantities: volumes that can be asked for, by name (ends in `_mL`), as groups.
        drawn: quantities that are drawn from their joint law among the people trained on where they are not asked for;
            the others follow from the shape, which gives the volume of a whole body less spread than people have.
        covariates: a law for each quantity or layer that is asked for.
        male_fraction, age_years: of the patients; sex and age act through the laws of covariates alone.
        layer, folds: what varies beyond the carrier.
        whole: sets of structures that are in one piece on each side; smaller loose pieces are dissolved.
        piece_mL: the largest loose piece that is dissolved [mL].
        voxel_mm: edge of the cubic voxels [mm].
        shape: voxels along z, y, x.
        texture: relative-density texture.
        training: how the model is learned.
    """

    kind: Literal["deformable"]
    name: str = ""
    description: str = ""
    model: Annotated[str, FilePath()]
    carriers: Annotated[str, FilePath()] = ""
    pattern: str = "*.nii.gz"
    labels: Annotated[LabelTable, Catalogued("generators/labels")]
    ids: str | None = None
    groups: Annotated[tuple[Group, ...], Field(min_length=2, max_length=32)]
    quantities: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    drawn: tuple[str, ...] = ()
    covariates: dict[str, Covariate] = Field(default_factory=dict)
    male_fraction: Fraction = 0.5
    age_years: tuple[Annotated[float, Field(ge=18.0)], Annotated[float, Field(le=100.0)]] = (20.0, 80.0)
    layer: Layer | None = None
    folds: tuple[Folds, ...] = ()
    whole: tuple[tuple[str, ...], ...] = ()
    piece_mL: PositiveFloat = 0.2
    voxel_mm: Annotated[float, Field(gt=0.2, le=10.0)] = 1.0
    shape: tuple[Count, Count, Count]
    texture: Texture = Texture()
    training: Training

    def laws(self) -> list[tuple[str, Covariate]]:
        """Covariates, each after those that its mean depends on, else by name; so a file may give them in any order."""
        known, left, found = {"age_years"}, dict(sorted(self.covariates.items())), []
        while left:
            name = next(n for n, law in left.items() if set(law.slope) <= known)
            found.append((name, left.pop(name)))
            known.add(name)
        return found

    @model_validator(mode="after")
    def _consistent(self) -> Deformable:
        names = [g.name for g in self.groups]
        if len(set(names)) < len(names):
            raise ValueError(f"groups must differ in name; there are {', '.join(names)}")
        if len([g for g in self.groups if not g.structures]) > 1:
            raise ValueError("only one group may have no structures; it takes what no other group names")
        self._named("training.centre_on", self.training.centre_on, names, "groups")
        for quantity, parts in self.quantities.items():
            self._named(f"quantities.{quantity}", parts, names, "groups")
        self._named("drawn", self.drawn, list(self.quantities), "quantities")
        listed = [s for g in self.groups for s in g.structures]
        if twice := sorted({s for s in listed if listed.count(s) > 1}):
            raise ValueError(f"structures {', '.join(twice)} are in more than one group")
        for where, structures in (
            ("groups", listed),
            ("whole", [s for w in self.whole for s in w]),
            ("folds", [s for f in self.folds for s in f.order]),
        ):
            self._named(where, structures, list(self.labels.tissues), "structures of the label table")
        if self.layer:
            self._named("layer", (*self.layer.inside, *self.layer.of), names, "groups")
        allowed = [*self.quantities, *([self.layer.name] if self.layer else [])]
        self._named("covariates", self.covariates, allowed, "quantities and the layer")
        self._ordered()
        return self

    def _ordered(self) -> None:
        known, left = {"age_years"}, dict(self.covariates)
        while ready := [n for n, law in left.items() if set(law.slope) <= known]:
            known |= set(ready)
            left = {n: law for n, law in left.items() if n not in known}
        if left:
            raise ValueError(f"covariates {', '.join(left)}: slopes name unknown covariates or go in a circle")

    @staticmethod
    def _named(where: str, given: Iterable[str], allowed: Iterable[str], what: str) -> None:
        if unknown := sorted(set(given) - set(allowed)):
            raise ValueError(f"{where} names {', '.join(unknown)}; allowed are the {what}: {', '.join(allowed)}")
