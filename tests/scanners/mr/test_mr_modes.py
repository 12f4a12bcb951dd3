"""Modes give back what every tissue, frequency and sample does, computed here sample by sample."""

import numpy as np
import pytest

from phantomsim.scanners.mr.signal.modes import Kinds, Rates, flat, modes, paired

RATES = Rates(np.array([0.07, 1.5, 0.02]), np.array([0.1, 0.7, 0.03]), np.array([0.0, 0.0, -440.0]))
RANGE = (-90.0, 140.0)


def response(amplitude, decay, dephasing, f):
    """h [tissue, kind, sample] at one frequency."""
    own = -decay / RATES.T2_s[:, None, None] - np.abs(dephasing) / RATES.T2prime_s[:, None, None]
    turn = -2j * np.pi * (RATES.shift_Hz[:, None, None] + f) * dephasing
    return amplitude[..., None] * np.exp(own + turn)


@pytest.mark.parametrize("case", ["train", "balanced", "echo-planar"])
def test_modes_give_back_the_response(case):
    rng = np.random.default_rng(4)
    count, frequencies = 6, 120 if case == "balanced" else 1
    decay = np.tile(np.linspace(-1.2e-3, 1.2e-3, 48), (count, 1))
    dephasing = decay + (np.arange(count)[:, None] * 0.7e-3 if case == "echo-planar" else 3e-3)
    a = rng.normal(size=(3, 1, 1, count)) + 1j * rng.normal(size=(3, 1, 1, count))
    if case == "echo-planar":  # ten timings are more than a train's eight; here one excitation serves all
        decay, dephasing = np.tile(decay, (2, 1)), np.concatenate([dephasing, dephasing + 4.2e-3])
        a = np.exp(-np.arange(2 * count) * 1e-3 / RATES.T2_s[:, None])[:, None, None] * (1 + 0j)
    grid = np.linspace(*RANGE, frequencies)
    band = 1 + 0.5 * np.cos(2 * np.pi * grid / 160.0) if frequencies > 1 else np.ones(1)
    kinds = Kinds(a * band[:, None], decay, dephasing, np.arange(len(decay), dtype=np.int32))
    found = modes(kinds, RATES, RANGE, 1e-4)
    whole, pairs = flat(found, 1e-6), paired(found, 1e-6)
    steps = whole.table.shape[2]
    for i in {0, steps // 3, steps - 1}:
        f = found.first_Hz + i * found.step_Hz
        seen = np.einsum("tk,njk->tnj", whole.table[:, 0, i], whole.basis[whole.of_shot])
        seen = seen * np.exp(-2j * np.pi * f * found.carrier_s)
        course = pairs.train[found.kind][:, None] * found.basis[found.timing][..., pairs.of]
        alike = np.einsum("tr,njr->tnj", pairs.table[:, 0, i], course) * np.exp(-2j * np.pi * f * found.carrier_s)
        want = response(a[:, 0, 0] * (band[i] if frequencies > 1 else 1.0), decay, dephasing, f)
        assert np.abs(seen - want).max() < 2e-3 * np.abs(want).max()
        assert np.abs(alike - want).max() < 2e-3 * np.abs(want).max()
    few = paired(found, 0.05)
    assert len(few.of) < len(pairs.of)
