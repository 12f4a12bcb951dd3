"""Patients from CT volumes: every voxel a mixture of the two tissues whose CT numbers enclose its own.

Attenuation mixes by volume, so in the beam of the scan that was read a mixture has exactly the CT number it was made
from, whatever the tissues; at other voltages it behaves as its tissues do. Schneider et al., Phys. Med. Biol. 45
(2000) 459, doi:10.1088/0031-9155/45/2/314, take the same ladder of air, lung, adipose, soft tissue and bone.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from phantomsim.errors import GeneratorError
from phantomsim.formats import volume
from phantomsim.generators import from_files, labelled_hu, resample
from phantomsim.generators.spec import FromHU, Ladder
from phantomsim.grid import Grid
from phantomsim.phantom import Facts, Overlay, Phantom

AIR_HU = -1000.0


def generate(spec: FromHU, seed: int, patient: int) -> Phantom:
    """Patient number `patient`; see `generators.generate.generate`.

    Raises:
        GeneratorError: no file, a ladder that does not rise, or no body in the volume.
        FormatError: the file is damaged or not finite.
    """
    found = from_files.files(spec)
    which = patient % len(found)
    values, grid = volume.read(found[which], axes=spec.axes)
    from_files.plausible(grid, found[which])
    hu = np.asarray(values, np.float32)
    inside = body(hu, spec.body_HU)
    if not inside.any():
        raise GeneratorError(f"{found[which]}: no voxel is above body_HU = {spec.body_HU:g}; is the volume in HU?")
    hu = np.where(inside, hu, AIR_HU)
    named = labelled_hu.read(spec.segmentation, found[which], grid, spec.axes) if spec.segmentation else None
    if spec.voxel_mm is not None:
        new = resample.isotropic(grid, spec.voxel_mm)
        if named is not None:
            named = named._replace(label=resample.nearest(named.label, grid, new))
        hu, grid = resample.linear(hu, grid, new), new
    label, density, overlays = mixture(hu, grid, spec.ladder)
    tissues, volumes = spec.ladder.tissues, {}
    if spec.segmentation is not None and named is not None:
        label, density, overlays, tissues = labelled_hu.rename(
            hu, (label, density, overlays), named, spec.segmentation, spec.ladder
        )
        volumes = named.volumes_mL
    provenance: dict[str, object] = {"generator": spec.name or spec.kind, "seed": seed, "patient": patient}
    provenance["file"] = found[which].name
    subject = from_files.names(spec)[which]
    return Phantom(grid, label, density, overlays, (), tissues, Facts(subject, dict(volumes), provenance))


def body(hu: np.ndarray, threshold_HU: float) -> np.ndarray:
    """The largest piece above a threshold, with the holes of each axial slice filled, bool [z, y, x]."""
    # Opened first: clothes and the couch touch the skin by a voxel or two.
    tissue = hu > threshold_HU
    level = ndimage.generate_binary_structure(2, 1)[None]
    core = ndimage.binary_opening(tissue, level, iterations=2)
    pieces, count = ndimage.label(core)
    if count:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        core = pieces == sizes.argmax()
    whole = ndimage.binary_dilation(core, level, iterations=2) & tissue
    return np.stack([ndimage.binary_fill_holes(plane) for plane in whole])


def calibrated(ladder: Ladder) -> np.ndarray:
    """CT numbers of the ladder's tissues in the beam that it names, rising [T] [HU].

    Raises:
        GeneratorError: they do not rise.
    """
    from phantomsim import materials

    steps = materials.hu(ladder.tissues, materials.spectrum(ladder.kVp, ladder.filtration))
    if np.any(np.diff(steps) <= 0):
        listed = ", ".join(f"{n} {h:.0f}" for n, h in zip(ladder.tissues, steps))
        raise GeneratorError(f"ladder.tissues must rise in HU; at {ladder.kVp:g} kVp they are {listed}. Reorder them")
    return steps


def mixture(hu: np.ndarray, grid: Grid, ladder: Ladder) -> tuple[np.ndarray, np.ndarray, tuple[Overlay, ...]]:
    """Labels, relative density and overlays that have the CT numbers asked for.

    Below the ladder a voxel is its first tissue; above, its last with the density raised.

    Returns:
        label uint8 [z, y, x]: the larger part; density float32 [z, y, x]; one overlay per tissue that is a smaller
        part somewhere, boxed to where it is.
    """
    grid.check(hu.shape, "hu")
    steps = calibrated(ladder)
    low = np.clip(np.searchsorted(steps, hu, side="right") - 1, 0, len(steps) - 2)
    upper = np.clip((hu - steps[low]) / (steps[low + 1] - steps[low]), 0, 1).astype(np.float32)
    more = upper >= 0.5
    label, other = (low + more).astype(np.uint8), (low + ~more).astype(np.uint8)
    minor = np.where(more, 1 - upper, upper)
    top = (hu - AIR_HU) / (steps[-1] - AIR_HU)
    density = np.where(hu > steps[-1], top, 1.0).astype(np.float32)
    overlays = [_overlay(t, np.where(other == t, minor, 0)) for t in range(len(steps))]
    return label, density, tuple(o for o in overlays if o is not None)


def _overlay(tissue: int, fraction: np.ndarray) -> Overlay | None:
    """A tissue's fractions in the smallest box around them."""
    boxes = ndimage.find_objects((fraction > 0).astype(np.uint8))
    if not boxes:
        return None
    z, y, x = (b.start for b in boxes[0])
    return Overlay(tissue, np.ascontiguousarray(fraction[boxes[0]], np.float32), (z, y, x))
