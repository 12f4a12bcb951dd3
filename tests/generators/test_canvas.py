"""Painting keeps volumes: against closed forms, whatever the voxels, slabs and order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim.generators.procedural import painting, shapes, small, trees
from phantomsim.generators.procedural.abdomen import kidneys
from phantomsim.generators.procedural.canvas import Canvas
from phantomsim.generators.procedural.painted import Painted, bytes_of, over, packed, unpacked

ORGANS = ("air", "fat", "liver", "spleen", "vessel")


def painted(draw, numbers, voxel_mm=2.0, shape=(40, 36, 44), levels=None):
    first = painting.first_mm(shape, voxel_mm, (0.3, -0.2, 0.1))
    if levels is None:
        levels, _, _ = painting.plan(
            draw, ORGANS, shape, painting.voxels_per_cm(voxel_mm), jnp.float32(voxel_mm), jnp.asarray(first), numbers
        )
    return painting.paint(draw, ORGANS, shape, voxel_mm, first, numbers, levels), levels


def volume_mL(picture, organ, voxel_mm):
    index = ORGANS.index(organ)
    first = (picture.first == index) * (1.0 - picture.share)
    return float((first + (picture.second == index) * picture.share).sum()) * voxel_mm**3 / 1000


@pytest.mark.parametrize(("voxel_mm", "radius_mm"), [(2.0, 2.5), (4.0, 2.5), (2.0, 0.7), (4.0, 0.7)])
def test_a_ball_a_thin_tube_and_a_thin_sheet_keep_their_volume_at_any_voxel(voxel_mm, radius_mm):
    def draw(canvas, n):
        canvas.put("liver", shapes.ellipsoid(canvas.p, (1.0, 0.0, -1.0), (24.0,) * 3))
        line = shapes.capsule(canvas.p, (-80.0, 1.0, 0.0), (80.0, 12.0, 11.0), 0.0)
        canvas.put("vessel", canvas.tube(line, n["r"]), where=abs(canvas.p[0] - 0.3) < 16.0)
        disc = shapes.superellipse(*canvas.p[:2], 15.0, 15.0, 2.0)
        canvas.put("spleen", canvas.sheet(canvas.p[2] + 7.3, 1.0), where=canvas.cover(disc))

    shape = tuple(round(n * 2 / voxel_mm) for n in (40, 36, 44))
    picture, _ = painted(draw, {"r": jnp.float32(radius_mm)}, voxel_mm, shape, {})
    tube = np.pi * radius_mm**2 * 32.0 * np.sqrt(160**2 + 11**2 + 11**2) / 160 / 1000
    assert volume_mL(picture, "vessel", voxel_mm) == pytest.approx(tube, rel=0.03 * voxel_mm / 2)
    assert volume_mL(picture, "spleen", voxel_mm) == pytest.approx(np.pi * 225 / 1000, rel=0.03)
    assert volume_mL(picture, "liver", voxel_mm) == pytest.approx(
        4 / 3 * np.pi * 24**3 / 1000 - tube - np.pi * 0.225, rel=0.004 * voxel_mm / 2
    )
    assert picture.share.max() <= 0.5
    assert (picture.first[picture.share == 0] == picture.second[picture.share == 0]).all()


def test_organs_get_their_volume_beside_a_neighbour_and_on_finer_grids():
    def draw(canvas, n):
        canvas.put("fat", shapes.ellipsoid(canvas.p, (0.0, 0.0, 0.0), (38.0, 33.0, 36.0)))
        left = shapes.ellipsoid(canvas.p, (-8.2, 0.3, 0.1), (12.0, 12.5, 13.0))
        canvas.organ("liver", "liver", left, ["fat"], n["liver_mL"])
        right = shapes.ellipsoid(canvas.p, (8.1, 0.2, -0.4), (12.0, 12.5, 13.0))
        canvas.organ("spleen", "spleen", right, ["fat"], n["spleen_mL"])

    n = {"liver_mL": jnp.float32(15.0), "spleen_mL": jnp.float32(9.0)}
    coarse, levels = painted(draw, n)
    fine, _ = painted(draw, n, 1.0, (80, 72, 88), levels)
    for picture, voxel_mm, within in ((coarse, 2.0, 0.01), (fine, 1.0, 0.02)):
        assert volume_mL(picture, "liver", voxel_mm) == pytest.approx(15.0, rel=within)
        assert volume_mL(picture, "spleen", voxel_mm) == pytest.approx(9.0, rel=within)


@pytest.mark.parametrize("coarse_mm", [4.0, 6.0])
def test_a_plate_thinner_than_a_voxel_has_its_volume_on_coarse_and_on_fine_grids(coarse_mm):
    """Half of it lies in a neighbour: the rest has what was asked for, at a size found on the coarse grid."""

    def plate(p):
        return shapes.ellipsoid(p, (3.1, 2.0, -1.3), (2.0, 14.0, 15.0))

    def draw(canvas, n):
        canvas.put("fat", shapes.ellipsoid(canvas.p, (0.0, 0.0, 0.0), (38.0, 33.0, 36.0)))
        canvas.put("spleen", canvas.p[1] - 2.0 + 0.0 * canvas.p[0] * canvas.p[2], on=["fat"])
        small.organ(canvas, "liver", "liver", plate, jnp.array([3.1, 2.0, -1.3]), 56.0, ["fat"], n["mL"])

    n = {"mL": jnp.float32(2.0)}
    coarse, levels = painted(draw, n, coarse_mm, (20, 20, 20))
    fine, _ = painted(draw, n, 1.0, (80, 72, 88), levels)
    assert volume_mL(coarse, "liver", coarse_mm) == pytest.approx(2.0, rel=0.06)  # a voxel keeps two of three organs
    assert volume_mL(fine, "liver", 1.0) == pytest.approx(2.0, rel=0.03)


def test_slabs_and_the_whole_grid_agree():
    def draw(canvas, n):
        canvas.put("fat", shapes.ellipsoid(canvas.p, (0.0, 0.0, 0.0), (38.0, 33.0, 36.0)))
        ball = lambda: shapes.ellipsoid(canvas.p, (0.0, 0.0, 18.0), (9.0, 9.0, n["r"]))  # noqa: E731
        canvas.put("spleen", ball, on=["fat"], z_mm=(18.0 - n["r"], 18.0 + n["r"]))
        canvas.put("vessel", trees.branches(canvas, n["tree"], 14.0))

    tree = jnp.array([[0, 0, -20, 3, 4, -9, 2.0, 1.0], [3, 4, -9, -2, 8, 0, 1.5, 1.0], [3, 4, -9, 8, -2, 2, 1.0, 1.0]])
    n = {"r": jnp.float32(7.0), "tree": tree.astype(jnp.float32)}
    shape, first = (40, 36, 44), painting.first_mm((40, 36, 44), 2.0, (0.0, 0.0, 0.0))
    slabs = painting.paint(draw, ORGANS, shape, 2.0, first, n, {})
    whole = painting.paint_slab(draw, ORGANS, shape, 5, jnp.float32(2.0), jnp.asarray(first), n, {})
    assert volume_mL(slabs, "spleen", 2.0) == pytest.approx(4 / 3 * np.pi * 81 * 7 / 1000, rel=0.03)
    for a, b in zip(slabs, whole):
        assert (np.abs(np.asarray(a, float) - np.asarray(b, float)) > 1e-4).mean() < 1e-4


def test_paint_over_two_organs_keeps_the_two_largest():
    one = lambda f, s, w: Painted(jnp.uint8([f]), jnp.uint8([s]), jnp.float32([w]))  # noqa: E731
    full = jnp.float32(1.0)
    got = over(
        one(1, 2, 0.4), jnp.uint8(3), jnp.float32([0.5]), full, full
    )  # .3 fat, .2 liver, .5 spleen: the liver goes
    assert (int(got.first[0]), int(got.second[0])) == (3, 1)
    assert float(got.share[0]) == pytest.approx(0.3 / 0.8)
    got = over(one(1, 2, 0.4), jnp.uint8(3), jnp.float32([1.0]), jnp.float32(0.0), full)  # takes the liver alone
    assert (int(got.first[0]), int(got.second[0]), float(got.share[0])) == (1, 3, pytest.approx(0.4))
    got = over(one(1, 2, 0.4), jnp.uint8(2), jnp.float32([0.5]), full, full)
    assert (int(got.first[0]), float(got.share[0])) == (2, pytest.approx(0.3))


def test_a_slab_draws_what_the_plan_found_in_it_and_all_that_lies_beyond_the_plan():
    """On slabs of a grid that reaches 40 mm below the plan's, three balls are as the whole grid has them without it."""
    balls = {"liver": 31.0, "spleen": -22.0, "vessel": -66.0}  # heights; the last lies below the plan

    def draw(canvas, n, skip=True):
        canvas.put("fat", shapes.ellipsoid(canvas.p, (0.0, 0.0, 0.0), (30.0, 30.0, 90.0)))
        for organ, z in balls.items():
            ball = shapes.ellipsoid(canvas.p, (0.0, 0.0, z), (9.0, 9.0, n["r"]))
            one = lambda organ=organ, ball=ball: canvas.put(organ, ball, on=["fat"])  # noqa: E731
            canvas.within(organ, one) if skip else one()

    n, everywhere = {"r": jnp.float32(7.0)}, (0.0, 0.0, -20.0)
    plan_first = jnp.asarray(painting.first_mm((20, 18, 22), 4.0, (0.0, 0.0, 0.0)))
    levels, _, planned = painting.plan(draw, ORGANS, (20, 18, 22), 3, jnp.float32(4.0), plan_first, n)
    assert not (planned.first == ORGANS.index("vessel")).any()
    first = painting.first_mm((60, 36, 44), 2.0, everywhere)
    slabs = painting.paint(draw, ORGANS, (60, 36, 44), 2.0, first, n, levels)
    plain = lambda canvas, n: draw(canvas, n, skip=False)  # noqa: E731
    whole = painting.paint_slab(plain, ORGANS, (60, 36, 44), 5, jnp.float32(2.0), jnp.asarray(first), n, {})
    for a, b in zip(slabs, whole):
        np.testing.assert_allclose(a, b, atol=2e-5)
    for organ in balls:
        assert volume_mL(slabs, organ, 2.0) == pytest.approx(4 / 3 * np.pi * 81 * 7 / 1000, rel=0.03)


