"""What is read before anything is learned."""

import numpy as np
import pytest
from click.testing import CliRunner

from phantomsim import spec
from phantomsim.cli.main import main
from phantomsim.errors import SpecError
from phantomsim.generators.deformable.person import group_of, image, seen_box
from phantomsim.generators.deformable.person import read as read_person
from phantomsim.generators.deformable.spec import Deformable


def test_faces_that_cut_a_body_bound_what_is_seen():
    body = np.zeros((20, 20, 20), bool)
    body[4:16, 5:15, 5:15] = True
    body[16, 9, 9] = True  # ends in a point: not cut
    assert seen_box(body, 0.05)[0] == slice(4, 20)


def test_blocks_share_out_every_voxel(generator, people):
    names = ("nothing", "core", "rind")
    someone = read_person(people / "ann.nii.gz", generator.labels, None, generator.groups, ("core",), 0.5)
    groups = group_of(names, generator.groups)
    found = image(someone, groups, 3, 8.0)
    assert np.allclose(found.values[..., :3].sum(-1), 1)
    core = float(found.values[..., 2].sum()) * 8**3 / 1000
    assert core == pytest.approx((groups[someone.label] == 2).sum() * 0.064, rel=1e-5)
    assert np.allclose(found.first_mm, -someone.centre_mm + 2)  # the middle of 2 x 2 x 2 voxels of 4 mm


def test_names_that_nothing_has_are_refused():
    for change, words in (
        ("quantities.icv_mL=['bone']", "quantities.icv_mL names bone"),
        ("layer.of=['horn']", "layer names horn"),
        ("training.atlas_mm=3", "even whole number"),
        ("covariates.icv_mL.slope={height_mm=1.0}", "slopes name unknown"),
    ):
        with pytest.raises(SpecError, match=words):
            spec.read("head-deformable", Deformable, [change])


def test_train_says_what_is_wrong(people, tmp_path):
    run = lambda *a: CliRunner().invoke(main, ["train", "head-deformable", "--out", str(tmp_path / "m.gz"), *a])  # noqa: E731
    assert "no file in" in run("--data", str(tmp_path)).output
    got = run("--data", str(people), "--hold-out", "eve")
    assert got.exit_code == 2
    assert "eve: no such file; there are ann, bob" in got.output
    assert not (tmp_path / "m.gz").exists()
