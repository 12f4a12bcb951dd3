"""Laws of sampled breasts: volumes, density and its classes, size, skin, compression, texture, topology."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage

from phantomsim import catalogue, spec
from phantomsim.generators.procedural import asked, painting, topology
from phantomsim.generators.procedural.breast import compression, draw
from phantomsim.generators.procedural.cohort import Cohort, cohort, figure_laws
from phantomsim.generators.procedural.spec import Procedural
from phantomsim.laws import Law

SEED = 11
BREAST = tuple(o for o in draw.BREAST if o not in ("air", "pectoral-muscle"))
SIZED = {"breast_mL": BREAST, "gland_mL": ("gland",)}
YAFFE = "Yaffe 2009, doi:10.1118/1.3250863"
SHEPHERD = "Shepherd 2011, doi:10.1158/1055-9965.EPI-10-1150"
SHI = "Shi 2013, doi:10.1118/1.4793257"
HERNANDEZ = "Hernandez 2017, doi:10.1002/mp.12477"
OPTIMAM = "OPTIMAM database, 8268 women in 6 years: -11.2 %"
CHEN = "Chen 2012, doi:10.1118/1.3685462: craniocaudal mammograms of 23 women, 3.17 +- 0.23 (about 3 in Burgess 1999)"
#: Class: women, mean and SD of the breast's volume [mL], after Shepherd 2011.
CLASSES = {"a": (56, 1148.6, 420.9), "b": (183, 690.4, 372.0), "c": (131, 485.1, 307.5), "d": (33, 363.5, 258.0)}


def laws(patients: int) -> list[Law]:
    """Measure all laws of breasts; about 0.2 s a patient on one core, and 30 s to compile."""
    lying = _cohort("breast-procedural", patients)
    squeezed = _cohort("breast-compressed", max(4, patients // 4))
    return [
        *density_laws(lying),
        *shape_laws(lying),
        *compression_laws(lying, squeezed),
        *topology_laws(lying),
        *topology_laws(squeezed),
        *(asked.solved_law(people) for people in (lying, squeezed)),
        *asked.fine_laws(_spec("breast-procedural"), draw.REGION, SEED, SIZED),
        *fine_laws(),
    ]


def density_laws(people: Cohort) -> list[Law]:
    """Volume and composition: of all, by class of density, with age."""
    volume, dense = people.total_mL(*BREAST), density(people)
    count = len(volume)
    out = figure_laws("breast [mL]", SHEPHERD + ", all classes", volume, 660.6, 417.5)
    out += figure_laws("density [1]", YAFFE, dense, 0.193)
    for limit, share in ((0.27, 0.80), (0.45, 0.95)):
        error = 3.0 * np.sqrt(share * (1.0 - share) / count)
        measured = float((dense < limit).mean())
        out.append(Law(f"share of breasts below a density of {limit}", YAFFE, share, measured, float(error)))
    # Women ranked by density fall into classes as often as the women of the paper did.
    order, women = np.argsort(dense), sum(c[0] for c in CLASSES.values())
    ends = np.rint(np.cumsum([0, *(c[0] for c in CLASSES.values())]) / women * count).astype(int)
    for (name, (n, mean, sd)), low, high in zip(CLASSES.items(), ends, ends[1:]):
        mine = volume[order[low:high]]
        error = 3.0 * sd * np.sqrt(1.0 / n + 1.0 / max(len(mine), 1))
        out.append(Law(f"mean breast of class {name} [mL]", SHEPHERD, mean, float(mine.mean()), float(error)))
    slope = np.polyfit(people.facts["age_years"], np.log(dense), 1)[0]
    error = 3.0 * np.log(dense).std() / (people.facts["age_years"].std() * np.sqrt(count))
    out.append(Law("log density on age [1/year]", OPTIMAM, np.log(0.888) / 6.0, float(slope), float(error)))
    return out


def density(people: Cohort) -> np.ndarray:
    """Share of the breast that is not fat, skin included, as Yaffe 2009 counts; [patient]."""
    return 1.0 - people.total_mL(*draw.FAT) / people.total_mL(*BREAST)


def shape_laws(people: Cohort) -> list[Law]:
    """Width of the base by volume, from what was painted."""
    volume, voxel = people.total_mL(*BREAST), people.region.plan_voxel_mm
    shadow = np.array([people.mask(i, *BREAST).any(1).sum() for i in range(len(volume))]) * voxel**2
    wide = np.sqrt(4.0 * shadow / np.pi)
    fit = np.polyfit(np.cbrt(volume), wide, 1)
    return [
        Law(f"diameter at the chest wall of {v} mL [mm]", HERNANDEZ, d, float(np.polyval(fit, np.cbrt(v))), 0.06 * d)
        for v, d in ((276.0, 103.4), (616.0, 125.2), (1174.0, 150.4))
    ]


def compression_laws(lying: Cohort, squeezed: Cohort) -> list[Law]:
    """Thickness between the plates, and what compression leaves as it is."""
    count = len(squeezed.first)
    held = tuple(o for o in BREAST if o != "nipple")  # which stands out as far from either
    same = [
        Law(
            f"compressed over hanging {name}, worst of {count}",
            "tissue keeps its volume",
            1.0,
            float(_worst(squeezed.total_mL(*organs) / lying.total_mL(*organs)[:count])),
            tolerance,
        )
        for name, organs, tolerance in (("breast", held, 0.03), ("gland", ("gland",), 0.05))
    ]
    return [
        *figure_laws("compressed breast [mm]", YAFFE, lying.facts["compressed_mm"], 59.0, 16.0),
        *figure_laws("skin, as drawn from its law [mm]", SHI, lying.facts["skin_mm"], 1.44, 0.25),
        *same,
    ]


def _worst(ratio: np.ndarray) -> float:
    return float(ratio[np.argmax(abs(ratio - 1.0))])


def topology_laws(people: Cohort) -> list[Law]:
    """One body; gland under the skin and before the chest."""
    body = tuple(o for o in people.region.organs if o not in ("air", "paddle", "support"))
    return [
        topology.in_one_piece(people, *body),
        topology.in_one_piece(people, "pectoral-muscle"),
        *([topology.apart(people, ("gland",), ("intercostal-muscle", "lung"))] if "lung" in body else []),
    ]


def fine_laws() -> list[Law]:
    """One compressed breast of middling density, at 1 mm: its projection's spectrum, and its skin without a gap."""
    from phantomsim.generators.procedural import generate

    what = _spec("breast-compressed")
    asked = {"breast_mL": 800.0, "gland_mL": 110.0, "base_mm": 135.0, "compressed_mm": 60.0, "skin_mm": 1.44}
    numbers = generate.person(what, SEED, 0)[1] | {k: jnp.float32(v) for k, v in asked.items()}
    numbers = numbers | draw.grow_compressed(numbers, jax.random.key(SEED))
    organs, levels = tuple(draw.COMPRESSED.organs), generate.planned(draw.COMPRESSED, numbers)[0]

    def window(front_mm: float) -> painting.Painted:
        first = painting.first_mm((64, 72, 72), 1.0, (0.0, compression.BASE_Y_MM + front_mm, 0.0))
        return painting.paint(draw.COMPRESSED.draw, organs, (64, 72, 72), 1.0, first, numbers, levels)

    middle, rim = window(50.0), window(85.0)
    dense = _share(middle, organs, tuple(o for o in organs if o not in ("air", *draw.FAT)))
    inner = np.isin(rim.first, [organs.index(o) for o in ("gland", "lobules", "arteries", "veins", *draw.FAT)])
    bare = float((ndimage.binary_dilation(np.asarray(rim.first) == 0) & inner).sum())
    skin = _share(middle, organs, ("skin",))
    skin_mm = float(skin[:, 16:56, 16:56].sum()) / 40.0**2 / 2.0  # of both faces, where they are flat
    return [
        Law("skin of 1.44 mm as painted with voxels of 1 mm [mm]", "requested", 1.44, skin_mm, 0.03),
        Law("exponent of a projection's spectrum, 0.06 to 0.35 / mm", CHEN, 3.17, exponent(dense.sum(0), 1.0), 0.5),
        Law("voxels of 1 mm inside the breast that touch the room", "skin covers all", 0.0, bare, 0.0),
    ]


