"""Kinds of the catalogue, from their files to voxels."""

import dataclasses

import numpy as np
import pytest

from phantomsim import spec
from phantomsim.catalogue import root
from phantomsim.errors import PlacementError, SpecError, TissueError
from phantomsim.generators.contrast import enhanced, in_phase
from phantomsim.generators.lesions import bodies, catalogue, table
from phantomsim.generators.lesions.place import place
from phantomsim.generators.lesions.rule_laws import distances_mm, violations
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.generators.lesions.truth import fraction_on, mesh_of
from phantomsim.grid import Grid
from phantomsim.materials import relaxation
from phantomsim.materials import table as tissues
from phantomsim.phantom import Overlay, boxed

MRI = ("PD", "T1_ms", "T2_ms")


def lesions(name, **changes):
    return Lesions(kind=catalogue.kind(name), **changes)


@pytest.fixture(scope="module")
def head():
    return bodies.head()


@pytest.fixture(scope="module")
def liver():
    return bodies.trunk(("liver",), 2.0, 40.0)


@pytest.mark.parametrize("name", catalogue.names())
def test_every_kind_reads_and_names_tissues_that_ct_and_mr_know(name):
    kind = catalogue.kind(name)
    for tissue in kind.tissues:
        assert tissues()[tissue].composition
        assert np.isfinite(relaxation([tissue], 3.0).T1_ms).all()
    for phase in kind.phases.values():
        assert all(name in tissues() for name in phase.iodine_mg_per_mL)
    assert kind.published


def test_ms_lesions_are_bright_on_t2_and_dark_on_t1():
    """Spin echoes at 3 T, TR 500 and TE 10; TR 5000 and TE 90; FLAIR with the fluid nulled."""
    seen = relaxation(["white-matter-lesion", "white-matter", "csf"], 3.0)
    t1, t2, pd = (np.asarray(v) for v in (seen.T1_ms, seen.T2_ms, seen.PD))
    t1w = pd * (1 - np.exp(-500 / t1)) * np.exp(-10 / t2)
    t2w = pd * (1 - np.exp(-5000 / t1)) * np.exp(-90 / t2)
    inversion = t1[2] * np.log(2 / (1 + np.exp(-9000 / t1[2])))
    flair = pd * np.abs(1 - 2 * np.exp(-inversion / t1) + np.exp(-9000 / t1)) * np.exp(-90 / t2)
    assert t1w[0] < 0.9 * t1w[1]
    assert t2w[0] > 1.3 * t2w[1]
    assert flair[0] > 1.3 * flair[1]


@pytest.mark.parametrize("name", ["ms-lesion", "haemorrhage-deep", "haemorrhage-subdural", "haemorrhage-epidural"])
def test_lesions_of_the_head_keep_their_rules(head, name):
    kind = catalogue.kind(name)
    found = place(head, lesions(name, mass_effect=False, on_failure="skip"), 5, 1)
    assert found.lesions
    assert violations(head, found, kind, distances_mm(head, kind)) == 0


def test_a_large_lobar_haemorrhage_stays_on_its_side(head):
    asked = lesions("haemorrhage-lobar", volume_mL=60.0, mass_effect=False)
    for patient in range(6):
        lesion = place(head, asked, 3, patient).lesions[0]
        x = head.grid.world(np.argwhere(lesion.overlay.fraction > 0) + lesion.overlay.start)[:, 0]
        share = (
            np.asarray(lesion.overlay.fraction)[lesion.overlay.fraction > 0] @ (x > 0) / lesion.overlay.fraction.sum()
        )
        assert max(share, 1 - share) > 0.95  # the head is drawn about x = 0


def test_blood_against_the_wall_is_a_lens_or_a_crescent(head):
    """A lens is several times thicker for its length than a crescent; both touch the bone."""
    near_bone = _dilated(np.isin(head.label, [head.tissue_index("bone-cortical")]))
    shape = {}
    for name in ("haemorrhage-epidural", "haemorrhage-subdural"):
        (one,) = place(head, lesions(name, volume_mL=30.0, mass_effect=False), 5, 3).lesions
        fraction = _whole(head, one.overlay)
        assert one.volume_mL == pytest.approx(30.0, rel=1e-3)
        assert (fraction[near_bone] > 0.5).sum() > 30
        longest, shortest = table.diameters_mm(one.overlay, head.grid)
        shape[name] = shortest / longest
    assert shape["haemorrhage-epidural"] > 1.2 * shape["haemorrhage-subdural"]


