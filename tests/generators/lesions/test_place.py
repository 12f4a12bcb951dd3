import dataclasses

import jax
import numpy as np
import pytest
from pydantic import ValidationError

from phantomsim.errors import GridError, PlacementError, TissueError
from phantomsim.generators.lesions import bodies, catalogue, known, table
from phantomsim.generators.lesions.draft import Draft
from phantomsim.generators.lesions.kind_spec import LesionKind
from phantomsim.generators.lesions.place import place
from phantomsim.generators.lesions.room import Room
from phantomsim.generators.lesions.spec import Lesions, VolumeRange
from phantomsim.generators.lesions.truth import fraction_on, mask_on
from phantomsim.grid import Grid
from phantomsim.phantom import Overlay

GROWTH = Lesions(tissue="tumour", host="liver", volume_mL=0.5, margin_mm=3.0, forbidden=("bone-cortical",))


def test_lesion_keeps_its_margin_and_off_forbidden_tissue(block):
    for patient in range(12):
        p = place(block, GROWTH, 5, patient)
        (lesion,) = p.lesions
        z, y, x = np.round(block.grid.index(lesion.centre_mm)).astype(int)
        near = block.label[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2]
        assert (near == 2).all()
        assert block.label[(fraction_on(p, p.grid) > 0)].max() <= 2
        assert not (block.label[fraction_on(p, p.grid) > 0] == 0).any()
        assert lesion.volume_mL == pytest.approx(0.5, rel=1e-3)
        assert lesion.host == "liver"


def test_present_and_absent_twins_differ_in_the_lesion_alone(block):
    p = place(block, GROWTH, 5, 0)
    absent = p.with_lesions(False)
    assert np.array_equal(np.asarray(absent.fraction("liver")), np.asarray(block.fraction("liver")))
    change = np.asarray(p.fraction("tumour")) - np.asarray(absent.fraction("tumour"))
    assert np.allclose(change, fraction_on(p, p.grid), atol=1e-6)
    assert np.array_equal(fraction_on(p, p.grid), fraction_on(absent, p.grid))


def test_the_dominant_tissue_is_that_of_most_volume_lesions_counted_in(block):
    p = place(block, GROWTH, 5, 0)
    most = np.argmax([np.asarray(p.fraction(t)) for t in p.tissues], axis=0)
    half = np.isclose(np.max([np.asarray(p.fraction(t)) for t in p.tissues], axis=0), 0.5, atol=1e-5)
    assert np.array_equal(p.dominant()[~half], most[~half])
    assert (p.dominant() == p.tissues.index("tumour")).sum() > 10
    assert np.array_equal(p.with_lesions(False).dominant(), block.label)


def test_a_patient_does_not_depend_on_others_and_repeats(block):
    a, b = place(block, GROWTH, 5, 3), place(block, GROWTH, 5, 3)
    assert a.lesions[0].centre_mm == b.lesions[0].centre_mm
    assert np.array_equal(a.lesions[0].overlay.fraction, b.lesions[0].overlay.fraction)
    assert a.lesions[0].centre_mm != place(block, GROWTH, 5, 4).lesions[0].centre_mm
    assert a.lesions[0].centre_mm != place(block, GROWTH, 6, 3).lesions[0].centre_mm


def test_boxes_are_static_over_volumes(block):
    many = GROWTH.model_copy(update={"volume_mL": VolumeRange(min=0.05, max=0.8)})
    placed = [place(block, many, 5, p).lesions[0] for p in range(8)]
    assert len({s.overlay.fraction.shape for s in placed}) == 1
    volumes = [s.volume_mL for s in placed]
    assert min(volumes) >= 0.05 * 0.999
    assert max(volumes) <= 0.8 * 1.001
    assert max(volumes) > 2 * min(volumes)


