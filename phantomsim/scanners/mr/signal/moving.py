"""K-space of a patient who moves between shots.

A rigid patient whose point r is at R r + d gives, at the gradients' k,

    S_c(k) = exp(-2 pi i k . d) integral m(r) C_c(R r + d) p(R r + d) exp(-2 pi i (R^T k) . r) dr:

the resting patient at turned k, under receive and transmit fields C and slices p that stay in the scanner. A patient
who is only shifted stays on the lattice; one who is turned goes by NUFFT. Slices that the patient turns out of are
followed, too: planes across z then cut the patient aslant. A breathing patient's mode volumes are warped, state by
state.

What is left out: steady states and saturation are those of a patient at rest, so that spins keep no memory of where
they were in earlier shots; off-resonance moves with the patient as it was at rest, though it changes with the angle
to B0, and the shim does not move.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.phantom import Phantom
from phantomsim.scanners.mr.played import Played
from phantomsim.scanners.mr.signal import engine, volume
from phantomsim.scanners.mr.signal import moving_samples as samples
from phantomsim.scanners.mr.signal import moving_views as views
from phantomsim.scanners.mr.signal.axes import axis, decimate
from phantomsim.scanners.mr.signal.engine import Object
from phantomsim.scanners.mr.signal.modes import Modes
from phantomsim.scanners.mr.signal.moving_states import State, states, times_s
from phantomsim.scanners.mr.signal.moving_volumes import Rows, Warp, rows, warp_of
from phantomsim.scanners.mr.signal.planes import lattice
from phantomsim.scanners.mr.spec import MRProtocol, MRScanner
from phantomsim.scanners.mr.spec.motion import Breathing

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
    modes: Modes
    nodes_mm: np.ndarray
    flips: np.ndarray
    warp: Warp | None = None


def kspace(scene: Scene, phantom: Phantom, still: Callable[[], Array]) -> Array:
    """K-space as `simulate.kspace` gives it, complex64 [coil, shot, sample] uV.

    Args:
        still: gives that of the patient at rest; shots that see him so are its, to the last bit.
    Raises:
        ScannerError: a breathing phantom that is all air, or breath so deep that it folds the body.
    """
    motion, shots = scene.protocol.motion, scene.played.shots
    assert motion is not None
    if isinstance(motion, Breathing):
        scene = replace(scene, warp=warp_of(motion, phantom))
    every = states(motion, times_s(scene.played.sequence, shots))
    moving = [s for s in every if not s.rest]
    found = [] if len(moving) == len(every) else [_of_rest(still(), every)]
    if scene.protocol.encoding == "3d":
        found += _slab(scene, moving)
    else:
        found += [part for n in range(scene.protocol.slices) for part in _slice(scene, moving, n)]
    places, values = zip(*found)
    back = np.argsort(np.concatenate(places), kind="stable")
    return jnp.concatenate(values, axis=1)[:, back]


Part = tuple[np.ndarray, Array]  # shots, and their samples [coil, shot, sample]


def _of_rest(whole: Array, every: list[State]) -> Part:
    mine = np.concatenate([s.shots for s in every if s.rest])
    return mine, whole[:, mine]


def _slice(scene: Scene, moving: list[State], number: int) -> list[Part]:
    """Shots of one slice that see the patient moved."""
    mine = np.flatnonzero(scene.played.shots.slice == number)
    here = [s._replace(shots=np.intersect1d(s.shots, mine)) for s in moving]
    here = [s for s in here if len(s.shots)]
    if not here:
        return []
    cut = views.Slice(float(engine.middles_mm(scene.protocol)[number]), scene.nodes_mm, scene.protocol.slice_mm)
    body = rows(scene.subject, scene.modes, _needed(scene, cut, here))
    return [(s.shots, _from_slice(scene, body, cut, s)) for s in here]


def _needed(scene: Scene, cut: views.Slice, here: list[State]) -> np.ndarray:
    """Rows that a slice sees in some state, or that come there by breathing, bool [z]."""
    axes, spacing = scene.subject.axes_mm, scene.subject.spacing_mm
    seen = np.any([views.needed(cut, axes, s, views.height_mm(s, spacing)) for s in here], axis=0)
    motion = scene.protocol.motion
    if isinstance(motion, Breathing):
        margin = int(np.ceil(motion.depth_mm / spacing[0])) + 1
        seen = np.convolve(seen, np.ones(2 * margin + 1), "same")[: len(seen)] > 0
    return seen


def _from_slice(scene: Scene, body: Rows, cut: views.Slice, state: State) -> Array:
    height = views.height_mm(state, scene.subject.spacing_mm)
    flip = _flip_place(scene, body, state)
    share = views.weights(cut, scene.profile, body.axes_mm, state, height, flip, len(scene.flips))
    volumes = samples.weighed(_warped(scene, body, state), share)
    seen = views.sensitivities(scene.scanner, body.axes_mm, state)
    if state.tilted:
        return _in_space(scene, volumes / height, seen, body, state)
    images = samples.summed(volumes, seen)
    if state.turned or not scene.protocol.cartesian:
        return _in_plane(scene, images, body, state)
    return _on_lattice(scene, images, state)


def _slab(scene: Scene, moving: list[State]) -> list[Part]:
    """Shots of a slab that see the patient moved."""
    if not moving:
        return []
    body = rows(scene.subject, scene.modes, np.ones(len(scene.subject.axes_mm[0]), bool))
    found = []
    for state in moving:
        share = views.flip_weights(scene.profile, _flip_place(scene, body, state))
        warped = _warped(scene, body, state)
        volumes = warped[0] if share is None else samples.weighed(warped, share)
        seen = views.sensitivities(scene.scanner, body.axes_mm, state)
        through = _in_space if state.turned or not scene.protocol.cartesian else _on_slab_lattice
        found.append((state.shots, through(scene, volumes, seen, body, state)))
    return found


def _flip_place(scene: Scene, body: Rows, state: State) -> Array | None:
    """Where voxels lie among the tabulated transmit fields; what gets more or less than those takes the last."""
    if len(scene.flips) == 1:
        return None
    field = views.transmitted(scene.scanner, body.axes_mm, state)
    assert field is not None
    place = (field - scene.flips[0]) / (scene.flips[1] - scene.flips[0])
    return jnp.clip(jnp.asarray(place, jnp.float32), 0, len(scene.flips) - 1)


def _warped(scene: Scene, body: Rows, state: State) -> Array:
    if state.amplitude == 0 or scene.warp is None:
        return body.volumes
    flat = body.volumes.reshape(-1, *body.volumes.shape[2:])
    return scene.warp(flat, body, state.amplitude).reshape(body.volumes.shape)


def _moved(scene: Scene, state: State) -> Object:
    """The patient shifted."""
    axes = tuple(a + d for a, d in zip(scene.subject.axes_mm, state.shift_mm[::-1]))
    return replace(scene.subject, axes_mm=axes)  # type: ignore[arg-type]


def _on_lattice(scene: Scene, images: Array, state: State) -> Array:
    p, shots, which = scene.protocol, scene.played.shots, samples.padded(state.shots)
    y, x = engine.axes_of(p, _moved(scene, state))
    basis = jnp.asarray(engine.ordered(scene.modes, shots))
    kind = scene.modes.of_shot[which]
    found = lattice(images, y, x, shots.line[which], kind, basis, p.phase_axis, (y.length, x.length))
    return decimate(found[:, : len(state.shots)], p.samples, p.readout_oversampling)


def _on_slab_lattice(scene: Scene, volumes: Array, seen: views.Seen, body: Rows, state: State) -> Array:
    p, shots, which = scene.protocol, scene.played.shots, samples.padded(state.shots)
    moved = _moved(scene, state)
    index, field = np.arange(p.slices) - p.slices // 2, p.slices * p.slice_mm
    along_z = axis(index, field, moved.axes_mm[0] - p.offset_mm[2], moved.spacing_mm[0])
    axes = (along_z, *engine.axes_of(p, moved))
    around = scene.subject.around._replace(nodes=seen.nodes, sensitivity=seen.table)
    place = shots.partition[which] * p.phase_lines + shots.line[which]
    basis = jnp.asarray(engine.ordered(scene.modes, shots))
    lengths = (axes[0].length, axes[1].length, axes[2].length)
    found = volume.lattice(
        volumes, around, axes, place, scene.modes.of_shot[which], basis, p.phase_axis, lengths,
        p.readout_oversampling, p.samples,
    )  # fmt: skip
    return found[:, : len(state.shots)]


def _in_plane(scene: Scene, images: Array, body: Rows, state: State) -> Array:
    which = samples.padded(state.shots)
    k = samples.turned_k(scene.protocol, scene.played.shots, which, state)
    middle = samples.middle_mm(body.axes_mm, state, scene.protocol.offset_mm)
    kind, basis = scene.modes.of_shot[which], jnp.asarray(scene.modes.basis)
    found = samples.in_plane(images, k, scene.subject.spacing_mm, middle, kind, basis)
    return samples.received(scene.protocol, scene.played.shots, state.shots, found[:, : len(state.shots)])


def _in_space(scene: Scene, volumes: Array, seen: views.Seen, body: Rows, state: State) -> Array:
    which = samples.padded(state.shots)
    k = samples.turned_k(scene.protocol, scene.played.shots, which, state)
    middle = samples.middle_mm(body.axes_mm, state, scene.protocol.offset_mm)
    kind, basis = scene.modes.of_shot[which], jnp.asarray(scene.modes.basis)
    found = samples.in_space(volumes, seen, k, scene.subject.spacing_mm, middle, kind, basis)
    return samples.received(scene.protocol, scene.played.shots, state.shots, found[:, : len(state.shots)])
