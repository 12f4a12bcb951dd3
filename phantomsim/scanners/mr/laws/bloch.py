"""What must hold of the Bloch engine: closed forms, and the Bloch equations in float64 in their plainest form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import expm

from phantomsim.laws import Law
from phantomsim.scanners.mr import bloch
from phantomsim.scanners.mr.bloch.slice_profile import slice_profile
from phantomsim.scanners.mr.laws.bloch_reference import reference
from phantomsim.scanners.mr.sequences import Builder, Pulse, Readout, Sequence, Waveform

SINC_S, SINC_COUNT, THICK_mm = 2.56e-3, 128, 5.0


def laws() -> list[Law]:
    """All laws."""
    parts: list[Callable[[], list[Law]]] = [_reference, _decay, _echo, _epi, _tilted, _matrix, _null, _slices]
    return [law for part in parts for law in part()]


def hard(duration_s: float = 1e-4, use: str = "excitation") -> Pulse:
    """A rectangle of one sample."""
    return Pulse(np.ones(1, complex), duration_s, 0.0, duration_s / 2, use)  # type: ignore[arg-type]


def hann_sinc(time_bandwidth: float = 4.0) -> tuple[Pulse, Waveform, float]:
    """A Hann-windowed sinc, its slice gradient's shape, and its scale for slices of `THICK_mm` [Hz/mm]."""
    x = (np.arange(SINC_COUNT) + 0.5) / SINC_COUNT - 0.5
    shape = np.sinc(time_bandwidth * x) * (0.5 + 0.5 * np.cos(2 * np.pi * x)) + 0j
    pulse = Pulse(shape, SINC_S / SINC_COUNT, 1e-4, SINC_S / 2, "excitation")
    return pulse, trapezoid(SINC_S), time_bandwidth / SINC_S / THICK_mm


def trapezoid(flat_s: float, ramp_s: float = 1e-4) -> Waveform:
    """Of height 1."""
    return Waveform(np.array([0.0, ramp_s, ramp_s + flat_s, 2 * ramp_s + flat_s]), np.array([0.0, 1.0, 1.0, 0.0]))


def scale(pulse: Pulse, flip_deg: float) -> float:
    """Its pulse_Hz for a flip angle."""
    return flip_deg / 360 / abs(pulse.turn)


def spoiled_gre(shots: int = 5, samples: int = 12) -> Sequence:
    """Selective, off-centre, RF-spoiled, with uneven steps of the phase encoding and a receiver off resonance."""
    build, (pulse, wave, strength), phase = Builder(), hann_sinc(), 0.0
    read, acquired = trapezoid(samples * 2e-5), Readout(samples, 2e-5, 1e-4)
    lobe, spoiler = trapezoid(4e-4), trapezoid(2e-3)
    for i in range(shots):
        ky, along = (i - 2 + 0.03 * np.sin(i)) / 200 / lobe.area_s, 1 / 200 / 2e-5
        build.add(
            wave.duration_s, pulse, (None, None, (wave, strength)),
            pulse_Hz=scale(pulse, 35.0), pulse_phase_rad=phase, pulse_offset_Hz=300.0,
        )  # fmt: skip
        back, rephaser = -along * read.area_s / 2 / lobe.area_s, -strength * wave.area_s / 2 / lobe.area_s
        build.add(lobe.duration_s, None, ((lobe, back), (lobe, ky), (lobe, rephaser)))
        build.add(read.duration_s, None, ((read, along), None, None), acquired,
                  readout_phase_rad=phase, readout_offset_Hz=500.0)  # fmt: skip
        build.add(spoiler.duration_s, None, ((spoiler, 1.3 / spoiler.area_s), None, None))
        phase += np.deg2rad(117.0) * (i + 1)
    return build.build()


def random_spins(count: int, seed: int = 0) -> bloch.Spins:
    """Of all properties at once, two coils."""
    rng = np.random.default_rng(seed)
    return bloch.Spins.at(
        rng.uniform(-1, 1, (count, 3)) * [90.0, 90.0, 6.0],
        T1_ms=rng.uniform(300, 3000, count),
        T2_ms=rng.uniform(40, 1000, count),
        amplitude=rng.uniform(0.5, 1.0, count),
        off_resonance_Hz=rng.normal(0, 60, count),
        transmit=rng.uniform(0.8, 1.2, count) * np.exp(1j * rng.normal(0, 0.3, count)),
        receive=rng.normal(size=(2, count)) + 1j * rng.normal(size=(2, count)),
    )


