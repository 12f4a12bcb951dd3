import itertools

import nibabel as nib
import numpy as np
import pytest

from phantomsim import spec
from phantomsim.errors import FormatError, GeneratorError, TissueError
from phantomsim.generators.generate import generate, subject, subjects
from phantomsim.generators.spec import Background, FromFiles, Texture


@pytest.fixture
def toy(folder, table):
    return FromFiles(kind="from-files", name="toy", folder=str(folder), labels=table)


def test_patients_take_files_in_turn_and_name_their_subject(toy):
    assert subjects(toy) == ["one", "two"]
    assert [generate(toy, 1, p).facts.subject for p in range(3)] == ["one", "two", "one"]
    assert [subject(toy, p) for p in range(3)] == ["one", "two", "one"]


def test_labels_become_their_tissues(toy, labels):
    p = generate(toy, 1, 0)
    assert p.tissues == ("air", "liver", "muscle")
    assert np.array_equal(p.label == 1, labels == 3)
    assert np.array_equal(p.label == 2, labels == 7)
    assert p.facts.covariates["core_mL"] == pytest.approx((labels == 3).sum() * 0.003)


def test_every_orientation_gives_the_same_patient(toy, folder, labels):
    """All 48 signed permutations of the axes; written by nibabel, which shares no code with our reader."""
    want = generate(toy, 1, 0)
    image = nib.Nifti1Image(labels.transpose(), want.grid.affine)
    for axes in itertools.permutations(range(3)):
        for flips in itertools.product((1, -1), repeat=3):
            turned = image.as_reoriented(np.array(list(zip(axes, flips)), float))
            nib.save(turned, folder / "one.nii.gz")
            got = generate(toy, 1, 0)
            assert np.array_equal(got.label, want.label)
            assert np.allclose(got.grid.affine, want.grid.affine, atol=1e-4)


def test_the_other_version_of_ids_is_used_when_named(toy):
    with pytest.raises(TissueError, match=r"label 3 .*label 7 .*ids\.b"):
        generate(toy.model_copy(update={"ids": "b"}), 1, 0)
    with pytest.raises(TissueError, match="it has a, b"):
        generate(toy.model_copy(update={"ids": "c"}), 1, 0)


def test_a_label_without_a_tissue_is_named_with_file_and_count(toy, folder, labels):
    labels[0, 0, :5] = 99
    nib.save(nib.Nifti1Image(labels, np.eye(4)), folder / "one.nii.gz")
    with pytest.raises(TissueError, match=r"one\.nii\.gz: label 99 \(5 voxels\).*\[tissues\].*\[ids\.a\]"):
        generate(toy, 1, 0)


def test_damaged_files_are_refused(toy, folder, labels):
    whole = (folder / "one.nii.gz").read_bytes()
    (folder / "one.nii.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match="truncated"):
        generate(toy, 1, 0)
    values = labels.astype(np.float32)
    values[2, 2, 2] = np.nan
    nib.save(nib.Nifti1Image(values, np.eye(4)), folder / "one.nii.gz")
    with pytest.raises(FormatError, match="NaN"):
        generate(toy, 1, 0)


def test_a_missing_folder_says_how_to_give_it(toy, monkeypatch, tmp_path):
    monkeypatch.delenv("PHANTOMSIM_TOY", raising=False)
    away = toy.model_copy(update={"folder": "$PHANTOMSIM_TOY/heads"})
    with pytest.raises(GeneratorError, match=r"PHANTOMSIM_TOY is not set.*--set population\.generator\.folder=PATH"):
        generate(away, 1, 0)
    monkeypatch.setenv("PHANTOMSIM_TOY", str(tmp_path / "nowhere"))
    with pytest.raises(GeneratorError, match=r"no folder .*nowhere"):
        generate(away, 1, 0)
    with pytest.raises(GeneratorError, match=r"\*\.mha.*one\.nii\.gz"):
        generate(toy.model_copy(update={"pattern": "*.mha"}), 1, 0)


def test_islands_go_and_the_frame_keeps_what_fits(toy, folder, labels):
    labels[18, 22, 1] = 7
    nib.save(nib.Nifti1Image(labels.transpose(), np.eye(4)), folder / "one.nii.gz")
    p = generate(toy.model_copy(update={"shape": (16, 40, 28)}), 1, 0)
    assert p.facts.provenance["dropped_island_voxels"] == 1
    assert p.label.shape == (16, 40, 28)
    assert (p.label > 0).sum() == (labels > 0).sum() - 1
    world = p.grid.world(np.argwhere(p.label == 1)).mean(axis=0)
    assert np.allclose(world, np.argwhere(labels == 3).mean(axis=0)[::-1])


def test_background_fills_the_hull_with_skin_around(toy):
    p = generate(toy.model_copy(update={"background": Background(tissue="adipose", margin_mm=1.6, skin_mm=1.0)}), 1, 0)
    middle = p.label[8]
    fat, skin = p.tissue_index("adipose"), p.tissue_index("skin")
    row = middle[12]
    assert list(row[:7]) == [0, 0, 0, 0, skin, p.tissue_index("muscle"), p.tissue_index("muscle")] or fat in row
    assert (middle == skin).any()
    assert not np.isin(p.label[0], [fat, skin]).any()  # no label in that slice, no body


def test_texture_has_the_asked_spread_and_leaves_fluids_even(toy):
    p = generate(toy.model_copy(update={"texture": Texture(sd=0.01)}), 1, 0)
    assert (p.density[p.label == 0] == 1).all()
    assert 0.004 < p.density[p.label > 0].std() < 0.016
    assert np.array_equal(p.density, generate(toy.model_copy(update={"texture": Texture(sd=0.01)}), 1, 0).density)


def test_real_heads_map_to_tissues(data_dir, monkeypatch):
    monkeypatch.setenv("PHANTOMSIM_HEADS", str(data_dir / "heads"))
    heads = spec.read("heads-from-files", FromFiles)
    assert len(subjects(heads)) == 15
    p = generate(heads, 1, 7)
    assert p.label.shape == (256, 256, 256)
    brain = np.isin(p.label, [p.tissue_index("grey-matter"), p.tissue_index("white-matter")]).sum() * p.grid.voxel_mL
    assert 900 < brain < 1500  # Matsumae 1996: 1143 +- 105 and 1302 +- 112 mL


def test_real_torso_maps_by_both_tables(data_dir, monkeypatch):
    monkeypatch.setenv("PHANTOMSIM_TORSOS", str(data_dir / "torso"))
    torso = spec.read("torso-from-files", FromFiles)
    p = generate(torso.model_copy(update={"voxel_mm": None}), 1, 0)
    assert p.facts.covariates["liver_mL"] == pytest.approx(1043.1, abs=0.1)  # 38634 voxels of 27 mm3
    assert (p.label == p.tissue_index("adipose")).any()
    with pytest.raises(TissueError, match="label 1"):
        generate(torso.model_copy(update={"ids": "v1"}), 1, 0)
