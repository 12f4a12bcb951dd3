"""A virtual patient: a dominant label per voxel, a few overlays, a density texture, and the truth."""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.errors import TissueError
from phantomsim.grid import Grid
from phantomsim.overlay import Overlay, less, mix, spared
from phantomsim.overlay import boxed as boxed


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["overlay", "centre_mm", "volume_mL", "present", "inner", "around"],
    meta_fields=["kind", "host", "tissue"],
)
@dataclass(frozen=True)
class Lesion:
    """A lesion and its truth. The absent twin of a patient keeps the lesion with `present` 0.

    Attributes:
        overlay: its partial volumes; their sum times the voxel volume is the lesion's volume.
        centre_mm: world point (x, y, z) of its centre of mass [mm].
        volume_mL: sum of fraction x voxel volume [mL].
        present: 1.0 or 0.0; a number, so that twins share compiled code.
        kind, host, tissue: names (static).
        inner: parts of it that are of another tissue, such as a capsule or a solid core; of every voxel they fill no
            more than the overlay does, and `tissue` keeps the rest.
        around: what comes with it but is not counted as lesion, such as oedema; beside the overlay, never in it.
    """

    overlay: Overlay
    centre_mm: tuple[float, float, float]
    volume_mL: float
    present: float
    kind: str
    host: str
    tissue: str
    inner: tuple[Overlay, ...] = ()
    around: tuple[Overlay, ...] = ()

    def parts(self) -> tuple[Overlay, ...]:
        """What it puts into voxels, scaled by `present`: its tissue, its inner parts, what is around it."""
        main = self.overlay
        for part in self.inner:
            main = dataclasses.replace(main, fraction=less(main, part))
        every = (main, *self.inner, *self.around)
        return tuple(dataclasses.replace(o, fraction=o.fraction * self.present) for o in every)


