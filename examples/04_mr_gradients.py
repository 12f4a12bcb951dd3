"""Gradients of an MR signal and of an image, with respect to tissues and to the sequence.

    python examples/04_mr_gradients.py

Three questions, each answered by `jax.grad`:
1. Which refocusing angles of a turbo spin echo give most contrast of grey and white matter for a given RF energy?
2. How does a reconstructed pixel change as the points of a spiral move?
3. Which T1 and T2 explain a noisy train of echoes?

Set PHANTOMSIM_SHORT=1 for a run of seconds.
"""

import os
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax

from phantomsim.materials import relaxation
from phantomsim.scanners.mr import epg, nufft
from phantomsim.scanners.mr.epg.steady import repeated

SHORT = bool(os.environ.get("PHANTOMSIM_SHORT"))
ECHOES, SPACING_ms, CENTRE, REST_ms = 16, 10.0, 8, 3000.0  # the ninth echo reads the centre of k-space
TISSUES = relaxation(["white-matter", "grey-matter"], 3.0)


def echo_train(refocusing_deg: jax.Array, repetitions: int = 2) -> epg.Train:
    """90 degrees about y, refocusing pulses about x, a rest in which all is spoiled; the last repetition is read."""
    count = ECHOES + 1
    phase = np.tile(np.r_[np.pi / 2, np.zeros(ECHOES)], repetitions)
    flips = jnp.tile(jnp.concatenate([jnp.full(1, 90.0), refocusing_deg]), repetitions)
    begin, half = np.arange(count * repetitions) % count == 0, SPACING_ms / 2000
    second = np.roll(begin, 1)
    before = np.where(begin, REST_ms / 1000, np.where(second, half, 2 * half))
    before[0] = 0.0
    order = np.where(begin, 0, np.where(second, 1, 2)).astype(np.int32)
    read = np.arange(count * (repetitions - 1) + 1, count * repetitions, dtype=np.int32)
    zeros = np.zeros(ECHOES)
    return replace(
        repeated(SPACING_ms, flips, phase), before_s=before, order=order, spoiled=begin & (before > 0),
        shots=np.arange(ECHOES, dtype=np.int32), step=read, echo=np.full(ECHOES, -1, np.int32), after_s=zeros + half,
        receiver_rad=zeros + np.pi / 2, reference_s=zeros, dephasing_s=zeros, reference=np.arange(ECHOES),
    )  # fmt: skip


def echoes(T1_ms: jax.Array, T2_ms: jax.Array, refocusing_deg: jax.Array) -> jax.Array:
    """Magnitude of every echo of every tissue [tissue, echo]."""
    return jnp.abs(epg.run(echo_train(refocusing_deg), T1_ms, T2_ms, orders=ECHOES + 1))


def contrast(refocusing_deg: jax.Array) -> jax.Array:
    """Grey less white matter at the effective echo time, over fully relaxed water."""
    seen = echoes(jnp.asarray(TISSUES.T1_ms), jnp.asarray(TISSUES.T2_ms), refocusing_deg)
    white, grey = seen[:, CENTRE] * jnp.asarray(TISSUES.PD)
    return grey - white


def energy(refocusing_deg: jax.Array) -> jax.Array:
    """Mean square of the angles over that of 180 degrees: what the patient is warmed by."""
    return jnp.mean((refocusing_deg / 180) ** 2)


def within(refocusing_deg: jax.Array, limit: float) -> jax.Array:
    """The nearest angles, in proportion, that keep the limit and lie within 20 to 180 degrees."""
    angles = jnp.clip(refocusing_deg, 20.0, 180.0)
    return angles * jnp.minimum(1.0, jnp.sqrt(limit / energy(angles)))


def best_train(limit: float, steps: int) -> tuple[np.ndarray, float, float]:
    """Refocusing angles [deg] of the largest contrast under an energy limit; contrast before and after."""
    start = jnp.full(ECHOES, 180.0 * np.sqrt(limit))
    optimiser = optax.adam(2.0)
    state, angles = optimiser.init(start), start

    @jax.jit
    def step(angles, state):
        slope = jax.grad(lambda a: -100 * contrast(within(a, limit)))(angles)
        change, state = optimiser.update(slope, state)
        return within(optax.apply_updates(angles, change), limit), state

    for _ in range(steps):
        angles, state = step(angles, state)
    return np.asarray(angles), float(contrast(start)), float(contrast(angles))


