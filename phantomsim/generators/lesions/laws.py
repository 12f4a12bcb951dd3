"""Laws of lesions: volume, mass, distributions, rules, mass effect, growth, twins, CT numbers."""

from __future__ import annotations

import math

import jax
import numpy as np
from scipy import ndimage

from phantomsim.generators.lesions import bodies, catalogue, regions
from phantomsim.generators.lesions.cluster import Cluster
from phantomsim.generators.lesions.flow import Flow, flow
from phantomsim.generators.lesions.kind_spec import LesionKind
from phantomsim.generators.lesions.mass import midline_shift_mm
from phantomsim.generators.lesions.place import place
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.generators.lesions.spiculated import Spiculated, spiculated
from phantomsim.generators.lesions.star import star
from phantomsim.generators.lesions.stretched import Stretched
from phantomsim.generators.lesions.voxels import Form, ball_radius_mm, box_shape, draw
from phantomsim.grid import Grid
from phantomsim.laws import Law
from phantomsim.materials.hounsfield import hu
from phantomsim.materials.spectra import spectrum
from phantomsim.phantom import Phantom, boxed

DRAWS, SEED = 1000, 5
PLACED = 200  # lesions for which rules are looked at, of all kinds together


def laws() -> list[Law]:
    """Measure all laws of lesions; some 40 s on two quiet cores."""
    kinds = {name: catalogue.kind(name) for name in catalogue.names()}
    return [
        *form_laws(),
        *distribution_laws(kinds),
        *contrast_laws(kinds),
        rule_law(kinds, PLACED),
        *mass_laws(),
        *growth_laws(kinds["solid-nodule"]),
        *twin_laws(kinds["haemorrhage-deep"]),
    ]


def form_laws() -> list[Law]:
    """What forms hold on voxels, and what they should by quadrature."""
    ball = star(jax.random.key(1), 0.15, 2.5)
    spiky = _spiky()
    forms: list[Form] = [ball, spiky, Stretched(ball, np.array([0.6, 0.0, 0.8]), 2.0)]
    volume, size = [], []
    for d in (1.0, 0.5):
        for i, form in enumerate(forms):
            found, ratio = _drawn(form, 1.0, d)
            volume.append(found)
            size += [ratio] if i == 1 and d == 0.5 else []
    bodies_mL = 4 / 3 * math.pi * 0.1**3 / 1000
    speck = Cluster(np.zeros((1, 3)), np.array([bodies_mL]), (star(jax.random.key(2), 0.2, 3.0),))
    mass = max(_speck(speck, bodies_mL, d) for d in (0.5, 0.2))
    return [
        Law("lesion volume at 1 and 0.5 mm, worst of 3 forms, spiculated too", "requested", 0.0, max(volume), 0.005),
        Law("size of a spiculated mass at 0.5 mm over that by quadrature", "integral of r^3/3", 1.0, size[0], 0.01),
        Law("mass of a 0.2 mm calcification on 0.5 and 0.2 mm voxels, relative error", "requested", 0.0, mass, 0.01),
    ]


