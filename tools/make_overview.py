"""Draw the README's picture: one virtual patient as phantom, by CT at two doses, and by MR.

python tools/make_overview.py [GENERATOR] [--set population.generator.folder=...]
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import phantomsim
from phantomsim.trials.picture import window_of

ROOT = Path(__file__).parents[1]
SCANS = (
    ("CT, 240 mAs", "ct-64", "head-slab", "mAs=240.0"),
    ("CT, 15 mAs", "ct-64", "head-slab", "mAs=15.0"),
    ("MR, T2 spin echo", "mr-3t", "t2-spin-echo", "averages=1"),
    ("MR, T2* gradient echo", "mr-3t", "t2star-gre", "averages=1"),
)


def main(sets: list[str]) -> None:
    trial = phantomsim.load_trial(ROOT / "examples" / "02_ct_and_mr_of_one_patient.toml", sets)
    patient = phantomsim.make_patient(trial.population, 7, 0)
    z = round(float(patient.grid.index([float(c) for c in patient.lesions[0].centre_mm])[0]))
    figure = Figure(figsize=(15, 3.6), layout="constrained")
    axes = figure.subplots(1, 5)
    labels = np.asarray(patient.label[z]) + 1.0 * (np.asarray(patient.fraction(patient.lesions[0].tissue))[z] > 0.5)
    show(axes[0], labels, patient.grid.spacing_mm[1:], "the truth", cmap="nipy_spectral")
    for axis, (title, scanner, protocol, change) in zip(axes[1:], SCANS):
        arm = phantomsim.make_arm(scanner, protocol, None, ["protocol.centre_on=lesion", f"protocol.{change}"])
        scanned = phantomsim.scan_phantom(patient, arm, seed=7)
        values = np.asarray(scanned.image.values)
        low, high = window_of(scanned.image)
        at = int(np.argmax(scanned.lesion_fraction.sum((1, 2))))
        show(axis, values[at], scanned.image.grid.spacing_mm[1:], title, vmin=low, vmax=high, cmap="gray")
    FigureCanvasAgg(figure).print_png(str(ROOT / "docs" / "images" / "overview.png"))


def show(axis, plane, spacing_mm, title, **how) -> None:
    """Radiological view: anterior up, the patient's right on the left."""
    height, width = (n * float(d) for n, d in zip(plane.shape, spacing_mm))
    axis.imshow(plane[:, ::-1], origin="lower", extent=(-width / 2, width / 2, -height / 2, height / 2), **how)
    axis.set(xlim=(-95, 95), ylim=(-115, 115), title=title)
    axis.set_axis_off()


if __name__ == "__main__":
    main([f"{a}" for a in sys.argv[1:]])
