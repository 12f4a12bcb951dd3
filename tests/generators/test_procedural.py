import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError

from phantomsim import spec
from phantomsim.errors import GeneratorError, SpecError
from phantomsim.generators import texture
from phantomsim.generators.generate import generate
from phantomsim.generators.mosaic import mosaic
from phantomsim.generators.procedural import covariates, shapes
from phantomsim.generators.procedural.spec import Procedural
from phantomsim.generators.spec import Texture
from phantomsim.grid import Grid


def points(n=60, half=30.0):
    a = (jnp.arange(n) + 0.5) / n * 2 * half - half
    return a[None, None, :], a[None, :, None], a[:, None, None]


def test_shapes_have_their_closed_form_volumes():
    p, dv = points(120), 0.125
    ball = (shapes.ellipsoid(p, (1.0, 2.0, -1.0), (20.0, 15.0, 10.0)) < 0).sum() * dv
    assert ball == pytest.approx(4 / 3 * np.pi * 3000, rel=0.01)
    tube = (shapes.capsule(p, (-10.0, 0.0, 0.0), (10.0, 0.0, 0.0), 8.0) < 0).sum() * dv
    assert tube == pytest.approx(np.pi * 64 * (20 + 4 / 3 * 8), rel=0.01)
    flat = (shapes.superellipse(p[0], p[1], 20.0, 12.0, 4.0) < 0).sum() * 0.25
    area = 4 * 20 * 12 * 0.9270373386  # Gamma(5/4)^2 / Gamma(3/2), Lame curve of exponent 4
    assert flat == pytest.approx(area, rel=0.01)


def test_levels_are_distances_near_the_surface():
    far = tuple(jnp.array(v) for v in (21.0, 0.0, 0.0))
    assert shapes.ellipsoid(far, (0.0, 0.0, 0.0), (20.0, 15.0, 10.0)) == pytest.approx(1.0, abs=0.06)
    assert shapes.superellipse(far[0], far[1], 20.0, 12.0, 2.3) == pytest.approx(1.0, abs=0.06)


def test_covariates_follow_their_laws_and_limits():
    what = spec.read("head-procedural", Procedural)
    rows = [covariates.draw(what, jax.random.key(k)) for k in range(300)]
    for name, law in what.covariates.items():
        values = np.array([r[name] for r in rows])
        assert values.min() >= law.min
        assert values.max() <= law.max
    men = [r["icv_mL"] for r in rows if r["sex"] == "male"]
    assert np.mean(men) == pytest.approx(1469, abs=30)  # Matsumae 1996
    assert covariates.body_surface_m2(1800.0, 25.0) == pytest.approx(2.01, abs=0.01)  # 180 cm, 81 kg: sqrt(4.05)


def test_a_missing_or_late_covariate_is_named():
    what = spec.read("head-procedural", Procedural).model_dump()
    laws = dict(what["covariates"])
    with pytest.raises(ValidationError, match=r"missing \['icv_mL'\]"):
        Procedural.model_validate(what | {"covariates": {k: v for k, v in laws.items() if k != "icv_mL"}})
    late = laws | {"icv_mL": laws["icv_mL"] | {"slope": {"cortex_mm": 1.0}}}
    with pytest.raises(ValidationError, match="icv_mL depends on cortex_mm"):
        Procedural.model_validate(what | {"covariates": late})


@pytest.mark.slow
def test_head_is_the_same_patient_at_any_voxel_and_alone():
    what = spec.read("head-procedural", Procedural).model_copy(update={"shape": (48, 56, 44), "voxel_mm": 4.0})
    coarse = generate(what, 3, 5)
    assert coarse.facts.subject == "p00005"
    half = generate(what.model_copy(update={"shape": (96, 112, 88), "voxel_mm": 2.0}), 3, 5)
    assert half.facts.covariates == coarse.facts.covariates
    fine_brain, brain = (float(p.fraction("white-matter").sum()) * p.grid.voxel_mL for p in (half, coarse))
    assert fine_brain == pytest.approx(brain, rel=0.05)
    assert mosaic([coarse, half], 64).shape[2] == 3
    outside = np.asarray(half.label)[:, 0, :]
    assert (outside == half.tissue_index("air")).all()


@pytest.mark.slow
def test_laws_of_anatomy_hold():
    from phantomsim.generators.laws import laws

    assert [law.what for law in laws() if not law.passed] == []


def test_strata_hold_and_leave_all_else_its_law():
    """Of a uniform age only a part is asked for; of height nothing, which stays what it is in that part of everyone."""
    what = spec.read("abdomen-procedural", Procedural)
    old = spec.read("abdomen-procedural", Procedural, sets=["strata.age_years=[60,70]", "strata.bsa_m2=[1.9,2.1]"])
    everyone = [covariates.draw(what, jax.random.key(k)) for k in range(600)]
    chosen = [covariates.draw(old, jax.random.key(k)) for k in range(60)]
    inside = [r for r in everyone if 60 <= r["age_years"] <= 70 and 1.9 <= r["bsa_m2"] <= 2.1]
    assert all(60 <= r["age_years"] <= 70 and 1.9 <= r["bsa_m2"] <= 2.1 for r in chosen)
    for name in ("height_mm", "liver_mL"):
        a, b = ([r[name] for r in rows] for rows in (inside, chosen))
        assert abs(np.mean(a) - np.mean(b)) < 3.5 * np.sqrt(np.var(a) / len(a) + np.var(b) / len(b))
    kept = [k for k, r in enumerate(everyone[:60]) if r in inside]
    assert kept
    assert all(chosen[k] == everyone[k] for k in kept)


def test_strata_that_nobody_is_in_or_that_nothing_has_are_refused():
    giants = spec.read(
        "abdomen-procedural", Procedural, sets=["strata.age_years=[20,30]", "strata.height_mm=[2300,2400]"]
    )
    with pytest.raises(GeneratorError, match=r"nobody of .*age_years 20 to 30, height_mm 2300 to 2400"):
        covariates.draw(giants, jax.random.key(0))
    with pytest.raises(SpecError, match=r"strata names weight; allowed: .*bsa_m2"):
        spec.read("abdomen-procedural", Procedural, sets=["strata.weight=[50,60]"])


@pytest.mark.parametrize(
    ("tissue", "even"), [("urine", True), ("bile", True), ("polycarbonate", True), ("liver", False)]
)
def test_fluids_and_plates_have_no_texture(tissue, even):
    grid = Grid.centred((8, 8, 8), (2.0, 2.0, 2.0))
    what = Texture(sd=0.01, power=3.0, coarsest_mm=20.0)
    found = texture.density(jax.random.key(0), what, grid, np.ones(grid.shape, np.uint8), ("air", tissue))
    assert bool((np.asarray(found) == 1).all()) == even


def test_a_frame_beyond_what_is_drawn_is_refused_with_one_that_fits():
    what = spec.read("chest-procedural", Procedural).model_copy(update={"voxel_mm": 4.0})
    with pytest.raises(GeneratorError, match=r"drawn from -168 to 168 mm.*shape=\[84, 96, 121\]"):
        generate(what, 1, 0)


def test_ages_in_the_wrong_order_and_breasts_of_gland_alone_are_refused():
    given = spec.read("breast-procedural", Procedural).model_dump()
    with pytest.raises(ValidationError, match="age_years: 80 must not be above 60"):
        Procedural.model_validate(given | {"age_years": (80.0, 60.0)})
    with pytest.raises(ValidationError, match=r"at most 0\.75"):
        Procedural.model_validate(given | {"strata": {"density": (0.8, 0.95)}})
