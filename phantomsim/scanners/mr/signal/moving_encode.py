"""K-space of what the coils see of a patient in a state: the four ways there are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.scanners.mr.played import Played
from phantomsim.scanners.mr.signal import engine, volume
from phantomsim.scanners.mr.signal import moving_samples as samples
from phantomsim.scanners.mr.signal import moving_views as views
from phantomsim.scanners.mr.signal.axes import axis, decimate
from phantomsim.scanners.mr.signal.engine import Object
from phantomsim.scanners.mr.signal.modes import Flat
from phantomsim.scanners.mr.signal.moving_states import State
from phantomsim.scanners.mr.signal.moving_volumes import Rows, Warp
from phantomsim.scanners.mr.signal.planes import lattice
from phantomsim.scanners.mr.spec import MRProtocol, MRScanner

Array = jax.Array


@dataclass(frozen=True, eq=False)
class Scene:
    """A scan of a patient who moves.

    Attributes:
        subject: the patient at rest.
        profile: factor of each node of the slice's profile x each tabulated transmit field [profile, node x flip].
        modes: their basis in uV.
        nodes_mm: of the slice's profile.
        flips: tabulated transmit fields over the nominal one [flip].
        warp: of a breathing patient.
    """

    scanner: MRScanner
    protocol: MRProtocol
    played: Played
    subject: Object
    profile: np.ndarray
    modes: Flat
    nodes_mm: np.ndarray
    flips: np.ndarray
    warp: Warp | None = None


def flip_place(scene: Scene, body: Rows, state: State) -> Array | None:
    """Where voxels lie among the tabulated transmit fields; what gets more or less than those takes the last."""
    if len(scene.flips) == 1:
        return None
    field = views.transmitted(scene.scanner, body.axes_mm, state)
    assert field is not None
    place = (field - scene.flips[0]) / (scene.flips[1] - scene.flips[0])
    return jnp.clip(jnp.asarray(place, jnp.float32), 0, len(scene.flips) - 1)


def _moved(scene: Scene, state: State) -> Object:
    """The patient shifted."""
    axes = tuple(a + d for a, d in zip(scene.subject.axes_mm, state.shift_mm[::-1]))
    return replace(scene.subject, axes_mm=axes)  # type: ignore[arg-type]


def on_lattice(scene: Scene, images: Array, state: State) -> Array:
    p, shots, which = scene.protocol, scene.played.shots, samples.padded(state.shots)
    y, x = engine.axes_of(p, _moved(scene, state))
    basis = jnp.asarray(engine.ordered(scene.modes.basis, scene.modes.of_shot, shots))
    kind = scene.modes.of_shot[which]
    found = lattice(images, y, x, shots.line[which], kind, basis, p.phase_axis, (y.length, x.length))
    return decimate(found[:, : len(state.shots)], p.samples, p.readout_oversampling)


def on_slab_lattice(scene: Scene, volumes: Array, seen: views.Seen, body: Rows, state: State) -> Array:
    p, shots, which = scene.protocol, scene.played.shots, samples.padded(state.shots)
    moved = _moved(scene, state)
    index, field = np.arange(p.slices) - p.slices // 2, p.slices * p.slice_mm
    along_z = axis(index, field, moved.axes_mm[0] - p.offset_mm[2], moved.spacing_mm[0])
    axes = (along_z, *engine.axes_of(p, moved))
    around = scene.subject.around._replace(nodes=seen.nodes, sensitivity=seen.table)
    place = shots.partition[which] * p.phase_lines + shots.line[which]
    basis = jnp.asarray(engine.ordered(scene.modes.basis, scene.modes.of_shot, shots))
    lengths = (axes[0].length, axes[1].length, axes[2].length)
    found = volume.lattice(
        volumes, around, axes, place, scene.modes.of_shot[which], basis, p.phase_axis, lengths,
        p.readout_oversampling, p.samples,
    )  # fmt: skip
    return found[:, : len(state.shots)]


def in_plane(scene: Scene, images: Array, body: Rows, state: State) -> Array:
    which = samples.padded(state.shots)
    k = samples.turned_k(scene.protocol, scene.played.shots, which, state)
    middle = samples.middle_mm(body.axes_mm, state, scene.protocol.offset_mm)
    kind, basis = scene.modes.of_shot[which], jnp.asarray(scene.modes.basis)
    found = samples.in_plane(images, k, scene.subject.spacing_mm, middle, kind, basis)
    return samples.received(scene.protocol, scene.played.shots, state.shots, found[:, : len(state.shots)])


def in_space(scene: Scene, volumes: Array, seen: views.Seen, body: Rows, state: State) -> Array:
    which = samples.padded(state.shots)
    k = samples.turned_k(scene.protocol, scene.played.shots, which, state)
    middle = samples.middle_mm(body.axes_mm, state, scene.protocol.offset_mm)
    kind, basis = scene.modes.of_shot[which], jnp.asarray(scene.modes.basis)
    found = samples.in_space(volumes, seen, k, scene.subject.spacing_mm, middle, kind, basis)
    return samples.received(scene.protocol, scene.played.shots, state.shots, found[:, : len(state.shots)])
