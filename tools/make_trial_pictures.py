"""Pictures of finished trials for docs/images: the first patients in every arm, as their reports show them.

    python tools/make_trial_pictures.py RUN_FOLDER ... [--out docs/images]

Rows are arms, columns patients; each cell is the slice through the lesion, cut to what lies near it, with the lesion's
true outline in the first row alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np

from phantomsim.trials.folder import RunFolder
from phantomsim.trials.report.assemble import examples
from phantomsim.trials.report.data import ExampleSlice

matplotlib.use("Agg")
from matplotlib import pyplot as plt

REACH_MM = 45.0  # shown around the lesion
DPI, WIDEST_IN = 80, 12.5


def cell(axes: plt.Axes, one: ExampleSlice, outlined: bool) -> None:
    """One slice, anterior up and the patient's right on the left."""
    axes.set_axis_off()
    lesion = one.lesion if one.lesion is not None else np.ones_like(one.image)
    middle = np.array([lesion.sum(axis=1 - a) @ np.arange(n) for a, n in enumerate(lesion.shape)]) / lesion.sum()
    low = [max(int(m - REACH_MM / s), 0) for m, s in zip(middle, one.spacing_mm)]
    high = [int(m + REACH_MM / s) + 1 for m, s in zip(middle, one.spacing_mm)]
    cut = slice(low[0], high[0]), slice(low[1], high[1])
    shape = {"origin": "lower", "aspect": one.spacing_mm[0] / one.spacing_mm[1]}
    axes.imshow(one.image[cut], cmap="gray", vmin=one.window[0], vmax=one.window[1], **shape)
    if outlined:
        axes.contour(lesion[cut], [0.5 * min(1.0, lesion.max())], colors="#ffb000", linewidths=0.8)


def picture(folder: Path, out: Path) -> Path:
    """Draw the examples of one run. Raises StoreError if it is none."""
    run = RunFolder(folder)
    trial = run.trial()
    shown = examples(trial, run.done(), run.pictures())
    arms, patients = [a.name for a in trial.arms], sorted({e.patient for e in shown})
    inches = min(2.0, WIDEST_IN / len(patients))
    size = inches * len(patients), inches * len(arms)
    figure, axes = plt.subplots(len(arms), len(patients), figsize=size, squeeze=False, facecolor="black")
    for one in shown:
        row, column = arms.index(one.arm), patients.index(one.patient)
        cell(axes[row, column], one, outlined=row == 0)
        if column == 0:
            box = {"facecolor": "black", "pad": 1.5, "linewidth": 0}
            axes[row, 0].text(
                0.03, 0.04, one.arm, color="white", fontsize=7, transform=axes[row, 0].transAxes, bbox=box
            )
        if row == 0:
            axes[0, column].set_title(one.note.replace(", ", "\n", 1), color="white", fontsize=6.5, pad=3)
    figure.subplots_adjust(0.005, 0.005, 0.995, 1 - 0.35 / size[1], 0.02, 0.02)
    target = out / f"trial-{trial.name}.png"
    figure.savefig(target, dpi=DPI, facecolor="black")
    plt.close(figure)
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    asked = parser.parse_args()
    for folder in asked.folders:
        print(picture(folder, asked.out))


if __name__ == "__main__":
    main()
