"""Real people whose fine structure new patients take: found, registered to the mean, and kept."""

from __future__ import annotations

import contextlib
import hashlib
import os
from functools import lru_cache
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from phantomsim.errors import GeneratorError, StoreError
from phantomsim.generators.deformable import person, register
from phantomsim.generators.deformable.affine import Affine
from phantomsim.generators.deformable.anatomy import Anatomy
from phantomsim.generators.deformable.fine import Fine
from phantomsim.generators.deformable.lattice import resample
from phantomsim.generators.deformable.person import Person
from phantomsim.store import atomic_write_bytes

MARGIN_MM = 6.0  # what a file may miss at its faces and still show the whole body


def files(anatomy: Anatomy) -> list[Path]:
    """Files of the folder of carriers that show all of the mean's body, sorted.

    Raises:
        GeneratorError: no such folder, no file in it, or none that shows enough.
    """
    spec = anatomy.spec
    folder = Path(os.path.expanduser(os.path.expandvars(spec.carriers)))
    if "$" in str(folder) or not folder.is_dir():
        raise GeneratorError(
            f'generator "{spec.name}": carriers = "{spec.carriers}" is no folder; name one, or leave it empty'
        )
    return list(_covering(anatomy, tuple(sorted(p for p in folder.glob(spec.pattern) if p.is_file()))))


@lru_cache(maxsize=4)
def _covering(anatomy: Anatomy, found: tuple[Path, ...]) -> tuple[Path, ...]:
    spec = anatomy.spec
    shares = {p: coverage(anatomy, read(anatomy, p)) for p in found}
    enough = tuple(p for p, share in shares.items() if share >= spec.training.carrier_coverage)
    if not enough:
        best = f"the best shows {max(shares.values()):.0%}" if shares else f'none matches pattern "{spec.pattern}"'
        raise GeneratorError(
            f'generator "{spec.name}": no file in carriers = "{spec.carriers}" shows '
            f"{spec.training.carrier_coverage:.0%} of the body ({best}); carriers must not be cropped. "
            "Give whole ones, or lower training.carrier_coverage"
        )
    return enough


def coverage(anatomy: Anatomy, someone: Person) -> float:
    """Share of the mean's body that lies in a person's field of view once their centres are aligned."""
    lattice = anatomy.model.lattice.refined(2)
    body = 1 - np.asarray(anatomy.groups[..., 0])
    inside = np.ones(lattice.shape, bool)
    for axis, (along, box, first, d) in enumerate(
        zip(lattice.axes(), someone.box, someone.first_mm, someone.grid.spacing_mm)
    ):
        low = first + (box.start - 0.5) * d - MARGIN_MM
        high = first + (box.stop - 0.5) * d + MARGIN_MM
        inside &= ((along >= low) & (along <= high)).reshape([-1 if a == axis else 1 for a in range(3)])
    return float((body * inside).sum() / body.sum())


@lru_cache(maxsize=4)
def read(anatomy: Anatomy, path: Path) -> Person:
    """One segmentation; see `person.read`."""
    spec, t = anatomy.spec, anatomy.spec.training
    return person.read(path, spec.labels, spec.ids, spec.groups, t.centre_on, t.cut_fraction)


def to_mean(anatomy: Anatomy, someone: Person) -> tuple[Affine, np.ndarray]:
    """Register one person to the model's mean: affine map and raw velocity field."""
    t, lattice = anatomy.spec.training, anatomy.model.lattice
    image = person.image(someone, anatomy.of_structure, len(anatomy.spec.groups), lattice.spacing_mm / 2)
    coarse = person.coarser(image)
    target = resample(anatomy.groups, lattice.refined(2), lattice)
    pose = register.pose(coarse, target, anatomy.weights, lattice, t)
    velocity = jnp.zeros((*lattice.shape, 3))
    for seen, which, turns in (
        (target, coarse, t.coarse_iterations),
        (anatomy.groups, image, t.rounds * t.fine_iterations),
    ):
        velocity, _ = register.register(
            which,
            register.views(seen, lattice),
            anatomy.weights,
            pose,
            velocity,
            jnp.float32(t.smoothness),
            lattice,
            turns,
        )
    return pose, np.asarray(velocity)


def fine(anatomy: Anatomy, path: Path) -> Fine:
    """A carrier, registered; kept on disk, since registering takes half a minute."""
    someone = read(anatomy, path)
    pose, velocity = _kept(anatomy, someone)
    return Fine(someone.name, someone.label, someone.first_mm, np.array(someone.grid.spacing_mm), pose, velocity)


def _kept(anatomy: Anatomy, someone: Person) -> tuple[Affine, np.ndarray]:
    known = hashlib.sha256(someone.label.tobytes())
    known.update(repr((someone.grid, anatomy.spec.groups, anatomy.spec.training)).encode())
    known.update(anatomy.model.likely.tobytes())
    file = folder() / f"{known.hexdigest()}.safetensors"
    shape = (*anatomy.model.lattice.shape, 3)
    if file.is_file() and file.stat().st_size < 2**20 + 4 * np.prod(shape):
        try:
            kept = load_file(file)
            if kept["velocity"].shape == shape and kept["matrix"].shape == (3, 3) and kept["shift"].shape == (3,):
                return Affine(kept["matrix"], kept["shift"]), kept["velocity"]
        except (SafetensorError, OSError, KeyError):
            pass  # damaged: made anew below
    pose, velocity = to_mean(anatomy, someone)
    matrix, shift = (np.asarray(a, np.float32) for a in pose)
    with contextlib.suppress(StoreError):  # a read-only home only costs time
        atomic_write_bytes(file, save({"velocity": velocity, "matrix": matrix, "shift": shift}))
    return Affine(matrix, shift), velocity


def folder() -> Path:
    """Where registrations are kept: `$XDG_CACHE_HOME/phantomsim/carriers`, `~/.cache` where that is not set."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "phantomsim" / "carriers"
