"""ISMRMRD files of scans as the reference package reads them: which readout is of which image, and what calibrates."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from phantomsim.scanners.mr.expected import Expected, complete
from phantomsim.scanners.mr.laws import small_protocol, small_scanner
from phantomsim.scanners.mr.played import played
from phantomsim.scanners.mr.scan import Scan
from phantomsim.trials.raw_ismrmrd import to_ismrmrd

theirs = pytest.importorskip("ismrmrd")
ORIGIN, AXES = (0.0, 0.0, 0.0), ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
CALIBRATES, BOTH = theirs.ACQ_IS_PARALLEL_CALIBRATION, theirs.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING


def numbered(scan: Scan) -> Expected:
    """K-space that counts its readouts in the order of time."""
    p, count = scan.protocol, len(played(scan.scanner, complete(scan.protocol)).shots.block)
    kspace = np.broadcast_to(np.arange(count)[:, None], (scan.count, count, p.samples)).astype(np.complex64)
    return Expected(kspace, ORIGIN, np.zeros((p.slices, *p.matrix), np.float32), AXES)


def readouts(path: Path, **protocol: object):
    """Header and readouts, as the reference package has them."""
    scan = small_scanner().build(small_protocol(matrix=(16, 16), **protocol))
    to_ismrmrd(path / "raw.h5", scan, scan.noise_free(numbered(scan)))
    with theirs.Dataset(str(path / "raw.h5"), mode="r") as data:
        found = [data.read_acquisition(i) for i in range(data.number_of_acquisitions())]
        return theirs.xsd.CreateFromDocument(data.read_xml_header()), found


def test_echoes_and_slices_are_counted_and_averages_are_added_up(tmp_path):
    header, found = readouts(tmp_path, echoes=5, echo_spacing_ms=8.0, slices=2, averages=3)
    np.testing.assert_allclose(header.sequenceParameters.TE, [5.0, 13.0, 21.0, 29.0, 37.0])
    assert header.encoding[0].encodingLimits.contrast.maximum == 4
    places = [(one.idx.kspace_encode_step_1, one.idx.slice, one.idx.contrast) for one in found]
    # Played as a scanner does: line by line, the slices in turn, the echoes of an excitation one after the other.
    assert places == list(product(range(16), range(2), range(5)))
    assert {(one.idx.average, one.idx.repetition, one.idx.kspace_encode_step_2) for one in found} == {(0, 0, 0)}
    np.testing.assert_array_equal([one.data[0, 0].real for one in found], np.arange(len(found)))
    gaps_ms = np.diff([one.acquisition_time_stamp for one in found]).reshape(-1)
    assert (np.abs(gaps_ms[[i for i in range(len(gaps_ms)) if i % 5 != 4]] - 8) <= 1).all()
    assert not any(one.is_flag_set(theirs.ACQ_IS_NOISE_MEASUREMENT) for one in found)


def test_the_block_of_a_slab_calibrates_and_what_is_on_the_lattice_images_too(tmp_path):
    slab = {"encoding": "3d", "slices": 12, "gap_mm": 0.0, "acceleration": 2, "acceleration_z": 2}
    _, found = readouts(tmp_path, **slab, calibration_lines=6)
    flags = {(a.idx.kspace_encode_step_2, a.idx.kspace_encode_step_1): (a.is_flag_set(CALIBRATES), a.is_flag_set(BOTH))
             for a in found}  # fmt: skip
    lattice, block = set(product(range(0, 12, 2), range(0, 16, 2))), set(product(range(3, 9), range(5, 11)))
    assert set(flags) == lattice | block
    assert {at for at, (only, _) in flags.items() if only} == block - lattice
    assert {at for at, (_, both) in flags.items() if both} == block & lattice


def test_a_random_pattern_images_from_its_middle_too(tmp_path):
    _, found = readouts(tmp_path, slices=1, acceleration=4, sampling="variable-density", calibration_lines=4)
    assert not any(one.is_flag_set(CALIBRATES) for one in found)
    assert {one.idx.kspace_encode_step_1 for one in found if one.is_flag_set(BOTH)} == {6, 7, 8, 9}
