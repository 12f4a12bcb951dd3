"""Put lesions where they may be."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import jax
import numpy as np

from phantomsim.errors import PlacementError, TissueError
from phantomsim.generators.contrast import enhanced, phase_of, unenhanced
from phantomsim.generators.contrast_spec import NATIVE
from phantomsim.generators.lesions import known, regions, table
from phantomsim.generators.lesions.draft import EDGE, Draft
from phantomsim.generators.lesions.growth import grown_mL
from phantomsim.generators.lesions.kind_spec import LesionKind
from phantomsim.generators.lesions.room import Room
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.keys import Stream, patient_key
from phantomsim.phantom import Facts, Phantom

LEAST, MOST = 200, 2000  # places tried for a lesion: where each one is drawn, and where a fast look refuses most

_COUNT, _NUMBERS = 1 << 20, 1 << 16  # folded into keys: for the number of lesions, for the figures of each


def place(phantom: Phantom, lesions: Lesions, seed: int, patient: int) -> Phantom:
    """The patient with lesions, all present; `with_lesions(False)` gives the twin without.

    Centres are drawn over the host eroded by the margin, evenly or as the kind prefers. A place is refused, and counted
    by its reason, where the lesion would leave the grid or break a rule.

    Args:
        phantom: anatomy.
        lesions: what and where.
        seed, patient: give the key; neither the number of patients nor other patients matter.
    Returns:
        The phantom with `lesions`; `facts.provenance` has "refused_placements" (how many), "refused_by_rule",
        "skipped_lesions", and "lesions": what was drawn for each; those of lesions that were there before stay.
    Raises:
        TissueError: the phantom never has the host or a forbidden tissue.
        PlacementError: no place was found and `on_failure` is "error".
    """
    kind = lesions.resolved()
    phase = _phase(phantom, kind, lesions)
    phantom = unenhanced(phantom)  # hosts and rules name tissues without contrast agent
    _heard(phantom, kind, lesions)
    regions.require(phantom, kind.host)
    key = patient_key(seed, patient, Stream.LESION)
    phantom = dataclasses.replace(phantom, tissues=tuple(dict.fromkeys((*phantom.tissues, *kind.tissues))))
    earlier: Any = phantom.facts.provenance
    before, refused, told = table.told(phantom), Counter[str](earlier.get("refused_by_rule", {})), []
    count = _count(kind, key)
    room = _room(phantom, kind, lesions, refused)
    for i in range(count if room is not None else 0):
        assert room is not None
        one = jax.random.fold_in(key, i)
        put = _put(_draft(one, kind, lesions), room, kind, lesions, i, refused)
        if put is None:
            continue
        phantom = put[0]
        told.append(put[1])
        if phantom.label is not room.phantom.label:  # the anatomy has moved
            room = Room.of(phantom, kind) if i + 1 < count else room
        elif i + 1 < count:
            room.phantom = phantom
            room.occupy(phantom.lesions[-1])
    skipped = count - len(told) + int(earlier.get("skipped_lesions", 0))
    provenance = phantom.facts.provenance | {
        "refused_placements": int(refused.total()),
        "refused_by_rule": dict(sorted(refused.items())),
        "skipped_lesions": skipped,
        "lesions": [*before, *told],
        "phase": phase,
    }
    facts = Facts(phantom.facts.subject, phantom.facts.covariates, provenance)
    phantom = dataclasses.replace(phantom, facts=facts)
    return enhanced(phantom, kind.iodine(phase))


def _heard(phantom: Phantom, kind: LesionKind, lesions: Lesions) -> None:
    """Raises TissueError where a rule names what the patient lacks, if the trial says it, or what nobody has."""
    for name in lesions.forbidden or ():
        if not regions.known(phantom, (name,)):
            raise TissueError(f'{phantom.facts.subject}: forbidden names "{name}", which the phantom does not have')
    for key, name in known.named(kind):
        if not regions.known(phantom, (name,)) and not known.anywhere(name):
            raise TissueError(f"{phantom.facts.subject}: {kind.name}: {known.unheard(key, name)}")


def _phase(phantom: Phantom, kind: LesionKind, lesions: Lesions) -> str:
    """The phase of patient and lesion, which is one."""
    of_patient = phase_of(phantom)
    phase = lesions.phase if lesions.phase is not None else of_patient
    if of_patient not in (NATIVE, phase):
        raise PlacementError(
            f'{phantom.facts.subject}: the patient is in phase "{of_patient}", its lesions in "{phase}"; '
            "give phase to the generator alone or to the lesions alone"
        )
    if phase not in (NATIVE, *kind.phases):
        raise PlacementError(
            f'{phantom.facts.subject}: the patient is in phase "{phase}", for which {kind.name} says nothing; '
            f"its phases are {', '.join((NATIVE, *kind.phases))}. Add [phases.{phase}] to a copy of the kind"
        )
    return phase


def _room(phantom: Phantom, kind: LesionKind, lesions: Lesions, refused: Counter[str]) -> Room | None:
    """Where lesions of a kind may lie; None where the patient has not what they lie near, and may go without."""
    try:
        return Room.of(phantom, kind)
    except TissueError:
        if lesions.on_failure == "error":
            raise
        refused["near"] += 1
        return None


def _count(kind: LesionKind, key: jax.Array) -> int:
    if kind.count.law == "fixed":
        return int(kind.count.quantile(0.5))
    return round(kind.count.quantile(float(jax.random.uniform(jax.random.fold_in(key, _COUNT)))))


def _draft(key: jax.Array, kind: LesionKind, lesions: Lesions) -> Draft:
    """What is drawn of a lesion before it has a place."""
    volume, shape, where = jax.random.split(key, 3)
    u = float(jax.random.uniform(volume))
    numbers = np.zeros(0)
    if not isinstance(lesions.kind, str):
        numbers = np.asarray(jax.random.uniform(jax.random.fold_in(key, _NUMBERS), (32,)), float)
    draft = Draft.of(kind, shape, where, numbers)
    start = kind.volume_mL.quantile(u) if kind.volume_mL else float(draft.form.volume_mL.sum())  # type: ignore[union-attr]
    days = kind.doubling_days.quantile(numbers[0]) if kind.doubling_days else None
    until = lesions.days if lesions.until_days is None else lesions.until_days
    bounds = lesions.bounds_mL
    return dataclasses.replace(
        draft,
        volume_mL=grown_mL(start, lesions.days, days),
        largest_mL=grown_mL(start, until, days),
        doubling_days=days,
        bound_mL=None if bounds is None or kind.doubling_days else bounds[1],
    )


def _put(
    draft: Draft, room: Room, kind: LesionKind, lesions: Lesions, number: int, refused: Counter[str]
) -> tuple[Phantom, dict[str, Any]] | None:
    """The patient with one more lesion, and what is told of it; None where it is left out, counted by its reason."""
    found, subject = None, room.phantom.facts.subject
    try:
        found, why = _try(draft, room, _tries(draft, lesions))
        refused.update(why)
        if found is not None:
            return draft.into(room.phantom, found, room.space)
        if lesions.on_failure == "error":
            raise PlacementError(_failure(room, kind, lesions, draft, why, number))
    except (PlacementError, TissueError) as error:
        if lesions.on_failure == "error":
            named = subject and str(error).startswith(subject)
            raise error if named else type(error)(f"{subject}: lesion {number + 1} of {kind.name}: {error}") from None
        refused["near" if isinstance(error, TissueError) else "voxel size" if found is None else "mass_effect"] += 1
    return None


def _tries(draft: Draft, lesions: Lesions) -> int:
    return lesions.max_tries or (MOST if draft.quickly_refused else LEAST)


def _try(draft: Draft, room: Room, tries: int) -> tuple[Any, Counter[str]]:
    """A place that breaks no rule, or None; and why others were refused."""
    refused: Counter[str] = Counter()
    if not len(room.centres):
        return None, Counter({room.lacking: 1})
    for u in draft.places(tries):
        found, why = draft.at(room, room.draw(float(u[0])), u[1:])
        if not why:
            return found, refused
        refused[why] += 1
    return None, refused


def _failure(room: Room, kind: LesionKind, lesions: Lesions, draft: Draft, why: Counter[str], number: int) -> str:
    host, subject = " or ".join(regions.known(room.phantom, kind.host)), room.phantom.facts.subject
    if not room.host.any():
        what = f"{subject}: nothing of {host} lies in the patient's frame"
        return f"{what}; widen or move it (shape, centre_z_mm), or change host"
    if not len(room.centres):
        if room.lacking == "near":
            wanted = ", ".join(f"{n.of} from {n.min_mm:g} to {n.max_mm:g} mm" for n in kind.place.near)
            wide = max(room.phantom.grid.spacing_mm)
            return (
                f"{subject}: no voxel of {host} lies where place.near says ({wanted}); make smaller voxels (they are "
                f"{wide:g} mm wide), widen the frame (shape), or change place.near"
            )
        return (
            f"{subject}: no voxel of {host} lies {kind.place.margin_mm:g} mm inside it; lower margin_mm or change host"
        )
    rules = ", ".join(f"{rule} {n} times" for rule, n in why.most_common())
    tries = _tries(draft, lesions)
    count = kind.count.quantile(0.5) if kind.count.law == "fixed" else number + 1
    what = f"{subject}: lesion {number + 1} of {count:g} ({draft.largest_mL:.4g} mL)"
    if why[EDGE] > 0.9 * why.total():
        return (
            f"{what} reaches beyond the {EDGE} nearly wherever it lies in {host}, in {tries} tries; lower "
            "volume_mL (or the days that it grows), or widen the patient's frame (shape)"
        )
    return (
        f"{what} found no place in {host} in {tries} tries (refused by: {rules}); lower volume_mL, "
        "margin_mm or inside_host, forbid less, or raise max_tries"
    )