def test_several_lesions_do_not_overlap(block):
    p = place(block, GROWTH.model_copy(update={"count": 6, "volume_mL": 0.3}), 1, 0)
    assert len(p.lesions) == 6
    total = sum(
        (np.asarray(fraction_on(dataclasses.replace(p, lesions=(s,)), p.grid)) > 0).astype(int) for s in p.lesions
    )
    assert total.max() == 1


def test_refused_places_are_counted_and_failure_is_said(block):
    p = place(block, GROWTH, 5, 0)
    wide = GROWTH.model_copy(update={"volume_mL": 3.0})
    counts = [place(block, wide, 5, k).facts.provenance["refused_placements"] for k in range(10)]
    assert max(counts) > 0
    assert p.facts.provenance["skipped_lesions"] == 0
    large = GROWTH.model_copy(update={"volume_mL": 15.0, "max_tries": 20})
    with pytest.raises(PlacementError, match=r"block: lesion 1 of 1 .*20 tries"):
        place(block, large, 5, 0)
    skipped = place(block, large.model_copy(update={"on_failure": "skip"}), 5, 0)
    assert skipped.lesions == ()
    assert skipped.facts.provenance["refused_placements"] == 20
    with pytest.raises(PlacementError, match="no voxel of liver lies 30 mm inside"):
        place(block, GROWTH.model_copy(update={"margin_mm": 30.0}), 5, 0)


def test_inside_host_keeps_the_lesion_in(block):
    p = place(block, GROWTH.model_copy(update={"inside_host": 1.0, "margin_mm": 0.0}), 3, 1)
    assert (block.label[fraction_on(p, p.grid) > 0] == 2).all()


def test_unknown_host_is_named(block):
    with pytest.raises(TissueError, match="spleen"):
        place(block, GROWTH.model_copy(update={"host": "spleen"}), 1, 0)
    with pytest.raises(ValidationError, match="both host and forbidden"):
        Lesions(tissue="tumour", host="liver", volume_mL=1.0, forbidden=("liver",))


def test_truth_on_another_grid_keeps_volume_and_centre(block):
    p = place(block, GROWTH, 5, 2)
    grid = Grid.centred((23, 31, 17), (2.7, 2.1, 3.3), (4.1, -2.2, 10.3))
    f = fraction_on(p, grid)
    assert f.sum(dtype=float) * grid.voxel_mL == pytest.approx(p.lesions[0].volume_mL, rel=1e-5)
    centre = (np.argwhere(f > 0) * f[f > 0][:, None]).sum(axis=0) / f.sum()
    assert np.allclose(grid.world(centre), p.lesions[0].centre_mm, atol=0.1)  # voxels spread what they share
    assert mask_on(p, p.grid).sum() / 1000 == pytest.approx(0.5, rel=0.1)
    turned = dataclasses.replace(grid, direction=((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)))
    with pytest.raises(GridError, match="turned"):
        fraction_on(p, turned)


@pytest.mark.parametrize(
    ("name", "share"), [("haemorrhage-lobar", 0.6), ("liver-metastasis-hypovascular", 0.0), ("solid-nodule", 0.0)]
)
def test_what_a_fast_look_refuses_the_drawn_lesion_breaks_a_rule_by(name, share):
    """Small ones of few voxels are all drawn."""
    kind = catalogue.kind(name)
    body = bodies.body_for(kind.host)
    key = jax.random.key(4)
    fast, drawn = 0, 0
    for i in range(8):
        draft = Draft.of(kind, jax.random.fold_in(key, i), jax.random.fold_in(key, 100 + i), np.full(32, 0.5))
        volume_mL = kind.volume_mL.quantile(0.7)
        draft = dataclasses.replace(draft, volume_mL=volume_mL, largest_mL=volume_mL)
        room = Room.of(body, kind)
        for u in draft.places(25):
            middle, within = room.draw(u[0]), u[1:]
            box, start = draft._boxed(body.grid, middle, draft.largest_mL)
            if (start < 0).any() or (start + box > body.grid.shape).any():
                continue
            seen = draft.surfaces(room.space, middle, within, draft.largest_mL)
            why = room.refuses(seen.whole, seen.start)
            told = draft._seems_refused(room, start, box, middle - start + within - 0.5)
            assert why or not told
            fast, drawn = fast + bool(told), drawn + bool(why)
    assert fast >= share * drawn


