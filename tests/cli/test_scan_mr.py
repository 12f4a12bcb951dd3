"""`phantomsim scan` by a Pulseq file, and raw data as ISMRMRD; the catalogue's sequences are the rival."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from phantomsim.cli.main import main
from phantomsim.formats import zarr_store
from phantomsim.grid import Grid
from phantomsim.materials import relaxation
from phantomsim.phantom import Phantom
from phantomsim.trials.scan import make_arm, scan_phantom

pp = pytest.importorskip("pypulseq")
pytestmark = pytest.mark.filterwarnings("ignore")
FOV_mm, N, THICK_mm = 192.0, 32, 5.0
AT_mm = (-2.0, 6.0)  # slices, not about the isocentre
QUIET = ("scanner.fields={shim_order = 0, homogeneity_ppm = 0.0, susceptibility = false, chemical_shift = false}",)
GRE = ("protocol.sequence=spoiled-gre", "protocol.TE_ms=6", "protocol.TR_ms=60", "protocol.flip_deg=15")
TSE = ("protocol.sequence=turbo-spin-echo", "protocol.TE_ms=28", "protocol.TR_ms=405", "protocol.flip_deg=90",
       "protocol.echo_train=4",
       "protocol.echo_spacing_ms=14")  # fmt: skip
EPI = ("protocol.sequence=gre-epi", "protocol.TE_ms=25", "protocol.TR_ms=2000", "protocol.flip_deg=90")


def opts():
    return pp.Opts(
        max_grad=32, grad_unit="mT/m", max_slew=130, slew_unit="T/m/s", rf_ringdown_time=30e-6, rf_dead_time=100e-6,
        adc_dead_time=10e-6, B0=3.0,
    )  # fmt: skip


def lines():
    return (np.arange(N) - N // 2) / (FOV_mm * 1e-3)


def excitation(o, flip, use="excitation", duration=2e-3, **more):
    return pp.make_sinc_pulse(
        flip_angle=np.deg2rad(flip), duration=duration, slice_thickness=THICK_mm * 1e-3, apodization=0.5,
        time_bw_product=4, system=o, return_gz=True, use=use, **more,
    )  # fmt: skip


def readout(o, duration=3.2e-3):
    gx = pp.make_trapezoid("x", flat_area=N / (FOV_mm * 1e-3), flat_time=duration, system=o)
    return gx, pp.make_adc(num_samples=N, duration=gx.flat_time, delay=gx.rise_time, system=o)


def trap(o, axis, area, duration=1e-3):
    return pp.make_trapezoid(axis, area=area, duration=duration, system=o)


def at(pulse, gz, z_mm, phase=0.0):
    """Move a pulse to a slice; its phase is that at its centre."""
    pulse.freq_offset = gz.amplitude * z_mm * 1e-3
    pulse.phase_offset = phase - 2 * np.pi * pulse.freq_offset * pp.calc_rf_center(pulse)[0]


def gre(places=AT_mm, repeats=2):
    """Spoiled; all lines once before, for the steady state of the catalogue's."""
    o, seq = opts(), pp.Sequence(opts())
    rf, gz, _ = excitation(o, 15)
    gx, adc = readout(o)
    count = 0
    for turn in range(repeats):
        for area in lines():
            for n, z in enumerate(places):
                phase = np.deg2rad(117 * count * (count + 1) / 2 % 360)
                at(rf, gz, z, phase)
                adc.phase_offset = phase
                seq.add_block(rf, gz)
                seq.add_block(trap(o, "x", -gx.area / 2), trap(o, "y", area), trap(o, "z", -gz.area / 2))
                seq.add_block(pp.make_delay(2e-3))
                seq.add_block(
                    gx, *([adc, pp.make_label(type="SET", label="SLC", value=n)] if turn == repeats - 1 else [])
                )
                seq.add_block(trap(o, "y", -area, 2e-3), trap(o, "z", 800, 2e-3))
                seq.add_block(pp.make_delay(18e-3))
                count += n == len(places) - 1
    return seq