def test_blood_in_ventricles_lies_at_the_back_up_to_a_level(head):
    (one,) = place(head, lesions("haemorrhage-intraventricular", volume_mL=6.0), 5, 0).lesions
    fraction = _whole(head, one.overlay)
    fluid = np.asarray(head.label) == head.tissue_index("csf")
    assert (fraction[~fluid] == 0).all()
    y = np.argwhere(fraction > 0.5)[:, 1]
    inside = np.argwhere(fluid & (np.abs(head.grid.axes_mm()[2]) < 25))
    assert y.max() < np.median(inside[:, 1])  # posterior of the middle: the grid's y grows to the front


def test_capsule_and_core_lie_within_the_lesion(liver):
    (one,) = place(liver, lesions("hepatocellular-carcinoma", volume_mL=8.0), 5, 0).lesions
    whole = np.asarray(one.overlay.fraction)
    capsule = np.asarray(one.inner[0].fraction)
    assert (sum(np.asarray(p.fraction) for p in one.inner) <= whole + 1e-5).all()
    assert sum(np.asarray(p.fraction).sum() for p in one.parts()) == pytest.approx(whole.sum(), rel=1e-5)
    z, y, x = (np.arange(n) - m for n, m in zip(whole.shape, _middle(whole)))
    r = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
    assert np.average(r, weights=capsule) > 1.2 * np.average(r, weights=whole - capsule)
    radius, thick = (3 * 8000 / 4 / np.pi) ** (1 / 3), capsule.sum() / whole.sum()
    assert 1 - (1 - 0.8 / radius) ** 3 < thick * 1.1
    assert thick * 0.9 < 1 - (1 - 2.0 / radius) ** 3


def test_phases_enhance_host_and_lesion(liver):
    asked = lesions("liver-metastasis-hypovascular", count=1, volume_mL=3.0, phase="portal-venous")
    found = place(liver, asked, 5, 1)
    assert "iodine-liver-2" in found.tissues
    assert found.lesions[0].tissue == "iodine-metastasis-1.3"
    row = table.rows(found)[0]
    assert -50 < row["asked_contrast_HU"] < -20
    assert enhanced(liver, {"liver": 2.0}).tissues == tuple(
        "iodine-liver-2" if t == "liver" else t for t in liver.tissues
    )


def test_healthy_patients_and_twins_without_lesions_are_in_one_phase(liver):
    """A patient in a phase gets lesions in that phase, and equals the one whose lesions bring the phase."""
    healthy = in_phase(liver, "portal-venous")
    assert "iodine-liver-2" in healthy.tissues
    for name in ("liver-metastasis-hypovascular", "hepatic-cyst"):
        of_patient = place(healthy, lesions(name, count=1, volume_mL=3.0), 5, 1)
        of_lesion = place(liver, lesions(name, count=1, volume_mL=3.0, phase="portal-venous"), 5, 1)
        assert of_patient.tissues == of_lesion.tissues
        np.testing.assert_array_equal(of_patient.lesions[0].overlay.fraction, of_lesion.lesions[0].overlay.fraction)
        absent = of_patient.with_lesions(False)
        np.testing.assert_array_equal(absent.fraction("iodine-liver-2"), healthy.fraction("iodine-liver-2"))
    assert -120 < table.rows(of_patient)[0]["asked_contrast_HU"] < -80  # a cyst of 8 HU in a liver of 113
    skipped = lesions("hepatic-cyst", count=1, volume_mL=400.0, on_failure="skip", max_tries=2, phase="portal-venous")
    assert place(liver, skipped, 5, 1).tissues[: len(liver.tissues)] == healthy.tissues
    with pytest.raises(PlacementError, match=r'phase "arterial".*portal-venous'):
        place(in_phase(liver, "arterial"), lesions("hepatic-cyst", phase="portal-venous"), 5, 1)
    with pytest.raises(PlacementError, match="microcalcifications says nothing"):
        place(healthy, lesions("microcalcifications", host="liver"), 5, 1)


def test_table_and_mesh_tell_the_same_lesion(liver):
    found = place(liver, lesions("hepatic-cyst", count=1, volume_mL=4.0), 5, 4)
    (row,) = table.rows(found, fraction_on(found, found.grid), found.grid)
    mesh = mesh_of(found.lesions[0], found.grid)
    assert mesh.volume_mL() == pytest.approx(4.0, rel=0.02)
    assert row["volume_mL"] == pytest.approx(4.0, rel=1e-3)
    assert row["shortest_mm"] <= row["equivalent_mm"] * 1.1 <= row["longest_mm"] * 1.2
    assert row["realised_contrast"] == pytest.approx(1.0, abs=0.05)
    assert table.to_csv([row]).startswith("kind,host,tissue,x_mm")


