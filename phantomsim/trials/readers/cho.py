"""Channelised Hotelling observer (Myers and Barrett 1987, doi:10.1364/JOSAA.4.002447), cross-fitted by subject."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phantomsim.errors import TrialError
from phantomsim.trials.readers.channels import profiles
from phantomsim.trials.readers.folds import folds_of
from phantomsim.trials.readers.roi import Floats, Spacing
from phantomsim.trials.readers.shrinkage import shrink
from phantomsim.trials.readers.spec import CHO

Bools = NDArray[np.bool_]


def features(image: ArrayLike, centre: ArrayLike, spacing_mm: Spacing, reader: CHO) -> Floats:
    """Channel outputs at a place, averaged over slices.

    The channels are centred on the exact centre in the slice and made on the whole square, then cut at the
    image's edge.

    Args:
        image: [z, y, x].
        centre: fractional index (z, y, x).
    Returns:
        [C].
    """
    values = np.asarray(image, float)
    c, spacing = np.asarray(centre, float), np.asarray(spacing_mm, float)
    rows, columns = (_points(c[i], spacing[i], reader.reach_mm) for i in (1, 2))
    made = profiles(
        reader.channels,
        (rows - c[1]) * spacing[1],
        (columns - c[2]) * spacing[2],
        float(np.sqrt(spacing[1] * spacing[2])),
    )
    inside = [(p >= 0) & (p < n) for p, n in zip((rows, columns), values.shape[1:])]
    patch = values[_slices(c[0], reader.slices, values.shape[0])][:, rows[inside[0]]][:, :, columns[inside[1]]]
    return np.tensordot(made[:, inside[0]][:, :, inside[1]], patch.mean(axis=0), axes=2)


def _points(centre: float, spacing: float, reach_mm: float) -> NDArray[np.int64]:
    half = reach_mm / spacing
    return np.arange(int(np.ceil(centre - half)), int(np.floor(centre + half)) + 1)


def _slices(centre: float, count: int, size: int) -> slice:
    first = int(np.clip(round(centre - (count - 1) / 2), 0, max(size - count, 0)))
    return slice(first, first + count)


@dataclass(frozen=True)
class Observer:
    """What training leaves: the statistics of channel outputs without a lesion.

    Attributes:
        covariance: of channel outputs within a class [C, C].
        background: what is subtracted from channel outputs [C].
        signal: mean channel output of the lesions [C].
    """

    covariance: Floats
    background: Floats
    signal: Floats

    def read(self, features: Floats, signals: Floats | None = None) -> Floats:
        """Scores [n] of channel outputs [n, C], in units of their standard deviation without a lesion.

        The template is covariance^-1 signal, with each case's own signal [n, C], or the mean one if None.
        """
        known = np.broadcast_to(self.signal, features.shape) if signals is None else signals
        # A pseudo-inverse, because channels that see nothing or the same make the covariance singular.
        templates = known @ np.linalg.pinv(self.covariance, rcond=1e-10, hermitian=True)
        spread = np.sqrt(np.einsum("ni,ij,nj->n", templates, self.covariance, templates))
        return ((features - self.background) * templates).sum(axis=1) / np.where(spread > 0, spread, 1.0)


def train(
    features: Floats, present: Bools, shrinkage: float | Literal["auto"] = "auto", signals: Floats | None = None
) -> Observer:
    """Learn from channel outputs [n, C], and from the noise-free signals [n, C] where these are known.

    Raises:
        TrialError: fewer than two present or absent cases.
    """
    if min(present.sum(), (~present).sum()) < 2:
        raise TrialError("a CHO needs two present and two absent cases of other subjects; add patients or subjects")
    if signals is not None:
        empty = features - present[:, None] * signals
        background = empty.mean(axis=0)
        return Observer(shrink(empty - background, shrinkage), background, signals.mean(axis=0))
    means = np.stack([features[~present].mean(axis=0), features[present].mean(axis=0)])
    covariance = shrink(features - means[present.astype(int)], shrinkage)
    return Observer(covariance, means.mean(axis=0), means[1] - means[0])


def cross_fit(
    features: Floats,
    present: Bools,
    subjects: Sequence[str] | NDArray,
    reader: CHO,
    signals: Floats | None = None,
    seed: int = 0,
    arm: str = "",
) -> Floats:
    """Scores of all cases, each by an observer that was trained on other subjects.

    Scores are standardised by what was learnt in training, so that those of all folds pool in one ROC curve.

    DeLong's variance takes the observer as given. With a learnt signal and few subjects that is too small: over
    15 subjects x 4 + 4 cases and 6 channels, two arms that differ in noise alone were told apart in 8 to 17 % of
    trials instead of 5 %. With known signals it was 6 to 7 %.

    Args:
        features: channel outputs [N, C] of one arm; rows with NaN are left out of training and score NaN.
        present, subjects: of every case [N].
        signals: channel outputs of every case's noise-free lesion [N, C], for twins without it too; the signal is
            learnt if None.
        seed: of the folds and, with the arm's name, of the internal noise.
    Returns:
        Scores [N]; higher is more suspicious.
    Raises:
        TrialError: fewer than two subjects, or too few cases to train on.
    """
    features, present = np.asarray(features, float), np.asarray(present, bool)
    usable = np.isfinite(features).all(axis=1)
    fold = folds_of(subjects, reader.folds, seed)
    if fold.max(initial=0) < 1:
        raise TrialError("a CHO trains on other subjects; the trial needs two source subjects or more")
    scores = np.full(len(features), np.nan)
    for part in np.unique(fold[usable]):
        inside, outside = usable & (fold == part), usable & (fold != part)
        taught = None if signals is None else signals[outside]
        observer = train(features[outside], present[outside], reader.shrinkage, taught)
        scores[inside] = observer.read(features[inside], None if signals is None else signals[inside])
    random = np.random.default_rng([seed, *hashlib.sha256(arm.encode()).digest()])
    return scores + reader.internal_noise * random.standard_normal(len(scores))
