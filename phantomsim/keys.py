"""Randomness: one key per patient, one numbered stream per purpose.

Numbers of streams are part of the file format: they are never changed, so that a patient of an old
trial can be made again alone.
"""

from __future__ import annotations

import enum
import hashlib
from typing import TYPE_CHECKING

from phantomsim.errors import SpecError

if TYPE_CHECKING:  # imported where it is used, so that specs and the command line start without it
    import jax

MAX_SEED = 2**32


class Stream(enum.IntEnum):
    """What a random number is for. Append only; never renumber."""

    ANATOMY = 1
    LESION = 2
    TISSUE = 3
    MOTION = 4
    ACQUISITION = 5
    READER = 6
    ALGORITHM = 7
    TRAINING = 8
    STATISTICS = 9


def root_key(seed: int) -> jax.Array:
    """The key of a whole population (threefry2x32, the same on every device).

    Raises:
        SpecError: seed is not in 0 .. 2^32 - 1.
    """
    import jax

    if not 0 <= seed < MAX_SEED:
        raise SpecError(f"seed is {seed}; must be from 0 to {MAX_SEED - 1}")
    return jax.random.key(seed, impl="threefry2x32")


def patient_key(seed: int, patient: int, stream: Stream) -> jax.Array:
    """The key of one stream of one patient; independent of how many patients there are."""
    import jax

    return jax.random.fold_in(jax.random.fold_in(root_key(seed), patient), int(stream))


def acquisition_key(seed: int, patient: int, scan_hash: int, present: bool) -> jax.Array:
    """The noise key of one scan of one patient.

    Args:
        scan_hash: 32-bit hash of scanner and protocol (`hash32`), never an arm's index, so that arms
            which differ in the algorithm alone share their raw data.
        present: whether the lesion is in the patient; the absent twin has noise of its own.
    """
    import jax

    key = jax.random.fold_in(patient_key(seed, patient, Stream.ACQUISITION), scan_hash)
    return jax.random.fold_in(key, int(present))


def hash32(text: str) -> int:
    """The first 32 bits of the SHA-256 of a text, as an unsigned integer."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
