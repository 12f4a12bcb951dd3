"""The file that training writes: mean anatomy and decoder, gzip-compressed safetensors."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from phantomsim.errors import FormatError
from phantomsim.generators.deformable.latent import Decoder
from phantomsim.generators.deformable.lattice import Lattice
from phantomsim.store import atomic_file

FORMAT = "phantomsim-deformable-1"
MAX_BYTES = 2**29  # unpacked; a head's file has some 30 MB


@dataclass(frozen=True, eq=False)  # known by identity, so that what follows from it can be kept
class Model:
    """A mean anatomy and how it varies.

    Attributes:
        decoder: from codes to fields.
        structures: names; `likely`: how likely each is [structures, z, y, x], uint8 of 255, on `atlas`.
        bias: added to the logarithm of the likelihoods, so that the most likely structures have their mean volumes.
        about: groups, label table, people trained on and kept out, seed, measured figures.
    """

    decoder: Decoder
    structures: tuple[str, ...]
    likely: np.ndarray
    bias: np.ndarray
    atlas: Lattice
    about: dict[str, object]

    @property
    def lattice(self) -> Lattice:
        """Of the velocity fields."""
        return self.decoder.lattice

    def groups(self, of_structure: np.ndarray, count: int, spacing_mm: float) -> jax.Array:
        """Mean of each group [z, y, x, groups] in blocks of `spacing_mm`."""
        factor = round(spacing_mm / self.atlas.spacing_mm)
        z, y, x = (n // factor for n in self.atlas.shape)
        sums = np.zeros((z, y, x, count), np.float32)
        for group, likely in zip(of_structure, self.likely):
            sums[..., group] += likely.reshape(z, factor, y, factor, x, factor).mean(axis=(1, 3, 5), dtype=np.float32)
        return jnp.asarray(sums / sums.sum(axis=-1, keepdims=True))


def write(path: Path, model: Model) -> None:
    """Write a model; the same model gives the same bytes.

    Raises:
        StoreError: the disk refuses.
    """
    d = model.decoder
    half = model.likely[..., : model.likely.shape[3] // 2] if model.about["mirror"] else model.likely
    tensors: dict[str, np.ndarray] = {
        "basis": np.asarray(d.basis[...], np.float16),
        "stretches": np.asarray(d.stretches[...], np.float32),
        "likely": np.ascontiguousarray(half),
        "bias": np.asarray(model.bias, np.float32),
    }
    about = {
        **model.about,
        "structures": model.structures,
        "lattice": [d.lattice.shape, d.lattice.spacing_mm, d.lattice.centre_mm],
        "atlas_mm": model.atlas.spacing_mm,
        "blend_mm": d.nodes.spacing_mm,
        "global_share": d.global_share,
    }
    packed = save(tensors, {"format": FORMAT, "about": json.dumps(about, sort_keys=True)})
    with atomic_file(path) as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=9, mtime=0) as file:
        file.write(packed)


@lru_cache(maxsize=4)
def read(path: str) -> Model:
    """Read a model.

    Raises:
        FormatError: no such file, damaged, too large, or not a model.
    """
    data = _unpack(Path(path))
    try:
        tensors = load(data)
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])["__metadata__"]
        about = json.loads(header["about"])
        if header["format"] != FORMAT:
            raise ValueError(f"format is {header['format']}, not {FORMAT}")
        return _model(tensors, about)
    except (SafetensorError, ValueError, KeyError, TypeError, IndexError) as error:
        raise FormatError(
            f"{path}: not a model of phantomsim train ({error}). Train it again, or copy it again"
        ) from error


def _unpack(path: Path) -> bytes:
    if not path.is_file():
        raise FormatError(f"{path}: no such file; make it by: phantomsim train GENERATOR --data FOLDER --out {path}")
    try:
        with gzip.open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, EOFError) as error:
        raise FormatError(f"{path}: cannot be unpacked ({error}). Copy it again") from error
    if len(data) > MAX_BYTES:
        raise FormatError(f"{path}: unpacks to more than {MAX_BYTES} bytes, more than any model has")
    return data


def _model(tensors: dict[str, np.ndarray], about: dict) -> Model:
    shape, spacing, centre = about["lattice"]
    lattice = Lattice(tuple(shape), float(spacing), tuple(centre))
    atlas = lattice.refined(round(spacing / about["atlas_mm"]))
    likely = tensors["likely"]
    if about["mirror"]:
        likely = np.concatenate([likely, likely[..., ::-1]], axis=-1)
    basis, names = tensors["basis"], tuple(about["structures"])
    if (
        basis.shape[1:] != (*lattice.shape, 3)
        or likely.shape != (len(names), *atlas.shape)
        or tensors["bias"].shape != (len(names),)
    ):
        raise ValueError(f"arrays {basis.shape}, {likely.shape} do not fit the lattice {shape}")
    if not all(np.isfinite(t.astype(np.float32)).all() for t in (basis, tensors["stretches"], tensors["bias"])):
        raise ValueError("numbers that are not finite")
    decoder = Decoder(
        jnp.asarray(basis, jnp.float32),
        jnp.asarray(tensors["stretches"]),
        lattice,
        about["blend_mm"],
        about["global_share"],
    )
    return Model(decoder, names, likely, tensors["bias"], atlas, about)
