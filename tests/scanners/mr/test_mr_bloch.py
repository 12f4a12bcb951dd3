"""The Bloch engine against rotation matrices in float64, closed forms and itself under changes that must not matter."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.grid import Grid
from phantomsim.materials import MRProperties
from phantomsim.phantom import Lesion, Overlay, Phantom
from phantomsim.scanners.mr import bloch
from phantomsim.scanners.mr.bloch.turns import cis, half_turn, split_coordinates, split_moments, turns
from phantomsim.scanners.mr.laws import bloch as laws
from phantomsim.scanners.mr.laws.bloch_reference import reference
from phantomsim.scanners.mr.sequences import Builder, Pulse, Readout, Sequence, Waveform
from phantomsim.scanners.mr.trajectory import trajectory

SPGR = laws.spoiled_gre()


def train(shots: int = 4, samples: int = 9, spiral: bool = False, block_pulse: bool = True) -> Sequence:
    """A CPMG-like train with odd angles; readouts on curved paths where `spiral`, straight lines else."""
    build, excite = Builder(), laws.hard(2e-4)
    refocus = (
        laws.hard(4e-4, "refocusing") if block_pulse else dataclasses.replace(laws.hann_sinc()[0], use="refocusing")
    )
    build.add(6e-3, excite, pulse_Hz=laws.scale(excite, 80.0))
    corner = np.linspace(0, samples * 5e-5, 2 * samples)
    wave = Waveform(corner, np.cos(3e3 * corner) if spiral else np.ones(len(corner)))
    other = Waveform(corner, np.sin(3e3 * corner) if spiral else np.zeros(len(corner)) + 0.3)
    for i in range(shots):
        build.add(5e-3, refocus, pulse_Hz=laws.scale(refocus, 150.0), pulse_phase_rad=np.pi / 2 + 0.1 * i)
        build.add(corner[-1], None, ((wave, 100.0), (other, 120.0 + 10 * (i % 2)), None), Readout(samples, 5e-5, 0.0))
        build.add(7e-3 - 3e-4 * i, None, ((laws.trapezoid(5e-3), 40.0), None, None))
    return build.build()


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "sequence",
    [
        pytest.param(SPGR, id="spgr"),
        pytest.param(train(spiral=True), id="spiral"),
        pytest.param(train(), id="lines", marks=SLOW),
        pytest.param(train(3, 1), id="one-sample", marks=SLOW),
        pytest.param(train(3, 7, block_pulse=False), id="shaped", marks=SLOW),
    ],
)
def test_engine_agrees_with_rotation_matrices(sequence: Sequence) -> None:
    spins = laws.random_spins(61, seed=3)
    expected, _ = reference(sequence, spins)
    assert expected is not None
    assert laws.error(np.asarray(bloch.simulate(sequence, spins)), expected) < 1e-4


def test_final_magnetisation_agrees_with_rotation_matrices() -> None:
    spins = laws.random_spins(61, seed=3)
    _, m = reference(SPGR, spins)
    transverse, along = bloch.magnetisation(SPGR, spins)
    assert np.abs(np.asarray(transverse) - (m[:, 0] + 1j * m[:, 1])).max() < 3e-4
    assert np.abs(np.asarray(along) - m[:, 2]).max() < 3e-4


@SLOW
def test_catalogue_sequence_agrees_with_rotation_matrices() -> None:
    from phantomsim.scanners.mr.laws import small_protocol, small_scanner
    from phantomsim.scanners.mr.sequences import build

    protocol = small_protocol(matrix=(8, 8), slices=2, dummies=1, TR_ms=60.0, TE_ms=8.0, bandwidth_Hz=10000.0)
    sequence, spins = build(protocol, small_scanner()), laws.random_spins(15, seed=5)
    expected, _ = reference(sequence, spins)
    assert expected is not None
    assert laws.error(np.asarray(bloch.simulate(sequence, spins, chunk=64)), expected) < 2e-4


def test_chunks_do_not_matter() -> None:
    spins = laws.random_spins(100, seed=1)
    one, many = (np.asarray(bloch.simulate(SPGR, spins, chunk=c)) for c in (128, 64))
    assert laws.error(many, one) < 1e-5


def test_signal_is_linear_in_amplitude_and_adds_over_spins() -> None:
    spins = laws.random_spins(64, seed=2)
    half = dataclasses.replace(spins, amplitude=0.5 * np.asarray(spins.amplitude))
    assert laws.error(2 * np.asarray(bloch.simulate(SPGR, half)), np.asarray(bloch.simulate(SPGR, spins))) < 1e-6


def test_shifting_spins_by_fields_of_view_leaves_a_lattice_alone() -> None:
    """exp(-2 pi i k . fov) = 1 on the lattice: far from the isocentre phases are as exact as near it."""
    build, pulse, fov, acquired = Builder(), laws.hard(1e-6), 64.0, Readout(16, 1e-5, 1e-4)
    lobe, read = laws.trapezoid(4e-4), laws.trapezoid(16 * 1e-5)
    along = 1 / fov / 1e-5
    before = along * float(read.integral_s(acquired.times_s[0]))  # of the readout's gradient, at the first sample
    for i in range(6):
        build.add(1e-6, pulse, pulse_Hz=laws.scale(pulse, 20))
        start, line = -8 / fov - before, i / fov
        build.add(lobe.duration_s, None, ((lobe, start / lobe.area_s), (lobe, line / lobe.area_s), None))
        build.add(read.duration_s, None, ((read, along), None, None), acquired)
        spoil = 4.0 - start - along * read.area_s  # a whole number of turns for each field of view
        build.add(lobe.duration_s, None, ((lobe, spoil / lobe.area_s), (lobe, -line / lobe.area_s), None))
    sequence, near = build.build(), laws.random_spins(50, seed=8)
    near = dataclasses.replace(near, position_mm=np.round(np.asarray(near.position_mm) * 256) / np.float32(256))
    far = dataclasses.replace(near, position_mm=np.asarray(near.position_mm) + np.float32([5 * fov, -3 * fov, 0.0]))
    assert laws.error(np.asarray(bloch.simulate(sequence, far)), np.asarray(bloch.simulate(sequence, near))) < 2e-4


def test_phases_of_hundreds_of_turns_are_exact() -> None:
    rng = np.random.default_rng(0)
    moments = rng.uniform(-1, 1, (50, 4)) * [4.0, 4.0, 4.0, 3.0]
    points = (rng.uniform(-1, 1, (4, 40)) * [[250.0], [250.0], [250.0], [900.0]]).astype(np.float32)
    exact = moments @ points.astype(float)
    found = np.asarray(turns(jnp.asarray(split_moments(moments)), split_coordinates(jnp.asarray(points))))
    off = found - exact
    assert np.abs(exact).max() > 1000
    assert np.abs(off - np.round(off)).max() < 3e-6


def test_phasors_are_exact_to_single_precision() -> None:
    w = np.linspace(-0.5, 0.5, 10001).astype(np.float32)
    c, s = cis(jnp.asarray(w))
    assert np.abs(np.asarray(c) + 1j * np.asarray(s) - np.exp(2j * np.pi * w.astype(float))).max() < 1e-6
    t = np.linspace(0, 1, 1001).astype(np.float32)
    c, s = half_turn(jnp.asarray(t * t))
    assert np.abs(np.asarray(c) - np.cos(np.pi * t)).max() < 1e-6
    assert np.abs(np.asarray(s) * t - np.sin(np.pi * t.astype(float))).max() < 1e-6


@pytest.mark.parametrize("start_ms", [2.0, 4.0])
def test_reversible_decay_is_a_lorentzian_of_frequencies_through_the_echo(start_ms: float) -> None:
    """exp(-|t|/T2') is the transform of a Lorentzian of half width 1/(2 pi T2')."""
    build, excite, refocus, half = Builder(), laws.hard(1e-6), laws.hard(1e-6, "refocusing"), 4e-3
    build.add(half, excite, pulse_Hz=laws.scale(excite, 90.0))
    build.add(start_ms / 1000, refocus, pulse_Hz=laws.scale(refocus, 180.0))
    build.add(4e-3, None, readout=Readout(41, 1e-4, 0.0))
    raw = np.asarray(bloch.simulate(build.build(), bloch.Spins.at([[0, 0, 0]], T2prime_ms=3.0)))[0, 0]
    t = start_ms + (np.arange(41) + 0.5) * 0.1 - 4.0
    assert np.abs(raw) == pytest.approx(np.exp(-np.abs(t) / 3.0), abs=2e-3)
    flat = np.asarray(bloch.simulate(build.build(), bloch.Spins.at([[0, 0, 0]], T2prime_ms=1e30)))[0, 0]
    assert np.abs(flat) == pytest.approx(1.0, abs=1e-5)


def test_boxes_are_the_mean_of_their_points() -> None:
    sequence = laws.spoiled_gre(1, 12)
    fine = (np.arange(41) + 0.5) / 41 - 0.5
    y, x = (a.ravel() for a in np.meshgrid(fine * 6.0, fine * 9.0, indexing="ij"))
    many = bloch.Spins.at(np.stack([x + 20, y - 30, 0 * x], 1), amplitude=1 / len(x))
    box = bloch.Spins.at([[20, -30, 0]], extent_mm=(9.0, 6.0, 0.0))
    assert laws.error(np.asarray(bloch.simulate(sequence, box)), np.asarray(bloch.simulate(sequence, many))) < 2e-3


def test_refined_lattice_of_boxes_changes_little() -> None:
    """Halving the sub-grid of a phantom leaves one shot's k-space alone: boxes fill space once."""
    phantom, mr = small_phantom()
    coarse, fine = (bloch.Spins.of_phantom(phantom, mr, spins_per_voxel=n, prime=False) for n in ((1, 1, 1), (1, 3, 2)))
    sequence = laws.free_induction(20, 1e-4, 50.0)
    off = laws.error(np.asarray(bloch.simulate(sequence, fine)), np.asarray(bloch.simulate(sequence, coarse)))
    assert off < 1e-5


