"""Pulseq files written by pypulseq, read by us, and the other way round; pypulseq's own k-space is the rival."""

import functools

import numpy as np
import pytest

from phantomsim.errors import FormatError, ScannerError
from phantomsim.formats import pulseq as text
from phantomsim.scanners.mr.laws import sequences as laws
from phantomsim.scanners.mr.laws.chain import small_protocol, small_scanner
from phantomsim.scanners.mr.sequences import Waveform, build, limits, pulseq
from phantomsim.scanners.mr.sequences.pulseq.counters import _values
from phantomsim.scanners.mr.sequences.pulseq.gradients import matrix
from phantomsim.scanners.mr.sequences.pulseq.protocol import protocol_of
from phantomsim.scanners.mr.sequences.pulseq.uses import infer
from phantomsim.scanners.mr.spec import Hardware
from phantomsim.scanners.mr.trajectory import trajectory

pp = pytest.importorskip("pypulseq")
HARDWARE = Hardware()
pytestmark = pytest.mark.filterwarnings("ignore")
FOV, N = 0.2, 16


def system():
    return pp.Opts(
        max_grad=32, grad_unit="mT/m", max_slew=130, slew_unit="T/m/s", rf_ringdown_time=30e-6, rf_dead_time=100e-6,
        adc_dead_time=10e-6, B0=3.0,
    )  # fmt: skip


def readout(opts, duration=3.2e-3):
    gx = pp.make_trapezoid("x", flat_area=N / FOV, flat_time=duration, system=opts)
    adc = pp.make_adc(num_samples=N, duration=gx.flat_time, delay=gx.rise_time, system=opts)
    return gx, adc


