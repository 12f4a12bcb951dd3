"""The signal engine agrees with itself along rival paths, and stays whole in hostile cases."""

from dataclasses import replace

import numpy as np
import pytest

from phantomsim.grid import Grid
from phantomsim.materials import relaxation
from phantomsim.phantom import Lesion, Overlay, Phantom
from phantomsim.scanners.mr.laws.chain import small_protocol, small_scanner
from phantomsim.scanners.mr.laws.signal import QUIET, TISSUES, direct_sum, head, ready
from phantomsim.scanners.mr.signal import engine, planes, simulate, slabs, volume
from phantomsim.scanners.mr.signal.axes import axis, transform
from phantomsim.scanners.mr.signal.modes import flat
from phantomsim.scanners.mr.signal.slab import slab

SCANNER = small_scanner(fields=QUIET)
ORIGIN = (0.0, 0.0, 0.0)
PROPERTIES = relaxation(TISSUES, 3.0)
SMALL = {"matrix": (16, 16), "slices": 1, "TR_ms": 30000.0, "dummies": 0}


def kspace(phantom, **changes):
    scan = SCANNER.build(small_protocol(**SMALL | changes))
    return np.asarray(scan.expected(phantom, ORIGIN).kspace)


def apart(a, b):
    return np.abs(np.asarray(a) - np.asarray(b)).max() / np.abs(np.asarray(b)).max()


@pytest.mark.parametrize(("voxels", "samples"), [(24, 24), (23, 16), (40, 31), (9, 8)])
def test_fft_and_matrix_give_the_exact_integral(voxels, samples):
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(3, voxels)) + 1j * rng.normal(size=(3, voxels))).astype(np.complex64)
    centres, index = (np.arange(voxels) - 3.3) * 2.0, np.arange(samples) - samples // 2
    for field, length in ((48.0, 24), (47.3, 0)):
        way = axis(index, field, centres, 2.0)
        assert way.length == length
        # Each box is integrated exactly: its width, a sinc, and the phase of its middle.
        k = index / field
        exact = 2.0 * np.sinc(2.0 * k) * (values.astype(complex) @ np.exp(-2j * np.pi * np.outer(centres, k)))
        assert apart(transform(values, way, 1), exact) < 3e-6


@pytest.mark.parametrize("phase_axis", ["x", "y"])
@pytest.mark.parametrize(("shape", "encoding"), [((3, 17, 21), "2d"), ((5, 18, 15), "3d")])
def test_odd_and_anisotropic_grids_give_the_direct_sum(shape, encoding, phase_axis):
    grid = Grid.centred(shape, (4.0, 9.1, 7.3))
    rng = np.random.default_rng(1)
    phantom = Phantom(grid, rng.integers(0, 4, shape).astype(np.uint8), 1.0, (), (), TISSUES)
    field = rng.uniform(-30, 30, shape).astype(np.float32)
    slices = 1 if encoding == "2d" else 4
    changes = {"encoding": encoding, "slices": slices, "phase_axis": phase_axis, "readout_oversampling": 1}
    protocol = small_protocol(**SMALL | {"matrix": (16, 12), "slice_mm": 6.0} | changes)
    one = ready(SCANNER, protocol, phantom, field, PROPERTIES)
    found = np.asarray(one.slices() if encoding == "2d" else one.volume())
    pick = tuple(v.ravel() for v in np.indices(found.shape[1:])[:, ::5, ::2])
    amplitude = np.asarray(PROPERTIES.PD, float) * np.sin(np.deg2rad(protocol.flip_deg))
    want = direct_sum(SCANNER, one, phantom, field, PROPERTIES, amplitude, pick)
    assert np.abs(found[:, pick[0], pick[1]] - want).max() < 3e-3 * np.abs(want).max()


def test_a_turbo_spin_echo_by_its_trains_is_that_of_flat_modes():
    phantom, field = head(20, 1, 9.0, 5.0)
    protocol = small_protocol(
        **SMALL | {"sequence": "turbo-spin-echo", "echo_train": 4, "TE_ms": 30.0, "flip_deg": 90.0, "TR_ms": 3000.0,
                   "refocusing_deg": 150.0, "readout_oversampling": 1}
    )  # fmt: skip
    one = ready(SCANNER, protocol, phantom, field, PROPERTIES)
    subject, few, shots = one.subject, flat(one.modes), one.plays.shots
    cut = slab(engine.middles_mm(protocol), np.zeros(1), 5.0, subject.axes_mm[0], 5.0)
    table = engine.row_tables(engine.row_weights(cut, one.profile, 1)[0], few.table)
    y, x = engine.axes_of(protocol, subject)
    basis = (engine.ordered(few.basis, few.of_shot, shots) * one.scale).astype(np.complex64)
    images = planes.seen(subject.layers, subject.around, table, cut.start[0])
    whole = planes.lattice(images, y, x, shots.line, few.of_shot, basis, protocol.phase_axis, (y.length, x.length))
    assert apart(one.slices(), whole) < 5e-3