def small_phantom() -> tuple[Phantom, MRProperties]:
    """3 x 4 x 5 voxels of air, two tissues and a lesion of a third that fills half of two voxels."""
    grid = Grid.centred((3, 4, 5), (4.0, 3.0, 2.0))
    label = np.zeros(grid.shape, np.uint8)
    label[1, 1:3, 1:4] = 1
    label[2, 1, 1] = 2
    overlay = Overlay(3, np.full((1, 1, 2), 0.5, np.float32), (1, 1, 1))
    lesion = Lesion(overlay, (0.0, 0.0, 0.0), 0.024, 1.0, "a", "b", "c")
    rows = [[1e3, 100, 50, 0, 0], [800, 80, 50, 0.8, 0], [600, 60, 40, 1, 0], [2e3, 90, 60, 0.9, 0]]
    mr = MRProperties(*np.array(rows, np.float32).T)
    return Phantom(grid, label, 1.0, (), (lesion,), ("air", "b", "c", "d")), mr


def test_tissues_of_a_voxel_are_spins_of_their_own() -> None:
    phantom, mr = small_phantom()
    spins = bloch.Spins.of_phantom(phantom, mr, spins_per_voxel=(1, 2, 3))
    assert spins.count == 6 * (6 + 1 + 2)
    volume = np.prod(phantom.grid.spacing_mm)
    assert float(np.sum(spins.amplitude)) == pytest.approx(volume * (0.8 * 5 + 1.0 + 0.9 * 1.0), rel=1e-5)
    assert set(np.round(np.unique(spins.T1_ms))) == {600, 800, 2000}
    absent = bloch.Spins.of_phantom(phantom.with_lesions(False), mr)
    assert float(np.sum(absent.amplitude)) == pytest.approx(volume * (0.8 * 6 + 1.0), rel=1e-5)
    rate = 1 / mr.T2star_ms[1] - 1 / mr.T2_ms[1]
    assert np.asarray(absent.T2prime_ms)[np.asarray(absent.T1_ms) == 800] == pytest.approx(1 / rate, rel=1e-5)