def test_a_slab_without_an_organ_does_not_draw_it():
    """A plan that says that an organ lies elsewhere is believed: what would be painted is not."""

    def draw(canvas, n):
        canvas.within("all", lambda: canvas.put("liver", jnp.full(canvas.shape, -10.0)))

    here, there = jnp.array([-20.0, 20.0, -100.0, 100.0]), jnp.array([50.0, 70.0, -100.0, 100.0])
    first = jnp.asarray(painting.first_mm((8, 8, 8), 2.0, (0.0, 0.0, 0.0)))
    for span, found in ((here, True), (there, False)):
        got = painting.paint_slab(draw, ORGANS, (8, 8, 8), 5, jnp.float32(2.0), first, {}, {"all z_mm": span})
        assert (np.asarray(got.first) == ORGANS.index("liver")).all() == found


def test_two_organs_and_a_share_come_back_from_one_number():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 256, (2, 5000)).astype(np.uint8)
    share = np.concatenate([rng.uniform(0, 0.5, 4998), [0.0, 0.5]]).astype(np.float32)
    got = bytes_of(unpacked(packed(Painted(first, second, share))))
    np.testing.assert_array_equal(got.first, first)
    np.testing.assert_array_equal(got.second[np.asarray(got.share) > 0], second[np.asarray(got.share) > 0])
    np.testing.assert_allclose(got.share, share, atol=4e-6)
    assert int(got.second[-2]) == first[-2]  # without a share, the first


