"""Signal equations against a Bloch simulation of their pulses, run to the steady state."""

import numpy as np
import pytest

from phantomsim.scanners.mr.epg import closed_form as sequence
from phantomsim.scanners.mr.laws import laws


def relax(m, t, t1, t2):
    e1, e2 = np.exp(-t / t1), np.exp(-t / t2)
    return np.array([m[0] * e2, m[1] * e2, 1 - (1 - m[2]) * e1])


def pulse(m, deg):
    """A rotation about x."""
    c, s = np.cos(np.deg2rad(deg)), np.sin(np.deg2rad(deg))
    return np.array([[1, 0, 0], [0, c, s], [0, -s, c]]) @ m


def spoil(m):
    return np.array([0, 0, m[2]])


def steady(period, m=(0.0, 0.0, 1.0)):
    for _ in range(400):
        m, echo = period(np.asarray(m, float))
    return echo


@pytest.mark.parametrize(("t1", "t2", "flip"), [(830.0, 75.0, 90.0), (4163.0, 1650.0, 60.0), (300.0, 40.0, 110.0)])
def test_spin_echo_is_the_steady_state_of_its_pulses(t1, t2, flip):
    tr, te = 600.0, 30.0

    def period(m):
        m = relax(pulse(m, flip), te / 2, t1, t2)
        # The refocusing pulse along the magnetisation keeps it and inverts z; the crusher takes what it excites.
        m = relax(np.array([m[0], m[1], -m[2]]), te / 2, t1, t2)
        return spoil(relax(m, tr - te, t1, t2)), m[1]

    np.testing.assert_allclose(sequence.spin_echo(t1, t2, tr, te, flip), steady(period), atol=2e-6)


@pytest.mark.parametrize(("t1", "t2star", "flip"), [(830.0, 53.0, 18.0), (4163.0, 400.0, 50.0)])
def test_spoiled_gradient_echo_is_the_steady_state_of_its_pulses(t1, t2star, flip):
    tr, te = 100.0, 16.0

    def period(m):
        m = relax(pulse(m, flip), te, t1, t2star)
        return spoil(relax(m, tr - te, t1, t2star)), m[1]

    np.testing.assert_allclose(sequence.spoiled_gre(t1, t2star, tr, te, flip), steady(period), atol=2e-6)


@pytest.mark.parametrize(("t1", "t2", "flip"), [(830.0, 75.0, 90.0), (4163.0, 1650.0, 90.0), (1500.0, 83.0, 70.0)])
def test_inversion_recovery_is_the_steady_state_of_its_pulses(t1, t2, flip):
    tr, te, ti = 5000.0, 120.0, 1200.0

    def period(m):
        m = relax(spoil(pulse(m, 180.0)), ti, t1, t2)
        m = relax(pulse(m, flip), te / 2, t1, t2)
        m = relax(np.array([m[0], m[1], -m[2]]), te / 2, t1, t2)
        return spoil(relax(m, tr - te - ti, t1, t2)), m[1]

    np.testing.assert_allclose(sequence.inversion_recovery(t1, t2, tr, te, ti, flip), steady(period), atol=3e-6)


def test_named_angles_and_times_are_the_published_ones():
    assert sequence.ernst_deg(1000.0, 10.0) == pytest.approx(8.0895, abs=1e-3)
    assert sequence.null_TI_ms(4163.0, 9000.0) == pytest.approx(2432.0, abs=0.5)


@pytest.mark.slow
def test_laws_hold():
    assert not [law for law in laws() if not law.passed]
