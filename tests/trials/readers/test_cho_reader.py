"""The channelised Hotelling observer against theory, Fourier transforms and leakage."""

import numpy as np
import pytest
from scipy.special import ndtr

from phantomsim.errors import TrialError
from phantomsim.trials.readers import cho
from phantomsim.trials.readers.channels import profiles
from phantomsim.trials.readers.read import Reading, read
from phantomsim.trials.readers.spec import CHO, DenseDoG, Gabor, LaguerreGauss
from phantomsim.trials.statistics.auc import auc
from phantomsim.trials.statistics.delong import aucs
from phantomsim.trials.statistics.difference import difference

AXIS = np.arange(-64.0, 65.0)


def case(channels=5, subjects=30, per=4, seed=0, strength=1.0):
    """Channel outputs of subjects with a common part; alternately present and absent."""
    random = np.random.default_rng(seed)
    mix = random.normal(size=(channels, channels))
    subject = np.repeat(np.arange(subjects), per)
    present = np.arange(subjects * per) % 2 == 0
    values = (random.normal(size=(subjects * per, channels)) + random.normal(size=(subjects, channels))[subject]) @ mix
    signal = strength * mix.sum(axis=0)
    detectability = np.sqrt(signal @ np.linalg.solve(2 * mix.T @ mix, signal))
    return values + present[:, None] * signal, present, np.array([f"head_{s:02d}" for s in subject]), detectability


def test_laguerre_gauss_channels_are_orthonormal():
    made = profiles(LaguerreGauss(count=6, width_mm=16.0), AXIS, AXIS, 1.0).reshape(6, -1)
    np.testing.assert_allclose(made @ made.T, np.eye(6), atol=1e-4)


def test_laguerre_gauss_channels_follow_millimetres_not_pixels():
    coarse = profiles(LaguerreGauss(width_mm=16.0), AXIS[::2], AXIS[::2], 2.0)
    fine = profiles(LaguerreGauss(width_mm=16.0), AXIS, AXIS, 1.0)[:, ::2, ::2]
    np.testing.assert_allclose(coarse, 2 * fine, atol=2e-3)


def test_dense_dog_channels_have_the_spectra_of_abbey_and_barrett():
    channels = DenseDoG()
    made = profiles(channels, AXIS, AXIS, 1.0)[4:8]
    spectra = np.abs(np.fft.fft2(made, s=(256, 256)))[:, 0, :128]
    f = np.arange(128) / 256
    for j, spectrum in enumerate(spectra, start=5):
        s = 0.005 * 1.4**j
        expected = np.exp(-0.5 * (f / (1.67 * s)) ** 2) - np.exp(-0.5 * (f / s) ** 2)
        inside = f < 0.35  # beyond, channels fold over at the Nyquist frequency, as channels 9 and 10 do everywhere
        np.testing.assert_allclose(spectrum[inside] / spectrum.max(), expected[inside] / expected.max(), atol=0.02)


def test_gabor_channels_peak_in_the_middle_of_their_octave():
    made = profiles(Gabor(octaves=4, orientations=1, phases=1), AXIS, AXIS, 1.0)
    peaks = np.abs(np.fft.fft2(made, s=(512, 512)))[:, 0, :256].argmax(axis=1) / 512
    np.testing.assert_allclose(peaks, [1.5 / 64, 1.5 / 32, 1.5 / 16, 1.5 / 8], atol=1 / 512)
    assert profiles(Gabor(), AXIS, AXIS, 1.0).shape == (40, 129, 129)


def test_features_follow_the_lesion_and_ignore_where_it_is():
    reader = CHO(reach_mm=12.0)
    spacing = (3.0, 1.0, 1.0)
    y, x = np.mgrid[:64, :64].astype(float)

    def blob(cy, cx):
        return np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 20)[None].repeat(3, axis=0)

    one = cho.features(blob(30, 31), (1, 30, 31), spacing, reader)
    np.testing.assert_allclose(
        cho.features(blob(20.4, 40.7), (1, 20.4, 40.7), spacing, reader), one, rtol=2e-2, atol=2e-2
    )
    assert cho.features(blob(2, 2), (1, 2, 2), spacing, reader).shape == one.shape
    assert np.abs(one[0]) > np.abs(one[1:]).max()


