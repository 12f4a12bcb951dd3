"""Pictures of docs/images: sixteen patients of a region, in tissue colours.

python tools/make_anatomy_pictures.py chest
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from phantomsim.generators import mosaic
from phantomsim.generators.deformable.spec import Deformable
from phantomsim.generators.generate import generate
from phantomsim.generators.procedural.spec import Procedural
from phantomsim.spec import read

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SEED, PATIENTS = 3, 16
#: Coarser than the generator's own, to be quick.
VOXEL_MM = {"abdomen": 3.2, "chest": 3.2, "head": 2.0, "breast": 2.0, "breast-compressed": 2.0, "head-deformable": 2.0}
KINDS = {"breast-compressed": Procedural, "head-deformable": Deformable}  # generators named as their picture
WHOLE_MM = {"abdomen": (432.0, -85.0)}  # height and its middle: on to the hips
HEIGHT = 200  # pixels of a row
COLOURS = 128  # of the palette


def patients(region: str) -> None:
    """Two columns of eight patients, three planes each."""
    what = read(region if region in KINDS else f"{region}-procedural", KINDS.get(region, Procedural))
    voxel = VOXEL_MM[region]
    rows, *plane = what.shape
    if region in WHOLE_MM:  # more than the generator's own frame
        rows, centre = round(WHOLE_MM[region][0] / what.voxel_mm), WHOLE_MM[region][1]
        what = what.model_copy(update={"centre_z_mm": centre})
    shape = tuple(round(n * what.voxel_mm / voxel) for n in (rows, *plane))
    what = what.model_copy(update={"voxel_mm": voxel, "shape": shape})
    people = [generate(what, SEED, i) for i in range(PATIENTS)]
    left, right = (mosaic.mosaic(people[i::2], HEIGHT) for i in (0, 1))
    picture = np.concatenate([left, np.ones((len(left), mosaic.GAP, 3)), right], axis=1)
    write(picture, IMAGES / f"{region}-patients.png")


def write(picture: np.ndarray, path: Path) -> None:
    """A small PNG."""
    out = io.BytesIO()
    rgb = Image.fromarray((255 * np.clip(picture, 0, 1)).astype(np.uint8))
    rgb.quantize(COLOURS).save(out, "png", optimize=True)
    path.write_bytes(out.getvalue())


if __name__ == "__main__":
    for name in sys.argv[1:] or list(VOXEL_MM):
        patients(name)
