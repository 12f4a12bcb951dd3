"""Non-prewhitening matched filter (Wagner and Brown 1985, doi:10.1088/0031-9155/30/6/001)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from phantomsim.errors import TrialError


def score(
    image: ArrayLike,
    template: ArrayLike,
    background: ArrayLike | None = None,
    treat: Literal["known", "flat", "ignored"] = "known",
) -> float:
    """Inner product of an image with the unit-length template, in units of the image.

    Unit length gives cases with faint and bright lesions the same noise, so that their scores can be pooled:
    in white noise of standard deviation s the score's standard deviation is s, whatever the template.

    Args:
        image: what is read, any shape.
        template: noise-free present minus absent image of that case and arm, same shape.
        background: noise-free image without the lesion, same shape; needed if `treat` is "known".
        treat: "known" subtracts the background, "flat" takes the mean off the template, "ignored" does neither.
    Raises:
        TrialError: a template without energy, shapes that differ, or a background that is needed and missing.
    """
    g, w = np.asarray(image, float), np.asarray(template, float)
    if treat == "known":
        if background is None:
            raise TrialError('an NPW reader with background = "known" needs the noise-free lesion-free image')
        g = g - np.asarray(background, float)
    if g.shape != w.shape:
        raise TrialError(f"image {g.shape} and NPW template {w.shape} differ in shape; read both on one grid")
    if treat == "flat":
        w = w - w.mean()
    length = float(np.sqrt((w * w).sum()))
    if not length > 0:
        raise TrialError("the NPW template is zero: the lesion leaves no trace in the noise-free image")
    return float((w * g).sum() / length)
