"""Pictures of docs/images: one patient of a region as CT and MR show it.

    python tools/make_anatomy_scans.py abdomen

Each takes some minutes, most of them to compile. Slices are shown as radiologists see them: anterior up, the patient's
right on the left.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import phantomsim
from phantomsim.generators.generate import generate
from phantomsim.generators.procedural.spec import Procedural
from phantomsim.spec import read

IMAGES = Path(__file__).parents[1] / "docs" / "images"
BRIGHTEST = 99.5  # percentile of an MR slice that is shown white
SOFT, LUNG = (-160.0, 240.0), (-1000.0, 100.0)  # windows of CT [HU]


class Look(NamedTuple):
    """Patient number, CT protocol with its windows by name, and protocols of the MR scanner."""

    patient: int
    ct: str
    windows: dict[str, tuple[float, float]]
    mr: tuple[str, ...]


LOOKS = {
    "abdomen": Look(3, "abdomen", {"soft-tissue window": SOFT}, ("t1-gre", "t2-spin-echo")),
    "chest": Look(0, "abdomen", {"soft-tissue window": SOFT, "lung window": LUNG}, ("t1-gre", "t2-spin-echo")),
}


def plane(generator: Procedural, look: Look, scanner: str, protocol: str) -> np.ndarray:
    """The middle slice [y, x] of a patient."""
    arm = phantomsim.make_arm(scanner, protocol, None)
    values = np.asarray(phantomsim.scan_phantom(generate(generator, 3, look.patient), arm, seed=1).image.values)
    return values[len(values) // 2]


def show(panels: list[tuple[str, np.ndarray, tuple[float, float]]], path: Path) -> None:
    """Panels (title, slice, window) beside one another."""
    figure = Figure(figsize=(4.2 * len(panels), 4), layout="constrained")
    for axes, (title, values, (low, high)) in zip(np.ravel(figure.subplots(1, len(panels))), panels):
        axes.imshow(values[::-1, ::-1], cmap="gray", vmin=low, vmax=high)
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    FigureCanvasAgg(figure).print_png(str(path))


def scans(region: str) -> None:
    """CT in each window, MR by each protocol."""
    look, generator = LOOKS[region], read(f"{region}-procedural", Procedural)
    ct = plane(generator, look, "ct-64", look.ct)
    show([(f"CT, {name}", ct, window) for name, window in look.windows.items()], IMAGES / f"{region}-ct.png")
    mr = {p: plane(generator, look, "mr-0.55t-torso", p) for p in look.mr}
    panels = [(f"0.55 T, {p}", v, (0.0, float(np.percentile(v, BRIGHTEST)))) for p, v in mr.items()]
    show(panels, IMAGES / f"{region}-mr.png")


if __name__ == "__main__":
    for name in sys.argv[1:] or list(LOOKS):
        scans(name)