def tse():
    """Trains of a slice follow one another, all of them once before, for the steady state of the catalogue's."""
    o, seq = opts(), pp.Sequence(opts())
    rf, gz, _ = excitation(o, 90)
    again, gz2, _ = excitation(o, 180, "refocusing", 3e-3, phase_offset=np.pi / 2)
    gx, adc = readout(o)
    crush = trap(o, "z", 800, 1e-3)
    half = 7e-3  # of the echo spacing
    first = half - pp.calc_duration(gz) / 2 - 1e-3 - pp.calc_duration(gz2) / 2 - 2e-3
    wait = half - pp.calc_duration(gx) / 2 - 1e-3 - pp.calc_duration(gz2) / 2  # crushers of 1 ms on both sides
    for n, z in enumerate(AT_mm):
        for repeat in range(2):
            for train in range(N // 4):
                at(rf, gz, z)
                seq.add_block(rf, gz)
                seq.add_block(trap(o, "x", gx.area / 2), trap(o, "z", -gz.area / 2))
                seq.add_block(pp.make_delay(round(first + 1e-3, 5)))
                # The echo of number 1 reads the centre of k-space, as TE 28 ms of the catalogue's train does.
                areas = np.roll(lines().reshape(4, N // 4)[:, train], -1)
                for area in areas:
                    at(again, gz2, z, np.pi / 2)
                    seq.add_block(crush)
                    seq.add_block(again, gz2)
                    seq.add_block(crush, trap(o, "y", area))
                    seq.add_block(pp.make_delay(round(wait, 5)))
                    seq.add_block(gx, *([adc, pp.make_label(type="SET", label="SLC", value=n)] if repeat else []))
                    seq.add_block(pp.make_delay(round(wait - 1e-3, 5)))
                    seq.add_block(trap(o, "y", -area))
                seq.add_block(pp.make_delay(0.34))
    return seq


def epi():
    o, seq = opts(), pp.Sequence(opts())
    rf, gz, _ = excitation(o, 90)
    gx, adc = readout(o, 6.4e-4)
    blip = pp.make_trapezoid("y", area=1 / (FOV_mm * 1e-3), system=o)
    for n, z in enumerate(AT_mm):
        at(rf, gz, z)
        seq.add_block(rf, gz)
        seq.add_block(trap(o, "x", -gx.area / 2), trap(o, "y", lines()[0]), trap(o, "z", -gz.area / 2))
        seq.add_block(pp.make_delay(8e-3))
        for line in range(N):
            seq.add_block(gx, adc, pp.make_label(type="SET", label="SLC", value=n))
            if line < N - 1:
                seq.add_block(blip)
            gx.amplitude = -gx.amplitude
        seq.add_block(trap(o, "z", 4000, 5e-3))
    return seq


def write(seq, folder, fov=True):
    if fov:
        seq.set_definition("FOV", [FOV_mm * 1e-3, FOV_mm * 1e-3, THICK_mm * 1e-3])
    seq.write(str(folder / "x.seq"), create_signature=True)
    return folder / "x.seq"


def phantom():
    """A disc of white matter, CSF off its centre; one slice differs from the other."""
    grid = Grid.centred((12, 40, 40), (2.0, 4.0, 4.0))
    z, y, x = (np.asarray(a) for a in grid.axes_mm())
    disc = np.hypot(x, y[:, None] - 4) < 60
    label = np.repeat(disc[None].astype(np.uint8), 12, 0)
    label[:, (np.hypot(x - 20, y[:, None]) < 18)] = 2
    label[z > 2][:, :3] = 0
    label[np.ix_(z > 2, np.abs(y + 30) < 10, np.abs(x + 10) < 25)] = 2
    return Phantom(grid, label, 1.0, (), (), ("air", "white-matter", "csf"))


def rival(sets):
    common = (
        f"protocol.fov_mm=[{FOV_mm},{FOV_mm}]", f"protocol.matrix=[{N},{N}]", "protocol.slices=2",
        f"protocol.slice_mm={THICK_mm}", f"protocol.gap_mm={AT_mm[1] - AT_mm[0] - THICK_mm}", "protocol.phase_axis=y",
        f"protocol.offset_mm=[0,0,{sum(AT_mm) / 2}]", "protocol.bandwidth_Hz=10000",
    )  # fmt: skip
    return make_arm("mr-3t", "t2star-gre", "sense", (*QUIET, *common, *sets))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "sets"),
    [
        (gre, GRE),
        (tse, TSE),
        (epi, (*EPI, "protocol.bandwidth_Hz=50000", "protocol.dummies=0")),
    ],
)
def test_a_file_gives_the_image_of_the_catalogues_sequence(tmp_path, make, sets):
    arm = make_arm("mr-3t", None, None, QUIET, write(make(), tmp_path))
    p = arm.protocol
    assert (p.matrix, p.fov_mm, p.slices, p.slice_mm, p.phase_axis) == ((N, N), (FOV_mm, FOV_mm), 2, THICK_mm, "y")
    assert p.offset_mm[2] == pytest.approx(sum(AT_mm) / 2, abs=1e-3)
    assert p.gap_mm == pytest.approx(AT_mm[1] - AT_mm[0] - THICK_mm, abs=1e-3)
    found, wanted = (scan_phantom(phantom(), a).image for a in (arm, rival(sets)))
    np.testing.assert_allclose(found.grid.origin_mm, wanted.grid.origin_mm, atol=1e-3)
    for a, b in zip(np.asarray(found.values, float), np.asarray(wanted.values, float)):
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.95
        assert (a * b).sum() / (b * b).sum() == pytest.approx(1, abs=0.1)


def invoke(folder, *args):
    store = folder / "p.ome.zarr"
    if not store.exists():
        zarr_store.write_phantom(store, phantom())
    out = CliRunner().invoke(main, ["scan", str(store), *map(str, args), "--out", str(folder / "out")])
    assert isinstance(out.exception, SystemExit | None), out.exception
    return out


def sets(*changes):
    return [word for one in changes for word in ("--set", one)]


def refused(folder, *args):
    out = invoke(folder, *args)
    assert out.exit_code == 2, out.output
    assert not (folder / "out").exists()
    (line,) = [line for line in out.stderr.splitlines() if " (after " not in line]  # progress of a busy machine
    return line


def nth_signal(tissue, facts):
    """Of an ideally spoiled pulse train from rest, at the centre of k-space: the N/2-th excitation after the first.

    Without dummies CSF has lost little of its magnetisation by then and is still the brighter one.
    """
    (t1,), _, (t2star,), (protons,), *_ = relaxation((tissue,), 3.0)
    flip, recovery = np.deg2rad(facts["flip_deg"]), np.exp(-facts["TR_ms"] / t1)
    steady = (1 - recovery) / (1 - np.cos(flip) * recovery)
    left = steady + (1 - steady) * (np.cos(flip) * recovery) ** (N // 2)
    return protons * np.sin(flip) * left * np.exp(-facts["TE_ms"] / t2star)


def test_the_command_scans_a_file_and_writes_its_raw_data_for_others(tmp_path):
    h5py = pytest.importorskip("h5py")
    ismrmrd = pytest.importorskip("ismrmrd")
    from phantomsim.trials.raw_ismrmrd import from_ismrmrd

    path = write(gre(AT_mm[:1], 1), tmp_path)
    out = invoke(tmp_path, "mr-3t", "--pulseq", path, "--format", "ismrmrd", *sets(*QUIET))
    assert out.exit_code == 0, out.output
    facts = json.loads((tmp_path / "out" / "scan.json").read_text())["arm"]["protocol"]
    assert facts["file"] == str(path)
    assert facts["flip_deg"] == pytest.approx(15, rel=1e-3)
    image = np.asarray(zarr_store.read_image(tmp_path / "out" / "image.ome.zarr").values)[0]
    y, x = np.meshgrid(*[(np.arange(N) - (N - 1) / 2) * FOV_mm / N] * 2, indexing="ij")
    csf = np.hypot(x - 20, y) < 18
    masks = np.stack([np.ones((N, N)), (np.hypot(x, y - 4) < 60) & ~csf, csf]).reshape(3, -1).T
    found, left, *_ = np.linalg.lstsq(masks, image.ravel().astype(float))
    # The masks are sharp; the image has rings, and the first lines are brighter than the last.
    assert 1 - left[0] / ((image - image.mean()) ** 2).sum() > 0.9
    assert found[2] / found[1] == pytest.approx(nth_signal("csf", facts) / nth_signal("white-matter", facts), rel=0.15)
    raw, ours = (
        from_ismrmrd(tmp_path / "out" / "raw.h5").arrays,
        zarr_store.read_raw(tmp_path / "out" / "raw.zarr").arrays,
    )
    np.testing.assert_array_equal(raw["kspace"], ours["kspace"])
    np.testing.assert_allclose(raw["k_per_mm"][..., :2], np.asarray(ours["k_per_mm"])[..., :2], atol=1e-8)
    np.testing.assert_allclose(raw["noise_covariance"], ours["noise_covariance"], rtol=1e-5)
    np.testing.assert_allclose(raw["position_mm"], np.tile([0, 0, AT_mm[0]], (N, 1)), atol=1e-4)
    assert h5py.File(tmp_path / "out" / "raw.h5")["dataset/data"].shape == (N,)
    head = ismrmrd.Dataset(str(tmp_path / "out" / "raw.h5"), "dataset", False).read_acquisition(0)
    assert head.sample_time_us == pytest.approx(100)
    assert np.abs(head.traj).max() <= 0.5


def test_cartesian_raw_data_gives_the_image_by_a_plain_transform(tmp_path):
    ismrmrd = pytest.importorskip("ismrmrd")
    changes = (*QUIET, *GRE, "protocol.slices=2", f"protocol.matrix=[{N},{N}]", "protocol.phase_axis=x")
    options = sets(*changes, "protocol.dummies=0", f"protocol.fov_mm=[{FOV_mm},{FOV_mm}]")
    args = ("--protocol", "t2star-gre", "--reconstruction", "grappa", "--format", "ismrmrd")
    out = invoke(tmp_path, "mr-3t", *args, *options)
    assert out.exit_code == 0, out.output
    assert "acceleration 1: reconstruction.method = grappa does as fft does" in out.stderr
    data = ismrmrd.Dataset(str(tmp_path / "out" / "raw.h5"), "dataset", False)
    head = ismrmrd.xsd.CreateFromDocument(data.read_xml_header())
    space = head.encoding[0].encodedSpace
    assert (space.matrixSize.x, space.matrixSize.y, space.matrixSize.z) == (N, N, 1)
    kspace = np.zeros((2, 8, N, N), complex)
    for i in range(data.number_of_acquisitions()):
        one = data.read_acquisition(i)
        kspace[one.idx.slice, :, one.idx.kspace_encode_step_1] = one.data
        np.testing.assert_allclose([one.read_dir[1], one.phase_dir[0]], [-1, -1])  # LPS; phase along x
    axes = (-2, -1)
    images = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(kspace, axes), axes=axes), axes)
    sum_of_squares = np.sqrt((np.abs(images) ** 2).sum(1)).swapaxes(-1, -2)
    image = np.asarray(zarr_store.read_image(tmp_path / "out" / "image.ome.zarr").values)
    maps = np.asarray(zarr_store.read_raw(tmp_path / "out" / "raw.zarr").arrays["sensitivity"])
    heard = np.sqrt((np.abs(maps) ** 2).sum(1))
    found = sum_of_squares / heard.swapaxes(-1, -2)
    assert np.corrcoef(found.ravel(), image.ravel())[0, 1] > 0.95


