"""Laws of places: no rule is broken, looked for in the finished arrays."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from phantomsim.generators.lesions import bodies, regions
from phantomsim.generators.lesions.kind_spec import LesionKind
from phantomsim.generators.lesions.place import place
from phantomsim.generators.lesions.room import Room
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.laws import Law
from phantomsim.phantom import Lesion, Phantom, boxed

SEED = 5
TRIES = 50  # places of a lesion
NONE = 20  # patients without a lesion in a row, after which a kind has no room in its body


def rule_laws(kinds: dict[str, LesionKind], placements: int) -> list[Law]:
    """Broken rules among so many placements of each kind, and kinds that found too few places."""
    broken, seen, short = 0, 0, 0
    for kind in kinds.values():
        found, wrong = _looked_at(kind, placements)
        seen, broken, short = seen + found, broken + wrong, short + (found < placements)
    return [
        Law(f"rules broken by {seen} lesions of {len(kinds)} kinds", "the kinds' rules", 0.0, float(broken), 0.0),
        Law(f"kinds that found fewer than {placements} places", "their bodies have room", 0.0, float(short), 0.0),
    ]


def _looked_at(kind: LesionKind, placements: int) -> tuple[int, int]:
    """How many lesions of a kind were placed, and how many rules they broke."""
    body, placed, patient, last = bodies.body_for(kind.host), 0, 0, 0
    away = distances_mm(body, kind)
    broken = _too_near_the_rim(body, kind)
    while placed < placements and patient - last < NONE:
        asked = Lesions(kind=kind, mass_effect=False, on_failure="skip", max_tries=TRIES)
        found = place(body, asked, SEED, patient)
        patient += 1
        if found.lesions:
            placed, last = placed + len(found.lesions), patient
            broken += violations(body, found, kind, away)
    return placed, broken


def _too_near_the_rim(body: Phantom, kind: LesionKind) -> int:
    """Voxels that may be a centre but lie less than the margin inside the host, by a distance map."""
    host, room = np.pad(regions.mask(body, kind.host), 1), Room.of(body, kind)
    inside = ndimage.distance_transform_edt(host, body.grid.spacing_mm)[1:-1, 1:-1, 1:-1]
    return int((inside[room.box].reshape(-1)[room.centres] < kind.place.margin_mm).sum())


def distances_mm(body: Phantom, kind: LesionKind) -> dict[str, np.ndarray]:
    """Of voxels from what lesions of a kind keep clear of, by name [mm]."""
    names = [n for n, gap in kind.place.clear_mm.items() if gap > 0 and regions.known(body, (n,))]
    return {n: ndimage.distance_transform_edt(~regions.mask(body, (n,)), body.grid.spacing_mm) for n in names}


def violations(body: Phantom, found: Phantom, kind: LesionKind, away: dict[str, np.ndarray]) -> int:
    """How many rules the lesions of one patient break, from labels and fractions alone.

    Args:
        away: from `distances_mm`.
    """
    label, count = np.asarray(body.label), 0
    forbidden = np.isin(label, [body.tissues.index(t) for t in (*kind.place.forbidden, "air") if t in body.tissues])
    host, touched, taken = regions.mask(body, kind.host), np.zeros(label.shape, np.uint8), 0.0
    for lesion in found.lesions:
        where, fraction = boxed(lesion.overlay.start, lesion.overlay.fraction.shape), lesion.overlay.fraction
        here, inside = np.asarray(fraction) > 0, float(np.asarray(fraction)[host[where]].sum())
        touched[where] += here
        taken += inside
        count += bool(forbidden[where][here].any())
        count += bool(inside < kind.place.inside_host * float(np.asarray(fraction).sum()) * (1 - 1e-5))
        count += kind.place.one_side > 0.5 and _astride(body, host, lesion, kind.place.one_side)
        count += sum(bool(away[n][where][here].min() < kind.place.clear_mm[n]) for n in away)
    left = 1 - taken / max(int(host.sum()), 1)
    return count + bool((touched > 1).any()) + bool(left < kind.place.keep_host - 1e-6)


def _astride(body: Phantom, host: np.ndarray, lesion: Lesion, least: float) -> bool:
    """Whether less than so much of a lesion lies on one side of the middle of its host, to 2 % of it."""
    middle = body.grid.world(np.argwhere(host)).mean(axis=0)[0]
    fraction = np.asarray(lesion.overlay.fraction, float)
    side = body.grid.world(np.argwhere(fraction > 0) + np.asarray(lesion.overlay.start))[:, 0] > middle
    right = float(fraction[fraction > 0][side].sum() / fraction.sum())
    return max(right, 1 - right) < least - 0.02
