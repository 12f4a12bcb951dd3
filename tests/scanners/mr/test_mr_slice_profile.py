"""Slice profiles against Fourier's and Rodrigues' and the reference's, and what trains of slices do to one another."""

import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.scanners.mr import bloch
from phantomsim.scanners.mr.bloch.slice_profile import full_width, profile, profile_of, slice_profile
from phantomsim.scanners.mr.laws import small_protocol, small_scanner
from phantomsim.scanners.mr.laws.bloch import THICK_mm, hann_sinc, hard, scale
from phantomsim.scanners.mr.laws.bloch_reference import reference
from phantomsim.scanners.mr.sequences import Builder

Z = np.linspace(-9, 9, 181)


def cut(flip_deg: float, z_mm: np.ndarray = Z, **options: float):
    pulse, wave, strength = hann_sinc()
    return slice_profile(pulse, wave, scale(pulse, flip_deg), strength, z_mm, **options)


@pytest.mark.parametrize(("flip_deg", "width"), [(10, 0.995), (30, 1.003), (90, 1.100)])
def test_slice_broadens_with_the_flip_angle(flip_deg: float, width: float) -> None:
    assert cut(flip_deg, np.linspace(-8, 8, 801)).width_mm / THICK_mm == pytest.approx(width, abs=0.004)


def test_small_tips_cut_the_fourier_transform_of_the_pulse() -> None:
    pulse, _, strength = hann_sinc()
    t = (np.arange(len(pulse.shape)) + 0.5) * pulse.dwell_s - pulse.centre_s
    flip = np.deg2rad(1.0)
    closed = -1j * flip * np.exp(-2j * np.pi * np.outer(strength * Z, t)) @ pulse.shape / pulse.shape.sum()
    assert np.abs(cut(1.0).excited - closed).max() < 5e-4 * flip


def test_profile_agrees_with_rotation_matrices() -> None:
    pulse, wave, strength = hann_sinc()
    build = Builder()
    build.add(wave.duration_s, pulse, (None, None, (wave, strength)), pulse_Hz=scale(pulse, 70), pulse_phase_rad=0.4)
    points = np.stack([0 * Z, 0 * Z, Z], 1)
    _, m = reference(build.build(), bloch.Spins.at(points))
    found = cut(70, phase_rad=0.4)
    expected = (m[:, 0] + 1j * m[:, 1]) * np.exp(-2j * np.pi * strength * (wave.area_s / 2) * Z)
    assert np.abs(found.excited - expected).max() < 1e-5
    assert np.abs(found.along - m[:, 2]).max() < 1e-5


def test_spinors_keep_their_length_and_energy_is_split() -> None:
    found = cut(150)
    assert np.abs(np.abs(found.a) ** 2 + np.abs(found.b) ** 2 - 1).max() < 1e-5
    assert np.abs(np.abs(found.excited) ** 2 + found.along**2 - 1).max() < 2e-5


def test_middle_turns_by_the_flip_angle_in_the_phase_asked_for() -> None:
    found = cut(40, np.array([-1e-3, 0.0, 1e-3]), phase_rad=0.7)
    assert found.flip_deg[1] == pytest.approx(40, abs=1e-3)
    assert found.excited[1] == pytest.approx(-1j * np.exp(0.7j) * np.sin(np.deg2rad(40)), abs=1e-5)


def test_offset_moves_the_slice_up_the_gradient() -> None:
    _, _, strength = hann_sinc()
    moved, still = cut(30, Z + 20.0, offset_Hz=20.0 * strength), cut(30)
    assert np.abs(moved.flip_deg - still.flip_deg).max() < 2e-3


def test_off_resonance_shifts_the_slice_down_the_gradient() -> None:
    _, _, strength = hann_sinc()
    fat = cut(30, Z - 2.0, off_resonance_Hz=2.0 * strength)
    assert np.abs(fat.flip_deg - cut(30).flip_deg).max() < 2e-3


def test_profile_of_a_protocol_is_that_of_its_slice() -> None:
    found = profile(small_protocol(), small_scanner())
    assert found.width_mm == pytest.approx(5.0, rel=0.01)
    assert found.flip_deg[100] == pytest.approx(30, abs=0.01)
    echo = profile(small_protocol(sequence="spin-echo", TE_ms=20.0, flip_deg=90.0), small_scanner(), "refocusing")
    assert echo.refocused.max() == pytest.approx(1.0, abs=1e-3)
    assert full_width(echo.z_mm, echo.refocused) < found.width_mm


def test_what_cannot_be_profiled_is_said() -> None:
    with pytest.raises(ScannerError, match="no pulse for"):
        profile(small_protocol(), small_scanner(), "refocusing")
    with pytest.raises(ScannerError, match="half on both sides"):
        _ = cut(30, np.linspace(-1, 1, 21)).width_mm
    build = Builder()
    build.add(1e-3)
    build.add(1e-3, hard())
    with pytest.raises(ScannerError, match="block 0 has no pulse"):
        profile_of(build.build(), 0, Z)


@pytest.mark.parametrize(("gap_mm", "least", "most"), [(0.0, 0.01, 0.2), (10.0, 0.0, 0.004)])
def test_neighbouring_slices_saturate_one_another(gap_mm: float, least: float, most: float) -> None:
    """The second of two slices, excited 20 ms after the first, has lost what the first's flanks took."""
    pulse, wave, strength = hann_sinc()
    build, alone = Builder(), Builder()
    for slot, z in enumerate((THICK_mm + gap_mm, 0.0)):
        for target in (build, alone) if slot else (build,):
            target.add(
                0.02, pulse, (None, None, (wave, strength)), pulse_Hz=scale(pulse, 90), pulse_offset_Hz=strength * z
            )
    z = np.linspace(-2.5, 2.5, 101)
    spins = bloch.Spins.at(np.stack([0 * z, 0 * z, z], 1), T1_ms=1000.0, T2_ms=4.0)  # T2 kills what was excited before
    _, crossed = bloch.magnetisation(build.build(), spins, chunk=128)
    _, single = bloch.magnetisation(alone.build(), spins, chunk=128)
    lost = float(np.mean(np.abs(np.asarray(crossed) - np.asarray(single))))
    assert least <= lost <= most
