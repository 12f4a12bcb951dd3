"""A report alone is enough to run its trial again."""

import pytest

from phantomsim import catalogue
from phantomsim.spec import digest, read
from phantomsim.trials.report import words
from phantomsim.trials.report.assemble import as_toml
from phantomsim.trials.spec import Trial


@pytest.mark.parametrize("name", catalogue.names("trials"))
def test_printed_specification_is_the_trial(name, tmp_path):
    trial = read(name, Trial)
    (tmp_path / "trial.toml").write_text(as_toml(trial))
    assert digest(read(tmp_path / "trial.toml", Trial)) == digest(trial)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TE_ms", 16.0, "TE 16 ms"),
        ("fov_mm", (240.0, 240.0), "fov 240 x 240 mm"),
        ("kVp", 120.0, "120 kVp"),
        ("sequence", "spoiled-gre", "sequence spoiled-gre"),
        ("DLP_mGy_cm", 3.1, "DLP 3.1 mGy cm"),
    ],
)
def test_settings_are_told_with_their_units(name, value, said):
    assert words.setting(name, value) == said
