"""Learning from people, and making new ones."""

import dataclasses
import gzip
from pathlib import Path

import numpy as np
import pytest

from phantomsim.errors import FormatError, GeneratorError
from phantomsim.generators.deformable import anatomy, model_file, train
from phantomsim.generators.deformable import generate as deformable
from phantomsim.generators.deformable.carriers import coverage, read
from phantomsim.generators.generate import generate, subject, subjects
from phantomsim.generators.procedural.spec import Covariate

pytestmark = pytest.mark.slow  # a minute of compiling, once


@pytest.fixture(scope="session")
def trained(generator, people):
    lines = []
    paths = sorted(people.glob("*.nii.gz"))
    model = train.train(generator, paths, ["dan"], lines.append)
    model_file.write(Path(generator.model), model)
    assert model.about["people"] == ["ann", "bob", "cat"]
    return generator, model


def test_the_mean_is_symmetric_and_between_the_people(trained):
    _, model = trained
    assert np.array_equal(model.likely, model.likely[..., ::-1])
    core = model.likely[model.structures.index("core")].sum() / 255 * 0.064
    volumes = [4 / 3 * np.pi * np.prod(r) / 1000 for r in ((36, 40, 34), (44, 44, 38), (40, 46, 36))]
    assert min(volumes) < core < max(volumes)


def test_registration_brings_people_together(trained):
    _, model = trained
    assert model.about["direct_dice"]["core"] > 0.93
    assert model.about["direct_dice"]["rind"] > 0.75


def test_what_is_asked_for_is_made(trained):
    generator, _ = trained
    laws = {
        "core_mL": Covariate(mean=260.0, sd=25.0, min=200.0, max=320.0, source="test"),
        "rind_mm": Covariate(mean=10.0, sd=1.5, min=7.0, max=13.0, source="test"),
    }
    asked = generator.model_copy(update={"covariates": laws, "voxel_mm": 2.0, "shape": (72, 72, 72)})
    for patient in range(3):
        p = generate(asked, 3, patient)
        facts = p.facts.covariates
        assert facts["core_mL"] == pytest.approx(facts["asked_core_mL"], rel=0.04)
        assert facts["rind_mm"] == pytest.approx(facts["asked_rind_mm"], abs=0.1)
        assert p.facts.provenance["least_jacobian"] > 0
        assert p.organs.mask("core").sum() * 0.008 == pytest.approx(facts["core_mL"])


def test_patients_differ_and_can_be_made_again_alone(trained):
    generator, _ = trained
    first, again, other = (generate(generator, 1, p) for p in (0, 0, 1))
    assert np.array_equal(first.label, again.label)
    assert not np.array_equal(first.label, other.label)
    assert subjects(generator) is None
    assert subject(generator, 1) == other.facts.subject == "p00001"


def test_carriers_lend_their_structure_and_their_name(trained, people, tmp_path, monkeypatch):
    generator, _ = trained
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    real = generator.model_copy(update={"carriers": str(people)})
    assert subjects(real) == ["ann", "bob", "cat", "dan"]
    assert generate(real, 1, 3).facts.subject == "dan"
    kept = list(tmp_path.rglob("*.safetensors"))
    assert len(kept) == 1
    kept[0].write_bytes(kept[0].read_bytes()[:100])  # damaged: registered again
    assert np.array_equal(generate(real, 1, 3).label, generate(real, 1, 3).label)
    with pytest.raises(GeneratorError, match=r"no folder"):
        generate(generator.model_copy(update={"carriers": "/nowhere"}), 1, 0)


def test_a_cut_body_lends_nothing(trained, people):
    generator, _ = trained
    a = anatomy.of(generator)
    someone = read(a, people / "ann.nii.gz")
    cropped = dataclasses.replace(someone, box=(slice(14, 36), *someone.box[1:]))
    assert coverage(a, someone) > 0.99 > 0.9 > coverage(a, cropped)


def test_bad_models_are_refused(trained, tmp_path):
    generator, _ = trained
    whole = gzip.decompress(Path(generator.model).read_bytes())
    bad = tmp_path / "bad.gz"
    for data, words in ((gzip.compress(whole[: len(whole) // 2]), "not a model"), (b"text", "unpacked")):
        bad.write_bytes(data)
        model_file.read.cache_clear()
        with pytest.raises(FormatError, match=words):
            model_file.read(str(bad))
    with pytest.raises(FormatError, match="phantomsim train"):
        model_file.read(str(tmp_path / "none.gz"))
    other = generator.model_copy(update={"groups": generator.groups[:2]})
    with pytest.raises(GeneratorError, match="other groups"):
        deformable.generate(
            other.model_copy(
                update={
                    "training": generator.training.model_copy(update={"centre_on": ("rind",)}),
                    "quantities": {},
                    "layer": None,
                }
            ),
            1,
            0,
        )