def phase_steps():
    return (np.arange(N) - N // 2) / FOV


def excitation(opts, flip=15):
    return pp.make_sinc_pulse(
        flip_angle=np.deg2rad(flip), duration=2e-3, slice_thickness=5e-3, apodization=0.5, time_bw_product=4,
        system=opts, return_gz=True, use="excitation",
    )  # fmt: skip


def gre():
    """Two slices, RF spoiling, no labels."""
    opts, seq = system(), pp.Sequence(system())
    rf, gz, _ = excitation(opts)
    gx, adc = readout(opts)
    before = pp.make_trapezoid("x", area=-gx.area / 2, duration=1e-3, system=opts)
    rephase = pp.make_trapezoid("z", area=-gz.area / 2, duration=1e-3, system=opts)
    spoil = pp.make_trapezoid("z", area=4 / 5e-3, duration=2e-3, system=opts)
    count = 0
    for area in phase_steps():
        for z in (-5e-3, 5e-3):
            rf.freq_offset = gz.amplitude * z
            phase = np.deg2rad(117 * count * (count + 1) / 2 % 360)
            rf.phase_offset = phase - 2 * np.pi * rf.freq_offset * pp.calc_rf_center(rf)[0]
            adc.phase_offset = phase
            seq.add_block(rf, gz)
            seq.add_block(before, pp.make_trapezoid("y", area=area, duration=1e-3, system=opts), rephase)
            seq.add_block(gx, adc)
            seq.add_block(pp.make_trapezoid("y", area=-area, duration=2e-3, system=opts), spoil)
            count += 1
    return seq


def tse():
    """One slice, four echoes a train, block pulses for refocusing."""
    opts, seq = system(), pp.Sequence(system())
    rf, gz, _ = excitation(opts, 90)
    refocus = pp.make_block_pulse(
        np.pi, duration=1e-3, phase_offset=np.pi / 2, system=opts, use="refocusing", delay=1e-4
    )
    gx, adc = readout(opts)
    before = pp.make_trapezoid("x", area=gx.area / 2, duration=1e-3, system=opts)
    rephase = pp.make_trapezoid("z", area=-gz.area / 2, duration=1e-3, system=opts)
    crush = pp.make_trapezoid("z", area=500, duration=1e-3, system=opts)
    for train in range(N // 4):
        seq.add_block(rf, gz)
        seq.add_block(before, rephase)
        for area in phase_steps()[train::4]:
            seq.add_block(crush)
            seq.add_block(refocus)
            seq.add_block(crush, pp.make_trapezoid("y", area=area, duration=1e-3, system=opts))
            seq.add_block(gx, adc)
            seq.add_block(pp.make_trapezoid("y", area=-area, duration=1e-3, system=opts))
        seq.add_block(pp.make_delay(50e-3))
    return seq


def epi():
    """Blips split between blocks; labels set and stepped."""
    opts, seq = system(), pp.Sequence(system())
    rf, gz, _ = excitation(opts, 90)
    gx, adc = readout(opts, 3.2e-4)
    before = pp.make_trapezoid("x", area=-gx.area / 2, duration=1e-3, system=opts)
    down = pp.make_trapezoid("y", area=phase_steps()[0], duration=1e-3, system=opts)
    rephase = pp.make_trapezoid("z", area=-gz.area / 2, duration=1e-3, system=opts)
    blip = pp.make_trapezoid("y", area=1 / FOV, system=opts)
    up, last = pp.split_gradient_at(blip, pp.calc_duration(blip) / 2, system=opts)
    up, last, _ = pp.align(right=[up], left=[last, gx])
    both = pp.add_gradients((last, up), system=opts)
    seq.add_block(rf, gz)
    seq.add_block(before, down, rephase, pp.make_label(type="SET", label="LIN", value=0))
    for line in range(N):
        phase = [up] if line == 0 else [last] if line == N - 1 else [both]
        step = [pp.make_label(type="INC", label="LIN", value=1)] if line else []
        seq.add_block(gx, *phase, adc, *step)
        gx.amplitude = -gx.amplitude
    return seq


def mprage():
    """An adiabatic inversion, then trains along z; labels set."""
    opts, seq = system(), pp.Sequence(system())
    invert = pp.make_adiabatic_pulse("hypsec", duration=10.24e-3, adiabaticity=4, system=opts, use="inversion")
    rf = pp.make_block_pulse(np.deg2rad(8), duration=2e-4, system=opts, use="excitation")
    gx, adc = readout(opts)
    before = pp.make_trapezoid("x", area=-gx.area / 2, duration=1e-3, system=opts)
    spoil = pp.make_trapezoid("x", area=gx.area, duration=1e-3, system=opts)
    for line, ky in enumerate(phase_steps()):
        seq.add_block(invert)
        seq.add_block(pp.make_delay(0.1))
        for partition, kz in enumerate(phase_steps()[::4] / 2):
            y, z = (pp.make_trapezoid(c, area=k, duration=1e-3, system=opts) for c, k in (("y", ky), ("z", kz)))
            seq.add_block(rf)
            labels = [pp.make_label(type="SET", label=n, value=v) for n, v in (("LIN", line), ("PAR", partition))]
            seq.add_block(before, y, z, *labels)
            seq.add_block(gx, adc)
            y, z = (pp.make_trapezoid(c, area=-k, duration=1e-3, system=opts) for c, k in (("y", ky), ("z", kz)))
            seq.add_block(y, z, spoil)
    return seq


def spiral():
    """Arbitrary gradients on the default raster."""
    opts, seq = system(), pp.Sequence(system())
    rf, gz, _ = excitation(opts)
    t = np.linspace(0, 1, 401)
    k = 50 * t**2 * np.exp(2j * np.pi * 4 * t**2)
    g = np.diff(k) / opts.grad_raster_time
    for turn in np.exp(2j * np.pi * np.arange(3) / 3):
        x, y = (
            pp.make_arbitrary_grad(c, part, first=0.0, last=float(part[-1]), system=opts, max_slew=1e12, max_grad=1e9)
            for c, part in (("x", (g * turn).real), ("y", (g * turn).imag))
        )
        adc = pp.make_adc(num_samples=398, dwell=1e-5, delay=1e-5, system=opts)
        seq.add_block(rf, gz)
        seq.add_block(pp.make_trapezoid("z", area=-gz.area / 2, duration=1e-3, system=opts))
        seq.add_block(x, y, adc)
        # Back to zero in an extended trapezoid that starts where the spiral ended.
        ramps = [
            pp.make_extended_trapezoid(
                c, amplitudes=np.array([w.last, 0]), times=np.array([0, 5e-4]), system=opts, skip_check=True
            )
            for c, w in (("x", x), ("y", y))
        ]
        seq.add_block(*ramps)
    return seq


@functools.cache
def ours(name):
    return build(laws.example(name), small_scanner())


EXAMPLES = {"gre": gre, "tse": tse, "epi": epi, "mprage": mprage, "spiral": spiral}


def written(seq, path, older):
    seq.write(str(path), v141_compat=older)
    return pulseq.read(path, 3.0)


def their_k_per_mm(seq):
    return seq.calculate_kspace()[0].T / 1000


@pytest.mark.parametrize("older", [True, False], ids=["1.4", "1.5"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_files_of_pypulseq_have_the_k_space_that_pypulseq_computes(name, older, tmp_path):
    seq = EXAMPLES[name]()
    s = written(seq, tmp_path / "theirs.seq", older)
    assert not s.facts["notices"]
    assert s.total_s == pytest.approx(seq.duration()[0], abs=1e-9)
    k, theirs = trajectory(s).k_per_mm().reshape(-1, 3), their_k_per_mm(seq)
    # Six digits are in the file, and their spirals are not integrated exactly.
    np.testing.assert_allclose(k, theirs, atol=2e-5 * np.abs(theirs).max() if name != "spiral" else 3e-4)


@pytest.mark.parametrize("older", [True, False], ids=["1.4", "1.5"])
def test_uses_are_read_or_inferred(older, tmp_path):
    for name, uses in (("tse", {"excitation", "refocusing"}), ("mprage", {"inversion", "excitation"})):
        s = written(EXAMPLES[name](), tmp_path / "x.seq", older)
        assert {s.pulses[i].use for i in s.pulse[s.pulse >= 0]} == uses
    gone = next(s.pulses[i] for i in s.pulse[s.pulse >= 0] if s.pulses[i].use == "inversion")
    assert gone.centre_s == pytest.approx(5.12e-3, abs=1e-5)


def test_counters_come_from_labels(tmp_path):
    s = written(epi(), tmp_path / "x.seq", False)
    np.testing.assert_array_equal(s.counter("line")[s.shots], np.arange(N))
    s = written(mprage(), tmp_path / "y.seq", False)
    np.testing.assert_array_equal(s.counter("line")[s.shots], np.repeat(np.arange(N), 4))
    np.testing.assert_array_equal(s.counter("partition")[s.shots], np.tile(np.arange(4), N))


def test_counters_that_labels_leave_out_come_from_the_trajectory(tmp_path):
    seq, n = pp.Sequence(system()), 0
    for block in (plain := gre()).block_events:
        events = [e for e in vars(plain.get_block(block)).values() if getattr(e, "type", None)]
        if any(e.type == "adc" for e in events):
            events.append(pp.make_label(type="SET", label="SLC", value=n % 2))
            n += 1
        seq.add_block(*events)
    s = written(seq, tmp_path / "x.seq", False)
    np.testing.assert_array_equal(s.counter("slice")[s.shots], np.tile([0, 1], N))
    np.testing.assert_array_equal(s.counter("line")[s.shots], np.repeat(np.arange(N), 2))


def test_counters_come_from_the_trajectory_without_labels(tmp_path):
    s = written(gre(), tmp_path / "x.seq", False)
    np.testing.assert_array_equal(s.counter("line")[s.shots], np.repeat(np.arange(N), 2))
    np.testing.assert_array_equal(s.counter("slice")[s.shots], np.tile([0, 1], N))
    s = written(tse(), tmp_path / "x.seq", True)
    np.testing.assert_array_equal(s.counter("line")[s.shots].reshape(4, 4), np.arange(N).reshape(4, 4).T)


def test_block_pulses_have_their_angle_and_few_samples(tmp_path):
    s = written(tse(), tmp_path / "x.seq", False)
    pulse = next(p for p in s.pulses if p.use == "refocusing")
    block = np.flatnonzero([i >= 0 and s.pulses[i] is pulse for i in s.pulse])[0]
    assert 360 * abs(pulse.turn) * s.pulse_Hz[block] == pytest.approx(180, rel=1e-5)
    assert len(pulse.shape) == 1
    assert pulse.centre_s == pytest.approx(5e-4)


def test_hardware_limits_are_checked_on_files_too(tmp_path):
    s = written(gre(), tmp_path / "x.seq", False)
    assert not list(limits.problems(s, HARDWARE))
    with pytest.raises(ScannerError, match=r"gradient along . of block \d+"):
        limits.check(s, Hardware(max_gradient_mT_per_m=5.0))
    p = small_protocol(sequence="pulseq", file=str(tmp_path / "x.seq"))
    assert build(p, small_scanner()).blocks == s.blocks
    for change, said in (({"matrix": (8, 8)}, "16 x 16 matrix"), ({"slices": 3}, "the file reads 2 slices")):
        with pytest.raises(ScannerError, match=said):
            build(p.model_copy(update=change), small_scanner())
    with pytest.raises(FormatError, match="cannot be read"):
        build(small_protocol(sequence="pulseq", file=str(tmp_path / "none.seq")), small_scanner())


@pytest.mark.parametrize("name", sorted(laws.EXAMPLES))
def test_our_files_have_our_k_space_in_pypulseq(name, tmp_path):
    p = laws.example(name).model_copy(update={"slices": 2 if laws.example(name).encoding == "2d" else 4, "dummies": 0})
    if p.sequence == "mprage":
        p = p.model_copy(update={"echo_train": 4})
    s = build(p, small_scanner())
    pulseq.write(tmp_path / "ours.seq", s, HARDWARE)
    seq = pp.Sequence(system())
    seq.read(str(tmp_path / "ours.seq"), remove_duplicates=False)
    k, theirs = trajectory(s).k_per_mm().reshape(-1, 3), their_k_per_mm(seq)
    # They keep times to a microsecond; the spirals they do not integrate exactly.
    atol = 3e-3 if name == "spiral-gre" else 0.51e-6 * p.bandwidth_Hz / p.fov_mm[0] + 2e-6
    np.testing.assert_allclose(k, theirs, atol=atol)
    ok, report = seq.check_timing()
    assert ok or all("delay" in str(line) or "dwell" in str(line) for line in report), report[:3]


def test_our_files_say_their_field_of_view_as_readers_expect(tmp_path):
    p = laws.example("spoiled-gre").model_copy(update={"slices": 2, "gap_mm": 2.0, "dummies": 0, "echoes": 1})
    pulseq.write(tmp_path / "ours.seq", build(p, small_scanner()), HARDWARE)
    seq = pp.Sequence(system())
    seq.read(str(tmp_path / "ours.seq"))
    y, x = p.fov_mm
    np.testing.assert_allclose(seq.get_definition("FOV"), np.array([x, y, 2 * p.slice_mm + 2]) / 1000, rtol=1e-6)
    again = protocol_of(tmp_path / "ours.seq", 3.0)
    for key in ("fov_mm", "matrix", "slices", "slice_mm", "gap_mm", "offset_mm"):
        assert again[key] == pytest.approx(getattr(p, key), abs=1e-3), key


@pytest.mark.parametrize("name", sorted(laws.EXAMPLES))
@pytest.mark.parametrize("version", [(1, 4, 1), (1, 5, 0)])
def test_what_is_written_is_the_same_sequence_when_read(name, version):
    s = ours(name)
    again = pulseq.to_sequence(text.parse(text.text(pulseq.from_sequence(s, HARDWARE, version)).encode()), 3.0)
    before, after = trajectory(s), trajectory(again)
    np.testing.assert_allclose(after.k_per_mm(), before.k_per_mm(), atol=1e-8)
    np.testing.assert_allclose(after.off_resonance_s(), before.off_resonance_s(), atol=1e-9)
    np.testing.assert_allclose(again.duration_s, s.duration_s, atol=1e-12)
    np.testing.assert_allclose(again.readout_phase_rad, s.readout_phase_rad, atol=1e-9)
    np.testing.assert_allclose(again.pulse_offset_Hz, s.pulse_offset_Hz, rtol=1e-9)
    for counter in ("line", "partition", "slice", "echo", "segment"):
        np.testing.assert_array_equal(again.counter(counter)[again.shots], s.counter(counter)[s.shots])
    flips = [[360 * abs(q.pulses[i].turn) * hz for i, hz in zip(q.pulse, q.pulse_Hz) if i >= 0] for q in (s, again)]
    np.testing.assert_allclose(*flips, rtol=1e-6)
    uses = [[q.pulses[i].use for i in q.pulse if i >= 0] for q in (s, again)]
    assert uses[0] == uses[1]


def test_rotations_turn_gradients():
    s = ours("spoiled-gre")
    file = pulseq.from_sequence(s, HARDWARE)
    half = np.sqrt(0.5)
    blocks = file.blocks.copy()
    blocks[:, 6] = 1
    turned = text.PulseqFile(**vars(file) | {
        "blocks": blocks, "extensions": np.array([[1, 1, 1, 0]]), "extension_types": {1: "ROTATIONS"},
        "label_set": {}, "rotations": {1: (half, 0.0, 0.0, half)},
    })  # fmt: skip
    again = pulseq.to_sequence(text.parse(text.text(turned).encode()), 3.0)
    k, plain = trajectory(again).k_per_mm(), trajectory(s).k_per_mm()
    # A quarter turn about z takes x to y.
    np.testing.assert_allclose(k[..., 1], plain[..., 0], atol=1e-8)
    np.testing.assert_allclose(k[..., 0], -plain[..., 1], atol=1e-8)


def test_quaternions_give_rotations():
    q = np.array([0.3, -0.5, 0.7, 0.2])
    m = matrix(tuple(q))
    np.testing.assert_allclose(m @ m.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(m) == pytest.approx(1)
    np.testing.assert_allclose(matrix((np.cos(0.2), 0, 0, np.sin(0.2)))[:2, 0], [np.cos(0.4), np.sin(0.4)])


def test_oversampled_gradients_lie_on_half_the_raster():
    s = ours("spoiled-gre")
    file = pulseq.from_sequence(s, HARDWARE)
    shape = np.sin(np.pi * np.arange(1, 20) / 20)
    shapes = dict(file.shapes) | {99: shape}
    gradients = np.array([[900.0, 1000.0, 0.0, 0.0, 99, -1, 30.0]])
    blocks = file.blocks.copy()
    blocks[0, 2] = 900
    new = text.PulseqFile(**vars(file) | {"shapes": shapes, "gradients": gradients, "blocks": blocks})
    wave = pulseq.to_sequence(new, 3.0)
    index = wave.waveform[0, 0]
    assert isinstance(wave.waveforms[index], Waveform)
    np.testing.assert_allclose(wave.waveforms[index].time_s, 30e-6 + np.arange(21) * 5e-6, atol=1e-12)
    assert wave.waveforms[index].area_s == pytest.approx(shape.sum() * 5e-6)


def test_phase_shapes_of_readouts_are_refused():
    file = pulseq.from_sequence(ours("spoiled-gre"), HARDWARE)
    adc = file.adc.copy()
    adc[0, 8] = 1
    with pytest.raises(ScannerError, match="phase shape"):
        pulseq.to_sequence(text.PulseqFile(**vars(file) | {"adc": adc}), 3.0)


def test_offsets_in_ppm_follow_the_field():
    file = pulseq.from_sequence(ours("spoiled-gre"), HARDWARE)
    rf = file.rf.copy()
    rf[:, 7] = -3.45
    for field_T, Hz in ((1.5, -220.3), (3.0, -440.7)):
        s = pulseq.to_sequence(text.PulseqFile(**vars(file) | {"rf": rf}), field_T)
        plain = pulseq.to_sequence(file, field_T)
        assert s.pulse_offset_Hz[0] - plain.pulse_offset_Hz[0] == pytest.approx(Hz, abs=0.1)


def test_labels_are_set_then_stepped():
    sets = np.array([np.nan, 5, np.nan, np.nan, 2, np.nan])
    np.testing.assert_array_equal(_values(sets, np.array([1.0, 0, 1, 0, 3, 1])), [1, 5, 6, 6, 5, 6])
    np.testing.assert_array_equal(_values(None, np.array([1.0, 0, 1])), [1, 1, 2])


@pytest.mark.parametrize(
    ("flips", "readouts", "uses"),
    [
        ([90, 180], [2], "er"),
        ([180, 90, 180], [5], "ier"),
        ([90, 180, 180, 180], [2, 4, 6], "errr"),
        ([180, 15, 15], [3, 5], "iee"),
        ([90, 120, 120], [3, 5], "err"),
        ([90, 180, 180], [7], "err"),
        ([90, 180, 90, 180], [6], "erer"),
        ([180, 90, 180, 180, 90, 180], [5, 12], "ierier"),
    ],
)
def test_uses_of_older_files(flips, readouts, uses):
    names = {"e": "excitation", "r": "refocusing", "i": "inversion"}
    blocks = np.arange(len(flips)) * 2
    found = infer(
        np.array([""] * len(flips), object), np.array(flips, float), np.zeros(len(flips)), blocks, np.array(readouts)
    )
    assert found == [names[u] for u in uses]
