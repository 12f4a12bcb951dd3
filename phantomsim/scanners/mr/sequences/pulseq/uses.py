"""What RF pulses are for, where a file does not say (before Pulseq 1.5)."""

from __future__ import annotations

import numpy as np

STRONG_deg = 150.0  # beyond, a pulse refocuses or inverts
WEAK_deg = 91.0  # beyond, a pulse that comes between an excitation and its readout refocuses too
FAT_ppm = (-4.0, -3.0)


def infer(
    given: np.ndarray, flip_deg: np.ndarray, ppm: np.ndarray, blocks: np.ndarray, readouts: np.ndarray
) -> list[str]:
    """Use of each pulse.

    A strong pulse refocuses if something was excited before it, and something is read after it before anything is
    excited again, or if it comes where a refocusing pulse of the same angle does, in trains that are not read;
    otherwise it inverts. A weaker one off resonance like fat saturates.

    Args:
        given: what the file says, "" for nothing, [P].
        flip_deg: on resonance; ppm: offset. blocks: of the pulses; readouts: blocks that are read, ascending.
    """
    if all(given):
        return list(given)
    read = np.searchsorted(readouts, blocks)  # how many readouts came before each pulse
    uses = [use or _weak(flip_deg[i], ppm[i]) for i, use in enumerate(given)]
    read_next = _read_before_next(uses, read, len(readouts))
    refocused = {round(f) for f, use, is_read in zip(flip_deg, uses, read_next) if use == "strong" and is_read}
    excited = False
    for i, use in enumerate(uses):
        fresh = i > 0 and read[i] == read[i - 1] and uses[i - 1] in ("excitation", "refocusing")
        if use == "strong":
            again = fresh and round(flip_deg[i]) in refocused
            uses[i] = "refocusing" if excited and (read_next[i] or again) else "inversion"
        elif use == "excitation" and not given[i] and flip_deg[i] > WEAK_deg:
            uses[i] = "refocusing" if fresh or (i > 0 and uses[i - 1] == "refocusing") else use
        excited = excited or uses[i] == "excitation"
    return uses


def _weak(flip_deg: float, ppm: float) -> str:
    if flip_deg > STRONG_deg:
        return "strong"
    return "saturation" if FAT_ppm[0] <= ppm <= FAT_ppm[1] else "excitation"


def _read_before_next(uses: list[str], read: np.ndarray, total: int) -> np.ndarray:
    """Whether anything is read after each pulse before the next that is not strong, bool [P]."""
    until = np.empty(len(uses), int)
    stop = total
    for i in range(len(uses) - 1, -1, -1):
        until[i] = stop
        if uses[i] not in ("strong", "refocusing"):
            stop = int(read[i])
    return until > read