@pytest.mark.parametrize("half_mm", [(1.8, 1.8, 1.8), (2.0, 2.0, 4.0), (2.0, 3.0, 4.5)])
def test_diameters_of_a_lesion_of_few_voxels_are_those_of_its_ellipsoid(half_mm):
    rng, n, fine, voxel = np.random.default_rng(0), 16, 8, 2.0
    for _ in range(4):
        middle, turn = n / 2 * voxel + rng.uniform(-1, 1, 3), np.linalg.qr(rng.normal(size=(3, 3)))[0]
        at = (np.arange(n * fine) + 0.5) * voxel / fine
        q = np.stack(np.meshgrid(*(at - m for m in middle), indexing="ij"), -1) @ turn
        inside = ((q / half_mm) ** 2).sum(-1) < 1
        fraction = inside.reshape(n, fine, n, fine, n, fine).mean((1, 3, 5)).astype(np.float32)
        grid = Grid.centred((n, n, n), (voxel,) * 3, (0.0, 0.0, 0.0))
        longest, shortest = table.diameters_mm(Overlay(0, fraction, (0, 0, 0)), grid)
        assert longest == pytest.approx(2 * max(half_mm), rel=0.12)
        assert shortest == pytest.approx(2 * min(half_mm), rel=0.12)


def test_a_table_without_lesions_has_its_columns():
    assert table.to_csv([]).startswith("kind,host,tissue,")


def test_a_file_of_another_kind_is_no_lesion():
    with pytest.raises(SpecError, match='is a file of kind "procedural"; give a kind of lesion'):
        catalogue.of_kind(str(root() / "generators" / "abdomen-procedural.toml"))


def test_lesions_larger_than_the_frame_and_hosts_out_of_it_are_told_so(liver):
    with pytest.raises(PlacementError, match="reaches beyond the edge of the grid"):
        place(liver, lesions("renal-mass", host="liver", forbidden=(), volume_mL=9000.0, max_tries=20), 1, 0)
    gone = dataclasses.replace(
        liver, label=np.where(np.asarray(liver.label) == liver.tissue_index("liver"), 1, liver.label)
    )
    with pytest.raises(PlacementError, match="nothing of liver lies in the patient's frame"):
        place(gone, lesions("hepatic-cyst", volume_mL=1.0), 1, 0)


def test_impossible_requests_name_patient_and_rule(liver, head):
    with pytest.raises(PlacementError, match=r"trunk-of-balls: lesion 1 of 1 .*(inside_host|keep_host|edge)"):
        place(liver, lesions("renal-mass", host="liver", forbidden=(), volume_mL=400.0, max_tries=20), 1, 0)
    with pytest.raises(PlacementError, match="room for its volume"):
        place(head, lesions("haemorrhage-intraventricular", volume_mL=200.0, max_tries=3), 1, 0)
    with pytest.raises(TissueError, match="no tissue or organ kidney"):
        place(liver, lesions("kidney-stone"), 1, 0)
    skipped = place(liver, lesions("hepatic-cyst", count=1, volume_mL=400.0, on_failure="skip", max_tries=10), 1, 0)
    assert skipped.facts.provenance["skipped_lesions"] == 1
    assert sum(skipped.facts.provenance["refused_by_rule"].values()) == 10


def test_impossible_lesions_are_skipped_and_counted_by_their_reason(liver, head):
    """Too wide a margin, no ventricles, too little fluid, too coarse voxels: a word each, and the patient goes on."""
    dry = bodies.head(ventricles=False)
    for body, name, changes, reason in (
        (liver, "hepatic-cyst", {"margin_mm": 60.0, "count": 1}, "margin_mm"),
        (dry, "haemorrhage-intraventricular", {}, "near"),
        (head, "haemorrhage-subdural", {"volume_mL": 500.0, "max_tries": 10}, "mass_effect"),
        (liver, "hepatic-cyst", {"volume_mL": 1e-7, "count": 1}, "voxel size"),
    ):
        found = place(body, lesions(name, on_failure="skip", **changes), 1, 7).facts.provenance
        assert found["skipped_lesions"] == 1
        assert found["refused_by_rule"][reason] == 1
        with pytest.raises((PlacementError, TissueError), match=body.facts.subject):
            place(body, lesions(name, **changes), 1, 7)
    breast = bodies.trunk(("breast-gland",), 2.0, 20.0)
    with pytest.raises(PlacementError, match=r"trunk-of-balls: lesion 1 .*overlap; lower volume_mL"):
        place(breast, lesions("microcalcifications", volume_mL=50.0, count=1), 1, 7)


