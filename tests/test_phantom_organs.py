"""Organs of a phantom by name."""

import numpy as np
import pytest

from phantomsim.errors import TissueError
from phantomsim.phantom import Organs

ORGANS = Organs(np.zeros((1, 1, 1), np.uint8), ("", "kidney-left-cortex", "kidney-left-medulla", "spleen", "liver"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("kidney-left", "did you mean kidney-left-cortex or kidney-left-medulla?"),
        ("livr", "did you mean liver?"),
        ("tibia", "it has kidney-left-cortex, kidney-left-medulla, spleen, liver"),
    ],
)
def test_an_unknown_organ_is_answered_by_what_was_meant_or_what_there_is(name: str, text: str) -> None:
    with pytest.raises(TissueError) as error:
        ORGANS.mask(name)
    assert str(error.value) == f'the phantom has no organ "{name}"; {text}'