def test_trees_reach_every_point_and_obey_murray():
    points = jax.random.uniform(jax.random.key(0), (256, 3), minval=-40.0, maxval=40.0)
    rows = np.asarray(trees.grow(points, (0.0, 0.0, 60.0), 6.0, 6, 0.2))
    assert rows.shape == (127, 8)
    # Each branch begins where its parent ends, and r^3 is conserved at every fork.
    for child in range(1, 127):
        generation = int(np.log2(child + 1))
        parent = 2 ** (generation - 1) - 1 + (child - (2**generation - 1)) // 2
        np.testing.assert_allclose(rows[child, :3], rows[parent, 3:6], atol=1e-4)
        assert 2 * rows[child, 6] ** 3 == pytest.approx(rows[parent, 6] ** 3, rel=1e-4)
    ends = rows[63:, 3:6]
    away = np.linalg.norm(np.asarray(points)[:, None] - ends[None], axis=-1).min(1)
    assert away.max() < 25.0  # 80 mm cube in 64 cells of about 20 mm
    assert np.median(away) < 10.0


def test_a_field_is_seen_first_order_by_its_canvas():
    canvas = Canvas(painting.axes((1, 1, 5), 2.0, jnp.zeros(3)), ORGANS, 2.0, 5, {})
    np.testing.assert_allclose(canvas.cover(canvas.p[0] - 4.5), [[[1.0, 1.0, 0.75, 0.0, 0.0]]])


@pytest.mark.parametrize("thick_mm", [0.5, 1.5, 4.0])
@pytest.mark.parametrize("voxel_mm", [1.0, 4.0])
def test_a_layer_laid_about_a_body_leaves_no_seam(voxel_mm, thick_mm):
    shape = tuple(round(n * 2 / voxel_mm) for n in (40, 36, 44))
    shell = 4 / 3 * np.pi * ((24 + thick_mm) ** 3 - 24**3) / 1000
    off = {}
    for about in (True, False):

        def draw(canvas, n, about=about):
            canvas.put("fat", jnp.full(canvas.shape, -9.0))
            ball = shapes.ellipsoid(canvas.p, (0.7, 0.2, -0.4), (24.0, 24.0, 24.0))
            canvas.put("liver", ball)
            canvas.put("spleen", ball - n["thick_mm"], on=["fat"], about=canvas.cover(ball) if about else None)

        picture, _ = painted(draw, {"thick_mm": jnp.float32(thick_mm)}, voxel_mm, shape, {})
        off[about] = volume_mL(picture, "spleen", voxel_mm) / shell - 1.0
    # A voxel keeps two organs: of a layer thinner than it, a third one takes some or leaves some.
    assert abs(off[True]) < np.interp(thick_mm / voxel_mm, [0.125, 0.4, 1.0], [0.6, 0.15, 0.03]), off
    assert abs(off[True]) < abs(off[False]) + 0.01, off


