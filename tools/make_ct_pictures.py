"""Pictures of docs/images: a real head and a real torso by CT at three doses, at the windows that radiologists use.

    PHANTOMSIM_HEADS=... PHANTOMSIM_CTS=... python tools/make_ct_pictures.py

The torso is a CT volume itself: what is simulated of it should look like it, and its HU are compared.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy import ndimage

import phantomsim
from phantomsim.formats import nifti
from phantomsim.generators import from_files
from phantomsim.generators.generate import generate
from phantomsim.generators.spec import FromFiles, FromHU
from phantomsim.image import Image
from phantomsim.spec import read

IMAGES = Path(__file__).parents[1] / "docs" / "images"
BRAIN, BONE, SOFT = (0.0, 80.0), (-450.0, 1550.0), (-160.0, 240.0)
SOFT_HU = (-150.0, 150.0)
EFFECTS = ["protocol.scatter=kernel", "reconstruction.scatter_correction=kernel"]


def scans(phantom: phantomsim.Phantom, protocol: str, doses: list[float], changes: list[str]) -> list[Image]:
    """The same patient at several tube currents."""
    found = []
    for mAs in doses:
        arm = phantomsim.make_arm("ct-64", protocol, None, [f"protocol.mAs={mAs}", *changes, *EFFECTS])
        found.append(phantomsim.scan_phantom(phantom, arm, seed=1).image)
    return found


def show(panels: list[tuple[str, np.ndarray, tuple[float, float]]], columns: int, path: Path) -> None:
    """Axial slices as a radiologist sees them: anterior up, the patient's right on the left."""
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4 * columns, 4.25 * rows), layout="constrained")
    for axes, (title, plane, (low, high)) in zip(np.ravel(figure.subplots(rows, columns)), panels):
        axes.imshow(plane[::-1, ::-1], cmap="gray", vmin=low, vmax=high, interpolation="bilinear")
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    FigureCanvasAgg(figure).print_png(str(path))


def head() -> None:
    """Brain window at three doses, and bone."""
    phantom = generate(read("heads-from-files", FromFiles), 1, 0)
    doses = [300.0, 75.0, 20.0]
    images = scans(phantom, "head", doses, ["reconstruction.matrix=512", "reconstruction.fov_mm=240.0"])
    sharp = scans(phantom, "head", doses[:1], ["reconstruction.matrix=512", "reconstruction.kernel=sharp"])
    planes = [np.asarray(i.values)[i.grid.shape[0] // 2] for i in (*images, *sharp)]
    panels = [(f"{m:g} mAs, brain window", p, BRAIN) for m, p in zip(doses, planes)]
    show([*panels, ("300 mAs, sharp, bone window", planes[-1], BONE)], 4, IMAGES / "ct-head-doses.png")


def torso() -> None:
    """Soft tissue at three doses beside the volume that the phantom was made of."""
    spec = read("torso-from-ct", FromHU)
    phantom = generate(spec.model_copy(update={"voxel_mm": 1.5}), 1, 0)
    doses, path = [200.0, 50.0, 12.5], from_files.files(spec)[0]
    images = scans(phantom, "abdomen", doses, [])
    truth = _input_on(images[0], path)
    middle = images[0].grid.shape[0] // 2
    planes = [truth[middle], *(np.asarray(i.values)[middle] for i in images)]
    titles = ["input volume", *(f"{m:g} mAs" for m in doses)]
    show([(t, p, SOFT) for t, p in zip(titles, planes)], 4, IMAGES / "ct-torso-doses.png")
    smooth = [ndimage.uniform_filter(v, (1, 7, 7)) for v in (truth, np.asarray(images[0].values))]
    flat = ndimage.maximum_filter(truth, (1, 9, 9)) - ndimage.minimum_filter(truth, (1, 9, 9)) < 150
    soft = flat & (smooth[0] > SOFT_HU[0]) & (smooth[0] < SOFT_HU[1])
    gap = (smooth[1] - smooth[0])[soft]
    print(f"soft tissue: {gap.mean():.1f} HU, SD {gap.std():.1f}, 95 % within {np.quantile(abs(gap), 0.95):.1f} HU")


def _input_on(image: Image, path: Path) -> np.ndarray:
    """The input volume on the grid of an image, averaged over the slice."""
    values, grid = nifti.read(path)
    thick = dataclasses.replace(
        image.grid, shape=(image.grid.shape[0] * 5, *image.grid.shape[1:]), spacing_mm=(1.0, *image.grid.spacing_mm[1:])
    )
    first = image.grid.world((-0.4, 0, 0))
    thick = dataclasses.replace(thick, origin_mm=tuple(first.tolist()))
    index = np.stack(np.meshgrid(*(np.arange(n) for n in thick.shape), indexing="ij"), -1)
    at = grid.index(thick.world(index.reshape(-1, 3))).T
    fine = ndimage.map_coordinates(values.astype(np.float32), at, order=1, cval=-1000.0)
    return fine.reshape(image.grid.shape[0], 5, *image.grid.shape[1:]).mean(1)


if __name__ == "__main__":
    head()
    torso()