def test_large_samples_reach_the_hotelling_detectability():
    values, present, subjects, detectability = case(subjects=600, strength=0.5)
    scores = cho.cross_fit(values, present, subjects, CHO())
    assert auc(scores[present], scores[~present]) == pytest.approx(ndtr(detectability / 2**0.5), abs=0.02)


def test_scores_without_a_signal_are_at_chance():
    """Training and reading the same cases would give an AUC far above one half with so few."""
    reader = CHO(folds=15)
    areas, leaks = [], []
    for seed in range(40):
        values, present, subjects, _ = case(channels=6, subjects=15, per=4, seed=seed, strength=0.0)
        scores = cho.cross_fit(values, present, subjects, reader)
        own = cho.train(values, present).read(values)
        areas.append(auc(scores[present], scores[~present]))
        leaks.append(auc(own[present], own[~present]))
    assert np.mean(areas) == pytest.approx(0.5, abs=0.04)
    assert np.mean(leaks) > 0.58


def test_a_case_is_never_read_by_an_observer_that_saw_its_subject():
    values, present, subjects, _ = case()
    before = cho.cross_fit(values, present, subjects, CHO())
    changed = values.copy()
    mine = subjects == "head_07"
    changed[mine] *= 100.0
    fold = cho.folds_of(subjects, 10)
    after = cho.cross_fit(changed, present, subjects, CHO())
    others = (fold == fold[mine][0]) & ~mine
    np.testing.assert_array_equal(after[others], before[others])
    assert len(set(fold[mine])) == 1


def test_folds_depend_on_names_alone():
    names = np.array([f"s{i}" for i in range(23)])
    order = np.random.default_rng(0).permutation(23)
    np.testing.assert_array_equal(cho.folds_of(names, 5)[order], cho.folds_of(names[order], 5))
    assert np.bincount(cho.folds_of(names, 5)).tolist() == [5, 5, 5, 4, 4]
    assert len(set(cho.folds_of(names[:3], 10))) == 3


