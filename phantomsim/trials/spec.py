"""The trial as a person writes it."""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import Discriminator, Field, Tag, model_validator

from phantomsim.algorithms.spec import Algorithm, Identity
from phantomsim.errors import TissueError
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.generators.spec import Generator
from phantomsim.keys import MAX_SEED
from phantomsim.scanners.ct.spec import CTProtocol, CTReconstruction, CTScanner
from phantomsim.scanners.mr.spec import MRProtocol, MRReconstruction, MRScanner
from phantomsim.spec import Catalogued, Misfit, Shorthand, Spec, Within
from phantomsim.trials.readers.spec import Reader
from phantomsim.trials.statistics.spec import Endpoint, Hypothesis


def _modality(ct: type[Spec], mr: type[Spec]) -> Any:
    """A discriminator that tells CT from MR tables by which keys they hold."""

    def tag(value: Any) -> str:
        if isinstance(value, Spec):
            return "mr" if isinstance(value, mr) else "ct"
        table = value if isinstance(value, dict) else {}
        return "mr" if _fits(table, mr) > _fits(table, ct) else "ct"

    return Discriminator(tag)


def _fits(table: dict[str, Any], model: type[Spec]) -> int:
    """How many of a table's entries a model knows; both modalities may have a key, with other words allowed."""
    known = {key: model.model_fields[key].annotation for key in table if key in model.model_fields}
    return sum(get_origin(kind) is not Literal or table[key] in get_args(kind) for key, kind in known.items())


Scanner = Annotated[CTScanner | MRScanner, Field(discriminator="kind")]
Protocol = Annotated[
    Annotated[CTProtocol, Tag("ct")] | Annotated[MRProtocol, Tag("mr")], _modality(CTProtocol, MRProtocol)
]
Reconstruction = Annotated[
    Annotated[CTReconstruction, Tag("ct")] | Annotated[MRReconstruction, Tag("mr")],
    _modality(CTReconstruction, MRReconstruction),
]

OneOrSeveral = Annotated[
    Annotated[Lesions, Tag("one")] | Annotated[tuple[Lesions, ...], Field(min_length=1), Tag("several")],
    Discriminator(lambda value: "several" if isinstance(value, list | tuple) else "one"),
]

#: Kinds of generator whose patients know their organs.
ORGANS = ("procedural", "deformable")

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f]+$")]


class Population(Spec):
    """Who is imaged.

    Attributes:
        generator: what makes the anatomy; a catalogue name, a path or a table.
        patients: virtual patients; where the generator has fewer source subjects, subjects are used again
            with another lesion, and statistics cluster by subject.
        lesions: what is inserted; each patient is imaged with and without it. Of a list, `[[population.lesions]]`,
            patients get one entry each, in turn: patient 0 the first. Without lesions there is one case per
            patient, and detection readers are not allowed.
    """

    generator: Annotated[Generator, Catalogued("generators")]
    patients: int = Field(ge=1, le=1_000_000)
    lesions: OneOrSeveral | None = None

    @property
    def kinds(self) -> tuple[Lesions, ...]:
        """All that patients may get; empty without lesions."""
        return self.lesions if isinstance(self.lesions, tuple) else () if self.lesions is None else (self.lesions,)

    def lesions_of(self, patient: int) -> Lesions | None:
        """What one patient gets, whoever else is in the population."""
        return self.kinds[patient % len(self.kinds)] if self.kinds else None


class Arm(Spec):
    """One way of imaging and processing every patient."""

    name: Name
    scanner: Annotated[Scanner, Catalogued("scanners")]
    protocol: Annotated[Protocol, Within("scanner", "protocols")]
    reconstruction: Annotated[Reconstruction, Within("scanner", "reconstructions")]
    algorithm: Annotated[Algorithm, Shorthand("kind")] = Identity()

    def build(self) -> Any:
        """The scanner, ready to scan by the protocol: a `ct.scan.Scan` or an `mr.scan.Scan`."""
        return self.scanner.build(self.protocol)  # type: ignore[arg-type]

    @model_validator(mode="after")
    def _one_modality(self) -> Self:
        ct = isinstance(self.scanner, CTScanner)
        for field, model in (("protocol", CTProtocol), ("reconstruction", CTReconstruction)):
            if isinstance(getattr(self, field), model) != ct:
                raise ValueError(f"{field} is not one for a {self.scanner.kind} scanner")
        return self