@partial(jax.tree_util.register_dataclass, data_fields=["label"], meta_fields=["names"])
@dataclass(frozen=True)
class Organs:
    """Which organ a voxel belongs to; two organs may be of one tissue, and one organ of several.

    Attributes:
        label: index into `names`, uint8 [z, y, x]; 0 where no organ is named.
        names: of the organs (static); the first is "".
    """

    label: jax.Array | np.ndarray
    names: tuple[str, ...]

    def mask(self, name: str) -> np.ndarray:
        """Voxels mostly of one organ, bool [z, y, x]. Raises TissueError if there is none of that name."""
        if not name or name not in self.names:
            known = self.names[1:]
            near = [n for n in known if name and name.lower() in n] or difflib.get_close_matches(name, known, 3)
            there = f"did you mean {' or '.join(near[:6])}?" if near else f"it has {', '.join(known)}"
            raise TissueError(f'the phantom has no organ "{name}"; {there}')
        return np.asarray(self.label) == self.names.index(name)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["label", "density", "overlays", "organs"],
    meta_fields=[],
)
@dataclass(frozen=True)
class Anatomy:
    """What moves when a lesion pushes it aside; see `Phantom` for the fields."""

    label: jax.Array | np.ndarray
    density: jax.Array | np.ndarray | float
    overlays: tuple[Overlay, ...]
    organs: Organs | None


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["grid", "label", "density", "overlays", "lesions", "organs", "twins"],
    meta_fields=["tissues", "facts"],
)
@dataclass(frozen=True)
class Phantom:
    """A patient that a scanner can image.

    Attributes:
        grid: where the voxels are.
        label: dominant tissue per voxel of the anatomy, index into `tissues`, uint8 [z, y, x]; lesions lie over it
            (`dominant` counts them in).
        density: relative density texture [1], float32 [z, y, x] or a scalar; multiplies the tissue's density.
        overlays: thin structures and other partial volumes that belong to the anatomy.
        lesions: lesions with their truth; `present` says whether they are there.
        tissues: names of tissues in the order of the labels (static).
        facts: covariates and provenance, host side; never passed into compiled code (kernels take arrays).
        organs: which organ each voxel belongs to, where the generator knows; scanners do not read it.
        twins: where lesions push the anatomy aside: the anatomy without them, and with them; `with_lesions` takes one.
    """

    grid: Grid
    label: jax.Array | np.ndarray
    density: jax.Array | np.ndarray | float
    overlays: tuple[Overlay, ...]
    lesions: tuple[Lesion, ...]
    tissues: tuple[str, ...]
    facts: Facts = field(default_factory=lambda: Facts())
    organs: Organs | None = None
    twins: tuple[Anatomy, Anatomy] | None = None

    def __post_init__(self) -> None:
        if hasattr(self.label, "shape"):
            self.grid.check(self.label.shape, "phantom.label")
        if self.organs is not None and hasattr(self.organs.label, "shape"):
            self.grid.check(self.organs.label.shape, "phantom.organs")

    def tissue_index(self, name: str) -> int:
        """Index of a tissue. Raises TissueError if the phantom has none of that name."""
        if name not in self.tissues:
            raise TissueError(f'the phantom has no tissue "{name}"; it has {", ".join(self.tissues)}')
        return self.tissues.index(name)

    def parts(self) -> tuple[Overlay, ...]:
        """Anatomy's overlays, then each lesion's, scaled by its `present`.

        A lesion takes of all that shares a voxel alike: where it fills half, half of each overlay is left.
        """
        lesions = tuple(part for lesion in self.lesions for part in lesion.parts())
        overlays = self.overlays
        if any(float(lesion.present) > 0 for lesion in self.lesions):
            overlays = tuple(spared(overlay, lesions) for overlay in overlays)
        return overlays + lesions

    def mix(self, table: jax.Array | np.ndarray) -> jax.Array:
        """Volume-weighted mean of a property over the tissues of each voxel.

        Args:
            table: value per tissue [T] or several [T, K].
        Returns:
            float32 [z, y, x] or [K, z, y, x]; the density texture is not applied.
        """
        return mix(jnp.asarray(self.label), self.parts(), jnp.asarray(table, jnp.float32))

    def fraction(self, name: str) -> jax.Array:
        """Volume fraction of one tissue, float32 [z, y, x]; over all tissues these sum to 1."""
        return self.mix(np.eye(len(self.tissues), dtype=np.float32)[self.tissue_index(name)])

    def dominant(self) -> np.ndarray:
        """The tissue that fills most of each voxel, lesions and all that shares voxels included, uint8 [z, y, x].

        Overlays of one tissue that share a voxel are each taken alone.
        """
        label, parts = np.array(self.label), self.parts()
        most = np.ones(label.shape, np.float32)
        for part in parts:
            most[boxed(part.start, part.fraction.shape)] -= np.asarray(part.fraction)
        for part in parts:
            box, share = boxed(part.start, part.fraction.shape), np.asarray(part.fraction)
            more = share > most[box]
            label[box][more] = np.broadcast_to(np.asarray(part.tissue), share.shape)[more]
            most[box][more] = share[more]
        return label

    def with_lesions(self, present: bool) -> Phantom:
        """The same patient with all lesions there, or with none; nothing else differs.

        Where lesions push the anatomy aside, the one without them has it where it was.
        """
        lesions = tuple(dataclasses.replace(s, present=float(present)) for s in self.lesions)
        twin = dataclasses.replace(self, lesions=lesions)
        if self.twins is None:
            return twin
        one = self.twins[int(present)]
        return dataclasses.replace(twin, label=one.label, density=one.density, overlays=one.overlays, organs=one.organs)


@dataclass(frozen=True)
class Facts:
    """What is known of a patient besides voxels.

    Attributes:
        subject: the source subject; statistics cluster by it (a head used twice is one cluster).
        covariates: age, sex, organ volumes and the like, by unit-suffixed name.
        provenance: generator, seed, patient, versions, refused lesion placements: enough to make it again.
    """

    subject: str = ""
    covariates: dict[str, float | str] = field(default_factory=dict)
    provenance: dict[str, object] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.subject)
