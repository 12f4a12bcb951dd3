"""A report alone is enough to run its trial again."""

import numpy as np
import pytest

from phantomsim import catalogue
from phantomsim.spec import digest, read
from phantomsim.trials.report import words
from phantomsim.trials.report.assemble import as_toml, examples
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


@pytest.mark.parametrize(("around", "lesion", "low", "high"), [(-850.0, 30.0, -1350, 150), (40.0, 60.0, -40, 120)])
def test_a_lesion_in_the_lung_is_shown_in_the_window_of_lungs(around, lesion, low, high):
    trial = read("quickstart", Trial)
    fraction = np.zeros((20, 20), np.float32)
    fraction[8:12, 8:12] = 1
    image = np.where(fraction > 0, lesion, around).astype(np.float32)
    image[:3] = 40.0  # the chest wall
    arrays = {f"{what}-0-1": v for what, v in (("image", image), ("lesion", fraction), ("spacing", np.ones(2)))}
    told = {"kind": "solid-nodule", "host": "lung", "volume_mL": 0.5}
    (one,) = examples(trial, {0: {"lesions": [told]}}, {0: arrays})
    assert one.window == (low, high)
    assert one.note == "solid-nodule, 0.5 mL in lung"
