"""A trial's canonical text is the trial: workers and resumed runs read it back."""

import pytest

from phantomsim import catalogue
from phantomsim.spec import canonical, read
from phantomsim.trials.spec import Trial


@pytest.mark.parametrize("name", catalogue.names("trials"))
def test_canonical_text_reads_back_as_the_same_trial(name):
    trial = read(name, Trial)
    again = Trial.model_validate_json(canonical(trial))
    assert again == trial
    assert canonical(again) == canonical(trial)