def test_ismrmrd_is_of_mr_alone(tmp_path):
    line = refused(tmp_path, "ct-64", "--protocol", "quick", "--format", "ismrmrd")
    assert line.startswith("ismrmrd holds MR raw data; the scanner is of kind ct")


def test_files_that_cannot_be_scanned_are_refused_in_one_line(tmp_path):
    path = write(gre(AT_mm[:1], 1), tmp_path)
    told = [
        ("mr-3t", sets("protocol.matrix=[16,16]"), "reach the k-space of a 32 x 32 matrix"),
        ("mr-3t", sets("scanner.hardware.max_gradient_mT_per_m=1"), "hardware.max_gradient_mT_per_m is 1.00"),
        ("mr-3t", ["--protocol", "t2star-gre"], "exclude one another"),
        ("mr-3t", ["--reconstruction", "sense"], 'method "sense" needs a Cartesian scan'),
        ("mr-3t", sets("protocol.fov_mm=[0,220]"), "both lengths must be above 0"),
        ("mr-3t", sets("protocol.fov_mm=wide"), "must be a list of 2 numbers"),
        ("ct-64", [], "Pulseq files are for MR scanners; ct-64 is of kind ct"),
    ]
    for scanner, options, text in told:
        assert text in refused(tmp_path, scanner, "--pulseq", path, *options)
    (tmp_path / "y.seq").write_text(path.read_text().replace("major 1", "major 9"))
    assert "9" in refused(tmp_path, "mr-3t", "--pulseq", tmp_path / "y.seq")
    (tmp_path / "y.seq").write_bytes(b"\x00\xff nonsense")
    assert "y.seq" in refused(tmp_path, "mr-3t", "--pulseq", tmp_path / "y.seq")


