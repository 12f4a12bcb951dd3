"""Laws of the chest: volumes and widths of many patients against publications, and what no chest may break."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage

from phantomsim import spec
from phantomsim.generators.procedural import asked, topology
from phantomsim.generators.procedural.canvas import Canvas, Numbers
from phantomsim.generators.procedural.chest import REGION, bones, heart, lungs, vessels
from phantomsim.generators.procedural.chest.frame import frame, spine_front_mm
from phantomsim.generators.procedural.chest.heart import MUSCLE_G_PER_ML
from phantomsim.generators.procedural.cohort import Cohort, cohort, figure_laws
from phantomsim.generators.procedural.generate import person
from phantomsim.generators.procedural.spec import Procedural
from phantomsim.laws import Law

SEED = 11
TREES = ("arteries", "veins", "bronchi")
LUNGS = (*lungs.ALL, "fissures", *(name for name in lungs.ORGANS if name.startswith(TREES)))
SPINE = ("vertebrae-cortical", "vertebrae-cancellous", "discs")
SIZED = {
    **{"lung_mL": LUNGS, "pericardial_fat_mL": ("pericardial-fat",)},
    **{f"{chamber}_mL": (f"{chamber}-blood",) for chamber in ("lv", "rv", "la", "ra")},
}
AORTA = ("aorta-wall", "aorta-blood")
CHENG = "Cheng 2019, doi:10.2147/COPD.S187596"
YAMADA = "Yamada 2020, doi:10.1159/000507265, table 3"
KANG = "Kang 2017, doi:10.3348/kjr.2017.18.4.664"
HUDSMITH = "Hudsmith 2005, doi:10.1080/10976640500295516"
ROGERS = "Rogers 2013, doi:10.1016/j.amjcard.2013.01.306"


def laws(patients: int = 200) -> list[Law]:
    """Measure many chests at their coarse grid."""
    what = spec.read("chest-procedural", Procedural)
    people = cohort(what, REGION, SEED, patients)
    sizes = [asked.solved_law(people), *asked.fine_laws(what, REGION, SEED, SIZED)]
    return [*lung_laws(people), *heart_laws(people), *sizes, *wall_laws(people), *topology_laws(people)]


def lung_laws(people: Cohort) -> list[Law]:
    """Both lungs against the regression on sex, height and weight; the lobes' shares."""
    facts, total = people.facts, people.total_mL(*LUNGS)
    weight_kg = facts["bmi_kg_per_m2"] * (facts["height_mm"] / 1000.0) ** 2
    expected = -10150.0 + 605.3 * facts["male"] + 9.261 * facts["height_mm"] - 12.99 * weight_kg
    slope = np.polyfit(facts["height_mm"] / 10.0, total - 605.3 * facts["male"] + 12.99 * weight_kg, 1)[0]
    own = {lobe: people.volumes_mL[lobe] for lobe in lungs.ALL}
    tissue = np.sum(list(own.values()), axis=0)
    shares = {"right-lower": (26.5, 2.6), "right-middle": (9.3, 1.6), "left-lower": (23.2, 2.4)}
    shares |= {"right-upper": (17.9, 2.4), "left-upper": (23.1, 2.1)}
    return [
        *figure_laws("lung volume over Cheng's regression [1]", CHENG, total / expected, 1.0),
        Law("SD of lung volume about it [mL]", f"{CHENG}: 1766 / 1.96", 901.0, float((total - expected).std()), 180.0),
        Law("lung volume on height, given sex and weight [mL/cm]", CHENG, 92.6, float(slope), 3 * _slope_error(people)),
        *(
            law
            for lobe, (mean, sd) in shares.items()
            for law in figure_laws(
                f"{lobe} lobe [% of both lungs]", YAMADA, 100 * own[f"lung-{lobe}"] / tissue, mean, sd
            )
        ),
    ]


