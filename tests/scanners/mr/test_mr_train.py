"""Trains of sequences: which pulses a slice sees, how they dephase, where echoes form."""

import time
from dataclasses import replace

import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr import bloch
from phantomsim.scanners.mr.epg import NotExcited, at_once, lattice, pulses, run, steady, train_of
from phantomsim.scanners.mr.epg.actions import Kinds, actions_of
from phantomsim.scanners.mr.laws.bloch_reference import block
from phantomsim.scanners.mr.laws.chain import small_protocol, small_scanner
from phantomsim.scanners.mr.laws.epg import HARD, PULSE_s, isochromats, spin_echoes, spoiled_echoes
from phantomsim.scanners.mr.sequences import Builder, Pulse, Readout, Waveform, build
from phantomsim.scanners.mr.sequences.pulses import hyperbolic_secant
from phantomsim.scanners.mr.sequences.system import System
from phantomsim.scanners.mr.trajectory import trajectory

TISSUES = [(830.0, 75.0), (1558.0, 83.0), (4163.0, 1650.0)]


def built(**changes):
    base = {"TR_ms": 500.0, "TE_ms": 10.0, "flip_deg": 90.0, "bandwidth_Hz": 64000.0, "matrix": (16, 16), "slices": 3}
    return build(small_protocol(**base | changes), small_scanner())


def test_cpmg_train_has_odd_orders_and_echoes_at_multiples_of_the_spacing():
    train = train_of(spin_echoes([120.0] * 5, spacing_s=0.012))
    assert train.order.tolist() == [0, 1, 2, 2, 2, 2]
    assert train.echo.tolist() == [-1] * 5
    np.testing.assert_allclose(train.reference_s, 0.012 * np.arange(1, 6), atol=1e-9)
    np.testing.assert_allclose(np.rad2deg(train.flip_rad), [90] + [120] * 5)
    np.testing.assert_allclose(train.dephasing_s, 0, atol=1e-9)


def test_slices_see_their_own_pulses_alone():
    sequence = built(sequence="turbo-spin-echo", echo_train=4, TE_ms=40.0, TR_ms=2000.0)
    trains = [train_of(sequence, i) for i in range(3)]
    assert sorted(np.concatenate([t.shots for t in trains])) == list(range(len(sequence.shots)))
    for train in trains:
        assert len(train.order) == len(trains[0].order) < np.sum(sequence.pulse >= 0) / 2
        np.testing.assert_allclose(np.unique(train.flip_rad.round(5)), [np.pi / 2, np.pi], atol=1e-4)
    same = [np.asarray(run(t, *TISSUES[0])) for t in trains]
    np.testing.assert_allclose(np.abs(same[0]), np.abs(same[2]), atol=1e-5)


def test_order_of_slices_and_gradients_between_do_not_change_a_slice():
    alone, among = (built(sequence="spoiled-gre", TR_ms=100.0, TE_ms=5.0, flip_deg=30.0, slices=n) for n in (1, 3))
    first, second = train_of(alone), train_of(among, 1)
    np.testing.assert_allclose(second.before_s[1:], 0.1, atol=1e-9)
    assert set(second.order[1:]) == {1}
    # No dephasing returns in 100 ms: amplitudes are equal.
    np.testing.assert_allclose(
        np.abs(np.asarray(run(first, *TISSUES[0]))[0, -1]),
        np.abs(np.asarray(run(second, *TISSUES[0]))[0, -1]),
        rtol=5e-3,
    )


def test_balanced_sequences_dephase_nothing():
    train = train_of(built(sequence="bssfp", TR_ms=8.0, TE_ms=4.0, flip_deg=35.0, slices=1, encoding="3d"))
    assert not train.order.any()
    assert not train.spoiled.any()
    T1, T2 = 830.0, 75.0
    want = np.asarray(steady.bssfp(T1, T2, 8.0, 4.0, 35.0))
    np.testing.assert_allclose(np.asarray(run(train, T1, T2))[0, -1], want, rtol=2e-2)


