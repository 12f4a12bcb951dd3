"""Laws of the abdomen: sizes of many patients against publications, and what no body may break."""

from __future__ import annotations

import dataclasses

import numpy as np

from phantomsim import spec
from phantomsim.generators.procedural import asked, topology
from phantomsim.generators.procedural.abdomen import REGION
from phantomsim.generators.procedural.abdomen.frame import DISC_MM
from phantomsim.generators.procedural.abdomen.spine import LEVELS
from phantomsim.generators.procedural.cohort import Cohort, cohort, figure_laws
from phantomsim.generators.procedural.spec import Procedural
from phantomsim.laws import Law

SEED = 11
WHOLE = dataclasses.replace(REGION, plan_shape=(88, 64, 84), plan_centre_mm=(0.0, 0.0, -85.0))  # down to the hips
LIVER = ("liver", "portal-branches", "hepatic-veins")
SPINE = tuple(f"vertebra-{v}-{part}" for v in LEVELS for part in ("cortical", "cancellous"))
PAIRED = ("psoas", "iliacus", "gluteus-maximus", "lung", "adrenal", "renal-artery", "iliac-artery")
SIDES, PARTS, CANAL = ("left", "right"), ("wall", "content", "gas"), ("fat-epidural", "dural-sac", "spinal-cord")
FENG, SHIP = "Feng 2017, doi:10.3748/wjg.v23.i27.4968", "SHIP-TREND, doi:10.3390/jcm13030769"
CAGLAR, KONG = "Caglar 2014, doi:10.5603/FM.2014.0038", "Kong 2022, doi:10.3389/fnut.2022.871697"
WANG, DRUCKMANN = "Wang 2012, doi:10.1016/S1001-9294(13)60005-X", "Druckmann 2024, kidney donors"
SAISHO, ROTTERDAM = "Saisho 2007, doi:10.1002/ca.20543", "Zhu 2021, doi:10.1038/s41598-021-97209-3"
FENG_BSA_M2 = (1205.4 + 124.272) / 758.259  # of Feng's mean liver
KONG_BMI, NEAR_BMI = 23.5, 4.0  # kg/m2; fat is no straight line of BMI in the lean
SIZED = {
    **{"liver_mL": LIVER, "spleen_mL": ("spleen",), "pancreas_mL": ("pancreas",), "gallbladder_mL": ("gallbladder",)},
    **{f"kidney_{side}_mL": (f"kidney-{side}-cortex", f"kidney-{side}-medulla") for side in SIDES},
    "stomach_mL": tuple(f"stomach-{part}" for part in PARTS),
}
LEAST_VOXELS = 8  # 1 mL: smaller crumbs are what the coarse grid makes of thin ends


def laws(patients: int = 200) -> list[Law]:
    """Measure many patients at their coarse grid."""
    what = spec.read("abdomen-procedural", Procedural)
    people = cohort(what, WHOLE, SEED, patients)
    fine = asked.fine_laws(what, REGION, SEED, SIZED)
    return [*volume_laws(people), asked.solved_law(people), *fine, *area_laws(people), *topology_laws(people)]


def kidney(side: str) -> tuple[str, str]:
    """Organs of one kidney."""
    return f"kidney-{side}-cortex", f"kidney-{side}-medulla"


def volume_laws(people: Cohort) -> list[Law]:
    """Painted volumes."""
    men, bsa, liver = people.facts["male"] == 1, people.facts["bsa_m2"], people.total_mL(*LIVER)
    (slope, start), error = np.polyfit(bsa, liver, 1), liver.std() / bsa.std() / np.sqrt(len(bsa))
    rest = liver - slope * bsa - start
    right, left = (people.total_mL(*kidney(side)) for side in ("right", "left"))
    return [
        Law("liver at Feng's mean body surface [mL]", FENG, 1205.4, float(slope * FENG_BSA_M2 + start), 60.0),
        Law("liver on body surface [mL/m2]", FENG, 758.3, float(slope), 3 * float(error)),
        Law("SD of the liver, body surface taken out [mL]", FENG, 215.6, float(rest.std(ddof=2)), 43.0),
        *figure_laws("spleen [mL]", CAGLAR, people.total_mL("spleen"), 198.0, 88.0),
        *(
            Law(f"median {side} kidney, {sex} [mL]", SHIP, wanted, float(np.median(values[who])), 0.06 * wanted)
            for side, values, sex, who, wanted in (
                ("right", right, "women", ~men, 138.0),
                ("right", right, "men", men, 174.0),
                ("left", left, "women", ~men, 144.0),
                ("left", left, "men", men, 180.0),
            )
        ),
        *figure_laws("pancreas [mL]", SAISHO, people.total_mL("pancreas"), 72.4, 25.8),
        *figure_laws("both adrenals [mL]", WANG, people.total_mL("adrenal-left", "adrenal-right"), 8.5, 1.4),
    ]


