"""Sequences of the catalogue: where and when they sample, what they never break, and what they refuse."""

import time

import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr import sampling
from phantomsim.scanners.mr.laws import sequences as laws
from phantomsim.scanners.mr.laws.chain import small_protocol, small_scanner
from phantomsim.scanners.mr.sequences import (
    CATALOGUE,
    NONE,
    Builder,
    Pulse,
    Readout,
    build,
    limits,
    order,
    pulses,
    radial_gre,
    schedule,
    spiral,
)
from phantomsim.scanners.mr.sequences.gradients import lobe, trapezoid
from phantomsim.scanners.mr.sequences.system import GAMMA_BAR_Hz_per_uT, System
from phantomsim.scanners.mr.spec import Hardware
from phantomsim.scanners.mr.trajectory import at_pulses, moments, trajectory

HARDWARE = Hardware()
SYSTEM = System.of(HARDWARE)
CARTESIAN = sorted(name for name in laws.EXAMPLES if laws.example(name).cartesian)


def test_laws_hold():
    assert not [law for law in laws.laws() if not law.passed]


def test_every_sequence_of_the_catalogue_has_an_example():
    assert set(laws.EXAMPLES) | {"pulseq"} == set(CATALOGUE)


@pytest.mark.parametrize("name", CARTESIAN)
@pytest.mark.parametrize("phase_axis", ["x", "y"])
def test_samples_lie_on_the_lattice_of_unequal_sides(name, phase_axis):
    changes = laws.EXAMPLES[name] | {"phase_axis": phase_axis, "matrix": (48, 32) if name != "mprage" else (32, 48)}
    p = small_protocol(
        sequence=name,
        **changes | {"fov_mm": (180.0, 150.0), "slices": 3, "echo_train": min(changes.get("echo_train", 1), 3)},
    )
    s = build(p, small_scanner())
    assert laws.lattice_error_per_mm(s, p) < 1e-9
    assert set(zip(s.counter("line")[s.shots], s.counter("partition")[s.shots])) == set(
        map(tuple, sampling.measured_pairs(p))
    )


@pytest.mark.parametrize("name", sorted(laws.EXAMPLES))
def test_each_slice_reads_each_line_once(name):
    p = laws.example(name)
    s = build(p, small_scanner())
    keys = [s.counter(n)[s.shots] for n in ("line", "partition", "slice", "echo")]
    if name in ("turbo-spin-echo", "inversion-recovery", "mprage"):
        keys = keys[:3]
    rows = np.stack(keys, 1)
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert len(np.unique(rows[:, 2])) == (1 if p.encoding == "3d" else p.slices)


@pytest.mark.parametrize("name", sorted(laws.EXAMPLES))
@pytest.mark.parametrize("weak", [0.4, 1.0])
def test_hardware_limits_are_kept_by_weaker_scanners_too(name, weak):
    changes = laws.EXAMPLES[name] | {"TE_ms": 30.0, "TR_ms": 4000.0, "dummies": 1}
    if name in ("se-epi", "turbo-spin-echo", "inversion-recovery"):
        changes |= {"TE_ms": 120.0, "bandwidth_Hz": 5e4 if name != "se-epi" else 1e5}
    if name == "mprage":
        changes |= {"TI_ms": 1200.0}
    if name == "bssfp":
        changes |= {"pulse_ms": 2.56}
    if name in ("gre-epi", "spiral-gre"):
        changes |= {"bandwidth_Hz": 1e5}
    hardware = Hardware(
        max_gradient_mT_per_m=40 * weak, max_slew_T_per_m_per_s=170 * weak, max_B1_uT=24 * weak, rf_dead_s=200e-6,
        gradient_raster_s=4e-6 if weak == 1 else 10e-6, adc_dead_s=40e-6,
    )  # fmt: skip
    s = build(small_protocol(sequence=name, **changes), small_scanner(hardware=hardware))
    assert not list(limits.problems(s, hardware))