class RunOptions(Spec):
    """How a trial is carried out; none of these changes what is estimated.

    Attributes:
        threads: XLA threads of each worker; fixed, so that results do not depend on the number of workers.
        batch: patients that one worker takes at a time.
        examples: patients whose images go into the report.
    """

    threads: int = Field(default=1, ge=1, le=256)
    batch: int = Field(default=1, ge=1, le=4096)
    examples: int = Field(default=3, ge=0, le=20)


class Trial(Spec):
    """A virtual clinical trial: patients, arms, readers, endpoints and hypotheses."""

    kind: Literal["trial"] = "trial"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=80)]
    title: str = ""
    description: str = ""
    seed: int = Field(ge=0, lt=MAX_SEED)
    population: Population
    arms: tuple[Arm, ...] = Field(min_length=1)
    readers: tuple[Annotated[Reader, Shorthand("kind")], ...] = Field(min_length=1)
    endpoints: tuple[Endpoint, ...] = Field(min_length=1)
    hypotheses: tuple[Hypothesis, ...] = ()
    run: RunOptions = RunOptions()

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        arms = _unique("arms", [a.name for a in self.arms])
        readers = _unique("readers", [r.name for r in self.readers])
        endpoints = _unique("endpoints", [e.name for e in self.endpoints])
        _unique("hypotheses", [h.name for h in self.hypotheses])
        for n, endpoint in enumerate(self.endpoints):
            _known(endpoint.reader, "reader", readers, "endpoints", n, "reader")
        for n, hypothesis in enumerate(self.hypotheses):
            _known(hypothesis.endpoint, "endpoint", endpoints, "hypotheses", n, "endpoint")
            for arm in hypothesis.compare:
                _known(arm, "arm", arms, "hypotheses", n, "compare")
        return self

    @model_validator(mode="after")
    def _lesions_fit(self) -> Self:
        if not self.population.kinds:
            for n, reader in enumerate(self.readers):
                if reader.needs_lesion:
                    raise Misfit(
                        f'"{reader.name}" needs [population.lesions]; add it or remove the reader', "readers", n
                    )
        for n, lesions in enumerate(self.population.kinds):
            self._tissues_known(lesions, (n,) if isinstance(self.population.lesions, tuple) else ())
        return self

    def _tissues_known(self, lesions: Lesions, at: tuple[int, ...]) -> None:
        """Raises Misfit where a tissue that lesions name is none."""
        from phantomsim.materials import table

        kind, organs = lesions.resolved(), self.population.generator.kind in ORGANS
        for key, names in (("tissue", kind.tissues), ("host", lesions.own_hosts), ("forbidden", lesions.forbidden)):
            for name in names or ():
                try:
                    known = table()[name].name
                except TissueError as error:
                    if organs and key != "tissue":
                        continue  # it may be an organ, which is known when the patient is made
                    raise Misfit(str(error), "population", "lesions", *at, key) from None
                if key == "host" and known == "air":
                    raise Misfit("air cannot be the host of a lesion", "population", "lesions", *at, key)

    def arm(self, name: str) -> Arm:
        """The arm of that name. Raises KeyError if there is none."""
        return {a.name: a for a in self.arms}[name]


def _unique(what: str, names: list[str]) -> list[str]:
    for n, name in enumerate(names):
        if name in names[:n]:
            raise Misfit(f'"{name}" is used twice; names must differ', what, n, "name")
    return names


def _known(name: str, noun: str, allowed: list[str], *path: str | int) -> None:
    if name not in allowed:
        near = difflib.get_close_matches(name, allowed, 1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        raise Misfit(f'no {noun} "{name}" is defined{hint}  defined: {", ".join(allowed)}', *path)