def area_laws(people: Cohort) -> list[Law]:
    """Painted areas at L3."""
    men, bmi = people.facts["male"] == 1, people.facts["bmi_kg_per_m2"]
    skin, inside = _at_l3(people, "fat-subcutaneous"), _at_l3(people, *VISCERAL)
    psoas = _at_l3(people, "psoas-left", "psoas-right") / (people.facts["height_mm"] / 1000.0) ** 2
    width = np.sqrt(_at_l3(people, "aorta") * 400.0 / np.pi)
    rows = [
        ("visceral fat", inside, "men", men, 120.9),
        ("visceral fat", inside, "women", ~men, 67.2),
        ("subcutaneous fat", skin, "men", men, 116.9),
        ("subcutaneous fat", skin, "women", ~men, 146.7),
    ]
    found = [(f"{w} at L3 and a BMI of 23.5, {s} [cm2]", m, _at(v[g], bmi[g])) for w, v, s, g, m in rows]
    return [
        *(Law(what, KONG, wanted, value, max(0.05 * wanted, 3 * error)) for what, wanted, (value, error) in found),
        *figure_laws("psoas at L3 over height squared, men [cm2/m2]", DRUCKMANN, psoas[men], 6.3),
        *figure_laws("psoas at L3 over height squared, women [cm2/m2]", DRUCKMANN, psoas[~men], 4.8),
        *figure_laws("width of the aorta at L3, men [mm]", ROTTERDAM, width[men], 19.0),
        *figure_laws("width of the aorta at L3, women [mm]", ROTTERDAM, width[~men], 17.0),
    ]


VISCERAL = ("fat-visceral", "perirenal-fat-left", "perirenal-fat-right", "renal-sinus-left", "renal-sinus-right")


def _at_l3(people: Cohort, *organs: str) -> np.ndarray:
    """Mean area over the height of L3 [cm2], [patient]."""
    n, step = people.region.plan_shape[0], people.region.plan_voxel_mm
    z = (np.arange(n) - 0.5 * (n - 1)) * step + people.region.plan_centre_mm[2]
    out = []
    for i, height in enumerate(people.facts["vertebra_height_mm"]):
        pitch = height + DISC_MM
        share = np.clip(0.5 - (np.abs(z + 2 * pitch) - 0.5 * pitch) / step, 0.0, 1.0)
        out.append(people.part(i, *organs).sum((1, 2)) @ share / share.sum() * step**2 / 100.0)
    return np.array(out)


def _at(values: np.ndarray, bmi: np.ndarray) -> tuple[float, float]:
    """Median at Kong's mean BMI, by the slope of those near it, and its standard error (of a normal law's median)."""
    near = np.abs(bmi - KONG_BMI) < NEAR_BMI
    line = np.polyfit(bmi[near], values[near], 1)
    rest = values[near] - np.polyval(line, bmi[near])
    middle = float(np.polyval(line, KONG_BMI) + np.median(rest))
    return middle, float(np.sqrt(np.pi / 2) * rest.std(ddof=2) / np.sqrt(near.sum()))


def topology_laws(people: Cohort) -> list[Law]:
    """One piece each, apart from skin and room, on their own side."""
    bones = [tuple(f"{b}-{s}-{part}" for part in ("cortical", "cancellous")) for b in ("hip", "femur") for s in SIDES]
    wholes = {
        **{"liver": LIVER, "spleen": ("spleen",), "pancreas": ("pancreas",), "gallbladder": ("gallbladder",)},
        **{"aorta": ("aorta",), "vena cava": ("vena-cava",), "bladder": ("bladder-urine", "bladder-wall")},
        **{f"{side} kidney": kidney(side) for side in SIDES},
        "spine": (*SPINE, "discs", *CANAL, "sacrum-cortical", "sacrum-cancellous"),
        **{" ".join(bone[0].split("-")[:2]): bone for bone in bones},
        **{f"{tube} and what it holds": tuple(f"{tube}-{p}" for p in PARTS) for tube in ("stomach", "colon")},
    }
    body = [i for i, name in enumerate(people.region.organs) if name != "air"]
    broken = sum(topology.pieces(np.isin(f, body)) != 1 for f in people.first)
    inner = (*LIVER, "spleen", "pancreas", *kidney("left"), *kidney("right"), "stomach-wall", "colon-wall", "aorta")
    return [
        *(_whole(people, what, organs) for what, organs in wholes.items()),
        Law("patients whose body is not of one piece", "topology", 0.0, float(broken), 0.0),
        *(topology.beside(people, f"{name}-left", f"{name}-right") for name in PAIRED),
        topology.beside(people, "kidney-left-cortex", "kidney-right-cortex"),
        *(topology.beside(people, left, right) for left, right in (("spleen", "liver"), ("aorta", "vena-cava"))),
        *(topology.apart(people, inner, (other,)) for other in ("air", "skin")),
        topology.apart(people, ("lung-left", "lung-right", "heart-wall"), ("air", "skin")),
    ]


def _whole(people: Cohort, what: str, organs: tuple[str, ...]) -> Law:
    found = [topology.pieces(people.mask(i, *organs), LEAST_VOXELS) != 1 for i in range(len(people.first))]
    return Law(f"patients of {len(found)} whose {what} is not of one piece", "topology", 0.0, float(sum(found)), 0.0)