@pytest.mark.parametrize("TE_ms", [14.0, 14.013, 15.0371])
def test_TE_need_not_be_on_any_raster(TE_ms):
    for name in ("spin-echo", "spoiled-gre"):
        s = build(small_protocol(sequence=name, TE_ms=TE_ms), small_scanner())
        np.testing.assert_allclose(laws.echo_times_s(s) * 1000, TE_ms, atol=1e-9)
        p = trajectory(s)
        centre = np.linalg.norm(p.k_per_mm(), axis=-1) < 1e-9
        formed = TE_ms / 1000 if name == "spoiled-gre" else 0.0  # the spin echo forms there, to the RF raster
        np.testing.assert_allclose(p.off_resonance_s()[centre], formed, atol=1.1e-6)


def test_multi_echo_gradient_echoes_come_at_their_spacing():
    s = build(small_protocol(echoes=4, echo_spacing_ms=5.5), small_scanner())
    p, echo = trajectory(s), s.counter("echo")[s.shots]
    middle = p.decay_s()[:, p.samples // 2] * 1000
    for e in range(4):
        np.testing.assert_allclose(middle[echo == e], 5.0 + 5.5 * e, atol=1e-9)


@pytest.mark.parametrize("name", ["bssfp", "spoiled-gre", "radial-gre", "mprage"])
def test_gradients_have_the_same_area_in_every_repetition(name):
    p = laws.example(name).model_copy(update={"echoes": 1, "calibration_lines": 0})
    s = build(p, small_scanner())
    blocks, at = at_pulses(s)
    excited = np.array([s.pulses[i].use == "excitation" for i in s.pulse[blocks]])
    same = s.counter("slice")[np.minimum(blocks + 2, s.blocks - 1)] == 0
    steps = np.diff(at[excited & same, :3], axis=0)
    steps = steps[np.abs(steps[:, 2]) < 2 * np.abs(np.median(steps[:, 2])) + 1e-9]  # without the inversion's spoiler
    per = 0.0 if name == "bssfp" else (2.0 if p.encoding == "3d" else 4.0) / p.slice_mm
    slices = p.slices if p.encoding == "2d" and name != "bssfp" else 1
    np.testing.assert_allclose(steps, [[0, 0, per * slices]] * len(steps), atol=1e-9)


def test_all_pathways_of_an_echo_train_have_one_k():
    """The area between refocusing pulses is the same on both sides of each echo (CPMG)."""
    p = small_protocol(sequence="turbo-spin-echo", TE_ms=80.003, TR_ms=3000.0, echo_train=8, slices=1, dummies=0)
    s = build(p, small_scanner())
    _, at = at_pulses(s)
    first = at[:9]  # excitation and its refocusing pulses
    np.testing.assert_allclose(
        np.diff(first, axis=0)[1:, :3], 2 * np.diff(first, axis=0)[0, :3] * np.ones((7, 3)), atol=1e-9
    )
    spacing = np.diff(first[:, 3])
    np.testing.assert_allclose(spacing[1:], 2 * spacing[0], atol=1.1e-6)


def test_pulses_select_the_slices_where_they_are():
    p = small_protocol(slices=5, gap_mm=1.0, offset_mm=(3.0, 0.0, 20.0))
    s = build(p, small_scanner())
    z = s.pulse_offset_Hz / np.where(s.gradient_Hz_per_mm[:, 2] == 0, 1, s.gradient_Hz_per_mm[:, 2])
    read = s.shots
    excited = trajectory(s).excitation
    middle = 20.0 + (np.arange(5) - 2) * 6.0
    np.testing.assert_allclose(z[excited], middle[s.counter("slice")[read]], atol=1e-9)
    # At its centre the pulse has the phase that the receiver has, whatever the slice.
    centre = s.pulses[0].centre_s
    turn = s.pulse_phase_rad[excited] + 2 * np.pi * s.pulse_offset_Hz[excited] * centre - s.readout_phase_rad[read]
    np.testing.assert_allclose(np.exp(1j * turn), 1.0, atol=1e-9)


def test_rf_spoiling_is_quadratic():
    s = build(small_protocol(slices=1), small_scanner())
    phase = np.rad2deg(s.pulse_phase_rad[s.pulse != NONE])
    second = np.diff(phase, 2)
    np.testing.assert_allclose(np.mod(second - 117.0 + 180, 360) - 180, 0, atol=1e-6)


def test_neighbouring_slices_are_excited_apart():
    s = build(small_protocol(slices=8), small_scanner())
    slices = s.counter("slice")[s.shots][:8].tolist()
    assert slices == [0, 2, 4, 6, 1, 3, 5, 7]


def test_slices_that_do_not_fit_go_into_further_groups():
    p = small_protocol(TR_ms=60.0, slices=11, dummies=0)
    s = build(p, small_scanner())
    groups = s.total_s / 0.06 / 64
    assert groups == pytest.approx(round(groups))
    assert 1 < groups < 11


@pytest.mark.parametrize("TI_ms", [120.0, 300.0, 951.37, 2250.0, 2590.0, 5800.0])
@pytest.mark.parametrize("slices", [1, 4, 11])
def test_every_slice_is_inverted_TI_before(TI_ms, slices):
    p = small_protocol(
        sequence="inversion-recovery", TE_ms=100.0, TI_ms=TI_ms, TR_ms=9000.0, echo_train=16, slices=slices
    )
    s = build(p, small_scanner())
    assert laws._TI_ms(s, TI_ms) == pytest.approx(TI_ms, abs=6e-4)
    assert laws._TR_ms(s, 9000.0) == pytest.approx(9000.0, abs=1e-6)


def test_mprage_reaches_the_centre_of_k_space_at_TI():
    p = laws.example("mprage")
    s = build(p, small_scanner())
    inverted, _ = laws._centres_s(s, "inversion")
    path = trajectory(s)
    first = np.linalg.norm(path.k_per_mm(), axis=-1).min(1) < 1e-9
    excited = (s.start_s[s.shots] - path.since_s)[first]
    np.testing.assert_allclose(excited - inverted[inverted < excited].max(), 0.9, atol=1e-6)


def test_the_centre_of_k_space_is_on_the_echo_at_TE():
    for echo in range(8):
        p = small_protocol(
            sequence="turbo-spin-echo", TR_ms=3000.0, echo_train=8, echo_spacing_ms=14.0, TE_ms=14.0 * (echo + 1)
        )
        s = build(p, small_scanner())
        at = s.shots[s.counter("line")[s.shots] == 32]
        assert set(s.counter("echo")[at]) == {echo}


@pytest.mark.parametrize("lines", [64, 63, 40])
@pytest.mark.parametrize("length", [1, 2, 7, 8, 16])
def test_trains_deal_out_every_line_once(lines, length):
    pairs = np.column_stack([np.arange(64 - lines, 64), np.zeros(lines, int)])
    for wanted in range(length):
        table = order.trains(pairs, (32, 0), length, wanted)
        assert sorted(table[table >= 0]) == list(range(lines))
        centre = np.argwhere(table == np.flatnonzero(pairs[:, 0] == 32)[0])[0]
        assert centre[1] == wanted


def test_echoes_that_the_lines_do_not_fill_are_counted():
    p = laws.example("turbo-spin-echo")
    for train, spare in ((8, 0), (7, 6)):  # 64 lines: 10 trains of 7
        p = p.model_copy(update={"echo_train": train})
        s = build(p, small_scanner())
        echoes = sum(s.pulses[i].use == "refocusing" for i in s.pulse if i != NONE)
        assert sampling.spare_echoes(p) == spare
        assert echoes - schedule.dummies(p) * train * p.slices - len(s.shots) == spare * p.slices


def test_early_echoes_are_centric_and_middle_ones_linear():
    pairs = np.column_stack([np.arange(64), np.zeros(64, int)])

    def echo_of(wanted):
        table = order.trains(pairs, (32, 0), 8, wanted)
        where = np.empty(64, int)
        where[table.T.ravel()] = np.repeat(np.arange(8), 8)
        return where

    centric, linear = echo_of(0), echo_of(4)
    assert np.all(np.diff(centric[32:]) >= 0)
    assert np.abs(np.diff(centric)).max() == 1
    assert np.all(np.diff(linear) >= 0)


def test_epi_segments_interleave_and_blips_are_equal():
    p = laws.example("gre-epi")
    s = build(p, small_scanner())
    first = s.shots[s.counter("slice")[s.shots] == 0]
    lines = s.counter("line")[first].reshape(2, 32)
    np.testing.assert_array_equal(lines, [np.arange(0, 64, 2), np.arange(1, 64, 2)])
    k = trajectory(s).k_per_mm()[:32]
    assert np.all(np.sign(k[0::2, -1, 1] - k[0::2, 0, 1]) == 1)
    assert np.all(np.sign(k[1::2, -1, 1] - k[1::2, 0, 1]) == -1)


def test_golden_and_uniform_spokes():
    assert np.rad2deg(radial_gre.angles_rad(2)[1]) == pytest.approx(111.246, abs=1e-3)
    np.testing.assert_allclose(radial_gre.angles_rad(4, "uniform"), np.arange(4) * np.pi / 4)
    p = laws.example("radial-gre")
    k = trajectory(build(p, small_scanner())).k_per_mm()
    np.testing.assert_allclose(k[:, k.shape[1] // 2], 0, atol=1e-9)
    angle = np.arctan2(k[0::2, -1, 1], k[0::2, -1, 0])
    np.testing.assert_allclose(np.exp(1j * angle), np.exp(1j * radial_gre.angles_rad(40)), atol=1e-9)


@pytest.mark.parametrize(("interleaves", "edge"), [(1, 1.0), (8, 1.0), (16, 0.4)])
def test_spirals_keep_limits_and_reach_the_edge(interleaves, edge):
    g, out = spiral.gradient(SYSTEM, 220.0, 0.2, interleaves, 1200.0, edge)
    assert np.abs(g).max() <= 1200.0 * (1 + 1e-9)
    assert (np.abs(np.diff(g)) / SYSTEM.raster_s).max() <= SYSTEM.slew_Hz_per_mm_s
    k = np.concatenate([[0], np.cumsum((g[1:] + g[:-1]) / 2) * SYSTEM.raster_s])
    assert abs(k[out]) == pytest.approx(0.2, rel=0.01)
    assert g[0] == 0 == g[-1]


def test_a_spiral_is_slew_limited_and_then_amplitude_limited():
    g, out = spiral.gradient(SYSTEM, 220.0, 0.2, 16, 1e9)
    slew = np.abs(np.diff(g[: out // 2])) / SYSTEM.raster_s
    assert np.median(slew) > 0.9 * SYSTEM.slew_Hz_per_mm_s
    g, out = spiral.gradient(SYSTEM, 220.0, 0.2, 16, 500.0)
    assert np.median(np.abs(g[out // 2 : out])) == pytest.approx(500.0, rel=1e-6)


@pytest.mark.parametrize("area", [1e-4, 0.01, 0.3, 5.0, 80.0])
def test_lobes_have_their_area_and_are_short(area):
    wave = lobe(SYSTEM, area)
    top = area / wave.area_s
    assert top <= SYSTEM.gradient_Hz_per_mm * (1 + 1e-9)
    assert top / wave.time_s[1] <= SYSTEM.slew_Hz_per_mm_s * (1 + 1e-9)
    triangle = 2 * np.sqrt(area / SYSTEM.slew_Hz_per_mm_s)
    flat = area / SYSTEM.gradient_Hz_per_mm + SYSTEM.gradient_Hz_per_mm / SYSTEM.slew_Hz_per_mm_s
    least = triangle if triangle * SYSTEM.slew_Hz_per_mm_s / 2 <= SYSTEM.gradient_Hz_per_mm else flat
    assert least - 1e-9 <= wave.duration_s <= least + 3 * SYSTEM.raster_s


@pytest.mark.parametrize("flip", [5.0, 90.0, 180.0])
def test_pulses_turn_by_their_angle(flip):
    weak = System.of(Hardware(max_B1_uT=6.0))
    for pulse in (pulses.hard(weak, flip), pulses.sinc(weak, flip, 2.56, 4.0), pulses.gauss(weak, flip, 250.0)):
        Hz = pulses.scale_Hz(pulse, flip)
        left = laws.inverted(pulse.shape * Hz, pulse.dwell_s, np.zeros(1))[0]
        assert left == pytest.approx(np.cos(np.deg2rad(flip)), abs=1e-9)
        assert Hz * np.abs(pulse.shape).max() <= weak.pulse_Hz
        assert pulse.duration_s / weak.rf_raster_s == pytest.approx(round(pulse.duration_s / weak.rf_raster_s))


def test_slice_width_is_that_of_the_pulse():
    """Full width at half maximum of a small-angle Hann-sinc, over its nominal width: 0.995 (see the notes)."""
    pulse = pulses.sinc(SYSTEM, 10.0, 2.56, 4.0)
    band = 4.0 / pulse.duration_s
    f = np.linspace(0.3, 0.7, 401) * band
    left = laws.inverted(pulse.shape * pulses.scale_Hz(pulse, 10.0), pulse.dwell_s, np.append(0.0, f))
    flips = np.sqrt(1 - left**2)
    half = f[np.argmin(np.abs(flips[1:] - flips[0] / 2))]
    assert 2 * half / band == pytest.approx(0.995, abs=0.005)


def test_fat_saturation_leaves_water_alone():
    p = small_protocol(fat_saturation=True)
    s = build(p, small_scanner())
    kind = next(i for i, q in enumerate(s.pulses) if q.use == "saturation")
    block = int(np.argmax(s.pulse == kind))
    pulse, Hz, offset = s.pulses[kind], s.pulse_Hz[block], s.pulse_offset_Hz[block]
    assert offset == pytest.approx(-440.7, abs=0.5)
    left = laws.inverted(pulse.shape * Hz, pulse.dwell_s, np.array([0.0, -offset]))
    assert abs(left[0]) < 1e-6
    assert left[1] > 0.999


TSE = {"sequence": "turbo-spin-echo", "echo_train": 8}
IR = {"sequence": "inversion-recovery", "TE_ms": 15.0}
MPRAGE = {"sequence": "mprage", "encoding": "3d", "TE_ms": 8.0, "echo_train": 64, "slices": 16}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"TE_ms": 1.0}, "TE_ms is 1.0; the shortest of this protocol is"),
        ({"TR_ms": 8.0, "TE_ms": 5.0}, "TR_ms is 8.0; one excitation with its readouts takes"),
        ({"bandwidth_Hz": 4e5}, "the readout needs .*; hardware.max_gradient_mT_per_m is 40.0. Lower bandwidth_Hz"),
        ({"slice_mm": 0.5}, "a slice of 0.5 mm needs a gradient"),
        ({"echoes": 3, "echo_spacing_ms": 2.0}, "echo_spacing_ms is 2.0; the shortest"),
        ({"sequence": "spin-echo", "TE_ms": 4.0}, "TE_ms is 4.0; the shortest"),
        (TSE | {"TE_ms": 300.0, "echo_spacing_ms": 15.0}, "echoes come at 15 ms to 120 ms"),
        (TSE | {"TE_ms": 30.0, "echo_spacing_ms": 5.0}, "echo_spacing_ms is 5.0; the shortest"),
        (TSE | {"echo_train": 64, "TE_ms": 100.0, "TR_ms": 300.0}, "TR_ms is 300.0; a train of 64 echoes takes"),
        (IR | {"TI_ms": 5.0}, "TI_ms is 5.0; the shortest"),
        (IR | {"TI_ms": 480.0, "slices": 1}, "TR_ms is 500.0; inversion, TI"),
        ({"sequence": "se-epi", "TE_ms": 10.0, "bandwidth_Hz": 2e5}, "TE_ms is 10.0; the shortest"),
        ({"sequence": "gre-epi", "TE_ms": 10.0, "bandwidth_Hz": 2e5}, "TE_ms is 10.0; the shortest"),
        ({"sequence": "spiral-gre", "TE_ms": 1.0, "interleaves": 8}, "begins at the centre of k-space"),
        ({"sequence": "bssfp", "TE_ms": 8.0, "TR_ms": 20.0, "fat_saturation": True}, "breaks the steady state"),
        ({"slices": 1000}, "1000 slices reach from z = -2500 to 2500 mm; magnets image within 250 mm"),
        ({"TR_ms": 5.0, "TE_ms": 4.0}, "one excitation with its readouts takes .* ms: pulses, .* Set TR_ms to"),
        ({"sampling": "variable-density", "acceleration": 8, "calibration_lines": 24}, "calibration_lines takes 24 of"),
        (MPRAGE | {"TI_ms": 100.0, "TR_ms": 2000.0}, "TI_ms is 100.0"),
        (MPRAGE | {"TI_ms": 500.0, "TR_ms": 700.0}, "TR_ms is 700.0"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_with_what_can(changes, what):
    with pytest.raises(ScannerError, match=what):
        build(small_protocol(**changes), small_scanner())


@pytest.mark.parametrize("name", ["spoiled-gre", "spin-echo", "se-epi"])
def test_the_shortest_TE_that_an_error_names_is_allowed(name):
    changes = {"sequence": name, "bandwidth_Hz": 1e5, "TE_ms": 1.0}
    with pytest.raises(ScannerError) as e:
        build(small_protocol(**changes), small_scanner())
    least = float(str(e.value).split("protocol is ")[1].split(" ms")[0])
    build(small_protocol(**changes | {"TE_ms": least}), small_scanner())
    with pytest.raises(ScannerError):
        build(small_protocol(**changes | {"TE_ms": least - 0.1}), small_scanner())


def one_block(duration_s=2e-3, pulse=None, wave=None, scale=0.0, readout=None, **numbers):
    b = Builder()
    b.add(duration_s, pulse, ((wave, scale) if wave else None, None, None), readout, **numbers)
    return b.build()


PULSE = Pulse(np.ones(100, complex), 1e-6, 100e-6, 50e-6, "excitation")


@pytest.mark.parametrize(
    ("sequence", "what"),
    [
        (one_block(wave=trapezoid(3e-4, 1e-3), scale=1800.0), "gradient along x of block 0 is 42.28 mT/m"),
        (one_block(wave=trapezoid(5e-5, 1e-3), scale=1000.0), "slew along x of block 0"),
        (one_block(wave=trapezoid(3e-4, 2e-3), scale=1.0), "ends after 2600.0 us, the block after 2000.0 us"),
        (one_block(wave=trapezoid(3.3e-5, 1e-3), scale=1.0), "corners off the raster"),
        (one_block(duration_s=2.003e-3), "must be a multiple of 10 us"),
        (one_block(pulse=PULSE, pulse_Hz=2000.0), "needs 46.97 uT; hardware.max_B1_uT is 24.00"),
        (one_block(pulse=Pulse(np.ones(9, complex), 1e-6, 5e-5, 5e-6, "excitation")), "starts 50 us after the block"),
        (one_block(pulse=Pulse(np.ones(9, complex), 1e-6, 1.005e-4, 5e-6, "excitation")), "RF raster"),
        (one_block(pulse=PULSE, readout=Readout(100, 1e-5, 2.1e-4)), "overlaps the pulse of block 0"),
        (one_block(readout=Readout(200, 1e-5, 0.0)), "leaves 0.00 us to the edge"),
        (one_block(duration_s=3e-4, wave=trapezoid(1e-4, 1e-3), scale=100.0), "ends after|jumps by"),
    ],
)  # fmt: skip
def test_what_the_hardware_cannot_do_is_told_with_its_block(sequence, what):
    with pytest.raises(ScannerError, match=what):
        limits.check(sequence, HARDWARE)


def test_gradients_that_jump_between_blocks_are_refused():
    b = Builder()
    half = trapezoid(1e-4, 1e-3)
    cut = type(half)(half.time_s[:3], half.value[:3])
    b.add(half.time_s[2], gradients=((cut, 700.0), None, None))
    b.add(1e-3)
    with pytest.raises(ScannerError, match=r"jumps by 16.44 mT/m at the start of block 1"):
        limits.check(b.build(), HARDWARE)


def test_blocks_repeat_with_their_own_numbers():
    b = Builder()
    wave = trapezoid(1e-4, 1e-3)
    b.add(1e-3, gradients=((wave, np.arange(3.0)), None, None), line=np.array([5, 6, 7]))
    b.add(np.array([1e-3, 2e-3, 3e-3]), when=np.array([True, False, True]))
    b.repeat(3)
    b.add(7e-3)
    s = b.build()
    np.testing.assert_allclose(s.duration_s, [1e-3, 1e-3, 1e-3, 2e-3, 1e-3, 3e-3, 7e-3])
    np.testing.assert_allclose(s.gradient_Hz_per_mm[:, 0], [0, 0, 1, 0, 2, 0, 0])
    np.testing.assert_array_equal(s.counter("line"), [5, 0, 6, 0, 7, 0, 0])
    np.testing.assert_array_equal(s.waveform[:, 0], [0, NONE, 0, NONE, 0, NONE, NONE])


def test_dummies_fill_three_seconds():
    for TR, count in ((500.0, 6), (3000.0, 1), (3001.0, 0)):
        s = build(small_protocol(TR_ms=TR, slices=1), small_scanner())
        assert s.total_s == pytest.approx((64 + count) * TR / 1000)


def test_partial_fourier_leaves_out_the_lowest_lines():
    p = small_protocol(partial_fourier=0.75)
    np.testing.assert_array_equal(sampling.measured(p), np.arange(16, 64))


def test_calibration_is_measured_in_both_directions_of_a_slab():
    p = small_protocol(encoding="3d", slices=16, acceleration=2, acceleration_z=2, calibration_lines=8)
    pairs = set(map(tuple, sampling.measured_pairs(p)))
    for line in range(28, 36):
        for partition in range(4, 12):
            assert (line, partition) in pairs
    assert (0, 0) in pairs
    assert (1, 0) not in pairs
    assert (0, 1) not in pairs


@pytest.mark.parametrize("sequence", ["spoiled-gre", "turbo-spin-echo"])
def test_variable_density_measures_its_share_and_the_centre(sequence):
    p = small_protocol(sequence=sequence, TE_ms=15.0, sampling="variable-density", acceleration=4, calibration_lines=6)
    lines = build(p, small_scanner()).counter("line")
    assert len(sampling.measured(p)) == 16
    assert set(range(29, 35)) <= set(lines.tolist())
    slab = p.model_copy(update={"encoding": "3d", "slices": 16})
    pairs = sampling.measured_pairs(slab)
    assert len(pairs) == pytest.approx(64 * 16 / 4, abs=1)
    s = build(slab, small_scanner())
    assert set(zip(s.counter("line")[s.shots], s.counter("partition")[s.shots])) == set(map(tuple, pairs))


def test_large_scans_are_built_within_a_second():
    mr = small_scanner()
    slow = small_protocol(matrix=(256, 192), slices=11, TR_ms=573.0, TE_ms=16.0, bandwidth_Hz=51200.0)
    volume = small_protocol(
        sequence="mprage", encoding="3d", slices=160, slice_mm=1.0, matrix=(256, 192), fov_mm=(256.0, 192.0),
        echo_train=160, TI_ms=900.0, TR_ms=2300.0, TE_ms=4.0, flip_deg=8.0, bandwidth_Hz=5e4,
    )  # fmt: skip
    start = time.perf_counter()
    s = build(slow, mr), build(volume, mr)
    assert time.perf_counter() - start < 5  # a second on an idle machine
    assert len(s[1].shots) == 192 * 160
    assert moments(s[1]).shape == (s[1].blocks + 1, 4)


def test_units_are_those_of_the_hardware():
    assert SYSTEM.gradient_Hz_per_mm == pytest.approx(1703.1, abs=0.1)  # 40 mT/m
    assert SYSTEM.pulse_Hz == pytest.approx(24 * GAMMA_BAR_Hz_per_uT)