def test_spins_lie_where_their_voxels_do() -> None:
    phantom, mr = small_phantom()
    b0 = np.arange(60, dtype=np.float32).reshape(phantom.grid.shape)
    spins = bloch.Spins.of_phantom(phantom, mr, (1.0, -2.0, 3.0), b0_Hz=b0, b1=1 + b0 / 100, slab_mm=(0.5, 50.0))
    assert spins.count == 1  # the middle row ends at 2 - 3 < 0.5 mm above the isocentre
    assert np.asarray(spins.position_mm)[0] == pytest.approx(np.array([(1 - 2) * 2 - 1, (1 - 1.5) * 3 + 2, 4 - 3]))
    assert float(spins.off_resonance_Hz[0]) == b0[2, 1, 1]
    assert float(spins.transmit[0]) == pytest.approx(1 + b0[2, 1, 1] / 100)


def test_sensitivities_weigh_the_coils() -> None:
    phantom, mr = small_phantom()
    spins = bloch.Spins.of_phantom(
        phantom, mr, sensitivities=lambda r: np.stack([np.ones(len(r)), 2j * np.ones(len(r))])
    )
    raw = np.asarray(bloch.simulate(SPGR, spins))
    assert raw[1] == pytest.approx(2j * raw[0], abs=1e-5 * float(np.abs(raw).max()))


@SLOW
def test_gradients_agree_with_finite_differences() -> None:
    sequence, spins = train(2, 3), laws.random_spins(20, seed=6)
    names, steps = ("T1_ms", "T2_ms", "off_resonance_Hz", "transmit"), (1.0, 0.1, 0.05, 1e-3)

    def energy(*values: jax.Array) -> jax.Array:
        changed = dataclasses.replace(spins, **dict(zip(names, values)))
        return jnp.sum(jnp.abs(bloch.simulate(sequence, changed)) ** 2)

    def exact(values: list[np.ndarray]) -> float:
        raw, _ = reference(sequence, dataclasses.replace(spins, **dict(zip(names, values))))
        return float(np.sum(np.abs(raw) ** 2))

    at = [np.asarray(v, float) for v in (spins.T1_ms, spins.T2_ms, spins.off_resonance_Hz, np.abs(spins.transmit))]
    slopes = jax.grad(energy, (0, 1, 2, 3))(*(jnp.asarray(v, jnp.float32) for v in at))
    for i, step in enumerate(steps):
        up, down = ([v + (j == i) * sign * step * (np.arange(20) % 3) for j, v in enumerate(at)] for sign in (1, -1))
        slope = (exact(up) - exact(down)) / (2 * step)
        assert float(slopes[i] @ (np.arange(20) % 3)) == pytest.approx(slope, rel=0.01)