def test_known_signals_of_different_strength_reach_the_detectability_of_each():
    """White noise; the signal of every case has a direction and a strength of its own."""
    random, count = np.random.default_rng(8), 4000
    signals = np.repeat(random.normal(size=(count // 2, 4)) * 0.8, 2, axis=0)
    present = np.arange(count) % 2 == 0
    values = random.normal(size=(count, 4)) + 5.0 + present[:, None] * signals
    subjects = [f"s{i // 2}" for i in range(count)]
    scores = cho.cross_fit(values, present, subjects, CHO(), signals)
    strength = np.linalg.norm(signals, axis=1)
    assert scores[present].mean() == pytest.approx(strength.mean(), abs=0.06)
    assert (scores[~present].mean(), scores[~present].std()) == pytest.approx((0, 1), abs=0.06)
    learnt = cho.cross_fit(values, present, subjects, CHO())
    assert auc(scores[present], scores[~present]) > auc(learnt[present], learnt[~present]) + 0.2


def test_known_signals_keep_the_null_level_with_few_subjects():
    """Two arms that differ in noise alone, 15 subjects x 4 twins, anatomy shared between arms and twins."""
    random, reader, rejected = np.random.default_rng(9), CHO(folds=5), []
    subjects, present = np.repeat(np.arange(15), 8), np.arange(120) % 2 == 0
    signals = np.tile([1.2, 0.4, 0.0, 0.0, 0.0, 0.0], (120, 1))
    for _ in range(300):
        anatomy = np.repeat(random.normal(size=(60, 6)), 2, axis=0) + random.normal(size=(15, 6))[subjects]
        arms = 0.5 * anatomy + random.normal(size=(2, 120, 6)) + present[:, None] * signals
        scores = np.stack([cho.cross_fit(arm, present, subjects, reader, signals) for arm in arms])
        rejected.append(difference(aucs(scores, present, subjects), 0, 1).p_value() < 0.05)
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.04)


def test_internal_noise_lowers_detectability_as_variances_add():
    values, present, subjects, detectability = case(subjects=600, strength=0.5)
    scores = cho.cross_fit(values, present, subjects, CHO(internal_noise=1.0))
    assert auc(scores[present], scores[~present]) == pytest.approx(ndtr(detectability / 2), abs=0.025)
    again = cho.cross_fit(values, present, subjects, CHO(internal_noise=1.0))
    np.testing.assert_array_equal(scores, again)
    assert not np.allclose(scores, cho.cross_fit(values, present, subjects, CHO(internal_noise=1.0), arm="b"))


def test_shrinkage_keeps_variances_and_helps_when_cases_are_few():
    random = np.random.default_rng(3)
    deviations = random.normal(size=(12, 8)) * np.arange(1, 9)
    deviations -= deviations.mean(axis=0)
    plain, drawn = np.cov(deviations.T), cho.shrink(deviations, "auto")
    np.testing.assert_allclose(cho.shrink(deviations, 0.0), plain, rtol=1e-12)
    np.testing.assert_allclose(np.diag(drawn), np.diag(plain), rtol=1e-12)
    truth = np.diag(np.arange(1, 9.0) ** 2)
    assert np.linalg.norm(drawn - truth) < 0.8 * np.linalg.norm(plain - truth)
    many = random.normal(size=(5000, 3)) @ np.array([[1, 0.8, 0], [0, 0.6, 0], [0, 0, 1]])
    assert cho.shrink(many, "auto")[0, 1] == pytest.approx(np.cov(many.T)[0, 1], rel=0.01)


def test_more_channels_than_cases_still_give_scores():
    values, present, subjects, _ = case(channels=40, subjects=6, per=2, strength=2.0)
    scores = cho.cross_fit(values, present, subjects, CHO(folds=6))
    assert np.isfinite(scores).all()
    assert auc(scores[present], scores[~present]) > 0.7


def test_failed_cases_score_nan_and_spoil_nobody():
    values, present, subjects, _ = case()
    values[5] = np.nan
    scores = cho.cross_fit(values, present, subjects, CHO())
    assert np.isnan(scores).nonzero()[0].tolist() == [5]


def test_too_few_to_train_on_is_refused():
    values, present, subjects, _ = case(subjects=1)
    with pytest.raises(TrialError, match="two source subjects"):
        cho.cross_fit(values, present, subjects, CHO())
    values, present, subjects, _ = case(subjects=2, per=2)
    with pytest.raises(TrialError, match="two present"):
        cho.cross_fit(values, present, subjects, CHO())


def test_window_hides_what_lies_beyond_black_and_white():
    """Bone beside a lesion is white whatever it is, and of the lesion what a screen shows is left."""
    shape, spacing = (1, 41, 41), (5.0, 1.0, 1.0)
    fraction = np.zeros(shape)
    fraction[0, 18:23, 18:23] = 1.0
    reader, plain = (CHO(channels=LaguerreGauss(count=3, width_mm=10.0), window=w) for w in ((0.0, 80.0), None))
    seen = {}
    for bone in (400.0, 900.0):
        without = np.full(shape, 30.0)
        without[..., 25:] = bone
        for present in (True, False):
            template = 70.0 * fraction  # up to 100 HU: white at 80
            image = without + present * template
            case = Reading(image, spacing, image, template, fraction, present)
            seen[bone, present] = [read(r, case) for r in (reader, plain)]
    for present in (True, False):
        windowed, plain_ = ([seen[bone, present][n] for bone in (400.0, 900.0)] for n in (0, 1))
        np.testing.assert_allclose(windowed[0], windowed[1], atol=1e-9)
        assert np.abs(plain_[0] - plain_[1]).max() > 100
    (with_, signal), (without_, same) = (np.split(seen[400.0, p][0], 2) for p in (True, False))
    np.testing.assert_allclose(with_ - without_, signal, atol=1e-9)
    np.testing.assert_allclose(signal, same, atol=1e-9)
    ratio = signal / np.split(seen[400.0, True][1], 2)[1]
    np.testing.assert_allclose(ratio, 50 / 70)


def test_window_must_be_open():
    with pytest.raises(ValueError, match="the first below the second"):
        CHO(window=(80.0, 0.0))
