"""Chests: volumes as asked at any voxel, lobes in their order, trees where they belong."""

import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim import spec
from phantomsim.generators.procedural import painting, topology
from phantomsim.generators.procedural.chest import REGION, laws, lungs, vessels
from phantomsim.generators.procedural.chest.frame import frame, height_mm, vertebra
from phantomsim.generators.procedural.cohort import cohort
from phantomsim.generators.procedural.generate import person
from phantomsim.generators.procedural.spec import Procedural

CHEST = spec.read("chest-procedural", Procedural)


@pytest.fixture(scope="module")
def two():
    return cohort(CHEST, REGION, 5, 2)


def test_lungs_lobes_and_chambers_hold_what_was_drawn(two):
    facts = two.facts
    np.testing.assert_allclose(two.total_mL(*laws.LUNGS), facts["lung_mL"], rtol=0.02)
    np.testing.assert_allclose(two.volumes_mL["lv-blood"], facts["lv_mL"], rtol=0.02)
    np.testing.assert_allclose(two.volumes_mL["lv-myocardium"] * 1.05, facts["lv_mass_g"], rtol=0.05)
    np.testing.assert_allclose(two.volumes_mL["la-blood"], facts["la_mL"], rtol=0.06)
    # Of three thin layers in a voxel of 6 mm the least goes: what lies about the heart gains.
    np.testing.assert_allclose(two.volumes_mL["pericardial-fat"], facts["pericardial_fat_mL"], rtol=0.25)
    lower = two.volumes_mL["lung-left-lower"] / two.total_mL(*lungs.ALL)
    np.testing.assert_allclose(lower, facts["left_lower_share"], atol=0.012)


def test_chests_obey_topology(two):
    assert [law.what for law in laws.topology_laws(two) if not law.passed] == []


def test_lobes_lie_in_their_order(two):
    for i in range(2):
        middle = {lobe: np.mean(np.nonzero(two.mask(i, lobe)), axis=1) for lobe in lungs.ALL}
        for side in ("left", "right"):
            upper, lower = middle[f"lung-{side}-upper"], middle[f"lung-{side}-lower"]
            assert upper[0] > lower[0]
            assert upper[1] > lower[1]  # the lower lobe lies behind
        assert middle["lung-right-middle"][1] > middle["lung-right-lower"][1]
        assert middle["lung-right-middle"][0] < middle["lung-right-upper"][0]
        assert topology.pieces(two.mask(i, "airway-lumen", "airway-wall"), 4) == 1


def test_trees_start_at_the_hila_and_fill_their_lobe():
    _, n = person(CHEST, 5, 0)
    f = frame(n)
    rows = np.concatenate([n["bronchi-long"], n["bronchi-short"]])
    forks = vessels.bronchi(n, f)
    for side, lobes in lungs.LOBES.items():
        for lobe in lobes:
            root = np.array([float(v) for v in forks[f"{side}-{lobe}"]])
            assert np.linalg.norm(rows[:, :3] - root, axis=1).min() < 1e-3
    ends = rows[rows[:, 6] < 1.6][:, 3:6]
    assert (ends[:, 0] > 40).sum() > 30
    assert (ends[:, 0] < -40).sum() > 30
    assert np.ptp(ends[:, 2]) > 120.0 * float(f.s)
    long = np.linalg.norm(rows[:, 3:6] - rows[:, :3], axis=1) + 2 * rows[:, 6]
    first = len(n["bronchi-long"])
    assert long[:first].max() < lungs.LONG_MM
    assert long[first:].max() < lungs.SHORT_MM


def test_vertebrae_are_numbered_as_they_lie():
    _, n = person(CHEST, 5, 1)
    f = frame(n)
    numbers = jnp.arange(1.0, 13.0)
    np.testing.assert_allclose(vertebra(f, height_mm(f, numbers)), numbers, atol=1e-3)
    assert (np.diff(height_mm(f, numbers)) < -15.0).all()


@pytest.mark.slow
def test_a_finer_grid_shows_the_same_patient():
    _, n = person(CHEST, 5, 0)
    names = tuple(REGION.organs)
    first = jnp.asarray(painting.first_mm(REGION.plan_shape, REGION.plan_voxel_mm, REGION.plan_centre_mm))
    levels, _, _ = painting.plan(REGION.draw, names, REGION.plan_shape, 2, jnp.float32(REGION.plan_voxel_mm), first, n)
    fine = painting.paint(
        REGION.draw, names, (112, 124, 156), 3.0, painting.first_mm((112, 124, 156), 3.0, (0.0, 0.0, 0.0)), n, levels
    )
    lung = sum(
        np.asarray(
            (fine.first == names.index(o)) * (1 - fine.share) + (fine.second == names.index(o)) * fine.share
        ).sum()
        for o in laws.LUNGS
    )
    assert lung * 0.027 == pytest.approx(float(n["lung_mL"]), rel=0.02)


@pytest.mark.slow
def test_laws_of_a_population():
    assert [law.row() for law in laws.laws(60) if not law.passed] == []
