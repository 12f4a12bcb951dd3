"""What must hold of the catalogue's sequences: where and when they sample, and that scanners can play them."""

from __future__ import annotations

import numpy as np

from phantomsim.formats import pulseq as text
from phantomsim.laws import Law
from phantomsim.scanners.mr.laws.chain import small_protocol, small_scanner
from phantomsim.scanners.mr.sequences import NONE, Sequence, build, limits, pulseq, pulses
from phantomsim.scanners.mr.sequences.system import GAMMA_BAR_Hz_per_uT, System
from phantomsim.scanners.mr.spec import Hardware, MRProtocol
from phantomsim.scanners.mr.trajectory import trajectory

EXAMPLES: dict[str, dict[str, object]] = {
    "spin-echo": {"TE_ms": 15.0},
    "turbo-spin-echo": {"TE_ms": 80.0, "TR_ms": 3000.0, "echo_train": 8, "fat_saturation": True},
    "inversion-recovery": {"TE_ms": 100.0, "TI_ms": 2250.0, "TR_ms": 9000.0, "echo_train": 8, "slices": 5},
    "spoiled-gre": {"echoes": 3, "acceleration": 2, "calibration_lines": 16},
    "bssfp": {"TE_ms": 3.0, "TR_ms": 6.5, "pulse_ms": 1.0, "bandwidth_Hz": 5e4},
    "mprage": {"TE_ms": 4.0, "TI_ms": 900.0, "TR_ms": 2000.0, "encoding": "3d", "slices": 16, "echo_train": 16,
               "slice_mm": 2.0, "flip_deg": 8.0, "bandwidth_Hz": 5e4},
    "gre-epi": {"TE_ms": 30.0, "TR_ms": 3000.0, "bandwidth_Hz": 2e5, "shots": 2},
    "se-epi": {"TE_ms": 80.0, "TR_ms": 3000.0, "bandwidth_Hz": 2e5, "acceleration": 2},
    "radial-gre": {"spokes": 40},
    "spiral-gre": {"interleaves": 8, "bandwidth_Hz": 2e5},
}  # fmt: skip


def example(name: str) -> MRProtocol:
    """A small protocol of a sequence."""
    return small_protocol(sequence=name, **EXAMPLES[name])


def laws() -> list[Law]:
    """All laws of sequences."""
    built = {name: build(example(name), small_scanner()) for name in EXAMPLES}
    return [
        *_lattices(built),
        *_times(built),
        *_hardware(built),
        *_epi(built),
        *_spiral(built),
        *_pulses(),
        *_files(built),
    ]