def _slope_error(people: Cohort) -> float:
    """Standard error of a slope on height [mL/cm] when 901 mL are unexplained."""
    return 901.0 / float(people.facts["height_mm"].std() / 10.0 * np.sqrt(len(people.first)))


def heart_laws(people: Cohort) -> list[Law]:
    """Chambers at end-diastole; the aorta's width."""
    volumes, men = people.volumes_mL, people.facts["male"] == 1
    mass = MUSCLE_G_PER_ML * volumes["lv-myocardium"]
    across, out = _across_mm(people), []
    for sex, some, lv, wall, ratio, la, aorta, down in (
        ("men", men, (112.9, 26.1), (145.0, 29.1), 190 / 160, (103.0, 30.0), (34.1, 3.9), 25.8),
        ("women", ~men, (98.2, 21.0), (107.9, 20.0), 148 / 135, (89.0, 21.0), (31.9, 3.5), 23.1),
    ):
        rv = float(volumes["rv-blood"][some].mean() / volumes["lv-blood"][some].mean())
        out += [
            *figure_laws(f"left ventricle, {sex} [mL]", KANG, volumes["lv-blood"][some], *lv),
            *figure_laws(f"left ventricle's mass, {sex} [g]", KANG, mass[some], *wall),
            Law(f"right over left ventricle, {sex} [1]", HUDSMITH, ratio, rv, 0.08),
            *figure_laws(f"left atrium, {sex} [mL]", HUDSMITH, volumes["la-blood"][some], *la),
            *figure_laws(f"ascending aorta, {sex} [mm]", ROGERS, across[some, 0], *aorta),
            *figure_laws(f"descending aorta, {sex} [mm]", ROGERS, across[some, 1], down),
        ]
    return out


def _across_mm(people: Cohort) -> np.ndarray:
    """Diameters of the ascending and the descending aorta [patient, 2], square to their course.

    Painted again on 2 mm with the spine alone: on the coarse grid, edge voxels that hold wall, blood and what lies
    outside are mostly counted as outside.
    """
    what = spec.read("chest-procedural", Procedural)
    numbers = [{k: v for k, v in person(what, SEED, i)[1].items() if v.size < 100} for i in range(len(people.first))]
    return np.asarray(_measured(jax.tree_util.tree_map(lambda *v: jnp.stack(v), *numbers)))


@jax.jit
def _measured(numbers: Numbers) -> jax.Array:
    return jax.lax.map(_aorta_mm, numbers)


def _aorta_mm(n: Numbers) -> jax.Array:
    f, h = frame(n), 2.0
    z = f.s * jnp.array([34.0, 39.0, 44.0, 49.0, -40.0, -20.0, 0.0, 20.0])
    p = jnp.arange(-76.0, 77.0, h)[None, None, :], jnp.arange(-110.0, 120.0, h)[None, :, None], z[:, None, None]
    canvas = Canvas(p, tuple(REGION.organs), h, 5, {})
    canvas.put("cavity-fat", jnp.full(canvas.shape, -h))
    bones.spine(canvas, n, f, {})
    vessels.before_heart(canvas, n, f, heart.pose(n, f))
    ahead = p[1] > spine_front_mm(f, p[2]) + 38.0 * f.k
    share = canvas.of(*AORTA) * jnp.where(p[2] > 30.0 * f.s, ahead, ~ahead)
    areas = share.sum((1, 2)) * h * h
    middles = jnp.stack([(share * q).sum((1, 2)) for q in p], 1) * h * h / areas[:, None]
    first, last = jnp.array([0, 4]), jnp.array([3, 7])
    course = middles[last] - middles[first]
    upright = jnp.abs(course[:, 2]) / jnp.linalg.norm(course, axis=1)
    return jnp.sqrt(4.0 * areas.reshape(2, 4).mean(1) * upright / jnp.pi)


