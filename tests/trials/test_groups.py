"""Trials whose patients have several kinds of lesion."""

import json
from itertools import product

import numpy as np
import pytest
import tomli_w
from toy_bodies import body, save, spec_of

import phantomsim
from phantomsim.errors import PlacementError, SpecError
from phantomsim.generators.generate import generate
from phantomsim.generators.lesions import catalogue
from phantomsim.trials.folder import RunFolder
from phantomsim.trials.groups import titles
from phantomsim.trials.patient import simulate_patient
from phantomsim.trials.population import make_patient

TWO = [
    {"kind": "star", "tissue": "tumour", "host": "liver", "volume_mL": 8.0, "margin_mm": 6.0},
    {"kind": "hepatic-cyst", "count": 1, "volume_mL": 10.0},
]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """The file of a small trial of tumours and cysts in turn."""
    folder = tmp_path_factory.mktemp("mixed")
    for n, x_mm in enumerate((-20.0, 0.0, 10.0, 25.0)):
        save(folder / f"body_{n}.nii.gz", body(80.0 + 4 * n, x_mm))
    spec = spec_of(folder, 4)
    spec["population"]["lesions"] = TWO
    (folder / "mixed.toml").write_text(tomli_w.dumps(spec))
    return folder / "mixed.toml"


def test_patients_get_kinds_in_turn_and_each_kind_is_estimated_alone(mixed, tmp_path):
    done = phantomsim.run(mixed, tmp_path / "run", workers=1)
    folder = RunFolder(done.folder)
    patients = folder.read_table("patients.csv")
    assert [row["kind"] for row in patients] == ["star", "hepatic-cyst"] * 2
    assert [float(row["volume_mL"]) for row in patients] == pytest.approx([8.0, 10.0] * 2, rel=0.005)
    found = json.loads((done.folder / "verdicts.json").read_text())["by_kind"]
    assert set(found) == {"star", "hepatic-cyst"}
    rows = [r for r in folder.read_table("results.csv") if r["reader"] == "NPW" and r["arm"] == "low"]
    for n, kind in enumerate(("star", "hepatic-cyst")):
        mine = [r for r in rows if int(r["patient"]) % 2 == n]
        present, absent = ([float(r["score"]) for r in mine if r["present"] == p] for p in "10")
        auc = np.mean([(a > b) + (a == b) / 2 for a, b in product(present, absent)])
        told = next(e for e in found[kind] if (e["endpoint"], e["arm"]) == ("AUC", "low"))
        assert told["estimate"] == pytest.approx(auc)
        assert told["n_present"] == 2
        assert kind in done.report.read_text()


def test_a_patient_is_the_same_beside_other_kinds(mixed):
    both = phantomsim.load_trial(mixed)
    one = phantomsim.load_trial(mixed, ["population.lesions.1.volume_mL=12.0"])
    for patient in (0, 2):
        ours, theirs = (make_patient(t.population, t.seed, patient).lesions[0] for t in (both, one))
        assert np.array_equal(ours.overlay.fraction, theirs.overlay.fraction)


def test_groups_tell_whether_mass_effect_is_left_out():
    entries = ["haemorrhage-deep", "haemorrhage-deep", "haemorrhage-intraventricular", "haemorrhage-intraventricular"]
    told = [f'{{kind="{kind}", mass_effect={"false" if n % 2 else "true"}}}' for n, kind in enumerate(entries)]
    trial = phantomsim.load_trial("quickstart", [f"population.lesions=[{', '.join(told)}]"])
    assert titles(trial.population) == (
        "haemorrhage-deep",
        "haemorrhage-deep, without mass effect",
        "haemorrhage-intraventricular",
    )


def test_a_lesion_without_a_place_is_an_error_or_counted(mixed):
    wide = ["population.lesions.1.margin_mm=60.0"]
    trial = phantomsim.load_trial(mixed, wide)
    with pytest.raises(PlacementError, match=r"body_1.*: no voxel of liver lies 60 mm inside it"):
        simulate_patient(trial, 1)
    part, _ = simulate_patient(phantomsim.load_trial(mixed, [*wide, "population.lesions.1.on_failure=skip"]), 1)
    assert part["rows"] == [] == part["lesions"]


def test_twin_without_the_lesion_is_the_healthy_patient_in_its_phase(mixed):
    sets = [
        "population.generator.phase=portal-venous",
        'population.lesions={kind="hepatocellular-carcinoma", volume_mL=8.0}',
    ]
    trial = phantomsim.load_trial(mixed, sets)
    healthy = generate(trial.population.generator, trial.seed, 1)
    patient = make_patient(trial.population, trial.seed, 1)
    twin = patient.with_lesions(False)
    assert any(name.startswith("iodine-liver") for name in healthy.tissues)
    assert set(healthy.tissues) <= set(twin.tissues)
    for name in twin.tissues:
        theirs = healthy.fraction(name) if name in healthy.tissues else 0.0
        np.testing.assert_array_equal(np.asarray(twin.fraction(name)), theirs)
    assert patient.lesions[0].tissue.startswith("iodine-hepatocellular-carcinoma")
    assert float(np.asarray(patient.fraction(patient.lesions[0].tissue)).max()) > 0.5


def test_a_trial_takes_every_kind_of_the_catalogue():
    names = catalogue.names()
    told = ", ".join(f'{{kind="{name}"}}' for name in names)
    trial = phantomsim.load_trial("quickstart", [f"population.lesions=[{told}]"])
    assert len(names) >= 19
    assert [lesions.name for lesions in trial.population.kinds] == names
    assert [trial.population.lesions_of(p).name for p in (0, 1, len(names))] == [names[0], names[1], names[0]]
    with pytest.raises(SpecError, match=r"population\.lesions.*has 0 items"):
        phantomsim.load_trial("quickstart", ["population.lesions=[]"])
