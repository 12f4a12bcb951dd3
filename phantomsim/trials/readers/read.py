"""Let a reader read a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phantomsim.errors import TrialError
from phantomsim.trials.readers import cho, metrics, npw
from phantomsim.trials.readers.roi import Bools, Floats, Spacing, box, lesion_centre
from phantomsim.trials.readers.spec import CHO, CNR, NPW, RMSE, AlgorithmScore, Bias, LesionVolume, Reader


@dataclass(frozen=True)
class Reading:
    """What a reader may look at; all volumes [z, y, x] on one grid.

    Attributes:
        image: what the algorithm made (or the reconstruction); None if it gives no image.
        spacing_mm: along z, y, x [mm].
        noise_free: the image of this case without noise.
        template: noise-free present minus absent image of this patient and arm.
        lesion_fraction: the lesion's share of every voxel, also for the twin without it.
        present: whether this case holds the lesion.
        mask: the algorithm's segmentation, if it gives one.
        score: the algorithm's own suspicion, if it gives one.
    """

    image: NDArray | None
    spacing_mm: Spacing
    noise_free: NDArray
    template: NDArray
    lesion_fraction: NDArray
    present: bool
    mask: NDArray | None = None
    score: float | None = None

    @property
    def pixels(self) -> Floats:
        """The image. Raises TrialError if the algorithm gives none or it is not finite."""
        if self.image is None:
            raise TrialError("this reader needs an image; the algorithm gives none")
        values = np.asarray(self.image, float)
        if values.shape != np.shape(self.noise_free):
            raise TrialError(f"the algorithm's image is {values.shape}; the reconstruction is {self.noise_free.shape}")
        if not np.isfinite(values).all():
            raise TrialError("the image holds values that are not finite")
        return values


def read(reader: Reader, case: Reading) -> float | Floats:
    """The score of a case; for a trained reader (`reader.trained`) its features, for `finish`.

    Raises:
        TrialError: the case cannot be read; it then counts as failed.
    """
    if isinstance(reader, NPW):
        return _npw(reader, case)
    if isinstance(reader, CHO):
        return _cho(reader, case)
    if isinstance(reader, RMSE):
        return metrics.rmse(case.pixels, case.noise_free, _where(reader, case))
    if isinstance(reader, Bias):
        error = metrics.bias(case.pixels, case.noise_free, case.lesion_fraction >= _half(case))
        return abs(error) if reader.absolute else error
    if isinstance(reader, CNR):
        return metrics.cnr(case.pixels, case.lesion_fraction, case.spacing_mm, reader.gap_mm, reader.ring_mm)
    if isinstance(reader, AlgorithmScore):
        if case.score is None:
            raise TrialError("this reader takes the algorithm's score; the algorithm gives none")
        return case.score
    return _volume(reader, case)


def finish(
    reader: Reader, features: Floats, present: Bools, subjects: Sequence[str] | NDArray, seed: int, arm: str = ""
) -> Floats:
    """Scores [N] of one arm from the features [N, 2 C] of a trained reader; NaN rows (failed cases) stay NaN.

    Raises:
        TrialError: too few subjects or cases to train on.
    """
    if not isinstance(reader, CHO):
        raise TrialError(f'reader "{reader.name}" is not trained; its scores are final')
    seen, signals = np.split(np.asarray(features, float), 2, axis=1)
    return cho.cross_fit(seen, present, subjects, reader, signals if reader.signal == "known" else None, seed, arm)


def _cho(reader: CHO, case: Reading) -> Floats:
    """Channel outputs of the image and of the noise-free lesion, one after the other [2 C]."""
    centre = lesion_centre(case.lesion_fraction)
    pixels, template = case.pixels, case.template
    if reader.window is not None:
        without = _without(case)
        template = np.clip(without + template, *reader.window) - np.clip(without, *reader.window)
        pixels = np.clip(pixels, *reader.window)
    seen, signal = (cho.features(v, centre, case.spacing_mm, reader) for v in (pixels, template))
    if not signal.any():
        raise TrialError("the lesion leaves no trace in the noise-free image; a CHO has nothing to look for")
    return np.concatenate([seen, signal])


def _npw(reader: NPW, case: Reading) -> float:
    near = box(lesion_centre(case.lesion_fraction), reader.reach_mm, case.spacing_mm, np.shape(case.noise_free))
    template = np.asarray(case.template, float)
    return npw.score(case.pixels[near], template[near], _without(case)[near], reader.background)


def _without(case: Reading) -> Floats:
    """The noise-free image of the twin without the lesion."""
    noise_free = np.asarray(case.noise_free, float)
    return noise_free - np.asarray(case.template, float) if case.present else noise_free


def _half(case: Reading) -> float:
    """Half a voxel, or the fullest one where a lesion is smaller than that."""
    return min(0.5, float(np.max(case.lesion_fraction))) or 0.5


def _where(reader: RMSE, case: Reading) -> NDArray | None:
    if reader.where == "image":
        return None
    return case.noise_free > reader.body_above if reader.where == "body" else case.lesion_fraction >= _half(case)


def _volume(reader: LesionVolume, case: Reading) -> float:
    mask = case.mask
    if mask is None:
        mask = metrics.half_contrast(case.pixels, case.lesion_fraction, case.spacing_mm, reader.reach_mm)
    elif np.shape(mask) != np.shape(case.lesion_fraction):
        raise TrialError(f"the algorithm's mask is {np.shape(mask)}; the image is {case.lesion_fraction.shape}")
    measured = metrics.volume_mL(np.asarray(mask) > 0, case.spacing_mm)
    return metrics.volume_error(measured, metrics.volume_mL(case.lesion_fraction, case.spacing_mm), reader.measure)
