"""Metrics on objects whose answer is known, and how a reader is let at a case."""

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy.ndimage import gaussian_filter

from phantomsim.errors import TrialError
from phantomsim.trials.readers import metrics
from phantomsim.trials.readers.read import Reading, finish, read
from phantomsim.trials.readers.roi import box, lesion_centre
from phantomsim.trials.readers.spec import CHO, CNR, NPW, RMSE, Bias, LesionVolume, Reader

SPACING = (2.0, 1.0, 1.0)


def ball(radius_mm=6.0, centre_mm=(20.0, 21.0, 19.0), shape=(20, 40, 40)):
    """Volume fractions of a ball by 4^3 sub-voxels."""
    sub = (np.arange(4) - 1.5) / 4
    axes = [((np.arange(n)[:, None] + sub) * s - c).ravel() for n, s, c in zip(shape, SPACING, centre_mm)]
    inside = axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2 <= radius_mm**2
    return inside.reshape(shape[0], 4, shape[1], 4, shape[2], 4).mean(axis=(1, 3, 5))


def reading(image, fraction, present=True, mask=None, contrast=20.0):
    template = contrast * fraction
    return Reading(image, SPACING, 40.0 + present * template, template, fraction, present, mask)


def test_rmse_and_bias_split_into_mean_and_spread():
    random = np.random.default_rng(0)
    truth, noise = random.normal(size=(2, 5, 30, 30))
    image = truth + 3.0 + noise
    bias, rmse = metrics.bias(image, truth), metrics.rmse(image, truth)
    assert bias == pytest.approx(3.0, abs=0.1)
    assert rmse**2 == pytest.approx(bias**2 + noise.var(), rel=1e-9)
    assert metrics.bias(image, truth, truth > 10) if (truth > 10).any() else True


def test_cnr_is_contrast_over_noise():
    fraction = ball()
    image = 40 + 20 * fraction + np.random.default_rng(1).normal(0, 5, fraction.shape)
    assert metrics.cnr(image, fraction, SPACING) == pytest.approx(20 / 5, rel=0.1)
    assert metrics.cnr(-image, fraction, SPACING) == pytest.approx(metrics.cnr(image, fraction, SPACING))


def test_centre_and_volume_of_a_ball():
    fraction = ball()
    np.testing.assert_allclose(lesion_centre(fraction) * SPACING, [20.0, 21.0, 19.0], atol=0.02)
    assert metrics.volume_mL(fraction, SPACING) == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=0.01)


@pytest.mark.parametrize("contrast", [20.0, -20.0])
def test_half_contrast_segmentation_finds_the_volume_of_a_blurred_ball(contrast):
    fraction = ball(8.0)
    blurred = gaussian_filter(40 + contrast * fraction, np.array([1.0, 1.0, 1.0]) / SPACING)
    mask = metrics.half_contrast(blurred, fraction, SPACING)
    true = metrics.volume_mL(fraction, SPACING)
    assert metrics.volume_error(metrics.volume_mL(mask, SPACING), true) < 6.0


def test_half_contrast_segmentation_leaves_neighbours_alone():
    fraction, other = ball(5.0), ball(3.0, (20.0, 33.0, 19.0))
    mask = metrics.half_contrast(40 + 20 * fraction + 20 * other, fraction, SPACING)
    assert not mask[other > 0.5].any()
    assert mask[fraction > 0.5].all()


def test_volume_errors_have_the_sign_and_unit_that_they_say():
    assert metrics.volume_error(0.8, 1.0, "signed-percent") == pytest.approx(-20)
    assert metrics.volume_error(0.8, 1.0) == pytest.approx(20)
    assert metrics.volume_error(0.8, 1.0, "signed-mL") == pytest.approx(-0.2)
    assert metrics.volume_error(0.8, 1.0, "absolute-mL") == pytest.approx(0.2)
    with pytest.raises(TrialError, match="no volume"):
        metrics.volume_error(0.8, 0.0)


def test_box_stays_inside_the_image():
    assert box((1.2, 10.0, 39.0), 4.0, SPACING, (20, 40, 40)) == (slice(0, 4), slice(6, 15), slice(35, 40))


@pytest.mark.parametrize("present", [True, False])
def test_noise_free_image_is_read_without_error(present):
    fraction = ball()
    case = reading(40.0 + present * 20.0 * fraction, fraction, present)
    assert read(RMSE(), case) == read(Bias(), case) == 0.0
    assert read(NPW(), case) == pytest.approx(20 * np.sqrt((fraction**2).sum()) if present else 0.0, abs=1e-9)
    assert read(CHO(), case).shape == (12,)
    if present:
        assert read(LesionVolume(), case) < 5.0
        assert read(LesionVolume(measure="signed-mL"), reading(None, fraction, mask=fraction >= 0.5)) < 0.05


def test_rmse_reads_the_region_that_it_names():
    fraction = ball()
    case = reading(40.0 + 20.0 * fraction + 7.0 * (fraction >= 0.5), fraction)
    share = (fraction >= 0.5).mean()
    assert read(RMSE(where="lesion"), case) == pytest.approx(7.0)
    assert read(RMSE(), case) == pytest.approx(7.0 * share**0.5)
    assert read(RMSE(where="body"), case) == read(RMSE(), case)
    assert read(Bias(absolute=True), case) == pytest.approx(7.0)


def test_readers_say_which_cases_they_read():
    lesion_only = [CNR(), LesionVolume(), Bias(), RMSE(where="lesion")]
    assert all(r.reads(True) and not r.reads(False) for r in lesion_only)
    assert all(r.reads(True) and r.reads(False) for r in (NPW(), CHO(), RMSE()))


def test_trained_reader_is_finished_over_cases():
    random, fraction = np.random.default_rng(2), ball()
    present = np.arange(40) % 2 == 0
    images = 40 + present[:, None, None, None] * 20 * fraction + random.normal(0, 60, (40, *fraction.shape))
    found = np.stack([read(CHO(), reading(i, fraction, p)) for i, p in zip(images, present)])
    scores = finish(CHO(), found, present, [f"s{i // 2}" for i in range(40)], seed=1)
    assert scores[present].mean() > scores[~present].mean()
    with pytest.raises(TrialError, match="not trained"):
        finish(NPW(), found, present, ["s"] * 40, seed=1)


@pytest.mark.parametrize(
    ("case", "reader", "message"),
    [
        (reading(None, ball()), NPW(), "gives none"),
        (reading(np.full((20, 40, 40), np.nan), ball()), RMSE(), "not finite"),
        (reading(np.ones((2, 2, 2)), ball()), RMSE(), r"\(2, 2, 2\)"),
        (reading(np.ones((20, 40, 40)), 0 * ball()), CHO(), "no voxel"),
        (reading(np.ones((20, 40, 40)), ball()), CNR(), "no noise"),
        (reading(None, ball(), mask=np.ones((2, 2, 2))), LesionVolume(), "mask"),
    ],
)
def test_cases_that_cannot_be_read_say_why(case, reader, message):
    with pytest.raises(TrialError, match=message):
        read(reader, case)


def test_readers_are_named_by_their_kind_unless_named():
    adapter = TypeAdapter(Reader)
    assert adapter.validate_python({"kind": "lesion-volume"}).name == "lesion-volume"
    assert adapter.validate_python({"kind": "cho", "name": "mine"}).name == "mine"
    with pytest.raises(ValidationError, match="npw"):
        adapter.validate_python({"kind": "human"})
    with pytest.raises(ValidationError, match="width"):
        adapter.validate_python({"kind": "cho", "channels": {"kind": "laguerre-gauss", "width": 3}})
