"""Pictures of the kinds of lesions for docs/images: in a real head by CT and MR, and in small bodies by CT.

    PHANTOMSIM_HEADS=FOLDER python tools/make_lesion_pictures.py [--out docs/images]

Each pixel shows what an ideal scanner would read: CT numbers from composition and density, MR signals of spin echoes
and of FLAIR by their textbook formulae, averaged over the tissues of a voxel; no noise, no blur.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np

from phantomsim import spec
from phantomsim.generators.generate import generate
from phantomsim.generators.lesions import bodies, catalogue
from phantomsim.generators.lesions.place import place
from phantomsim.generators.lesions.spec import Lesions
from phantomsim.generators.spec import Generator
from phantomsim.materials import relaxation
from phantomsim.materials.hounsfield import hu
from phantomsim.materials.spectra import spectrum
from phantomsim.phantom import Phantom, boxed

matplotlib.use("Agg")
from matplotlib import pyplot as plt

SEED, FIELD_T, WIDE_MM = 5, 3.0, 44.0
HEAD = {  # kind: volume [mL] of one, or None for what the kind draws, and the patient
    "haemorrhage-deep": (30.0, 3),
    "haemorrhage-lobar": (40.0, 3),
    "haemorrhage-epidural": (40.0, 7),
    "haemorrhage-subdural": (70.0, 1),
    "haemorrhage-subarachnoid": (15.0, 0),
    "haemorrhage-intraventricular": (8.0, 3),
    "ms-lesion": (None, 1),
    "small-vessel-lesion": (None, 1),
}
BODY = {  # kind: volume [mL], voxel [mm], window [HU], phase
    "solid-nodule": (0.4, 0.7, (-1100, 200), "native"),
    "part-solid-nodule": (2.0, 0.7, (-1100, 200), "native"),
    "ground-glass-nodule": (1.0, 0.7, (-1100, 200), "native"),
    "liver-metastasis-hypovascular": (4.0, 0.8, (20, 180), "portal-venous"),
    "liver-metastasis-hypervascular": (3.0, 0.8, (20, 180), "arterial"),
    "hepatocellular-carcinoma": (8.0, 0.8, (20, 180), "portal-venous"),
    "hepatic-cyst": (4.0, 0.8, (-60, 140), "native"),
    "kidney-stone": (0.2, 0.7, (-200, 1200), "native"),
    "renal-mass": (12.0, 0.8, (20, 220), "nephrographic"),
    "breast-mass-spiculated": (1.5, 0.4, (-180, 120), "native"),
    "microcalcifications": (None, 0.25, (-180, 900), "native"),
}


def plane(phantom: Phantom, values: np.ndarray, axis: int, at: int) -> np.ndarray:
    """Volume-weighted mean of a value per tissue over the voxels of one plane."""
    cut = [slice(None)] * 3
    cut[axis] = slice(at, at + 1)
    label = np.asarray(phantom.label)[tuple(cut)]
    out = values[label].astype(float)
    for part in phantom.parts():
        box = boxed(part.start, part.fraction.shape)
        if not box[axis].start <= at < box[axis].stop:
            continue
        own = [slice(None)] * 3
        own[axis] = slice(at - box[axis].start, at - box[axis].start + 1)
        here = [slice(0, 1) if a == axis else b for a, b in enumerate(box)]
        tissue = np.asarray(part.tissue)
        new = values[tissue] if tissue.ndim == 0 else values[tissue[tuple(own)]]
        out[tuple(here)] += np.asarray(part.fraction)[tuple(own)] * (new - values[label[tuple(here)]])
    return np.squeeze(out, axis)[::-1]


def signals(phantom: Phantom) -> dict[str, np.ndarray]:
    """CT number, T1- and T2-weighted spin echo and FLAIR of each tissue; FLAIR where there is fluid to null."""
    seen = relaxation(phantom.tissues, FIELD_T)
    t1, t2, pd = (np.asarray(v, float) for v in (seen.T1_ms, seen.T2_ms, seen.PD))
    found = {
        "CT [0, 80] HU": hu(phantom.tissues, spectrum(120.0, {"al_mm": 5.0})),
        "T1, 500/10 ms": pd * (1 - np.exp(-500 / t1)) * np.exp(-10 / t2),
        "T2, 5000/90 ms": pd * (1 - np.exp(-5000 / t1)) * np.exp(-90 / t2),
    }
    if "csf" in phantom.tissues:
        fluid = t1[phantom.tissues.index("csf")]
        wait = fluid * np.log(2 / (1 + np.exp(-9000 / fluid)))
        found["FLAIR 9000/90 ms"] = pd * np.abs(1 - 2 * np.exp(-wait / t1) + np.exp(-9000 / t1)) * np.exp(-90 / t2)
    return found


def heads(out: Path) -> None:
    """A row a kind: CT without and with it, then T1, T2, FLAIR."""
    healthy = generate(spec.read("heads-from-files", Generator), SEED, 0)
    figure, axes = plt.subplots(len(HEAD), 5, figsize=(10, 2.05 * len(HEAD)), facecolor="black")
    for row, (name, (volume, patient)) in zip(axes, HEAD.items()):
        found = place(healthy, Lesions(kind=catalogue.kind(name), volume_mL=volume), SEED, patient)
        biggest = max(found.lesions, key=lambda s: s.volume_mL)
        up = int(np.argmax(np.abs(np.asarray(found.grid.direction)[2, ::-1])))
        at = int(np.rint(found.grid.index(biggest.centre_mm))[up])
        values = signals(found)
        first = next(iter(values))
        shown = [("without", found.with_lesions(False), first), *((n, found, n) for n in values)]
        for axis, (title, patient_, key) in zip(row, shown):
            picture = plane(patient_, values[key], up, at)[30:-30, 40:-40]
            top = 80.0 if key == first else 1.1 * np.percentile(picture[picture > 0], 99)
            axis.imshow(picture, cmap="gray", vmin=0, vmax=top)
            axis.set_title(f"{name}\n{title}" if title == "without" else title, color="white", fontsize=7)
            axis.axis("off")
        print(name, found.facts.provenance["lesions"][0], flush=True)
    figure.subplots_adjust(0, 0, 1, 0.98, 0.01, 0.2)
    figure.savefig(out / "lesions-head.png", dpi=80, facecolor="black")


def trunks(out: Path) -> None:
    """A column a kind, some 40 mm wide: CT in its phase, T1 and T2; calcifications as the brightest along a line."""
    figure, axes = plt.subplots(6, 6, figsize=(12, 12.6), facecolor="black")
    for n, (name, (volume, voxel, window, phase)) in enumerate(BODY.items()):
        column = axes[3 * (n // 6) : 3 * (n // 6) + 3, n % 6]
        native, enhanced = (_in_trunk(name, volume, voxel, one) for one in ("native", phase))
        numbers = hu(enhanced.tissues, spectrum(120.0, {"al_mm": 5.0}))
        shown = [(f"{name}\n{phase}, {voxel:g} mm, {window}", _cut(enhanced, name, numbers, voxel), window)]
        for title, values in list(signals(native).items())[1:3]:
            picture = _cut(native, name, values, voxel)
            shown.append((title, picture, (0.0, 1.1 * float(np.percentile(picture, 99.5)))))
        for axis, (title, picture, (low, high)) in zip(column, shown):
            axis.imshow(picture, cmap="gray", vmin=low, vmax=high)
            axis.set_title(title, color="white", fontsize=7)
    for axis in axes.flat:
        axis.axis("off")
    figure.subplots_adjust(0, 0, 1, 0.96, 0.02, 0.2)
    figure.savefig(out / "lesions-body.png", dpi=80, facecolor="black")


def _in_trunk(name: str, volume_mL: float | None, voxel_mm: float, phase: str) -> Phantom:
    kind = catalogue.kind(name)
    organs = tuple(h for h in kind.host if "*" not in h)[:: -1 if "breast" in kind.host[0] else 1][:1]
    body = bodies.trunk(organs, voxel_mm, 34.0 if voxel_mm > 0.3 else 16.0)
    return place(body, Lesions(kind=kind, count=1, volume_mL=volume_mL, phase=phase), SEED, 1)


def _cut(phantom: Phantom, name: str, values: np.ndarray, voxel_mm: float) -> np.ndarray:
    """The plane of the lesion's middle, about it."""
    at = np.rint(phantom.grid.index(phantom.lesions[0].centre_mm)).astype(int)
    planes = range(-30, 31) if name == "microcalcifications" else (0,)
    slices = [plane(phantom, values, 0, int(at[0]) + k) for k in planes if 0 <= at[0] + k < phantom.grid.shape[0]]
    half = round(WIDE_MM / 2 / voxel_mm)
    row, column = phantom.grid.shape[1] - 1 - at[1], at[2]
    whole: np.ndarray = np.max(slices, axis=0)
    return whole[max(0, row - half) : row + half, max(0, column - half) : column + half]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--only", choices=["head", "body"])
    given = parser.parse_args()
    if given.only != "head":
        trunks(given.out)
    if given.only != "body":
        heads(given.out)


if __name__ == "__main__":
    main()
