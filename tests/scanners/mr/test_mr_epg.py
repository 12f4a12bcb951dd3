"""Phase graphs against closed forms, isochromats, conservation and their own gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr.epg import orders_of, run, states, steady
from phantomsim.scanners.mr.epg.train import Train

TISSUES = [(830.0, 75.0), (1558.0, 83.0), (300.0, 290.0)]


def random_train(seed, pulses=23, shots=17, bound=3):
    """Any flips, phases, times and dephasing of either sign; several shots after one pulse, of several orders."""
    rng = np.random.default_rng(seed)
    step = np.sort(rng.integers(0, pulses, shots)).astype(np.int32)
    return Train(
        before_s=np.r_[0.0, rng.uniform(1e-3, 3e-2, pulses - 1)],
        order=np.r_[0, rng.integers(-bound, bound + 1, pulses - 1)].astype(np.int32),
        spoiled=rng.random(pulses) < 0.08,
        flip_rad=rng.uniform(0, np.pi, pulses),
        linear=(rng.random(pulses) < 0.8).astype(float),
        early_s=np.zeros(pulses),
        late_s=np.zeros(pulses),
        course_s=np.zeros((pulses, 9)),
        phase_in_rad=rng.uniform(-np.pi, np.pi, pulses),
        phase_out_rad=rng.uniform(-np.pi, np.pi, pulses),
        shots=np.arange(shots, dtype=np.int32),
        step=step,
        echo=rng.integers(-2, 3, shots).astype(np.int32),
        after_s=rng.uniform(0, 1e-2, shots),
        receiver_rad=rng.uniform(-np.pi, np.pi, shots),
        reference_s=np.zeros(shots),
        dephasing_s=rng.uniform(-1e-2, 1e-2, shots),
        reference=np.zeros(shots, np.int32),
        quantum_per_mm=np.array([0.0, 0.0, 1.0]),
    )


def spins_of(train, T1, T2, transmit=1.0, off_Hz=0.0, spins=211):
    """The same by spins over one cycle, one rotation after another, in float64."""
    where, found = 2 * np.pi * np.arange(spins) / spins, []
    m, z = np.zeros(spins, complex), np.ones(spins)
    for i, (dt, n) in enumerate(zip(train.before_s * 1000, train.order)):
        m = m * np.exp(-dt / T2 + 1j * (where * n + 2e-3 * np.pi * off_Hz * dt)) * (not train.spoiled[i])
        z = 1 + (z - 1) * np.exp(-dt / T1)
        flip = train.flip_rad[i] * (transmit if train.linear[i] else 1.0)
        m = m * np.exp(-1j * train.phase_in_rad[i])
        y, c, s = m.imag, np.cos(flip), np.sin(flip)
        m, z = (m.real + 1j * (c * y - s * z)) * np.exp(1j * train.phase_out_rad[i]), c * z + s * y
        for j in np.flatnonzero(train.step == i):
            echo = (m * np.exp(-1j * where * train.echo[j])).mean() * np.exp(-1000 * train.after_s[j] / T2)
            echo = echo * np.exp(2j * np.pi * off_Hz * (train.after_s[j] - train.dephasing_s[j]))
            found.append(np.conj(1j * echo * np.exp(-1j * train.receiver_rad[j])))
    return np.array(found)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_any_train_equals_isochromats(seed):
    train = random_train(seed)
    T1, T2 = np.array(TISSUES).T
    transmit, off_Hz = np.array([0.8, 1.0, 1.3]), np.array([0.0, 30.0, -55.0])
    got = np.asarray(run(train, T1, T2, transmit, off_Hz, orders=40))
    want = [spins_of(train, *row) for row in zip(T1, T2, transmit, off_Hz)]
    np.testing.assert_allclose(got, want, atol=3e-6)


def test_long_trains_equal_isochromats_and_high_orders_fade():
    n = np.arange(150)
    train = steady.repeated(10.0, 15.0, np.deg2rad(117.0 * (n * (n + 1) // 2) % 360))
    want = spins_of(train, 830.0, 75.0)
    assert orders_of(train, 75.0) == 64  # 3 T2 of orders and 32, in steps of 16
    errors = [np.abs(np.asarray(run(train, 830.0, 75.0, orders=k))[0] - want).max() for k in (8, 16, None)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[0] < 1e-2
    assert errors[2] < 2e-6


def test_voxels_do_not_depend_on_their_number_or_neighbours():
    train = random_train(5)
    T1, T2 = np.linspace(300, 3000, 300), np.linspace(30, 300, 300)
    many = np.asarray(run(train, T1, T2, orders=40))
    assert many.shape == (300, 17)
    np.testing.assert_allclose(many[[0, 255, 256, 299]], run(train, T1[[0, 255, 256, 299]], T2[[0, 255, 256, 299]],
                                                              orders=40), atol=1e-6)  # fmt: skip


def test_tissues_of_very_different_T2_keep_their_places():
    n = np.arange(150)
    train = steady.repeated(10.0, 15.0, np.deg2rad(117.0 * (n * (n + 1) // 2) % 360))
    T1, T2 = np.array([4163.0, 830.0, 4000.0, 1558.0]), np.array([1650.0, 75.0, 2000.0, 83.0])
    assert orders_of(train, 75.0) < orders_of(train, 1650.0)
    together = np.asarray(run(train, T1, T2))
    for i in range(4):
        np.testing.assert_allclose(together[i], np.asarray(run(train, T1[i], T2[i]))[0], atol=2e-3)


def test_signal_of_one_pulse_is_real_and_positive():
    train = steady.repeated(10.0, 40.0, np.array([1.1]))
    np.testing.assert_allclose(run(train, 900.0, 80.0), [[np.sin(np.deg2rad(40))]], atol=1e-6)


@pytest.mark.parametrize("flip", [20.0, 90.0, 130.0, 180.0])
def test_hahn_echo_is_the_square_of_the_sine_of_half_the_flip(flip):
    train = steady.repeated(10.0, np.array([90.0, flip]), np.array([np.pi / 2, 0.0]))
    one = np.ones(1, np.int32)
    train = Train(**{**vars(train), "shots": 0 * one, "step": one, "echo": -one, "after_s": np.array([0.01]),
                     "receiver_rad": np.array([np.pi / 2]), "dephasing_s": np.zeros(1)})  # fmt: skip
    want = np.sin(np.deg2rad(flip) / 2) ** 2 * np.exp(-20 / 80)
    np.testing.assert_allclose(run(train, 1e9, 80.0), [[want]], atol=1e-6)


@pytest.mark.parametrize("off_Hz", [0.0, 21.0, -70.0, 99.0])
def test_balanced_steady_state_is_freeman_and_hills(off_Hz):
    train = steady.repeated(5.0, 35.0, np.pi * np.arange(1500.0), order=0)
    got = np.asarray(run(train, 600.0, 60.0, 1.0, off_Hz, orders=1))[0, -1]
    want = steady.bssfp(600.0, 60.0, 5.0, 0.0, 35.0, 2 * np.pi * off_Hz * 0.005)
    np.testing.assert_allclose(got, want, atol=1e-5)
    assert float(steady.bssfp_flip_deg(1000.0, 100.0)) == pytest.approx(35.097, abs=1e-3)


@pytest.mark.parametrize("order", [3, -2, 0])
def test_shift_conserves_and_its_gradient_is_its_adjoint(order):
    rng = np.random.default_rng(order + 9)

    def magnetisation():
        F = rng.normal(size=(2, 21, 3)).astype(np.float32)  # orders -10 ... 10
        F[:, :7] = F[:, 14:] = 0
        z = rng.normal(size=(2, 11, 3)).astype(np.float32)
        return states.States(F[0, 10:], F[1, 10:], F[0, 10::-1], -F[1, 10::-1], z[0], z[1])

    now, weights = magnetisation(), magnetisation()

    def dot(a, b):
        return sum(jnp.sum(x * y) for x, y in zip(a, b))

    moved = states.shift(now, jnp.int32(order), 4)
    np.testing.assert_allclose(states.squares(moved), states.squares(now), rtol=1e-5)
    # The directional derivative of a linear map is the map; of F_0, kept twice, steps go along both.
    slope = jax.grad(lambda s: dot(states.shift(s, jnp.int32(order), 4), weights))(now)
    step = magnetisation()
    want = dot(states.shift(step, jnp.int32(order), 4), weights)
    np.testing.assert_allclose(dot(slope, step), want, rtol=2e-4, atol=1e-3)


@pytest.mark.parametrize("pulses", [pytest.param(23, marks=pytest.mark.slow), 90])
def test_gradients_are_those_of_finite_differences(pulses):
    train = random_train(7, pulses=pulses)
    weights = np.random.default_rng(8).normal(size=(2, 1, 17)).astype(np.float32)

    def total(T1, T2, transmit, flip):
        found = run(Train(**{**vars(train), "flip_rad": flip}), T1, T2, transmit, orders=40)
        return jnp.sum(found.real * weights[0] + found.imag * weights[1])

    at = [np.array([900.0]), np.array([90.0]), np.array([1.05]), train.flip_rad]
    slopes = jax.grad(total, argnums=(0, 1, 2, 3))(*(jnp.asarray(a, jnp.float32) for a in at))

    def exact(T1, T2, transmit, flip):
        found = spins_of(Train(**{**vars(train), "flip_rad": flip}), T1[0], T2[0], transmit[0], spins=419)
        return float(np.sum(found.real * weights[0] + found.imag * weights[1]))

    steps = [(0, 0, 0.1), (1, 0, 0.01), (2, 0, 1e-4), (3, 2, 1e-4), (3, 9, 1e-4)]
    for which, element, h in steps:
        sides = []
        for sign in (1, -1):
            moved = [np.array(a, float) for a in at]
            moved[which][element] += sign * h
            sides.append(exact(*moved))
        want = (sides[0] - sides[1]) / (2 * h)
        np.testing.assert_allclose(slopes[which][element], want, rtol=2e-3, atol=2e-4 * abs(want) + 1e-6)


def test_numbers_change_without_compiling_again():
    from phantomsim.scanners.mr.epg.play import _run

    train = random_train(3)
    run(train, 900.0, 80.0, orders=40)
    before = _run._cache_size()
    other = Train(**{**vars(train), "flip_rad": train.flip_rad * 0.7, "order": train.order[::-1] * (train.order != 0)})
    run(other, 400.0, 40.0, 0.9, 12.0, orders=40)
    assert _run._cache_size() == before


@pytest.mark.parametrize(
    ("T1", "T2", "says"),
    [(np.ones(3), np.ones(2), "shape"), (0.0, 1.0, "not above 0"), (np.ones((2, 2)), 1.0, "shape"),
     (np.nan, 1.0, "not above 0")],
)  # fmt: skip
def test_bad_tissues_are_refused(T1, T2, says):
    with pytest.raises(ScannerError, match=says):
        run(random_train(1), T1, T2)
