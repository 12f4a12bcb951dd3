"""The non-prewhitening observer against signal-detection theory."""

import numpy as np
import pytest
from scipy.special import ndtr

from phantomsim.errors import TrialError
from phantomsim.trials.readers import npw
from phantomsim.trials.statistics.auc import auc


def test_detectability_in_correlated_noise_is_the_closed_form():
    """d'^2 = (s.s)^2 / (s.K s) (Barrett and Myers 2004, section 13.2.13; unverified section number)."""
    random, n = np.random.default_rng(0), 24
    signal = np.zeros(n)
    signal[8:13] = [0.3, 0.7, 1.0, 0.7, 0.3]
    blur = np.exp(-0.5 * ((np.arange(n)[:, None] - np.arange(n)) / 1.5) ** 2)
    noise = random.normal(size=(6000, n)) @ blur.T
    present = np.arange(6000) % 2 == 0
    scores = np.array([npw.score(g, signal, treat="ignored") for g in noise + present[:, None] * signal])
    detectability = (signal @ signal) / np.sqrt(signal @ blur @ blur.T @ signal)
    assert auc(scores[present], scores[~present]) == pytest.approx(ndtr(detectability / 2**0.5), abs=0.015)


def test_known_background_leaves_the_template_length():
    random = np.random.default_rng(1)
    template, anatomy = random.normal(size=(3, 4, 5)), 40 + 10 * random.normal(size=(3, 4, 5))
    length = np.linalg.norm(template)
    assert npw.score(anatomy + template, template, anatomy) == pytest.approx(length)
    assert npw.score(anatomy, template, anatomy) == pytest.approx(0, abs=1e-12)


def test_flat_template_is_blind_to_a_constant():
    random = np.random.default_rng(2)
    image, template = random.normal(size=(2, 6, 6))
    one = npw.score(image, template, treat="flat")
    assert npw.score(image + 1000, template, treat="flat") == pytest.approx(one, abs=1e-9)


def test_lesion_without_a_trace_is_refused():
    with pytest.raises(TrialError, match="zero"):
        npw.score(np.ones((2, 2)), np.zeros((2, 2)), np.zeros((2, 2)))
    with pytest.raises(TrialError, match="shape"):
        npw.score(np.ones((2, 2)), np.ones((2, 3)), treat="ignored")
    with pytest.raises(TrialError, match="lesion-free"):
        npw.score(np.ones((2, 2)), np.ones((2, 2)))
