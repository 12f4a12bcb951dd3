import numpy as np

from phantomsim.grid import Grid
from phantomsim.image import Image
from phantomsim.trials.picture import _planes, window_of


def test_strips_are_left_out():
    assert _planes((40, 128, 128), (5.0, 2.0, 2.0)) == [0, 1, 2]
    assert _planes((2, 128, 128), (5.0, 2.0, 2.0)) == [0]
    assert _planes((64, 1, 427), (0.6, 300.0, 0.6)) == [1]  # a radiograph from the front


def test_empty_slices_do_not_brighten_the_others():
    rng = np.random.default_rng(0)
    values = rng.normal(0, 0.01, (64, 32, 32)).astype(np.float32)
    values[30:33] += rng.uniform(0.4, 0.8, (3, 32, 32))
    grid = Grid.centred(values.shape, (3.0, 2.0, 2.0))
    low, high = window_of(Image(values, grid, "1"))
    assert (low, high) == (0.0, float(np.percentile(values[30:33], 99.5)))