def test_a_layer_is_solved_for_its_volume_beside_what_it_lies_about():
    def draw(canvas, n):
        canvas.put("fat", jnp.full(canvas.shape, -9.0))
        ball = shapes.ellipsoid(canvas.p, (0.7, 0.2, -0.4), (24.0, 24.0, 24.0))
        canvas.put("liver", ball)
        canvas.organ("spleen", "spleen", ball, ["fat"], n["mL"], about=canvas.cover(ball))

    _, levels = painted(draw, {"mL": jnp.float32(12.0)}, 4.0, (20, 18, 22))
    thick = (24**3 + 12.0 * 3000 / (4 * np.pi)) ** (1 / 3) - 24
    assert float(levels["spleen"]) == pytest.approx(thick, abs=0.1)
    fine, _ = painted(draw, {"mL": jnp.float32(12.0)}, 1.0, (80, 72, 88), levels)
    assert volume_mL(fine, "spleen", 1.0) == pytest.approx(12.0, rel=0.05)


def test_an_organ_holds_its_volume_without_what_thin_tubes_take_from_it_later():
    x = jnp.linspace(-15.0, 15.0, 7)
    rows = jnp.stack([x, 0 * x - 40.0, 0 * x, x, 0 * x + 40.0, 0 * x, 0 * x + 0.8, 0 * x + 0.8], 1)
    pieces = jnp.concatenate([rows.at[:, 1].set(y).at[:, 4].set(y + 4.0) for y in np.arange(-40.0, 40.0, 4.0)])

    def draw(canvas, n):
        canvas.put("fat", jnp.full(canvas.shape, -9.0))
        ball = shapes.ellipsoid(canvas.p, (0.0, 0.0, 0.0), (24.0, 24.0, 24.0))
        canvas.organ("liver", "liver", ball, ["fat"], n["mL"], taken=trees.taken(pieces))
        canvas.put("vessel", trees.branches(canvas, pieces, 12.0), on=["liver", "fat"])

    _, levels = painted(draw, {"mL": jnp.float32(50.0)}, 4.0, (20, 18, 22))
    fine, _ = painted(draw, {"mL": jnp.float32(50.0)}, 1.0, (80, 72, 88), levels)
    assert volume_mL(fine, "liver", 1.0) == pytest.approx(50.0, rel=0.01)  # the tubes take 4 mL of it


def flops_of(organs: int) -> float:
    """Of the compiled painting of so many organs, one over the other."""
    names = [f"o{i}" for i in range(organs + 1)]

    def draw(x: jax.Array) -> Painted:
        canvas = Canvas((x, x, x), names, x[0, 0, 0], 10, {})
        for i in range(organs):
            canvas.put(names[i + 1], x - i, on=names[: i + 1])
        return canvas.now

    cost = jax.jit(draw).lower(jnp.ones((8, 16, 16))).compile().cost_analysis()
    return float(cost["flops"])


def test_the_compiler_draws_no_organ_again_for_the_next_one():
    """Else work grows with the square of their number: breasts took four times as long."""
    assert flops_of(12) < 2.3 * flops_of(6)


def test_quick_functions_are_as_exact_as_they_say():
    x = jnp.linspace(-9.0, 9.0, 2001)
    assert np.abs(shapes.sine(x) - np.sin(x)).max() < 0.0012
    a, b = 30.0 * np.random.default_rng(0).normal(size=(2, 500)).astype(np.float32)  # mm
    assert np.abs(shapes.arctan2(a, b) - np.arctan2(a, b)).max() < 2e-5
    assert np.allclose(kidneys._cos5(b, a), np.cos(5 * np.arctan2(a, b)), atol=2e-4)


def test_the_ellipse_without_powers_is_the_one_with_powers():
    x, y = (jnp.asarray(v) for v in np.random.default_rng(1).normal(size=(2, 500)).astype(np.float32))
    turn = jnp.linspace(0.0, 6.0, 50)  # and is zero where the equation of an ellipse says
    assert np.abs(shapes.superellipse(1.5 * jnp.cos(turn), 0.7 * jnp.sin(turn), 1.5, 0.7, 2.0)).max() < 1e-4
    assert np.allclose(
        shapes.superellipse(x, y, 1.5, 0.7, 2.0), shapes.superellipse(x, y, 1.5, 0.7, jnp.float32(2.0)), atol=1e-4
    )
