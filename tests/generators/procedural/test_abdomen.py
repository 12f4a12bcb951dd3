"""Abdomens: courses that join, curves with closed forms, whole bodies on any grid, published populations."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim import spec
from phantomsim.generators.procedural import canvas, generate, painting
from phantomsim.generators.procedural.abdomen import REGION, branches, frame, laws
from phantomsim.generators.procedural.abdomen.organs import ORGANS
from phantomsim.generators.procedural.common import curves, hollow
from phantomsim.generators.procedural.spec import Procedural
from phantomsim.materials import tissues


@pytest.fixture(scope="module")
def what():
    return spec.read("abdomen-procedural", Procedural)


@pytest.fixture(scope="module")
def man(what):
    return generate.person(what, 7, 2)


def test_steps_along_an_axis_are_the_mean_of_straight_lines():
    knots, values = (-50.0, 10.0, 90.0), (4.0, 16.0, 0.0)
    z = np.linspace(-120, 150, 55).astype(np.float32)
    shifts = np.linspace(-18, 18, 2001)
    wanted = np.mean([np.interp(z + s, knots, values) for s in shifts], axis=0)
    np.testing.assert_allclose(curves.along(jnp.asarray(z), knots, values), wanted, atol=2e-3)


def test_a_smooth_curve_meets_its_points_and_leaves_none_out():
    points = jnp.array([[0.0, 0, 0, 1], [10, 0, 0, 2], [20, 10, 0, 3], [20, 20, 10, 4]])
    curve = np.asarray(curves.smooth(points, 5))
    np.testing.assert_allclose(curve[::5], points, atol=1e-5)
    rows = np.asarray(curves.tubes(points, 5))
    np.testing.assert_allclose(rows[1:, :3], rows[:-1, 3:6], atol=1e-5)


def test_a_straight_hollow_tube_has_its_volume_and_gas_on_top():
    p = painting.axes((30, 30, 60), 2.0, jnp.array([-59.0, -29.0, -29.0]))
    grid = canvas.Canvas(p, ("air", "wall", "content", "gas"), 2.0, 5, {})
    points = jnp.array([[-80.0, 0, 0, 20, 0.5], [0, 0, 0, 20, 0.5], [80, 0, 0, 20, 0.5]])
    seen = hollow.trail(grid, hollow.rows(points, 8), 70.0)
    hollow.fill(grid, ("wall", "content", "gas"), seen, 4.0, ("air",))
    length, whole, lumen = 120.0, np.pi * 20**2, np.pi * 16**2
    height = 0.5 * 20  # of the gas's level over the axis
    cap = 16**2 * np.arccos(height / 16) - height * np.sqrt(16**2 - height**2)  # circular segment
    for name, area in (("wall", whole - lumen), ("content", lumen - cap), ("gas", cap)):
        assert float(grid.of(name).sum()) * 8 == pytest.approx(area * length, rel=0.06)  # corners are cut


def test_a_liver_large_for_a_slight_woman_has_its_room(what):
    facts, numbers = generate.person(what, 7, 12)  # 1250 mL at a BMI of 18: her usual trunk would hold 830
    assert facts["liver_mL"] > 1200
    assert facts["bmi_kg_per_m2"] < 19
    _, volumes, _ = generate.planned(REGION, numbers)
    assert float(volumes["liver"]) == pytest.approx(facts["liver_mL"], rel=1e-3)
    slim = frame.frame(numbers | {"liver_mL": jnp.float32(600.0)})
    assert float(frame.frame(numbers)["chest_a"]) > float(slim["chest_a"])
    assert float(frame.frame(numbers)["a"]) == float(slim["a"])


def test_branches_join_and_stay_within_reach(man):
    f = frame.frame(man[1])
    assert float(f["prom"]) < -140
    rows = np.asarray(man[1]["vessels"])
    assert rows.shape[0] == len(branches.GROUPS)
    used = rows[np.abs(rows[..., 2]) < 1e3]
    long = np.linalg.norm(used[:, 3:6] - used[:, :3], axis=1) + used[:, 6] + used[:, 7]
    from phantomsim.generators.procedural.abdomen.vessels import REACH_MM

    assert long.max() < REACH_MM
    sides = np.asarray(man[1]["vessels"][list(branches.GROUPS).index("ureter")])
    assert (sides[:, 0] > 0).any()
    assert (sides[:, 0] < 0).any()


def test_frame_holds_the_areas_of_fat(man):
    facts, numbers = man
    f = frame.frame(numbers)
    o = frame.outline(f, jnp.array([-2.0 * float(f["pitch"])]))
    t = float(o["fat"][0]) - frame.SKIN_MM
    a, b = float(o["a"][0]), float(o["b"][0])
    ring = frame.AREA * ((a + t) * (b + 0.95 * t) - a * b) / 100
    assert ring == pytest.approx(facts["subcutaneous_fat_cm2"], rel=0.06)


def test_organs_are_of_tissues_that_there_are():
    assert all(tissue in tissues.table() for tissue in ORGANS.values())
    assert next(iter(ORGANS)) == "air"
    assert len(ORGANS) < 256


@pytest.mark.slow
def test_a_patient_is_the_same_on_a_finer_grid(what):
    coarse = generate.generate(what.model_copy(update={"voxel_mm": 5.0, "shape": (44, 64, 84)}), 7, 2)
    fine = generate.generate(what.model_copy(update={"voxel_mm": 2.5, "shape": (88, 128, 168)}), 7, 2)
    for tissue in ("liver", "spleen", "kidney", "adipose"):
        a, b = (float(p.fraction(tissue).sum()) * p.grid.voxel_mL for p in (coarse, fine))
        assert b == pytest.approx(a, rel=0.03)
    facts = coarse.facts.covariates
    assert float(fine.fraction("spleen").sum()) * fine.grid.voxel_mL == pytest.approx(facts["spleen_mL"], rel=0.02)


@pytest.mark.slow
def test_laws_hold_for_some_patients():
    jax.clear_caches()
    assert [law.what for law in laws.laws(120) if not law.passed] == []


def test_the_grid_of_laws_holds_the_grid_of_levels():
    low = lambda r: r.plan_centre_mm[2] - 0.5 * r.plan_shape[0] * r.plan_voxel_mm  # noqa: E731
    high = lambda r: r.plan_centre_mm[2] + 0.5 * r.plan_shape[0] * r.plan_voxel_mm  # noqa: E731
    assert low(laws.WHOLE) < low(REGION)
    assert high(laws.WHOLE) >= high(REGION)
    assert dataclasses.replace(laws.WHOLE, plan_shape=REGION.plan_shape, plan_centre_mm=REGION.plan_centre_mm) == REGION
