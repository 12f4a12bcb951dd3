"""Which keys of a protocol belong to which sequence, and which values fit one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phantomsim.scanners.mr.spec.protocol import MRProtocol

# What each sequence uses besides what all of them do.
USES: dict[str, tuple[str, ...]] = {
    "spin-echo": ("lattice", "refocusing_deg"),
    "turbo-spin-echo": ("lattice", "refocusing_deg", "echo_train", "echo_spacing_ms"),
    "inversion-recovery": ("lattice", "refocusing_deg", "echo_train", "echo_spacing_ms", "TI_ms"),
    "spoiled-gre": ("lattice", "echoes", "echo_spacing_ms", "rf_spoil_deg"),
    "bssfp": ("lattice",),
    "mprage": ("lattice", "TI_ms", "echo_train", "echo_spacing_ms", "rf_spoil_deg"),
    "gre-epi": ("lattice", "shots"),
    "se-epi": ("lattice", "shots", "refocusing_deg"),
    "radial-gre": ("spokes", "rf_spoil_deg"),
    "spiral-gre": ("interleaves", "rf_spoil_deg"),
    "pulseq": ("file",),
}
NEEDS = {"inversion-recovery": "TI_ms", "mprage": "TI_ms", "pulseq": "file", "radial-gre": "spokes",
         "spiral-gre": "interleaves"}  # fmt: skip
SPECIAL = (
    "TI_ms",
    "refocusing_deg",
    "echo_train",
    "echo_spacing_ms",
    "echoes",
    "shots",
    "spokes",
    "interleaves",
    "file",
)
LATTICE_ONLY = ("acceleration", "acceleration_z", "sampling", "calibration_lines", "partial_fourier")


def problems(p: MRProtocol) -> list[str]:
    """What is wrong with a protocol, a line each."""
    return [*_keys(p), *_extent(p), *_lines(p), *_times(p)]


def _changed(p: MRProtocol, key: str) -> bool:
    return getattr(p, key) != type(p).model_fields[key].default


def _keys(p: MRProtocol) -> list[str]:
    uses, found = USES[p.sequence], []
    for key in SPECIAL:
        if key not in uses and _changed(p, key):
            with_it = " and ".join(name for name, keys in USES.items() if key in keys)
            found.append(f"{key} belongs to {with_it} and to no other sequence")
    needed = NEEDS.get(p.sequence)
    if needed and getattr(p, needed) is None:
        found.append(f"{p.sequence} needs {needed}")
    if "lattice" not in uses:
        changed = [key for key in LATTICE_ONLY if _changed(p, key)]
        found += [f"{key} belongs to Cartesian sequences; {p.sequence} has none" for key in changed]
    return found


def _extent(p: MRProtocol) -> list[str]:
    found = []
    if p.encoding == "3d" and p.gap_mm:
        found.append(f"gap_mm is {p.gap_mm}; the partitions of a 3d slab have no gap")
    if p.encoding == "3d" and p.sequence in ("gre-epi", "se-epi", "radial-gre", "spiral-gre", "pulseq"):
        found.append(f'{p.sequence} has encoding "2d" only')
    if p.sequence in ("radial-gre", "spiral-gre") and (len(set(p.fov_mm)) > 1 or len(set(p.matrix)) > 1):
        found.append(f"{p.sequence} needs a square field of view and matrix; fov_mm is {p.fov_mm}, matrix {p.matrix}")
    if p.sequence == "mprage" and p.encoding != "3d":
        found.append('mprage needs encoding = "3d"')
    if p.encoding == "2d" and p.acceleration_z != 1:
        found.append('acceleration_z belongs to encoding "3d"')
    return found


def _lines(p: MRProtocol) -> list[str]:
    found = []
    if p.calibration_lines > p.phase_lines:
        found.append(f"calibration_lines is {p.calibration_lines}; the matrix has {p.phase_lines} lines")
    if p.sampling == "regular" and p.phase_lines % p.acceleration:
        fit = [r for r in range(1, 17) if p.phase_lines % r == 0]
        found.append(
            f"acceleration {p.acceleration} does not divide the {p.phase_lines} phase-encoding lines; allowed: {fit}"
        )
    if isinstance(p.refocusing_deg, tuple) and len(p.refocusing_deg) != p.echo_train:
        found.append(f"refocusing_deg has {len(p.refocusing_deg)} angles; echo_train is {p.echo_train}")
    if p.sequence in ("gre-epi", "se-epi") and p.phase_lines % (p.shots * p.acceleration):
        found.append(f"shots x acceleration = {p.shots * p.acceleration} must divide the {p.phase_lines} lines")
    return found


def _times(p: MRProtocol) -> list[str]:
    if p.sequence == "pulseq":
        return []
    least = p.TE_ms + (p.TI_ms or 0.0) if p.sequence != "mprage" else p.TI_ms or 0.0
    what = "TI_ms + TE_ms" if p.TI_ms else "TE_ms"
    if p.TR_ms > least:
        return []
    return [f"TR_ms is {p.TR_ms}; must be longer than {what} = {least}, the time to the echo, and what follows it"]