def test_water_does_not_see_fat_saturation_and_fat_does():
    sequence = built(sequence="spoiled-gre", TR_ms=100.0, TE_ms=5.0, flip_deg=30.0, fat_saturation=True, slices=1)
    water, fat = train_of(sequence), train_of(sequence, shift_Hz=-440.0)
    assert len(fat.order) == 2 * len(water.order)
    saturated = np.abs(np.asarray(run(fat, 380.0, 70.0))[0, -1])
    assert saturated < 0.35 * np.abs(np.asarray(run(train_of(sequence), 380.0, 70.0))[0, -1])


def test_adiabatic_inversion_does_not_follow_the_transmit_field():
    sequence = built(sequence="mprage", encoding="3d", slices=4, TR_ms=2000.0, TI_ms=900.0, TE_ms=4.0, echo_train=8,
                     echo_spacing_ms=10.0, flip_deg=9.0)  # fmt: skip
    train = train_of(sequence)
    inversion = train.flip_rad > 3
    assert inversion.sum() == np.sum(train.linear == 0)
    got = np.asarray(run(train, 4163.0, 1650.0, np.array([1.0, 1.15])))[:, 0].real
    assert abs(got[1] / got[0] - 1) < 0.2


def test_sinc_turns_as_its_hard_sum_and_less_off_its_slice():
    shape = np.sinc(np.linspace(-2, 2, 200)) * np.hanning(200)
    pulse = Pulse(shape.astype(complex), 1e-5, 0.0, 1e-3, "excitation")
    Hz = np.full(3, 0.25 / pulse.turn.real)
    on = pulses.rotation(pulse, Hz, np.zeros(3))
    near = pulses.rotation(pulse, Hz, np.array([1e-3, 1000.0, 4000.0]))
    np.testing.assert_allclose(on[:, 0], np.pi / 2, rtol=1e-12)
    np.testing.assert_allclose(near[0, :3], on[0, :3], atol=1e-4)
    assert 0.5 < np.sin(near[1, 0]) < 0.7  # half and more at the nominal edge: such slices are 1.1 times as wide
    assert near[2, 0] < 0.02


@pytest.mark.parametrize("off_Hz", [0.0, 650.0])
@pytest.mark.parametrize(
    ("what", "tolerance"), [("sinc", 3e-4), pytest.param("secant", 1.5e-3, marks=pytest.mark.slow)]
)
def test_relaxation_during_a_pulse_is_that_of_the_bloch_equations(what, tolerance, off_Hz):
    """Of magnetisation along x, y and z in turn; what is left out is of the order of (T / T2)^2 / 12: 9e-5 and 5e-3."""
    if what == "sinc":
        pulse, Hz = Pulse(np.sinc(np.linspace(-2, 2, 64)) * np.hanning(64) + 0j, 4e-5, 0.0, 1.28e-3, "refocusing"), 0.0
        Hz = 150 / 360 / pulse.turn.real
    else:
        pulse, Hz, _ = hyperbolic_secant(System.of(small_scanner().hardware))
    flip, into, out, *course = pulses.rotation(pulse, np.array([Hz]), np.array([off_Hz]))[0]
    T1, T2 = np.array([830.0]), np.array([40.0])
    kinds = Kinds(np.array([flip]), np.ones(1), np.array([1e3 * pulse.duration_s]), 1e3 * np.array([course]), 1.0)
    found = actions_of(kinds, T1, T2, np.ones(1))
    matrix, regrown = np.array(found.matrix)[..., 0, 0], np.array(found.regrown)[..., 0, 0]
    early, late = 2 * np.pi * off_Hz * pulse.centre_s, 2 * np.pi * off_Hz * (pulse.duration_s - pulse.centre_s)
    first, last = (np.exp(1j * angle) for angle in (early - into, out + late))
    builder = Builder()
    builder.add(pulse.duration_s, pulse, pulse_Hz=Hz)
    spin = bloch.Spins.at(np.zeros((1, 3)), T1_ms=T1, T2_ms=T2, off_resonance_Hz=off_Hz)
    for start in np.vstack([np.eye(3), np.zeros(3)]):
        across = (start[0] + 1j * start[1]) * first
        x, y, z = matrix @ [across.real, across.imag, start[2]] + regrown
        across = (x + 1j * y) * last
        want = block(builder.build(), 0, spin, start[None])[0][0]
        np.testing.assert_allclose([across.real, across.imag, z], want, atol=tolerance)


