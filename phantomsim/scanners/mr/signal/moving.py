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
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage

from phantomsim.phantom import Phantom
from phantomsim.scanners.mr.played import Played
from phantomsim.scanners.mr.signal import engine
from phantomsim.scanners.mr.signal import moving_aslant as aslant
from phantomsim.scanners.mr.signal import moving_encode as encode
from phantomsim.scanners.mr.signal import moving_samples as samples
from phantomsim.scanners.mr.signal import moving_views as views
from phantomsim.scanners.mr.signal import moving_weights as weights
from phantomsim.scanners.mr.signal.moving_encode import Scene
from phantomsim.scanners.mr.signal.moving_states import State, states, times_s
from phantomsim.scanners.mr.signal.moving_volumes import Rows, rows, warp_of
from phantomsim.scanners.mr.spec import MRProtocol
from phantomsim.scanners.mr.spec.motion import Breathing

Array = jax.Array
Part = tuple[np.ndarray, Array]  # shots, and their samples [coil, shot, sample]
TRAIN = 5e-4  # of the amplitudes' root mean square, where trains are brought into few volumes


def moves(protocol: MRProtocol, played: Played) -> bool:
    """Whether any shot sees the patient elsewhere than at rest."""
    motion = protocol.motion
    return motion is not None and not all(s.rest for s in states(motion, times_s(played.sequence, played.shots)))


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
    cut = weights.Slice(float(engine.middles_mm(scene.protocol)[number]), scene.nodes_mm, scene.protocol.slice_mm)
    body = rows(scene.subject, scene.modes, _needed(scene, cut, here))
    return [(s.shots, _from_slice(scene, body, cut, s)) for s in here]


def _needed(scene: Scene, cut: weights.Slice, here: list[State]) -> np.ndarray:
    """Rows that a slice sees in some state, or that come there by breathing, bool [z]."""
    axes, spacing = scene.subject.axes_mm, scene.subject.spacing_mm
    seen = np.any([weights.needed(cut, axes, s, weights.height_mm(s, spacing)) for s in here], axis=0)
    motion = scene.protocol.motion
    if isinstance(motion, Breathing):
        margin = int(np.ceil(motion.depth_mm / spacing[0])) + 1
        seen = ndimage.binary_dilation(seen, iterations=margin)
    return seen


def _from_slice(scene: Scene, body: Rows, cut: weights.Slice, state: State) -> Array:
    height = weights.height_mm(state, scene.subject.spacing_mm)
    flip = encode.flip_place(scene, body, state)
    share = weights.weights(cut, scene.profile, body.axes_mm, state, height, flip, len(scene.flips))
    volumes = samples.weighed(_warped(scene, body, state), share)
    seen = views.sensitivities(scene.scanner, body.axes_mm, state)
    if state.tilted:
        k = samples.turned_k(scene.protocol, scene.played.shots, samples.padded(state.shots), state)
        at = aslant.nodes(state, cut, height, k)
        if at is not None:
            return aslant.kspace(scene, volumes / height, seen, body, cut, state, k, at)
        return encode.in_space(scene, volumes / height, seen, body, state)
    images = samples.summed(volumes, seen)
    if state.turned or not scene.protocol.cartesian:
        return encode.in_plane(scene, images, body, state)
    return encode.on_lattice(scene, images, state)


def _slab(scene: Scene, moving: list[State]) -> list[Part]:
    """Shots of a slab that see the patient moved."""
    if not moving:
        return []
    body = rows(scene.subject, scene.modes, np.ones(len(scene.subject.axes_mm[0]), bool))
    found = []
    for state in moving:
        share = weights.flip_weights(scene.profile, encode.flip_place(scene, body, state))
        warped = _warped(scene, body, state)
        volumes = warped[0] if share is None else samples.weighed(warped, share)
        seen = views.sensitivities(scene.scanner, body.axes_mm, state)
        through = encode.in_space if state.turned or not scene.protocol.cartesian else encode.on_slab_lattice
        found.append((state.shots, through(scene, volumes, seen, body, state)))
    return found


def _warped(scene: Scene, body: Rows, state: State) -> Array:
    if state.amplitude == 0 or scene.warp is None:
        return body.volumes
    flat = body.volumes.reshape(-1, *body.volumes.shape[2:])
    return scene.warp(flat, body, state.amplitude).reshape(body.volumes.shape)
