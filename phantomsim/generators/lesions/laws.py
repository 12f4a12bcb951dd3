"""Laws of lesions: volume, mass, distributions, rules, mass effect, growth, twins, CT numbers."""

from __future__ import annotations

import math

import jax
import numpy as np

from phantomsim.generators.lesions import bodies, catalogue
from phantomsim.generators.lesions.form_laws import form_laws
from phantomsim.generators.lesions.kind_spec import LesionKind
from phantomsim.generators.lesions.mass_laws import mass_laws
from phantomsim.generators.lesions.place import place
from phantomsim.generators.lesions.rule_laws import rule_laws
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.laws import Law
from phantomsim.materials.hounsfield import hu
from phantomsim.materials.spectra import spectrum
from phantomsim.phantom import boxed

DRAWS, SEED = 1000, 5


def laws(placements: int = 12) -> list[Law]:
    """Measure all laws of lesions; some 30 s on two quiet cores.

    Args:
        placements: lesions of each kind for which rules are looked at.
    """
    kinds = {name: catalogue.kind(name) for name in catalogue.names()}
    return [
        *form_laws(),
        *distribution_laws(kinds),
        *contrast_laws(kinds),
        *rule_laws(kinds, placements),
        *mass_laws(),
        *growth_laws(kinds["solid-nodule"]),
        *twin_laws(kinds["haemorrhage-deep"]),
    ]


def distribution_laws(kinds: dict[str, LesionKind]) -> list[Law]:
    """1000 draws against the publications that the kinds name: medians where these give medians, else means."""
    gerfhs, growth, mets = "GERFHS, Int J Stroke (Robinson)", "PMC5945695", "doi:10.1007/s00330-016-4429-9"
    found = []
    for kind, key, what, source, value in (
        ("haemorrhage-deep", "volume_mL", "median", gerfhs, 9.8),
        ("haemorrhage-lobar", "volume_mL", "median", gerfhs, 28.8),
        ("solid-nodule", "doubling_days", "mean", growth, 267.0),
        ("part-solid-nodule", "doubling_days", "mean", growth, 598.0),
        ("ground-glass-nodule", "doubling_days", "mean", growth, 848.0),
        ("part-solid-nodule", "volume_mL", "median", mets, 1.638),
        ("ground-glass-nodule", "volume_mL", "median", mets, 0.383),
        ("liver-metastasis-hypovascular", "doubling_days", "mean", "doi:10.1002/bjs.1800750707", 155.0),
        ("hepatocellular-carcinoma", "doubling_days", "median", "doi:10.4254/wjh.v16.i5.800", 163.4),
        ("liver-metastasis-hypervascular", "count", "mean", "doi:10.1016/j.ejrad.2017.02.007", 559 / 78),
        ("small-vessel-lesion", "count", "mean", "doi:10.1016/j.neuroimage.2003.12.027", 19.6),
        ("solid-nodule", "count", "mean", "doi:10.1016/j.lungcan.2017.08.023", 7258 / 3392),
    ):
        measured = float((np.mean if what == "mean" else np.median)(_draws(kinds[kind], key)))
        found.append(Law(f"{what} {key} of {DRAWS} draws, {kind}", source, value, measured, 0.12 * value))
    solid, stone = _draws(kinds["solid-nodule"], "volume_mL"), _draws(kinds["kidney-stone"], "volume_mL")
    across = 2 * (stone * 3000 / (4 * math.pi)) ** (1 / 3)
    spread = 2 * (_draws(kinds["liver-metastasis-hypovascular"], "volume_mL") * 3000 / (4 * math.pi)) ** (1 / 3)
    below = [float((spread < mm).mean()) for mm in (10.5, 20)]  # whole mm were read
    lesion = _draws(kinds["ms-lesion"], "volume_mL") * 1000
    area = math.pi * (lesion * 3 / (4 * math.pi)) ** (2 / 3)
    return [
        *found,
        Law("share of solid nodules below 50 mm3", "NELSON, 4861 of 6914", 0.703, float((solid < 0.05).mean()), 0.04),
        Law("mean diameter of stones [mm]", "Urology 2008, S0090-4295(08)00755-3", 4.51, float(across.mean()), 0.3),
        Law("share of colorectal metastases up to 10 mm", "doi:10.1371/journal.pone.0189797", 0.316, below[0], 0.04),
        Law("share of colorectal metastases below 20 mm", "pubmed 12147835, 145 of 252", 0.575, below[1], 0.04),
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