def test_a_pulse_of_complex_shape_is_a_rotation_of_its_angles():
    """The decomposition into two turns about z and one about x gives back the matrix."""
    rng = np.random.default_rng(0)
    pulse = Pulse(rng.normal(size=40) + 1j * rng.normal(size=40), 1e-5, 0.0, 1.7e-4, "other")
    flip, into, out = pulses.rotation(pulse, np.array([900.0]), np.array([700.0]))[0, :3]

    def turn(axis, angle):
        c, s = np.cos(angle), np.sin(angle)
        return (
            np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
            if axis == "z"
            else np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
        )

    whole = turn("z", out) @ turn("x", flip) @ turn("z", -into)
    whole = turn("z", 2 * np.pi * 700 * 2.3e-4) @ whole @ turn("z", 2 * np.pi * 700 * 1.7e-4)
    want = np.eye(3)
    for b in 900.0 * pulse.shape:
        field = 2 * np.pi * np.array([b.real, b.imag, 700.0]) * 1e-5
        x, y, z = field / np.linalg.norm(field)
        K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        a = np.linalg.norm(field)
        want = (np.eye(3) + np.sin(a) * K + (1 - np.cos(a)) * K @ K) @ want
    np.testing.assert_allclose(whole, want, atol=1e-9)


def test_moments_without_a_quantum_are_refused():
    b = Builder()
    box = Waveform(np.array([0.0, 1e-6, 9.99e-4, 1e-3]), np.array([0.0, 1.0, 1.0, 0.0]))
    for area in (0.7, 0.618, 0.237, 0.9):
        b.add(PULSE_s, HARD["excitation"], pulse_Hz=0.1 / PULSE_s)
        b.add(5e-3, gradients=((box, 1000 * area), None, None))
        b.add(1e-5, readout=Readout(1, 1e-6, 0.0))
    with pytest.raises(ScannerError, match="bloch"):
        train_of(b.build(), voxel_mm=(1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) for n in ("spin-echo", "turbo-spin-echo", "spoiled-gre")]
    + ["inversion-recovery"],
)
def test_places_across_a_slice_that_see_its_neighbours_pulses_too_have_trains(name):
    """Slices that touch: the feet of a refocusing pulse reach into the next one, whose order must still be found."""
    trains = {"turbo-spin-echo": {"echo_train": 4}, "inversion-recovery": {"echo_train": 4, "TI_ms": 1500.0}}
    more = trains.get(name, {})
    sequence = built(sequence=name, TR_ms=6000.0, TE_ms=20.0, **more)
    for z in np.linspace(-2.4, 2.4, 9):
        train = train_of(sequence, 1, position_mm=(0.0, 0.0, z), least=1e-3)
        assert len(train.shots) == 16
        assert np.abs(np.asarray(run(train, *TISSUES[0]))).min() > 0.05
    with pytest.raises(NotExcited):
        train_of(sequence, 1, position_mm=(0.0, 0.0, 300.0))


def test_slices_that_are_not_there_are_refused():
    with pytest.raises(ScannerError, match="slice 7"):
        train_of(spin_echoes([180.0]), 7)


def test_phase_encoding_that_is_not_rewound_does_not_count():
    cycles = np.zeros((60, 3))
    cycles[:, 2], cycles[:, 1] = 4.0, np.linspace(-0.5, 0.5, 60)
    order, spoiled, quantum = lattice.multiples(cycles, np.zeros(60, bool))
    assert set(order) == {1}
    assert not spoiled.any()
    np.testing.assert_allclose(quantum, [0, 0, 4], atol=0.02)