def lattice_error_per_mm(sequence: Sequence, protocol: MRProtocol) -> float:
    """Largest distance of a sample from where its line, partition and index put it [1/mm]."""
    shots, k = sequence.shots, trajectory(sequence).k_per_mm()
    phase, read = (0, 1) if protocol.phase_axis == "x" else (1, 0)
    fov_phase, fov_read = protocol.fov_phase_readout_mm
    samples = k.shape[1]
    wanted = np.zeros_like(k)
    wanted[..., read] = (np.arange(samples) - samples // 2) / (fov_read * protocol.readout_oversampling)
    backward = k[:, -1, read] < k[:, 0, read]
    wanted[backward] = wanted[backward, ::-1]
    wanted[..., phase] = ((sequence.counter("line")[shots] - protocol.phase_lines // 2) / fov_phase)[:, None]
    if protocol.encoding == "3d":
        partition = sequence.counter("partition")[shots] - protocol.slices // 2
        wanted[..., 2] = (partition / (protocol.slices * protocol.slice_mm))[:, None]
    return float(np.abs(k - wanted).max())


def echo_times_s(sequence: Sequence) -> np.ndarray:
    """Time from the excitation to each sample at the centre of k-space, of the first gradient echo."""
    path = trajectory(sequence)
    centre = np.linalg.norm(path.k_per_mm(), axis=-1) < 1e-9
    centre[sequence.counter("echo")[sequence.shots] > 0] &= "mprage" not in str(sequence.facts["name"])
    return path.decay_s()[centre]


def _lattices(built: dict[str, Sequence]) -> list[Law]:
    cartesian = {n: s for n, s in built.items() if example(n).cartesian}
    worst = max(lattice_error_per_mm(s, example(n)) for n, s in cartesian.items())
    return [
        Law("samples off their lattice, eight Cartesian sequences [1/mm]", "k = (j - N/2) / FOV", 0.0, worst, 1e-9),
    ]


def _times(built: dict[str, Sequence]) -> list[Law]:
    found = []
    for name, TE in (
        ("spin-echo", 15.0),
        ("turbo-spin-echo", 80.0),
        ("bssfp", 3.0),
        ("gre-epi", 30.0),
        ("se-epi", 80.0),
    ):
        times = echo_times_s(built[name])
        off = float(times[np.argmax(np.abs(times - TE / 1000))]) * 1000
        found.append(Law(f"TE of {name}, the worst shot [ms]", "protocol", TE, off, 5e-4))
    flair = built["inversion-recovery"]
    found.append(Law("TI of inversion recovery, the worst [ms]", "protocol", 2250.0, _TI_ms(flair, 2250.0), 1e-3))
    for name, TR in (("spoiled-gre", 500.0), ("inversion-recovery", 9000.0)):
        found.append(Law(f"TR of {name}, the worst [ms]", "protocol", TR, _TR_ms(built[name], TR), 1e-6))
    return found


def _centres_s(sequence: Sequence, use: str) -> tuple[np.ndarray, np.ndarray]:
    blocks = np.flatnonzero(sequence.pulse != NONE)
    picked = [b for b in blocks.tolist() if sequence.pulses[sequence.pulse[b]].use == use]
    inside = [sequence.pulses[p].delay_s + sequence.pulses[p].centre_s for p in sequence.pulse[picked].tolist()]
    z = sequence.pulse_offset_Hz[picked] / np.where(
        sequence.gradient_Hz_per_mm[picked, 2] == 0, 1, sequence.gradient_Hz_per_mm[picked, 2]
    )
    return sequence.start_s[picked] + np.array(inside), np.round(z, 6)


def _TI_ms(sequence: Sequence, TI_ms: float) -> float:
    (inverted, z), (excited, at) = _centres_s(sequence, "inversion"), _centres_s(sequence, "excitation")
    # The last inversion of the same slice before each excitation.
    waits = np.array([t - inverted[(z == place) & (inverted < t)][-1] for t, place in zip(excited, at)])
    return float(waits[np.argmax(np.abs(waits * 1000 - TI_ms))]) * 1000


def _TR_ms(sequence: Sequence, TR_ms: float) -> float:
    excited, z = _centres_s(sequence, "excitation")
    gaps = np.concatenate([np.diff(excited[z == place]) for place in np.unique(z)]) * 1000
    return float(gaps[np.argmax(np.abs(gaps - TR_ms))])


def _hardware(built: dict[str, Sequence]) -> list[Law]:
    worst = [0.0, 0.0]
    hardware = Hardware()
    for s in built.values():
        for w, scale in zip(s.waveform.T, s.gradient_Hz_per_mm.T):
            for index in np.unique(w[w != NONE]).tolist():
                top = float(np.abs(scale[w == index]).max()) / GAMMA_BAR_Hz_per_uT
                wave = s.waveforms[index]
                worst[0] = max(worst[0], top * float(np.abs(wave.value).max()))
                worst[1] = max(worst[1], top * float(np.abs(np.diff(wave.value) / np.diff(wave.time_s)).max()) / 1000)
    problems = sum(1 for s in built.values() for _ in limits.problems(s, hardware))
    top, slew = hardware.max_gradient_mT_per_m, hardware.max_slew_T_per_m_per_s
    return [
        Law("largest gradient beyond the limit, all sequences [mT/m]", "hardware", 0.0, max(worst[0] - top, 0.0), 1e-6),
        Law("largest slew beyond the limit, all sequences [T/m/s]", "hardware", 0.0, max(worst[1] - slew, 0.0), 1e-6),
        Law("other limits that sequences break", "hardware", 0.0, float(problems), 0.0),
    ]


def _epi(built: dict[str, Sequence]) -> list[Law]:
    path, p = trajectory(built["gre-epi"]), example("gre-epi")
    middle = path.decay_s()[:, [p.samples - 1, p.samples]].mean(1)
    spacing = np.diff(middle[: p.phase_lines // p.shots])
    # Readout, and two ramps to bandwidth / FOV.
    rise = np.ceil(p.bandwidth_Hz / p.fov_mm[0] / (170e3 * GAMMA_BAR_Hz_per_uT) / 1e-5) * 1e-5
    closed = 1000 * (p.samples / p.bandwidth_Hz + 2 * rise)
    return [Law("echo spacing of EPI [ms]", "N / bandwidth + two ramps", closed, 1000 * float(spacing.mean()), 1e-6)]


def _spiral(built: dict[str, Sequence]) -> list[Law]:
    k, p = trajectory(built["spiral-gre"]).k_per_mm(), example("spiral-gre")
    reach = float(np.hypot(k[..., 0], k[..., 1]).max()) * p.fov_mm[0]
    crossings = np.sort(
        np.concatenate([_crossings(k[s, 1:, 0] + 1j * k[s, 1:, 1]) for s in range(0, 16, 2)])
    )  # one slice
    gaps = np.diff(crossings) * p.fov_mm[0]
    return [
        Law("radius that a spiral reaches [1/FOV]", "N / 2", 32.0, reach, 0.05),
        Law("widest gap between turns of spirals along x [1/FOV]", "Nyquist", 1.0, float(gaps.max()), 0.03),
    ]


def _crossings(arm: np.ndarray) -> np.ndarray:
    """Radii at which a spiral that turns one way crosses the x axis on its positive side."""
    angle = np.unwrap(np.angle(arm))
    turns = 2 * np.pi * np.arange(np.ceil(angle[0] / 2 / np.pi), np.floor(angle[-1] / 2 / np.pi) + 1)
    return np.interp(turns, angle, np.abs(arm))


def _pulses() -> list[Law]:
    system = System.of(Hardware())
    sinc = pulses.sinc(system, 30.0, 2.56, 4.0)
    secant, scale, band = pulses.hyperbolic_secant(system)
    offsets = np.array([0.0, 0.3 * band])
    left = inverted(secant.shape * scale, secant.dwell_s, offsets)
    flip = 360 * abs(sinc.turn) * pulses.scale_Hz(sinc, 30.0)
    # With mu beta / 2 pi less than the transmitter's peak the pulse is adiabatic in the whole of its band.
    closed = -float(
        np.prod(np.tanh(np.pi / 2 * (2 * np.pi * offsets[1] / (band * np.pi / 5) + np.array([-5, 5])))) * -1
    )
    source = "Silver, Joseph and Hoult 1985, doi:10.1103/PhysRevA.31.2753"
    return [
        Law("flip angle of a sinc by its integral [deg]", "2 pi times integral of gamma B1", 30.0, flip, 1e-9),
        Law("magnetisation left by the adiabatic inversion on resonance", source, -1.0, float(left[0]), 0.01),
        Law("magnetisation left at 0.3 of its bandwidth", source, closed, float(left[1]), 0.02),
    ]


def inverted(shape_Hz: np.ndarray, dwell_s: float, offset_Hz: np.ndarray) -> np.ndarray:
    """Longitudinal magnetisation after a pulse, from 1, by rotations of spinors [offset]."""
    a, b = np.ones(len(offset_Hz), complex), np.zeros(len(offset_Hz), complex)
    for value in shape_Hz:
        angle = 2 * np.pi * dwell_s * np.sqrt(np.abs(value) ** 2 + offset_Hz**2)
        axis = 2 * np.pi * dwell_s / np.maximum(angle, 1e-300)
        u = np.cos(angle / 2) - 1j * axis * offset_Hz * np.sin(angle / 2)
        v = -1j * axis * value * np.sin(angle / 2)
        a, b = u * a - np.conj(v) * b, v * a + np.conj(u) * b
    return np.abs(a) ** 2 - np.abs(b) ** 2


def _files(built: dict[str, Sequence]) -> list[Law]:
    worst = 0.0
    for name in ("turbo-spin-echo", "gre-epi", "spiral-gre"):
        own = built[name]
        again = pulseq.to_sequence(text.parse(text.text(pulseq.from_sequence(own, Hardware())).encode()), 3.0)
        worst = max(worst, float(np.abs(trajectory(own).k_per_mm() - trajectory(again).k_per_mm()).max()))
    return [Law("k-space after writing and reading Pulseq, largest change [1/mm]", "identity", 0.0, worst, 1e-8)]