def without_readouts():
    seq, o = pp.Sequence(opts()), opts()
    rf, gz, _ = excitation(o, 15)
    seq.add_block(rf, gz)
    return seq


def threedimensional():
    seq, o = pp.Sequence(opts()), opts()
    rf, gz, _ = excitation(o, 15)
    gx, adc = readout(o)
    for area in (-200, 200):
        seq.add_block(rf, gz)
        seq.add_block(trap(o, "x", -gx.area / 2), trap(o, "z", area - gz.area / 2))
        seq.add_block(gx, adc)
    return seq


@pytest.mark.parametrize(
    ("make", "fov", "text"),
    [
        (lambda: gre(AT_mm[:1], 1), False, "--set protocol.fov_mm=[220,220]"),
        (without_readouts, True, "no readout"),
        (threedimensional, True, "3D ones not yet"),
        (lambda: gre((0.0, 6.0, 20.0), 2), True, "even steps"),
        (lambda: gre((6.0, 0.0), 2), True, "must rise with the label SLC"),
        (lambda: gre((0.0, 3.0), 2), True, "apart and overlap"),
    ],
)
def test_files_that_cannot_be_imaged_say_why(tmp_path, make, fov, text):
    assert text in refused(tmp_path, "mr-3t", "--pulseq", write(make(), tmp_path, fov))


@pytest.mark.slow
def test_the_bloch_engine_follows_what_phase_graphs_cannot(tmp_path):
    path = write(gre(AT_mm[:1], 1), tmp_path)
    images = [
        np.asarray(scan_phantom(phantom(), make_arm("mr-3t", None, None, (*QUIET, *more), path)).image.values)
        for more in ((), ("protocol.engine=bloch",))
    ]
    assert np.corrcoef(images[0].ravel(), images[1].ravel())[0, 1] > 0.95