@pytest.mark.parametrize("phase_axis", ["x", pytest.param("y", marks=pytest.mark.slow)])
def test_a_slab_by_its_trains_is_that_of_flat_modes(phase_axis):
    phantom, field = head(20, 5, 9.0, 4.0)
    protocol = small_protocol(
        sequence="mprage", encoding="3d", matrix=(16, 12), slices=4, slice_mm=4.0, TR_ms=900.0, TI_ms=400.0, TE_ms=4.0,
        echo_train=4, flip_deg=20.0, dummies=1, phase_axis=phase_axis, bandwidth_Hz=16000.0,
    )  # fmt: skip
    one = ready(SCANNER, protocol, phantom, field, PROPERTIES)
    subject, few, shots = one.subject, flat(one.modes), one.plays.shots
    assert len(few.basis) > 1
    table = np.einsum("qb,tqfk->btfk", one.profile, few.table).astype(np.complex64)
    along_z = axis(np.arange(4) - 2, 16.0, subject.axes_mm[0], 4.0)
    axes = (along_z, *engine.axes_of(protocol, subject))
    basis = (engine.ordered(few.basis, few.of_shot, shots) * one.scale).astype(np.complex64)
    whole = volume.lattice(
        volume.modes_of(subject.layers, subject.around, table), subject.around, axes,
        shots.partition * protocol.phase_lines + shots.line, few.of_shot, basis, phase_axis,
        tuple(a.length for a in axes), protocol.readout_oversampling, protocol.samples,
    )  # fmt: skip
    assert apart(one.volume(), whole) < 3e-3


def test_air_around_a_slab_is_left_out():
    phantom, field = head(72, 3, 4.0, 4.0)
    protocol = small_protocol(**SMALL | {"encoding": "3d", "slices": 2, "slice_mm": 4.0})
    one = ready(SCANNER, protocol, phantom, field, PROPERTIES)
    body = slabs.bounded(one.subject, np.array([False, True, True, True]))
    assert body.layers.label.shape == (3, 64, 64)
    kept, whole = (np.asarray(o.layers.label) > 0 for o in (body, one.subject))
    assert kept.sum() == whole.sum()
    np.testing.assert_array_equal(
        body.axes_mm[2], one.subject.axes_mm[2][np.isin(one.subject.axes_mm[2], body.axes_mm[2])]
    )
    assert slabs.bounded(one.subject, np.ones(4, bool)) is one.subject


def test_one_partition_is_a_slice_of_its_thickness():
    phantom, _ = head(16, 1, 12.0, 5.0)
    assert apart(kspace(phantom, encoding="3d"), kspace(phantom)) < 1e-3


def test_a_lesion_is_what_it_would_be_as_label_and_is_gone_in_the_absent_twin():
    phantom, _ = head(16, 1, 12.0, 5.0)
    overlay = Overlay(2, np.ones((1, 3, 3), np.float32), (0, 9, 3))
    lesion = Lesion(overlay, ORIGIN, 1.0, 1.0, "lesion", "white-matter", "grey-matter")
    bare = replace(phantom, overlays=())
    label = bare.label.copy()
    label[0, 9:12, 3:6] = 2
    sick = replace(bare, lesions=(lesion,))
    assert apart(kspace(sick), kspace(replace(bare, label=label))) < 1e-5
    assert apart(kspace(sick.with_lesions(False)), kspace(bare)) < 1e-5
    assert apart(kspace(sick), kspace(bare)) > 1e-3


def test_tissues_without_protons_and_slices_beyond_the_phantom_give_zero():
    phantom, _ = head(16, 1, 12.0, 5.0)
    air = replace(phantom, label=np.zeros_like(phantom.label), overlays=())
    for found in (kspace(air), kspace(phantom, offset_mm=(0.0, 0.0, 60.0))):
        np.testing.assert_array_equal(found, 0)


def test_a_phantom_thinner_than_the_slice_gives_what_it_holds():
    thin, _ = head(16, 1, 12.0, 2.0)
    assert apart(kspace(thin, slice_mm=10.0), kspace(thin, slice_mm=2.0)) < 1e-5


def test_a_transmit_field_of_nine_tenths_scales_the_flip(monkeypatch):
    phantom, _ = head(16, 1, 12.0, 5.0)
    want = kspace(phantom, flip_deg=27.0)
    field = np.full(phantom.grid.shape, 0.9, np.float32)
    field[0, 0, 0] = 0.8  # in air; the table needs two values
    monkeypatch.setattr(simulate, "transmit_map", lambda *_: field)
    assert apart(kspace(phantom, flip_deg=30.0), want) < 1e-3
