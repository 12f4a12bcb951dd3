"""Rows of `phantomsim validate`."""

import json
import math

import numpy as np
import pytest

from phantomsim.laws import Law


@pytest.mark.parametrize(("measured", "passed"), [(1.05, True), (1.2, False), (math.nan, False)])
def test_law_of_numpy_numbers_is_plain_json(measured, passed):
    law = Law("a figure [1]", "a source", np.float64(1.0), np.float32(measured), np.float64(0.1))
    assert law.passed is passed
    assert json.loads(json.dumps(law.row()))["pass"] is passed