def test_first_interval_of_half_the_size_gives_the_quantum():
    cycles = np.array([[0, 0, 0], [1.2, 0, 3.0], [2.4, 0, 6.0], [2.41, 0, 6.0], [2.4, 0, 14.0]])
    order, spoiled, quantum = lattice.multiples(cycles, np.array([False, True, True, True, False]))
    assert order[:4].tolist() == [0, 1, 2, 2]
    np.testing.assert_allclose(quantum, [1.2, 0, 3.0], atol=0.01)
    assert spoiled[4] or order[4] > 3


def test_spoiled_sequence_reaches_the_steady_state_of_isochromats():
    train = at_once(train_of(spoiled_echoes(400, 15.0).build()))
    got = np.asarray(run(train, *TISSUES[0]))[0, -1] * np.exp(train.after_s[-1] / 0.075)
    np.testing.assert_allclose(got, isochromats(*TISSUES[0], 10.0, 15.0, 117.0, 257), atol=3e-6)


def test_thirty_thousand_shots_are_read_fast():
    sequence = built(sequence="mprage", encoding="3d", slices=128, matrix=(240, 240), TR_ms=2500.0, TI_ms=900.0,
                     TE_ms=4.0, echo_train=128, echo_spacing_ms=8.0, flip_deg=9.0, slice_mm=1.25)  # fmt: skip
    path = trajectory(sequence)
    start = time.process_time()
    train = train_of(sequence, path=path)
    assert len(train.shots) == 240 * 128
    assert time.process_time() - start < 5.0  # under 1 s on a quiet core


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes", "tolerance"),
    [
        ("spin-echo", {"TR_ms": 500.0}, 1e-4),
        ("turbo-spin-echo", {"echo_train": 8, "TE_ms": 80.0, "TR_ms": 3000.0, "refocusing_deg": 120.0}, 2e-3),
        ("inversion-recovery", {"TI_ms": 1000.0, "TR_ms": 4000.0, "echo_train": 8, "TE_ms": 80.0}, 1.2e-3),
        ("spoiled-gre", {"TR_ms": 12.0, "TE_ms": 5.0, "flip_deg": 15.0}, 1e-3),
        ("bssfp", {"TR_ms": 8.0, "TE_ms": 4.0, "flip_deg": 35.0}, 1e-4),
    ],
)
def test_catalogue_at_the_centre_of_k_space_equals_the_bloch_engine(name, changes, tolerance):
    """Pulses of finite length, three-dimensional dephasing and all: spins fill a voxel of 12 x 12 x 5 mm."""
    sequence = built(sequence=name, encoding="3d", slices=2, **changes)
    path = trajectory(sequence)
    train, voxel = train_of(sequence, path=path), np.array([12.0, 12.0, 5.0])
    steps = 1.2207440846 ** -np.arange(1.0, 4.0)  # R3 sequence: roots of x^4 = x + 1
    point = ((np.outer(np.arange(4096), steps) + 0.5) % 1 - 0.5) * voxel
    off = np.array([np.linalg.norm(path.k_per_mm([i])[0][r] * voxel) for i, r in zip(train.shots, train.reference)])
    central = np.flatnonzero(off < 1e-6)
    T1, T2 = np.array(TISSUES).T
    graph = np.asarray(run(train, T1, T2))
    for i in range(3):
        raw = bloch.simulate(sequence, bloch.Spins.at(point, T1_ms=T1[i], T2_ms=T2[i], amplitude=1 / 4096))
        spins = np.asarray(raw)[0][train.shots, train.reference]
        np.testing.assert_allclose(graph[i, central], spins[central], atol=tolerance)


def test_replacing_flips_replaces_the_signal():
    train = train_of(spin_echoes([180.0] * 4))
    half = replace(train, flip_rad=train.flip_rad * np.r_[1 / 3, np.ones(4)])
    np.testing.assert_allclose(np.asarray(run(half, 1e9, 80.0)), np.asarray(run(train, 1e9, 80.0)) / 2, atol=1e-6)
