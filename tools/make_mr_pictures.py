"""Picture of docs/images: a real head with white-matter lesions by MPRAGE, FLAIR and T2 turbo spin echo at 3 T.

    PHANTOMSIM_HEADS=... python tools/make_mr_pictures.py

Takes some minutes: the FLAIR and the turbo spin echo are whole stacks of slices, the MPRAGE a whole head.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import phantomsim
from phantomsim.spec import read
from phantomsim.trials.population import make_patient
from phantomsim.trials.scan import Scanned
from phantomsim.trials.spec import Trial

IMAGES = Path(__file__).parents[1] / "docs" / "images"
PROTOCOLS = ("t1-mprage", "flair-tse", "t2-tse")
LESIONS = (
    "population.lesions.tissue=white-matter-lesion",
    "population.lesions.volume_mL=0.5",
    "population.lesions.count=6",
    "population.lesions.margin_mm=4",
)
BRIGHTEST = 99.5  # percentile of the slice that is shown white


def head(patient: int = 0) -> phantomsim.Phantom:
    """A head of the folder with lesions in its white matter."""
    trial = read("head-mr-acceleration", Trial, sets=LESIONS)
    return make_patient(trial.population, trial.seed, patient)


def level_mm(scanned: Scanned) -> float:
    """Height of the slice with most of the lesions."""
    return _heights_mm(scanned)[int(np.argmax(scanned.lesion_fraction.sum((1, 2))))]


def slice_at(scanned: Scanned, z_mm: float) -> np.ndarray:
    """The slice [y, x] nearest to a height."""
    return np.asarray(scanned.image.values)[int(np.argmin(np.abs(_heights_mm(scanned) - z_mm)))]


def _heights_mm(scanned: Scanned) -> np.ndarray:
    grid = scanned.image.grid
    return np.array([grid.world([z, grid.shape[1] / 2, grid.shape[2] / 2])[2] for z in range(grid.shape[0])])


def show(panels: list[tuple[str, np.ndarray]], path: Path) -> None:
    """Axial slices as a radiologist sees them: anterior up, the patient's right on the left."""
    figure = Figure(figsize=(4 * len(panels), 4.25), layout="constrained")
    for axes, (title, plane) in zip(np.ravel(figure.subplots(1, len(panels))), panels):
        axes.imshow(plane[::-1, ::-1], cmap="gray", vmin=0, vmax=np.percentile(plane, BRIGHTEST))
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    FigureCanvasAgg(figure).print_png(str(path))


def main() -> None:
    """Scan the head by every protocol."""
    phantom = head()
    scans = {p: phantomsim.scan_phantom(phantom, phantomsim.make_arm("mr-3t", p, None), seed=1) for p in PROTOCOLS}
    z_mm = level_mm(scans["flair-tse"])
    panels = [(f"{p}, {scanned.dose['scan_time_s']:.0f} s", slice_at(scanned, z_mm)) for p, scanned in scans.items()]
    show(panels, IMAGES / "mr-head-contrasts.png")


if __name__ == "__main__":
    main()
