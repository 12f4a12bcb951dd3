"""An algorithm of your own: a function of one scan. 03_my_algorithm.toml names it as "my_algorithm:denoise"."""

import numpy as np
from scipy.ndimage import median_filter

from phantomsim.algorithms.interface import AlgorithmInput


def denoise(data: AlgorithmInput, width: int = 3) -> np.ndarray:
    """A median filter in the slice; `data` has the image, spacing, geometry and dose, never the truth."""
    return median_filter(data.image, size=(1, width, width))