def wall_laws(people: Cohort) -> list[Law]:
    """Breasts and the wall in front of the second intercostal space."""
    women = people.facts["male"] == 0
    fat, gland = (people.total_mL(f"breast-left-{p}", f"breast-right-{p}")[women] for p in ("fat", "gland"))
    mean = 976.0 + 100.0 * (people.facts["bmi_kg_per_m2"][women] - 25.0)
    wall = np.array([_wall_mm(people, i) for i in range(len(people.first))])
    source = "400 women by MRI: 976 mL at a BMI of 25, r = .834 with it"
    return [
        *figure_laws("one breast over its mean at that BMI [1]", source, 0.5 * (fat + gland) / mean.mean(), 1.0),
        *figure_laws(
            "glandular share, women [%]", "Yaffe 2009, doi:10.1118/1.3250863", 100 * gland / (fat + gland), 19.3
        ),
        *figure_laws(
            "wall at the second intercostal space [mm]",
            "Schroeder 2013, doi:10.1016/j.injury.2013.03.027",
            wall,
            40.8,
        ),
    ]


def _wall_mm(people: Cohort, patient: int) -> float:
    """From the skin to the lung in the midclavicular line, the shortest way."""
    h, s = people.region.plan_voxel_mm, (people.facts["height_mm"][patient] / 1700.0) ** 0.8
    middle = [0.5 * (n - 1) for n in people.first[patient].shape]
    rows = slice(*(round(z * s / h + middle[0]) for z in (0.0, 80.0)))
    depth = h * ndimage.distance_transform_edt(people.mask(patient, "air")[rows] == 0)
    lung = people.mask(patient, *LUNGS)[rows]
    edge = lung & ~np.roll(lung, -1, axis=1)  # its front
    z, y, x = np.nonzero(edge)
    away, up = np.abs(x - middle[2]) * h, (z + rows.start - middle[0]) * h / s
    here = (away > 50.0) & (away < 85.0) & (up > 20.0) & (up < 55.0) & (y > middle[1])
    return float(depth[z, y, x][here].mean() - h)  # from the middle of a voxel of lung to that of one of air


def topology_laws(people: Cohort) -> list[Law]:
    """One piece each, apart from what they may not touch, on their own side."""
    wholes = (
        *((lobe,) for lobe in lungs.ALL),
        *((f"{chamber}-blood",) for chamber in ("lv", "rv", "la", "ra")),
        *(("lv-myocardium",), AORTA, ("pulmonary-trunk",), ("airway-lumen", "airway-wall"), ("liver",), ("spleen",)),
        ("sternum-cortical", "sternum-cancellous", "xiphoid"),
    )
    torn = sum(topology.pieces(one != 0) != 1 for one in people.first)
    blood = tuple(f"{chamber}-blood" for chamber in ("lv", "rv", "la", "ra"))
    sided = ("lung-{}-upper", "lung-{}-lower", "ribs-{}-cancellous", "scapula-{}-cortical", "humerus-{}-cancellous")
    return [
        *(topology.in_one_piece(people, *organs, least_voxels=8) for organs in wholes),
        topology.in_one_piece(people, *SPINE, least_voxels=40),  # its processes are thinner than a voxel
        Law("patients whose chest is not of one piece", "topology", 0.0, float(torn), 0.0),
        *(topology.beside(people, name.format("left"), name.format("right")) for name in sided),
        *(
            topology.beside(people, *two)
            for two in (("spleen", "liver"), ("lv-blood", "ra-blood"), ("stomach-wall", "liver"))
        ),
        topology.apart(people, LUNGS, ("air", "skin", "subcutaneous-fat", "spinal-cord")),
        topology.apart(people, blood, ("air", "skin", "csf", "subcutaneous-fat")),
        topology.apart(people, ("lv-blood",), lungs.ALL),
        topology.apart(people, ("spinal-cord",), ("aorta-blood", "air", *lungs.ALL)),
        topology.apart(people, ("liver", "spleen", "stomach-wall"), ("air", "skin")),
    ]