def test_the_largest_lobar_clot_finds_its_rare_place():
    large = Lesions(kind=catalogue.kind("haemorrhage-lobar"), volume_mL=100.0, mass_effect=False)
    assert place(bodies.head(), large, 5, 3).lesions[0].volume_mL == pytest.approx(100.0, rel=0.005)
    with pytest.raises(PlacementError, match="in 200 tries"):
        place(bodies.head(), large.model_copy(update={"max_tries": 200}), 5, 3)


def test_a_forbidden_tissue_is_not_touched_by_a_partial_voxel(block):
    """A tenth of bone in each voxel of the liver's one half: lesions lie in the other, and touch none."""
    share = np.zeros(block.grid.shape, np.float32)
    half = share.shape[2] // 2
    share[..., :half] = np.where(block.label[..., :half] == block.tissue_index("liver"), 0.1, 0)
    bony = dataclasses.replace(block, overlays=(Overlay(block.tissue_index("bone-cortical"), share, (0, 0, 0)),))
    for patient in range(8):
        p = place(bony, GROWTH, 5, patient)
        assert not (share[fraction_on(p, p.grid) > 0]).any()
    moved = [place(block, GROWTH, 5, patient).lesions[0].centre_mm[0] for patient in range(8)]
    assert min(moved) < block.grid.world((0, 0, half))[0]  # where nothing bars it, some lie there


def test_what_an_earlier_call_told_stays(block):
    once = place(block, GROWTH, 5, 0)
    twice = place(once, GROWTH.model_copy(update={"count": 2}), 6, 0)
    told = twice.facts.provenance["lesions"]
    assert len(told) == len(twice.lesions) == 3
    assert told[0] == once.facts.provenance["lesions"][0]
    assert [row["asked_mL"] for row in table.rows(twice)] == pytest.approx([0.5] * 3)


def test_a_rule_that_names_nothing_is_told(block):
    kind = catalogue.kind("hepatic-cyst")
    for place_ in ({"forbidden": ("skni",)}, {"clear_mm": {"skni": 2.0}}):
        wrong = kind.model_copy(update={"place": kind.place.model_copy(update=place_)})
        with pytest.raises(TissueError, match=r'"skni", which is no tissue and no organ.*did you mean "skin"'):
            place(block, Lesions(kind=wrong), 5, 0)


def test_what_is_missing_is_sought_among_the_patients_own_tissues(block):
    with pytest.raises(TissueError) as told:
        place(block, Lesions(kind=catalogue.kind("ms-lesion")), 5, 0)
    assert "white-matter-lesion" not in str(told.value)
    assert block.facts.subject in str(told.value)


@pytest.mark.parametrize(
    ("law", "what"),
    [
        ({"law": "uniform", "min": -0.5, "max": 2.0}, "from -0.5 to 2, but must be above 0"),
        ({"law": "fixed", "value": 0.0}, "must be above 0"),
        ({"law": "normal", "mean": 0.1, "sd": 5.0}, "must be above 0"),
    ],
)
def test_laws_that_draw_impossible_numbers_are_refused(law, what):
    data = catalogue.kind("hepatic-cyst").model_dump()
    with pytest.raises(ValidationError, match=what):
        LesionKind.model_validate(data | {"volume_mL": law})
    LesionKind.model_validate(data | {"volume_mL": law | {"min": 0.1, "max": 3.0, "value": 1.0}})


@pytest.mark.parametrize("name", catalogue.names())
def test_rules_of_the_catalogue_name_what_is_there(name):
    assert all(known.anywhere(found) for _, found in known.named(catalogue.kind(name)))
