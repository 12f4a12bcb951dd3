"""Laws of the head: volumes of many patients against publications, and what no head may break."""

from __future__ import annotations

import numpy as np

from phantomsim import spec
from phantomsim.generators.procedural import asked, topology
from phantomsim.generators.procedural.cohort import Cohort, cohort, figure_laws
from phantomsim.generators.procedural.head import REGION
from phantomsim.generators.procedural.head.organs import pair
from phantomsim.generators.procedural.spec import Procedural
from phantomsim.laws import Law

SEED = 11
DEEP = ("thalamus", "caudate", "putamen", "pallidum", "hippocampus", "amygdala")
CEREBELLUM = ("cerebellar-cortex", "cerebellar-white-matter")
BRAIN = (
    *("cerebral-cortex", "cerebral-white-matter", *CEREBELLUM, "brain-stem"),
    *(side for name in DEEP for side in pair(name)),
)
VENTRICLES = (*pair("lateral-ventricle"), "third-ventricle", "fourth-ventricle")
CASE = (*BRAIN, *VENTRICLES, "csf", "dura", "venous-sinuses")
SIZED = {
    **{"icv_mL": CASE, "ventricles_mL": VENTRICLES, "cerebellum_mL": CEREBELLUM},
    **{f"{name}_mL": pair(name) for name in DEEP},
}
KOREAN = "Korean adults, n = 218 (as in generators/head-procedural.toml)"
VENTRICLES_mL = (
    (25, 16.2, 4.0, KOREAN),
    (45, 24.9, 4.0, KOREAN),
    (71, 37.0, 5.0, "37 +- 18 mL at 71 years (unverified)"),
)
PAIRED = ("eye", "thalamus", "putamen", "hippocampus", "lateral-ventricle", "parotid", "maxillary-sinus")


def laws(patients: int = 200) -> list[Law]:
    """Measure many heads at their coarse grid."""
    what = spec.read("head-procedural", Procedural)
    people = cohort(what, REGION, SEED, patients)
    sizes = [asked.solved_law(people), *asked.fine_laws(what, REGION, SEED, SIZED)]
    return [*volume_laws(people), *sizes, *topology_laws(people)]


def volume_laws(people: Cohort) -> list[Law]:
    """Intracranial space, brain, ventricles, cerebellum and nuclei."""
    matsumae = "Matsumae 1996, doi:10.3171/jns.1996.84.6.0982"
    raz, escalona, pruessner = (
        "Raz 2003, AJNR 24:1849",
        "Escalona 1991, AJNR 12:927",
        "Pruessner 2000, Cereb Cortex 10:433",
    )
    men = people.facts["male"] == 1
    case, brain, holes = (people.total_mL(*group) for group in (CASE, BRAIN, VENTRICLES))
    cerebellum = people.total_mL(*CEREBELLUM)
    age = people.facts["age_years"]
    aged = np.polyfit(age, holes, 1)
    return [
        *figure_laws("intracranial volume, men [mL]", matsumae, case[men], 1469.0, 102.0),
        *figure_laws("intracranial volume, women [mL]", matsumae, case[~men], 1289.0, 111.0),
        *figure_laws("brain, men [mL]", matsumae, brain[men], 1302.0, 112.0),
        *figure_laws("brain, women [mL]", matsumae, brain[~men], 1143.0, 105.0),
        *(
            Law(f"ventricles at {years} years [mL]", source, volume, float(np.polyval(aged, years)), within)
            for years, volume, within, source in VENTRICLES_mL
        ),
        *figure_laws("cerebellum, men [mL]", escalona, cerebellum[men], 122.0, 16.0),
        *figure_laws("cerebellum, women [mL]", escalona, cerebellum[~men], 104.0, 10.0),
        *figure_laws("caudate, both [mL]", raz, people.total_mL(*pair("caudate")), 9.42, 1.14),
        *figure_laws("putamen, both [mL]", raz, people.total_mL(*pair("putamen")), 10.41, 0.98),
        *figure_laws("pallidum, both [mL]", raz, people.total_mL(*pair("pallidum")), 2.16, 0.27),
        *figure_laws("hippocampus, both [mL]", pruessner, people.total_mL(*pair("hippocampus")), 6.53),
        *figure_laws("amygdala, both [mL]", pruessner, people.total_mL(*pair("amygdala")), 2.31),
        Law(
            "correlation of intracranial volume and brain",
            "above .9: brain fills 85 to 90 % of it",
            1.0,
            float(np.corrcoef(case, brain)[0, 1]),
            0.1,
        ),
    ]


def topology_laws(people: Cohort) -> list[Law]:
    """One piece each, inside one another, on their own side."""
    wholes = (
        *(
            CEREBELLUM,
            ("brain-stem",),
            BRAIN,
            CASE,
            ("mandible", "mandible-marrow"),
        ),
        *((side,) for name in ("eye", "thalamus", "putamen", "lateral-ventricle", "parotid") for side in pair(name)),
    )
    body = [i for i, name in enumerate(people.region.organs) if name != "air"]
    whole = sum(topology.pieces(np.isin(f, body)) != 1 for f in people.first)
    return [
        *(topology.in_one_piece(people, *organs) for organs in wholes),
        Law("patients whose head is not of one piece", "topology", 0.0, float(whole), 0.0),
        *(topology.beside(people, *pair(name)) for name in PAIRED),
        *(
            topology.apart(people, BRAIN, (other,))
            for other in ("air", "airway", "skin", "soft-tissue", "orbital-fat-left")
        ),
        topology.apart(people, VENTRICLES, ("dura", "skull", "diploe")),
        topology.apart(people, ("eye-left", "eye-right"), ("air", "cerebral-cortex", "cerebral-white-matter")),
    ]
