"""Frames of deformable patients against that of the mean."""

import pytest

from phantomsim import spec
from phantomsim.errors import GeneratorError
from phantomsim.generators.deformable.spec import Deformable
from phantomsim.generators.generate import generate


def test_a_frame_far_beyond_the_mean_is_refused_with_one_that_fits():
    """Voxels of 3 mm in a shape that is meant for 1 mm made necks of half a metre."""
    asked = spec.read("head-deformable", Deformable).model_copy(update={"voxel_mm": 3.0})
    with pytest.raises(GeneratorError, match=r"768 x 768 x 624 mm.*shape=\[85, 85, 64\]"):
        generate(asked, 1, 0)