def spiral(turns: int, count: int) -> np.ndarray:
    """Points of an Archimedean spiral in cycles a pixel [point, 2]."""
    r = np.linspace(0, 1, count) ** 0.5
    return (0.5 * r * np.stack([np.cos(2 * np.pi * turns * r), np.sin(2 * np.pi * turns * r)])).T.astype(np.float32)


def pixel(points: jax.Array, image: jax.Array, designed: jax.Array, at: tuple[int, int]) -> jax.Array:
    """One pixel of an object that was sampled at `points` and is reconstructed as if at the designed ones."""
    weight = np.pi / 4 / len(designed)  # at constant speed all samples stand for equal parts of the disc
    seen = nufft.to_points(image.astype(jnp.complex64), points)
    return nufft.to_image(seen * weight, designed, image.shape)[at].real


def pixel_slope(size: int = 32) -> tuple[float, np.ndarray]:
    """A pixel at the edge of a disc, and its derivative with respect to each point of the trajectory."""
    y, x = np.indices((size, size)) - (size - 1) / 2
    disc, designed = jnp.asarray(np.hypot(y, x) < size / 4, jnp.float32), jnp.asarray(spiral(size // 2, 4 * size**2))
    at = (size // 2, size // 2 + size // 4 - 1)
    value, slope = jax.value_and_grad(pixel)(designed, disc, designed, at)
    return float(value), np.asarray(slope)


def fit(data: jax.Array, refocusing_deg: jax.Array, start_ms: tuple[float, float], steps: int = 20) -> np.ndarray:
    """T1, T2 [ms] and proton density of a tissue, by Levenberg and Marquardt's steps over an echo train [echo]."""
    scale = jnp.array([*start_ms, 0.8])

    def misfit(log: jax.Array) -> jax.Array:
        T1, T2, PD = scale * jnp.exp(log)
        return PD * echoes(T1[None], T2[None], refocusing_deg)[0] - data

    slopes, now = jax.jit(jax.jacrev(misfit)), jax.jit(misfit)
    log, damping = jnp.zeros(3), 1e-3
    for _ in range(steps):
        J, r = np.asarray(slopes(log), float), np.asarray(now(log), float)
        H = J.T @ J
        change = np.linalg.solve(H + damping * np.diag(np.diag(H)), -J.T @ r)
        tried = log + jnp.asarray(np.clip(change, -0.5, 0.5), jnp.float32)
        better = float(jnp.sum(now(tried) ** 2)) < float(np.sum(r**2))
        log, damping = (tried, damping / 5) if better else (log, damping * 5)
    return np.asarray(scale * jnp.exp(log))


def main() -> None:
    angles, before, after = best_train(limit=0.3, steps=20 if SHORT else 150)
    print(
        f"1. contrast of grey and white matter at TE {SPACING_ms * (CENTRE + 1):.0f} ms, 30 % of the RF energy of 180"
    )
    print(f"   180 degrees: {before:.4f} with equal angles, {after:.4f} with {angles.round().astype(int).tolist()}")
    value, slope = pixel_slope()
    far = np.hypot(*slope.T)
    print(f"2. a pixel at a disc's edge is {value:.3f}; it hangs most on point {far.argmax()} of {len(far)},")
    print(f"   by {far.max():.3g} a cycle per pixel. A delay that moves all points by 0.001 along x changes it by")
    print(f"   {1e-3 * slope[:, 1].sum():.2g}")
    # Small angles store magnetisation along B0, where it relaxes by T1: such a train tells T1 from T2.
    varied = jnp.asarray(np.where(np.arange(ECHOES) % 4 == 3, 120.0, 50.0))
    truth = (float(TISSUES.T1_ms[0]), float(TISSUES.T2_ms[0]), float(TISSUES.PD[0]))
    clean = truth[2] * echoes(jnp.array(truth[:1]), jnp.array(truth[1:2]), varied)[0]
    noisy = clean + 5e-4 * jax.random.normal(jax.random.key(0), clean.shape)
    found = fit(noisy, varied, (1200.0, 60.0))
    print(f"3. white matter: T1 {found[0]:.0f} ms ({truth[0]:.0f}), T2 {found[1]:.1f} ms ({truth[1]:.1f}),")
    print(f"   proton density {found[2]:.3f} ({truth[2]:.3f}) from {ECHOES} echoes with a noise of 0.0005")


if __name__ == "__main__":
    main()