def _share(painted: painting.Painted, organs: tuple[str, ...], some: tuple[str, ...]) -> np.ndarray:
    """How much of each voxel some organs fill [z, y, x]."""
    names = np.isin(organs, some)
    return names[painted.first] * (1.0 - painted.share) + names[painted.second] * painted.share  # type: ignore[no-any-return]


def exponent(picture: np.ndarray, pixel_mm: float) -> float:
    """Power of 1 / f that a picture's spectrum follows, fitted from 0.06 to 0.35 cycles per mm; Hann window."""
    n = picture.shape[0]
    window = np.outer(np.hanning(n), np.hanning(n))
    even = picture - (picture * window).sum() / window.sum()
    power = abs(np.fft.fft2(even * window)) ** 2
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(n, pixel_mm), np.fft.fftfreq(n, pixel_mm)))
    edges = np.geomspace(0.06, 0.35, 10)
    rings = [(f >= low) & (f < high) for low, high in itertools.pairwise(edges)]
    return -float(np.polyfit([np.log(f[r]).mean() for r in rings], [np.log(power[r].mean()) for r in rings], 1)[0])


def _cohort(name: str, patients: int) -> Cohort:
    from phantomsim.generators.procedural.generate import REGIONS

    what = _spec(name)
    return cohort(what, REGIONS[what.region], SEED, patients)  # type: ignore[arg-type]


def _spec(name: str) -> Procedural:
    return spec.read(catalogue.root() / "generators" / f"{name}.toml", Procedural)  # type: ignore[no-any-return]