def test_a_lesion_may_lie_as_near_the_grids_edge_as_it_fits(liver):
    """Liver up to the edge of the grid: centres of lesions come within two voxels of where they would be cut."""
    label = np.full((24, 24, 24), liver.tissue_index("liver"), np.uint8)
    body = dataclasses.replace(liver, grid=Grid.centred((24, 24, 24), (2.0,) * 3), label=label)
    asked = Lesions(tissue="tumour", host="liver", volume_mL=1.0, irregularity=0.0, count=1)
    radius = (3000 / 4 / np.pi) ** (1 / 3)
    away = [23 - np.abs(place(body, asked, 1, p).lesions[0].centre_mm).max() for p in range(24)]
    assert radius - 1 < min(away) < radius + 4  # the outermost voxels' centres lie 23 mm from the middle


def test_lesions_take_of_overlays_in_proportion(liver):
    """A voxel that is half soft tissue and half full of lesion keeps a quarter of soft tissue."""
    from phantomsim.phantom import Overlay

    mixed = Overlay(liver.tissue_index("soft-tissue"), np.full(liver.grid.shape, 0.5, np.float32), (0, 0, 0))
    body = dataclasses.replace(liver, overlays=(mixed,))
    found = place(body, lesions("hepatic-cyst", count=1, volume_mL=5.0), 5, 4)
    soft, cyst = np.asarray(found.fraction("soft-tissue")), np.asarray(found.fraction("hepatic-cyst"))
    host = np.asarray(liver.label) == liver.tissue_index("liver")
    np.testing.assert_allclose(soft[host], 0.5 * (1 - cyst[host]), atol=1e-5)
    assert np.asarray(found.fraction("liver")).min() >= -1e-6


def test_days_that_are_asked_for_keep_the_place_of_the_file(tmp_path):
    """The lesion of each date lies where the one of `until_days` has room; grown, it has the same centre."""
    file = tmp_path / "l.toml"
    file.write_text('kind = "hepatocellular-carcinoma"\nvolume_mL = 1.0\ndays = 30\nuntil_days = 120\n')
    assert (catalogue.of_kind(file).days, catalogue.of_kind(file, days=0.0).days) == (30.0, 0.0)
    body = bodies.trunk(("liver",), 2.0, 40.0)
    centres = [np.array(place(body, catalogue.of_kind(file, days), 1, 0).lesions[0].centre_mm) for days in (0.0, 90.0)]
    assert np.linalg.norm(centres[1] - centres[0]) < 2.0
    with pytest.raises(SpecError, match="until_days 120 is before days 150"):
        catalogue.of_kind(file, days=150.0)


def test_a_trial_names_a_kind_and_changes_it(tmp_path):
    file = tmp_path / "l.toml"
    file.write_text('kind = "ms-lesion"\ncount = 3\nmargin_mm = 2.0\n')
    found = spec.read(file, Lesions)
    assert found.name == "ms-lesion"
    assert found.resolved().place.margin_mm == 2.0
    assert found.resolved().count.quantile(0.3) == 3
    assert catalogue.of_kind(file) == found
    assert catalogue.of_kind("ms-lesion").resolved().count.law != "fixed"
    with pytest.raises(SpecError, match="does not grow"):
        catalogue.of_kind(file, days=30.0)
    file.write_text('kind = "ms-lesions"\n')
    with pytest.raises(Exception, match='nearest: "ms-lesion"'):
        spec.read(file, Lesions)
    file.write_text('kind = "star"\ntissue = "tumour"\n')
    with pytest.raises(SpecError, match="host, volume_mL"):
        spec.read(file, Lesions)


def _whole(phantom, overlay):
    out = np.zeros(phantom.grid.shape, np.float32)
    out[boxed(overlay.start, overlay.fraction.shape)] = overlay.fraction
    return out


def _middle(fraction):
    return [
        fraction.sum(axis=tuple(b for b in range(3) if b != a)) @ np.arange(n) / fraction.sum()
        for a, n in enumerate(fraction.shape)
    ]


def _dilated(mask):
    from scipy import ndimage

    return ndimage.binary_dilation(mask, iterations=2) & ~mask