def error(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest, over the largest expected."""
    return float(np.abs(np.asarray(found) - expected).max() / np.abs(expected).max())


def _reference() -> list[Law]:
    sequence, spins = spoiled_gre(4), random_spins(100)
    expected, _ = reference(sequence, spins)
    assert expected is not None
    found = np.asarray(bloch.simulate(sequence, spins))
    what = "k-space of isochromats in float32, largest error over its largest value"
    return [Law(what, "Bloch 1946, rotation matrices in float64", 0.0, error(found, expected), 5e-4)]


def free_induction(samples: int, dwell_s: float, gradient_Hz_per_mm: float = 0.0) -> Sequence:
    """A hard pulse of 90 deg, then a readout under a constant gradient along x."""
    build, pulse = Builder(), hard(1e-6)
    wave = Waveform(np.array([0.0, samples * dwell_s]), np.ones(2))
    build.add(1e-6, pulse, pulse_Hz=scale(pulse, 90.0))
    build.add(samples * dwell_s, None, ((wave, gradient_Hz_per_mm), None, None), Readout(samples, dwell_s, 0.0))
    return build.build()


def _decay() -> list[Law]:
    """Free induction, and the point spread of a readout that outlasts T2* (Lorentzian: sqrt(3) for its modulus)."""
    count, dwell, t2, never = 512, 1e-4, 10.0, 1e30
    point = [[30.0, 0.0, 0.0]]
    still = bloch.Spins.at(point, T2_ms=t2, off_resonance_Hz=37.0, T2prime_ms=never)
    raw = np.asarray(bloch.simulate(free_induction(count, dwell), still))
    t = (np.arange(count) + 0.5) * dwell + 0.5e-6  # from the middle of the pulse
    closed = np.exp(-t * 1000 / t2 - 2j * np.pi * 37 * t)
    seen = bloch.Spins.at(point, T2_ms=20.0, T2prime_ms=20.0)  # T2* = 10 ms
    line = np.asarray(bloch.simulate(free_induction(count, dwell, 1 / (128.0 * dwell)), seen))[0, 0]
    spread = np.abs(np.fft.fft(line, 64 * count))
    width = np.count_nonzero(spread > spread.max() / 2) / 64
    return [
        Law("free induction, largest error", "exp(-t/T2 - 2 pi i f t)", 0.0, error(raw[0, 0], closed), 5e-5),
        Law("width of a point, readout of 5.12 T2* [px]", "sqrt(3) Tacq / (pi T2*)", 2.8228, width, 0.05),
    ]


def _echo() -> list[Law]:
    """Hahn 1950: after 90x - 180y the field's dephasing is gone at TE, T2's decay is not."""
    build, excite, refocus, half = Builder(), hard(1e-6), hard(1e-6, "refocusing"), 10e-3
    build.add(half, excite, pulse_Hz=scale(excite, 90.0))
    build.add(half, refocus, pulse_Hz=scale(refocus, 180.0), pulse_phase_rad=np.pi / 2)
    build.add(1e-4, None, readout=Readout(2, 1e-9, 0.0))
    spins = bloch.Spins.at(np.zeros((101, 3)), T2_ms=50.0, off_resonance_Hz=np.linspace(-200, 200, 101), T2prime_ms=5.0)
    echo = complex(np.asarray(bloch.simulate(build.build(), spins))[0, 0].mean()) / 101
    return [Law("spin echo at TE 20 ms, T2 50 ms, T2' 5 ms, real part", "exp(-TE/T2)", 0.67032, echo.real, 2e-4)]


def echo_planar(lines: int, spacing_s: float, fov_mm: float) -> Sequence:
    """Lines along y of one sample each, up k_y, `spacing_s` apart, after a hard pulse."""
    build, pulse, blip = Builder(), hard(1e-6), trapezoid(1e-4, 5e-5)
    build.add(1e-6, pulse, pulse_Hz=scale(pulse, 90.0))
    step = 1 / fov_mm / blip.area_s
    build.add(1e-3, None, (None, (blip, -step * (lines // 2)), None))
    for _ in range(lines):
        build.add(spacing_s - 3e-4, None, readout=Readout(1, spacing_s - 3e-4, 0.0))
        build.add(3e-4, None, (None, (blip, step), None))
    return build.build()


def _epi() -> list[Law]:
    lines, spacing = 64, 5e-4
    at = np.array([[0.0, 0.0, 0.0]])
    sequence = echo_planar(lines, spacing, 64.0)
    peaks = []
    for shift in (0.0, 100.0):
        raw = np.asarray(bloch.simulate(sequence, bloch.Spins.at(at, off_resonance_Hz=shift)))[0, :, 0]
        fine = np.abs(np.fft.ifft(raw, 64 * lines))
        peaks.append(np.argmax(fine) / 64)
    moved = abs((peaks[1] - peaks[0] + lines / 2) % lines - lines / 2)
    return [Law("shift in an echo-planar image, 100 Hz, 0.5 ms, 64 lines [px]", "df ESP N / R", 3.2, moved, 0.03)]


def _tilted() -> list[Law]:
    """mz after a hard pulse off resonance: n_z^2 + (1 - n_z^2) cos of the whole angle (Bloch 1946)."""
    build, pulse, field, length = Builder(), hard(), 2500.0, 1e-4
    build.add(length, pulse, pulse_Hz=field)
    offsets = np.linspace(-15000, 15000, 101)
    _, along = bloch.magnetisation(
        build.build(), bloch.Spins.at(np.zeros((101, 3)), off_resonance_Hz=offsets), chunk=128
    )
    whole = np.hypot(field, offsets)
    tilt = (offsets / whole) ** 2
    expected = tilt + (1 - tilt) * np.cos(2 * np.pi * whole * length)
    off = error(np.asarray(along), expected)
    return [Law("hard pulse off resonance, largest error of mz", "n^2 + (1 - n^2) cos wt", 0.0, off, 1e-5)]


def _matrix() -> list[Law]:
    """A pulse of random samples, against matrix exponentials of its Hamiltonian."""
    rng = np.random.default_rng(4)
    shape = rng.normal(size=SINC_COUNT) + 1j * rng.normal(size=SINC_COUNT)
    pulse = Pulse(shape, 2e-5, 0.0, 1.28e-3, "excitation")
    wave = Waveform(np.array([0.0, 2.56e-3]), np.ones(2))
    found = slice_profile(pulse, wave, 300.0, 200.0, np.array([3.7]))
    unitary = np.eye(2, dtype=complex)
    for b1 in shape * 300.0:
        energy = np.array([[740.0, np.conj(b1)], [b1, -740.0]]) / 2
        unitary = expm(-2j * np.pi * energy * 2e-5) @ unitary
    off = max(abs(found.a[0] - unitary[0, 0]), abs(found.b[0] - unitary[1, 0]))
    flipped = max(abs(found.a[0] + unitary[0, 0]), abs(found.b[0] + unitary[1, 0]))
    return [Law("rotation by a random pulse, error of its spinor", "expm(-i H t)", 0.0, float(min(off, flipped)), 5e-5)]


def _null() -> list[Law]:
    """An inverted spin passes zero at T1 ln 2."""
    t1 = 1000.0
    build, pulse = Builder(), hard(1e-6, "inversion")
    build.add(1e-6 + t1 / 1000 * np.log(2), pulse, pulse_Hz=scale(pulse, 180.0))
    _, along = bloch.magnetisation(build.build(), bloch.Spins.at([[0, 0, 0]], T1_ms=t1), chunk=128)
    return [Law("mz at T1 ln 2 after inversion", "1 - 2 exp(-TI/T1)", 0.0, float(along[0]), 1e-4)]


def _slices() -> list[Law]:
    pulse, wave, strength = hann_sinc()
    z = np.linspace(-8, 8, 3201)
    widths = {f: slice_profile(pulse, wave, scale(pulse, f), strength, z).width_mm / THICK_mm for f in (10, 30, 90)}
    source = "Bloch equations in float64; Bernstein, King and Zhou 2004, ch. 3.1, for the broadening with the angle"
    expected = {10: 0.995, 30: 1.003, 90: 1.100}
    return [
        Law(f"slice of a Hann-sinc of time-bandwidth 4 at {f} deg, FWHM over nominal", source, expected[f], w, 0.003)
        for f, w in widths.items()
    ]