def test_numbers_do_not_recompile() -> None:
    from importlib import import_module

    compiled = import_module("phantomsim.scanners.mr.bloch.simulate")._added
    spins = laws.random_spins(30, seed=9)
    bloch.simulate(SPGR, spins, chunk=64)
    before = compiled._cache_size()
    changed = dataclasses.replace(SPGR, pulse_Hz=SPGR.pulse_Hz * 1.3, gradient_Hz_per_mm=SPGR.gradient_Hz_per_mm * 0.9)
    assert np.isfinite(np.asarray(bloch.simulate(changed, laws.random_spins(150, seed=10), chunk=64))).all()
    assert compiled._cache_size() == before


def test_spoiled_echo_of_a_voxel_needs_its_spins() -> None:
    """A spoiler of whole cycles leaves nothing of a voxel with spins enough, all of one with a single spin."""
    build, pulse, lobe = Builder(), laws.hard(1e-6), laws.trapezoid(1e-3)
    build.add(1e-3, pulse, pulse_Hz=laws.scale(pulse, 90))
    build.add(lobe.duration_s, None, ((lobe, 4 / 5.0 / lobe.area_s), None, None))
    build.add(1e-3, None, readout=Readout(1, 1e-4, 0.0))
    sequence = build.build()
    seen = [
        abs(complex(np.asarray(bloch.simulate(sequence, bloch.Spins.at(points)))[0, 0, 0])) / len(points)
        for points in (np.zeros((1, 3)), np.stack([((np.arange(11) + 0.5) / 11 - 0.5) * 5.0, *np.zeros((2, 11))], 1))
    ]
    assert seen == pytest.approx([1.0, 0.0], abs=1e-4)


def one_block() -> Sequence:
    """A pause."""
    build = Builder()
    build.add(1e-3)
    return build.build()


def test_what_cannot_be_simulated_is_said() -> None:
    silent = Builder()
    silent.add(1e-3, laws.hard())
    one = bloch.Spins.at([[0, 0, 0]])
    with pytest.raises(ScannerError, match="no readout"):
        bloch.simulate(silent.build(), one)
    with pytest.raises(ScannerError, match="no spins"):
        bloch.simulate(SPGR, bloch.Spins.at(np.zeros((0, 3))))
    assert np.asarray(bloch.magnetisation(one_block(), one)[1]) == pytest.approx(1.0)
    with pytest.raises(ScannerError, match="no blocks"):
        bloch.magnetisation(Builder().build(), one)
    early = Builder()
    early.add(5e-3, laws.hard(1e-3), readout=Readout(4, 1e-4, 2e-4))
    with pytest.raises(ScannerError, match="read before its pulse has ended"):
        bloch.simulate(early.build(), one)
    empty = Builder()
    empty.add(1e-3, Pulse(np.zeros(0, complex), 1e-5, 0.0, 0.0, "excitation"))
    with pytest.raises(ScannerError, match="no samples"):
        bloch.magnetisation(empty.build(), one)
    with pytest.raises(ScannerError, match="spins have no T3"):
        bloch.Spins.at([[0, 0, 0]], T3_ms=1.0)
    with pytest.raises(ScannerError, match="one for each of 1 spins"):
        bloch.Spins.at([[0, 0, 0]], T1_ms=[1.0, 2.0])
    with pytest.raises(ScannerError, match="last axis"):
        bloch.simulate(SPGR, dataclasses.replace(one, receive=np.ones((1, 3), np.complex64)))
    phantom, mr = small_phantom()
    with pytest.raises(ScannerError, match="gives a signal"):
        bloch.Spins.of_phantom(phantom, mr, slab_mm=(500.0, 600.0))


@SLOW
def test_pulse_and_readout_may_share_a_block() -> None:
    build, pulse = Builder(), laws.hard(1e-4)
    build.add(2e-3, pulse, readout=Readout(8, 1e-4, 2e-4), pulse_Hz=laws.scale(pulse, 90))
    sequence, spins = build.build(), laws.random_spins(10)
    expected, _ = reference(sequence, spins)
    assert laws.error(np.asarray(bloch.simulate(sequence, spins)), expected) < 1e-4
    assert trajectory(sequence).samples == 8


@SLOW
def test_laws_hold() -> None:
    assert [law.what for law in laws.laws() if not law.passed] == []
