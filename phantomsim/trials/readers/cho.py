"""Channelised Hotelling observer (Myers and Barrett 1987, doi:10.1364/JOSAA.4.002447), cross-fitted by subject."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phantomsim.errors import TrialError
from phantomsim.trials.readers.channels import profiles
from phantomsim.trials.readers.roi import Floats, Spacing
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


def folds_of(subjects: Sequence[str] | NDArray, folds: int, seed: int = 0) -> NDArray[np.int64]:
    """The fold of every case: subjects in the order of a hash of seed and name, dealt out in turn.

    It depends neither on the order of the cases nor on any other subject's cases.
    """
    names = sorted(map(str, set(subjects)), key=lambda s: hashlib.sha256(f"{seed}:{s}".encode()).digest())
    place = {name: i % min(folds, len(names)) for i, name in enumerate(names)}
    return np.array([place[str(s)] for s in subjects])


def shrink(deviations: Floats, amount: float | Literal["auto"]) -> Floats:
    """Covariance of centred samples [n, C], its correlations drawn towards 0.

    "auto" takes the optimal weight of Schaefer and Strimmer 2005 (doi:10.2202/1544-6115.1175), target "diagonal,
    unequal variance": sum of Var(r_ij) / sum of r_ij^2.
    """
    n = len(deviations)
    sd = np.sqrt((deviations**2).sum(axis=0) / (n - 1))
    sd = np.where(sd > 0, sd, max(float(sd.max()), 1e-30))
    z = deviations / sd
    mean_product = z.T @ z / n
    correlation = mean_product * n / (n - 1)
    if amount == "auto":
        spread = (z**2).T @ (z**2) - n * mean_product**2
        variance = spread * n / (n - 1) ** 3
        off = ~np.eye(len(sd), dtype=bool)
        amount = float(np.clip(variance[off].sum() / max((correlation[off] ** 2).sum(), 1e-300), 0, 1))
    shrunk = (1 - amount) * correlation
    np.fill_diagonal(shrunk, 1.0)
    return shrunk * np.outer(sd, sd)


def train(features: Floats, present: Bools, shrinkage: float | Literal["auto"] = "auto") -> tuple[Floats, float]:
    """Hotelling template on channel outputs, scaled so that a score has unit standard deviation in training.

    Returns:
        Template [C] and the offset to subtract, half-way between the classes.
    Raises:
        TrialError: fewer than two present or absent cases.
    """
    if min(present.sum(), (~present).sum()) < 2:
        raise TrialError("a CHO needs two present and two absent cases of other subjects; add patients or subjects")
    means = np.stack([features[~present].mean(axis=0), features[present].mean(axis=0)])
    covariance = shrink(features - means[present.astype(int)], shrinkage)
    # A pseudo-inverse, because channels that see nothing or the same make the covariance singular.
    template = np.linalg.pinv(covariance, rcond=1e-10, hermitian=True) @ (means[1] - means[0])
    spread = float(np.sqrt(template @ covariance @ template))
    template = template / spread if spread > 0 else template
    return template, float(template @ means.mean(axis=0))


def cross_fit(
    features: Floats,
    present: Bools,
    subjects: Sequence[str] | NDArray,
    reader: CHO,
    seed: int = 0,
    arm: str = "",
) -> Floats:
    """Scores of all cases, each by an observer that was trained on other subjects.

    Scores of all folds are standardised in training, so that they can be pooled in one ROC curve. The variance
    from training on other patients is not part of DeLong's variance.

    Args:
        features: channel outputs [N, C] of one arm; rows with NaN are left out of training and score NaN.
        present, subjects: of every case [N].
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
    noise = np.random.default_rng([seed, *hashlib.sha256(arm.encode()).digest()]).standard_normal(len(features))
    for part in np.unique(fold[usable]):
        inside, outside = usable & (fold == part), usable & (fold != part)
        template, offset = train(features[outside], present[outside], reader.shrinkage)
        own = float(np.std(features[outside & ~present] @ template, ddof=1)) if reader.internal_noise else 0.0
        scores[inside] = features[inside] @ template - offset + reader.internal_noise * own * noise[inside]
    return scores
