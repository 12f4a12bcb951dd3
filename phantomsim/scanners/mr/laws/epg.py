"""What must hold of extended phase graphs, measured against closed forms and isochromats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.laws import Law
from phantomsim.scanners.mr import bloch
from phantomsim.scanners.mr.epg import Train, at_once, run, states, steady, train_of
from phantomsim.scanners.mr.epg.actions import actions_of, sudden
from phantomsim.scanners.mr.sequences import Builder, Pulse, Readout, Sequence, Waveform

PULSE_s = 2e-5
DEPHASE = Waveform(np.array([0.0, 1e-6, 1e-3 - 1e-6, 1e-3]), np.array([0.0, 1.0, 1.0, 0.0]))  # 0.999 ms of area
AT_ONCE = Readout(samples=1, dwell_s=1e-6, delay_s=0.0)
HARD = {use: Pulse(np.ones(2, complex), PULSE_s / 2, 0.0, PULSE_s / 2, use) for use in ("excitation", "refocusing")}
FOREVER = 1e12
# T1 and T2 [ms], as of brain at 3 T; here they only have to be the same on both sides of a comparison.
TISSUES = {"white matter": (830.0, 75.0), "grey matter": (1558.0, 83.0), "CSF": (4163.0, 1650.0)}


def laws() -> list[Law]:
    """All laws, from one pulse to trains."""
    parts: list[Callable[[], list[Law]]] = [_trains, _conservation, _spoiled, _balanced, _flair, _isochromats]
    return [law for part in parts for law in part()]


def spin_echoes(
    flip_deg: list[float], spacing_s: float = 0.01, excitation_deg: float = 90.0, after: Builder | None = None
) -> Sequence:
    """An excitation about y and a train of refocusing pulses about x, read at the echoes: CPMG."""
    b, cycles_per_mm = after or Builder(), 1.0
    gap = spacing_s / 2 - PULSE_s
    _pulse(b, "excitation", excitation_deg, 90.0)
    for flip in flip_deg:
        b.add(gap, gradients=((DEPHASE, cycles_per_mm / DEPHASE.area_s), None, None))
        _pulse(b, "refocusing", flip, 0.0)
        b.add(gap, gradients=((DEPHASE, cycles_per_mm / DEPHASE.area_s), None, None))
        # Half of the reading's microsecond lies on either side of the echo.
        b.add(PULSE_s / 2, readout=replace(AT_ONCE, delay_s=PULSE_s / 2 - 5e-7), readout_phase_rad=np.pi / 2)
        b.add(PULSE_s / 2)
    return b.build()


def spoiled_echoes(count: int, flip_deg: float, TR_s: float = 0.01, increment_deg: float = 117.0) -> Builder:
    """RF-spoiled pulses, each read 5 ms later, with one cycle per millimetre between them."""
    b = Builder()
    for n in range(count):
        phase = float(np.remainder(increment_deg * (n * (n + 1) // 2), 360.0))
        _pulse(b, "excitation", flip_deg, phase)
        b.add(TR_s / 2 - PULSE_s / 2, readout=replace(AT_ONCE, delay_s=TR_s / 2 - PULSE_s / 2 - 5e-7 - 1e-6),
              readout_phase_rad=np.deg2rad(phase))  # fmt: skip
        b.add(TR_s / 2 - PULSE_s / 2, gradients=((DEPHASE, 1.0 / DEPHASE.area_s), None, None))
    return b


def _pulse(b: Builder, use: str, flip_deg: float, phase_deg: float) -> None:
    b.add(PULSE_s, HARD[use], pulse_Hz=flip_deg / 360 / PULSE_s, pulse_phase_rad=np.deg2rad(phase_deg))


def _trains() -> list[Law]:
    def echoes(flip_deg: float, T2_ms: float) -> np.ndarray:
        return np.asarray(run(at_once(train_of(spin_echoes([flip_deg] * 12))), FOREVER, T2_ms, orders=16))[0].real

    free, decay = echoes(120.0, FOREVER), echoes(180.0, 80.0) / np.exp(-np.arange(1, 13) / 8)
    pulses = replace(steady.repeated(1.0, 90.0, np.zeros(12)), echo=np.full(12, -1, np.int32))
    # The third pulse brings back half of what the second stored; the others are of no account.
    stored = replace(pulses, order=np.array([0, 1, 5] + [0] * 9, np.int32))
    stimulated = np.abs(np.asarray(run(stored, FOREVER, FOREVER, orders=16)))[0, 2]
    return [
        *(
            Law(
                f"echo {i + 1} of a 120 degree train without relaxation [M0]", "Hennig 1988", want, float(free[i]), 2e-6
            )
            for i, want in enumerate((0.75, 0.9375, 0.84375))
        ),
        Law("180 degree train over exp(-TE/T2), farthest from 1", "CPMG", 0.0, float(np.abs(decay - 1).max()), 2e-6),
        Law("stimulated echo of three 90 degree pulses [M0]", "Hahn 1950", 0.5, float(stimulated), 2e-6),
    ]


def _conservation() -> list[Law]:
    angles = np.random.default_rng(4).uniform(0, np.pi, (20, 2, 1)).astype(np.float32)

    def step(now: states.States, row: jax.Array) -> tuple[states.States, jax.Array]:
        zero, long = jnp.zeros(1), jnp.full(1, FOREVER)
        pulse = jax.tree.map(lambda a: a[0], actions_of(sudden(row[0]), long, long, zero + 1))
        now = states.advance(now, jnp.int32(1), states.step_of(zero, row[1], long, long, pulse), 1)
        return now, states.squares(now)

    kept = np.asarray(jax.lax.scan(step, states.equilibrium(24, 1), jnp.asarray(angles))[1], np.float64)
    worst = float(np.abs(kept - 1).max())
    return [
        Law("sum of squared states of 20 random pulses without relaxation, less 1", "Weigel 2015", 0.0, worst, 3e-6)
    ]


def isochromats(T1_ms: float, T2_ms: float, TR_ms: float, flip_deg: float, increment_deg: float, spins: int) -> complex:
    """Spoiled gradient echo at TE 0 in the steady state, by spins spread over one cycle, in float64."""
    count = int(8 * T1_ms / TR_ms)
    precession = np.exp(2j * np.pi * np.arange(spins) / spins - TR_ms / T2_ms)
    cos, sin, E1 = np.cos(np.deg2rad(flip_deg)), np.sin(np.deg2rad(flip_deg)), np.exp(-TR_ms / T1_ms)
    m, z = np.zeros(spins, complex), np.ones(spins)
    for n in range(count):
        axis = np.exp(1j * np.deg2rad(increment_deg * (n * (n + 1) // 2) % 360))
        m = m / axis
        m, z = (m.real + 1j * (cos * m.imag - sin * z)) * axis, cos * z + sin * m.imag
        echo = 1j * m.mean() / axis
        m, z = m * precession, 1 + (z - 1) * E1
    return complex(np.conj(echo))


def _spoiled() -> list[Law]:
    T1, T2 = np.array(list(TISSUES.values())).T
    cos, sin, E1 = np.cos(np.deg2rad(15)), np.sin(np.deg2rad(15)), np.exp(-10 / T1)
    ernst = sin * (1 - E1) / (1 - cos * E1)
    measured = np.abs(np.asarray(steady.rf_spoiled(T1, T2, 10.0, 15.0))) / ernst
    spins = [abs(isochromats(*pair, 10.0, 15.0, 117.0, n)) for pair, n in zip(TISSUES.values(), (257, 257, 521))]
    source = "521 isochromats in float64 (white, grey: 257), 8 T1 of repetitions"
    return [
        Law(f"{name}: RF-spoiled echo over Ernst's, TR 10 ms, 15 deg, 117 deg", source, s / e, float(m), 1e-3 * s / e)
        for name, s, e, m in zip(TISSUES, spins, ernst, measured)
    ]


def _balanced() -> list[Law]:
    flip = np.linspace(28.0, 42.0, 57)
    train = steady.repeated(5.0, 35.0, np.pi * np.arange(1600.0), order=0)
    echo = np.abs(np.asarray(run(train, 1000.0, 100.0, flip / 35.0, orders=1)))[:, -1].astype(float)
    curve = np.polynomial.Polynomial.fit(flip, echo, 4)
    fine = np.linspace(30.0, 40.0, 10001)
    best = float(fine[np.argmax(curve(fine))])
    source = "cos a = (T1/T2 - 1)/(T1/T2 + 1); Hargreaves 2001"
    return [
        Law("best flip of balanced echoes, T1/T2 = 10 [deg]", source, 35.10, best, 0.1),
        Law("balanced echo there, T1 1 s, TR 5 ms, TE 0 [M0]", "Freeman and Hill 1971", 0.16208, echo.max(), 2e-5),
    ]


def _flair() -> list[Law]:
    """The inversion time at which the excitation after an inversion finds no longitudinal magnetisation."""
    ti = np.array([2.40, 2.46])
    echo = [float(np.asarray(run(_inversions(t, 9.0), 4163.0, 1650.0, orders=1))[0, -1].real) for t in ti]
    null = float(ti[0] - echo[0] * (ti[1] - ti[0]) / (echo[1] - echo[0]))
    source = "T1 (ln 2 - ln(1 + exp(-TR/T1)))"
    return [Law("inversion time that nulls T1 4.163 s at TR 9 s [s]", source, 2.4318, null, 1e-3)]


def _inversions(TI_s: float, TR_s: float, count: int = 8) -> Train:
    train = steady.repeated(1000 * TR_s, 90.0, np.zeros(2 * count))
    inversion = np.arange(2 * count) % 2 == 0
    before = np.where(inversion, TR_s - TI_s, TI_s)
    before[0] = 0.0
    flip = np.where(inversion, np.pi, np.pi / 2)
    return replace(train, before_s=before, flip_rad=flip, spoiled=np.ones(2 * count, bool), order=0 * train.order)


def against_bloch(sequence: Sequence, spins: int) -> np.ndarray:
    """Largest difference between both engines over the tissues, for spins spread over one cycle [shot]."""
    train = train_of(sequence)
    quantum = np.linalg.norm(train.quantum_per_mm)
    point = ((np.arange(spins) + 0.5) / spins / quantum)[:, None] * train.quantum_per_mm / quantum
    T1, T2 = np.array(list(TISSUES.values())).T
    parts = [bloch.Spins.at(point, T1_ms=a, T2_ms=b, amplitude=1 / spins) for a, b in zip(T1, T2)]
    raw = np.stack([np.asarray(bloch.simulate(sequence, some))[0, :, 0] for some in parts])
    return np.abs(raw - np.asarray(run(train, T1, T2))).max(0)


def _isochromats() -> list[Law]:
    """Both trains in one sequence, so that it is compiled once; three seconds between them."""
    both = spoiled_echoes(100, 15.0)
    both.add(3.0)
    worst = against_bloch(spin_echoes([120.0] * 16, after=both), 521)
    tissues = ", ".join(f"{a:.0f}/{b:.0f}" for a, b in TISSUES.values())
    source = f"521 isochromats over one cycle, T1/T2 {tissues} ms, no diffusion"
    names = ("100 spoiled gradient echoes", "16 spin echoes at 120 degrees 3 s later")
    return [
        Law(f"{name}, farthest from the Bloch engine [M0]", source, 0.0, float(error.max()), tolerance)
        for name, error, tolerance in zip(names, (worst[:100], worst[100:]), (1e-4, 3e-3))
    ]
