"""A generator file and its model together: the numbers that every patient shares."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from phantomsim.errors import GeneratorError
from phantomsim.generators.deformable import layer, model_file
from phantomsim.generators.deformable.layer import Shell
from phantomsim.generators.deformable.model_file import Model
from phantomsim.generators.deformable.person import group_of, structure_names
from phantomsim.generators.deformable.spec import Deformable, Folds
from phantomsim.spec import digest

KEPT = 4  # anatomies in memory


@dataclass(frozen=True, eq=False)
class Anatomy:
    """See the module.

    Attributes:
        spec, model: what it is made of.
        of_structure: number of the group of each structure, uint8.
        graph, state: the decoder, split for compiled code.
    """

    spec: Deformable
    model: Model
    of_structure: np.ndarray
    graph: nnx.GraphDef
    state: nnx.State

    def numbers(self, groups: tuple[str, ...]) -> tuple[int, ...]:
        """Numbers of groups by name."""
        names = [g.name for g in self.spec.groups]
        return tuple(names.index(g) for g in groups)

    @cached_property
    def weights(self) -> jax.Array:
        """Of the groups in the loss."""
        return jnp.array([g.weight for g in self.spec.groups], jnp.float32)

    @cached_property
    def groups(self) -> jax.Array:
        """The mean's groups on the refinement by two of the model's lattice."""
        return self.model.groups(self.of_structure, len(self.spec.groups), self.model.lattice.spacing_mm / 2)

    @cached_property
    def shell(self) -> Shell | None:
        """The layer's place in the mean, if there is a layer."""
        if self.spec.layer is None:
            return None
        what = self.spec.layer
        mean = float(self.model.about["layer_mm"]["mean"])  # type: ignore[index]
        return layer.shell(self.model, self.numbers(what.inside), what.above_mm, self.of_structure.tobytes(), mean)

    @cached_property
    def folds(self) -> tuple[tuple[Folds, tuple[int, ...]], ...]:
        """Folds, each with the numbers of the groups that they lie within."""
        return tuple((f, self.numbers(f.within)) for f in self.spec.folds)

    @cached_property
    def wholes(self) -> np.ndarray:
        """Structures of what is counted or measured as a whole, the largest first, bool [wholes, structures]."""
        sets = [*self.spec.quantities.values(), *([self.spec.layer.of] if self.spec.layer else [])]
        found = [np.isin(self.of_structure, self.numbers(s)) for s in sorted(sets, key=len, reverse=True)]
        return np.array(found, bool).reshape(-1, len(self.of_structure))

    def parts(self, groups: jax.Array, names: tuple[str, ...]) -> jax.Array:
        """Shares of quantities [z, y, x, quantities] from those of groups."""
        columns = [groups[..., list(self.numbers(self.spec.quantities[n]))].sum(axis=-1) for n in names]
        return jnp.stack(columns, axis=-1)


_KNOWN: dict[str, Anatomy] = {}


def of(spec: Deformable) -> Anatomy:
    """Read the model of a generator; the last few are kept.

    Raises:
        FormatError: as `model_file.read`.
        GeneratorError: the file's groups or label table are not those that the model was trained with.
    """
    key = digest(spec)
    if key not in _KNOWN:
        if len(_KNOWN) >= KEPT:
            _KNOWN.pop(next(iter(_KNOWN)))
        _KNOWN[key] = _read(spec)
    return _KNOWN[key]


def _read(spec: Deformable) -> Anatomy:
    model = model_file.read(spec.model)
    names = structure_names(spec.labels)
    of_structure = group_of(names, spec.groups)
    if model.structures != names or list(model.about["group_of_structure"]) != of_structure.tolist():  # type: ignore[call-overload]
        raise GeneratorError(
            f'{spec.model} was trained with other groups or labels than the generator "{spec.name}" names; '
            f"train it again: phantomsim train GENERATOR --data FOLDER --out {spec.model}"
        )
    if spec.layer is not None and "layer_mm" not in model.about:
        raise GeneratorError(f"{spec.model} was trained without a layer; train it again, or take [layer] out")
    graph, state = nnx.split(model.decoder)
    return Anatomy(spec, model, of_structure, graph, state)