def _speck(speck: Cluster, volume_mL: float, voxel_mm: float) -> float:
    box = speck.box((voxel_mm,) * 3)
    f = speck.fraction(np.asarray(box) // 2 + np.array([0.4, 0.5, -0.3]), (voxel_mm,) * 3, box)
    return abs(float(f.sum(dtype=float)) * voxel_mm**3 / 1000 / volume_mL - 1)


def _spiky() -> Spiculated:
    core = star(jax.random.key(3), 0.15, 2.0)
    return spiculated(jax.random.key(4), core, np.linspace(1.4, 2.3, 18), np.linspace(0.22, 0.12, 18))


def _drawn(form: Form, volume_mL: float, voxel_mm: float) -> tuple[float, float]:
    """Relative error of the volume on voxels; size of the surface over the ball's radius."""
    spacing = (voxel_mm,) * 3
    box = box_shape(volume_mL, form.reach, spacing)
    found = draw(form, volume_mL, np.asarray(box) // 2 + np.array([0.3, -0.2, 0.4]), spacing, box)
    held = float(found.fraction().sum(dtype=float)) * voxel_mm**3 / 1000
    return abs(held / volume_mL - 1), found.radius / ball_radius_mm(volume_mL)


def distribution_laws(kinds: dict[str, LesionKind]) -> list[Law]:
    """Medians of 1000 draws against the publications that the kinds name."""
    gerfhs, growth = "GERFHS, Int J Stroke (Robinson)", "PMC5945695"
    found = []
    for kind, key, source, value in (
        ("haemorrhage-deep", "volume_mL", gerfhs, 9.8),
        ("haemorrhage-lobar", "volume_mL", gerfhs, 28.8),
        ("solid-nodule", "doubling_days", growth, 267.0),
        ("part-solid-nodule", "doubling_days", growth, 598.0),
        ("ground-glass-nodule", "doubling_days", growth, 848.0),
        ("part-solid-nodule", "volume_mL", "doi:10.1007/s00330-016-4429-9", 1.638),
        ("ground-glass-nodule", "volume_mL", "doi:10.1007/s00330-016-4429-9", 0.383),
        ("liver-metastasis-hypovascular", "doubling_days", "doi:10.1002/bjs.1800750707", 155.0),
        ("hepatocellular-carcinoma", "doubling_days", "doi:10.4254/wjh.v16.i5.800", 163.4),
    ):
        median = float(np.median(_draws(kinds[kind], key)))
        found.append(Law(f"median {key} of {DRAWS} draws, {kind}", source, value, median, 0.12 * value))
    solid, stone = _draws(kinds["solid-nodule"], "volume_mL"), _draws(kinds["kidney-stone"], "volume_mL")
    across = 2 * (stone * 3000 / (4 * math.pi)) ** (1 / 3)
    lesion = _draws(kinds["ms-lesion"], "volume_mL") * 1000
    area = math.pi * (lesion * 3 / (4 * math.pi)) ** (2 / 3)
    return [
        *found,
        Law("share of solid nodules below 50 mm3", "NELSON, 4861 of 6914", 0.703, float((solid < 0.05).mean()), 0.04),
        Law("mean diameter of stones [mm]", "Urology 2008, S0090-4295(08)00755-3", 4.51, float(across.mean()), 0.3),
        Law("share of MS lesions below 80 mm2", "Wang 1997, JNNP 63:452", 0.8, float((area < 80).mean()), 0.05),
        Law("share of MS lesions below 10 mm2", "Wang 1997, JNNP 63:452", 0.2, float((area < 10).mean()), 0.05),
    ]


def _draws(kind: LesionKind, key: str) -> np.ndarray:
    law = getattr(kind, key)
    u = np.asarray(jax.random.uniform(jax.random.key(17), (DRAWS,)), float)
    return np.array([law.quantile(v) for v in u])


def contrast_laws(kinds: dict[str, LesionKind]) -> list[Law]:
    """CT numbers of the tissues, from composition and density, against published ranges."""
    found = []
    for kind in kinds.values():
        for one in kind.published:
            iodine = kind.iodine(one.phase)
            names = [kind.tissue, one.against or "water"]
            names = [f"iodine-{n}-{iodine[n]:g}" if iodine.get(n) else n for n in names]
            mine, other = hu(names, spectrum(one.kVp, {"al_mm": 5.0}))
            middle, half = (one.min_HU + one.max_HU) / 2, (one.max_HU - one.min_HU) / 2
            what = f"CT number of {kind.name}, {one.phase}" + (f", against {one.against}" if one.against else "")
            value = float(mine - (other if one.against else 0.0))
            found.append(Law(f"{what} [HU]", one.source, middle, value, half))
    return found


def rule_law(kinds: dict[str, LesionKind], lesions: int) -> Law:
    """Broken rules, looked for in the finished arrays."""
    broken, seen = 0, 0
    each = math.ceil(lesions / len(kinds))
    for kind in kinds.values():
        body, placed = bodies.body_for(kind.host), 0
        for patient in range(each):
            asked = Lesions(kind=kind, mass_effect=False, on_failure="skip", max_tries=50)
            found = place(body, asked, SEED, patient)
            placed += len(found.lesions)
            broken += violations(body, found, kind)
            if placed >= each:
                break
        seen += placed
    return Law(f"rules broken by {seen} lesions of {len(kinds)} kinds", "the kinds' rules", 0.0, float(broken), 0.0)


def violations(body: Phantom, found: Phantom, kind: LesionKind) -> int:
    """How many rules the lesions of one patient break, from labels and fractions alone."""
    label, count = np.asarray(body.label), 0
    forbidden = np.isin(label, [body.tissues.index(t) for t in (*kind.place.forbidden, "air") if t in body.tissues])
    host, total = regions.mask(body, kind.host), np.zeros(label.shape)
    for lesion in found.lesions:
        fraction = np.zeros(label.shape, np.float32)
        fraction[boxed(lesion.overlay.start, lesion.overlay.fraction.shape)] = lesion.overlay.fraction
        total += fraction > 0
        count += bool((forbidden & (fraction > 0)).any())
        count += bool(fraction[host].sum() < kind.place.inside_host * fraction.sum() * (1 - 1e-5))
        for name, gap in kind.place.clear_mm.items():
            if name in body.tissues and gap > 0:
                away = ndimage.distance_transform_edt(label != body.tissues.index(name), body.grid.spacing_mm)
                count += bool(away[fraction > 0].min() < gap)
    return count + bool((total > 1).any())


def mass_laws() -> list[Law]:
    """The flow against its closed form, and what it keeps."""
    error, jacobian = _ball_in_ball()
    shifts = [_head_flow(v) for v in (10.0, 20.0, 40.0)]
    rising = min(b - a for a, b in zip([0.0, *(s for s, _, _ in shifts)], (s for s, _, _ in shifts)))
    brain = max(abs(change) for _, change, _ in shifts)
    least = min(jacobian, *(j for _, _, j in shifts))
    return [
        Law("displacement by a ball, worst of 3 distances [mm]", "(r^3 + a^3)^(1/3) - r", 0.0, error, 0.5),
        Law("flows with a Jacobian that is not positive", "no folding", 0.0, float(least <= 0), 0.0),
        Law("brain lost to lesions of 10 to 40 mL, largest part", "incompressible", 0.0, brain, 0.01),
        Law("midline shift falls with volume", "monotone", 0.0, float(rising <= 0), 0.0),
    ]


def _ball_in_ball() -> tuple[float, float]:
    """A lesion in the middle of a ball of brain under a shell of fluid: the flow is radial."""
    h = 4.0
    grid = Grid.centred((40, 40, 40), (h,) * 3)
    z, y, x = np.ix_(*grid.axes_mm())
    r = np.sqrt(x * x + y * y + z * z)
    moves, inner = _cover(76 - r, h), _cover(60 - r, h)
    found = flow(grid, moves, moves - inner, _ball(r, h), 30.0, 0.9)
    worst = 0.0
    for i in (26, 28, 30):  # along x, clear of the lesion and of the fluid
        there = float(grid.axes_mm()[2][i])
        back = np.mean([found.back_mm[2][k, j, i] for k in (19, 20) for j in (19, 20)])
        came = (np.hypot(there, h / 2 * math.sqrt(2)) ** 3 - 0.9 * 30e3 * 3 / (4 * math.pi)) ** (1 / 3)
        worst = max(worst, abs(-back - (there - came * there / np.hypot(there, h / 2 * math.sqrt(2)))))
    return worst, float(found.jacobian().min())


def _head_flow(volume_mL: float) -> tuple[float, float, float]:
    """Midline shift, relative change of the brain's volume, and least Jacobian of a lesion in a head of shells."""
    h = 4.0
    grid = Grid.centred((40, 40, 40), (h,) * 3)
    z, y, x = np.ix_(*grid.axes_mm())
    r = np.sqrt(x * x + y * y + z * z)
    moves, brain = _cover(74 - r, h), _cover(62 - r, h)
    brain = brain * (1 - _cover(14 - np.sqrt((x / 1.4) ** 2 + y**2 + z**2), h))
    distance = np.sqrt((x - 32) ** 2 + y**2 + z**2)
    found = flow(grid, moves, moves - brain, _ball(distance, h), volume_mL, 0.9)
    lesion = _ball(distance, h)(volume_mL)
    return midline_shift_mm(found), _kept(found, brain, lesion), float(found.jacobian().min())


def _kept(found: Flow, brain: np.ndarray, lesion: np.ndarray) -> float:
    index = np.argwhere(found.moved).T
    source = index + found.back_mm[:, found.moved] / np.asarray(found.grid.spacing_mm)[:, None]
    after = brain.copy()
    after[found.moved] = ndimage.map_coordinates(brain, source, order=1)
    return float((after * (1 - lesion)).sum() / brain.sum() - 1)


def _ball(distance: np.ndarray, voxel_mm: float):  # type: ignore[no-untyped-def]
    return lambda volume: _cover(ball_radius_mm(volume) - distance, voxel_mm)


def _cover(inside_mm: np.ndarray, voxel_mm: float) -> np.ndarray:
    return np.clip(inside_mm / voxel_mm + 0.5, 0, 1).astype(np.float32)


def growth_laws(kind: LesionKind) -> list[Law]:
    """One nodule at two dates, its doubling time apart."""
    body = bodies.trunk(("lung",), 2.0, 30.0)
    until = 4000.0
    first = place(body, Lesions(kind=kind, count=1, until_days=until), SEED, 1)
    days = float(first.facts.provenance["lesions"][0]["doubling_days"])  # type: ignore[index]
    later = place(body, Lesions(kind=kind, count=1, days=days, until_days=until), SEED, 1)
    a, b = first.lesions[0], later.lesions[0]
    moved = float(np.linalg.norm(np.subtract(a.centre_mm, b.centre_mm)))
    return [
        Law(
            "volume of a nodule after its doubling time, over that before",
            "definition",
            2.0,
            b.volume_mL / a.volume_mL,
            0.01,
        ),
        Law("way of its centre meanwhile [mm]", "one seed", 0.0, moved, 0.3),
    ]


def twin_laws(kind: LesionKind) -> list[Law]:
    """The twin without the lesion is the patient before it; the one with it differs in nothing where nothing moved."""
    body = bodies.head()
    found = place(body, Lesions(kind=kind, volume_mL=20.0), SEED, 2)
    absent = found.with_lesions(False)
    same = np.array_equal(absent.label, body.label) and all(float(s.present) == 0 for s in absent.lesions)
    back = absent.with_lesions(True)
    same &= np.array_equal(back.label, found.label)
    total = np.sum([np.asarray(found.fraction(t)) for t in found.tissues], axis=0)
    still = place(body, Lesions(kind=kind, volume_mL=20.0, mass_effect=False), SEED, 2)
    parts = np.zeros(body.grid.shape, bool)
    for lesion in still.lesions:
        for part in (lesion.overlay, *lesion.around):
            parts[boxed(part.start, part.fraction.shape)] |= np.asarray(part.fraction) > 0
    change = np.abs(
        np.asarray(still.fraction("white-matter")) - np.asarray(still.with_lesions(False).fraction("white-matter"))
    )
    return [
        Law("twins without the lesion that are not the patient before it", "definition", 0.0, float(not same), 0.0),
        Law("largest change outside a lesion and its oedema", "definition", 0.0, float(change[~parts].max()), 1e-6),
        Law("fractions of a displaced voxel, worst sum", "1", 1.0, float(total.flat[np.abs(total - 1).argmax()]), 1e-4),
    ]
