"""Phantoms, images and raw data as Zarr v3 folders; phantoms and images are OME-Zarr 0.5.

One store per subject, written whole or not at all, and no file shared between writers. What OME-Zarr cannot say
stands in the root's attributes under `phantomsim`: the kind, the format's number, the direction of the axes, tissues,
lesions and facts, and the number of files and bytes by which a reader notices that a part is missing.
"""

from phantomsim.formats.zarr_image import read_facts, read_image, read_mask, write_image
from phantomsim.formats.zarr_phantom import read_phantom, write_phantom
from phantomsim.formats.zarr_raw import read_raw, write_raw

__all__ = [
    "read_facts",
    "read_image",
    "read_mask",
    "read_phantom",
    "read_raw",
    "write_image",
    "write_phantom",
    "write_raw",
]
