"""Programs as algorithms: files in, files out, errors quoted."""

import sys
from pathlib import Path

import numpy as np
import pytest

from phantomsim.algorithms.interface import AlgorithmInput
from phantomsim.algorithms.run import run
from phantomsim.algorithms.spec import Command
from phantomsim.errors import AlgorithmError
from phantomsim.image import RawData


@pytest.fixture
def data():
    image = np.random.default_rng(0).normal(40, 10, (3, 6, 5)).astype(np.float32)
    raw = RawData({"counts": np.arange(6.0).reshape(1, 2, 3)})
    geometry = {"origin_mm": [-10.0, 5.0, 30.0], "modality": "ct"}
    return AlgorithmInput(image, raw, (2.5, 0.5, 0.75), geometry, {"mAs": 20.0}, seed=123, unit="HU")


def python(code, *places, **more):
    """A program that is one line of Python; `a` is its arguments."""
    head = "import json, sys, numpy as np; a = sys.argv[1:]; "
    return Command(argv=(sys.executable, "-c", head + code, *places), **more)


def test_npz_goes_in_and_out_with_its_sidecar(data):
    code = (
        "f = np.load(a[0]); m = json.load(open(a[1]));"
        "assert m['spacing_mm'] == [2.5, .5, .75] == f['spacing_mm'].tolist();"
        "np.savez(a[2], image=f['image'] + m['seed'] + m['dose']['mAs'])"
    )
    out = run(python(code, "{input}", "{meta}", "{output}", format="npz"), data)
    np.testing.assert_allclose(out.image, data.image + 143)


def test_nifti_keeps_order_and_place(data):
    code = (
        "import nibabel as nib; f = nib.load(a[0]); assert f.shape == (5, 6, 3), f.shape;"
        "assert np.allclose(f.affine[:3, 3], [-10, 5, 30]); assert np.allclose(f.header.get_zooms(), [.75, .5, 2.5]);"
        "nib.save(nib.Nifti1Image(f.get_fdata().astype('f4') * 2, f.affine), a[1])"
    )
    np.testing.assert_allclose(run(python(code, "{input}", "{output}"), data).image, data.image * 2, rtol=1e-6)


def test_an_image_on_another_grid_is_refused(data):
    code = "import nibabel as nib; f = nib.load(a[0]); nib.save(nib.Nifti1Image(f.get_fdata(), np.eye(4)), a[1])"
    with pytest.raises(AlgorithmError, match="lies on another grid"):
        run(python(code, "{input}", "{output}"), data)


def test_raw_data_and_a_score(data):
    code = "json.dump(float(np.load(a[0])['counts'].sum()) + int(a[1]), open(a[2], 'w'))"
    assert run(python(code, "{raw}", "{seed}", "{output}", returns="score"), data).score == 138


def test_a_failing_program_is_quoted_and_the_message_repeats(data):
    spec = python("print('reading', a[0], flush=True); sys.exit('no weights')", "{input}", "{output}", format="npz")
    messages = set()
    for _ in range(2):
        with pytest.raises(
            AlgorithmError, match=r"exit status 1; it printed:\n  \| reading <work>/input.npz\n  \| no we"
        ) as e:
            run(spec, data)
        messages.add(str(e.value))
    assert len(messages) == 1


@pytest.mark.parametrize(
    ("code", "more", "message"),
    [
        ("pass", {}, "ended well but wrote no output.npz"),
        ("open(a[1], 'w').write('x')", {}, "cannot read its output.npz"),
        ("np.savez(a[1], img=0)", {}, 'no array "image" in it; it has img'),
        ("import os; os.kill(os.getpid(), 9)", {}, "signal SIGKILL"),
        ("import time; time.sleep(60)", {"timeout_s": 0.5}, "ran past timeout_s = 0.5"),
    ],
)
def test_every_way_to_fail_is_an_algorithm_error(data, code, more, message):
    with pytest.raises(AlgorithmError, match=message):
        run(python(code, "{input}", "{output}", format="npz", **more), data)


def test_a_missing_program_is_named(data):
    with pytest.raises(AlgorithmError, match="no-such-program-xyz: cannot be started: No such file"):
        run(Command(argv=("no-such-program-xyz", "{input}", "{output}"), format="npz"), data)


def test_arguments_reach_the_program_as_written(data):
    """No shell: what a shell would expand or run stays text."""
    evil = "$(touch pwned); echo * > x"
    code = "json.dump({'got': a[2]}, open(a[1], 'w'))"
    table = run(python(code, "{input}", "{output}", evil, format="npz", returns="table"), data)
    assert table.table["got"] == evil


def test_relative_programs_lie_in_the_given_folder_and_nothing_stays_behind(data, tmp_path, monkeypatch):
    private = tmp_path / "private"
    private.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(private))
    tool = tmp_path / "tool.sh"
    tool.write_text('#!/bin/sh\ncp "$1" "$2"\n')
    tool.chmod(0o755)
    spec = Command(argv=("./tool.sh", "{input}", "{output}"), format="npz")
    np.testing.assert_array_equal(run(spec, data, Path(tmp_path)).image, data.image)
    assert not list(private.iterdir())
