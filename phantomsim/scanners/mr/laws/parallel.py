"""What must hold of parallel imaging, partial Fourier and the combination of coils (`phantomsim validate mr`)."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.laws import Law
from phantomsim.scanners.mr import coils
from phantomsim.scanners.mr.laws.chain import small_scanner
from phantomsim.scanners.mr.reconstruct import combine, espirit, gfactor, grappa, homodyne, sense
from phantomsim.scanners.mr.reconstruct.centred import pixels, to_pixels, to_samples
from phantomsim.scanners.mr.reconstruct.fourier import to_image

SIZE = 128
FOV_mm = 220.0
RICE = ((0, 1.25331, 0.65514), (1, 1.54857, 0.77580), (3, 3.17264, 0.96667), (5, 5.10112, 0.98926))  # A, mean, SD


def loop_maps(ny: int, nx: int, fov_mm: float = FOV_mm) -> np.ndarray:
    """Sensitivities of the small scanner's eight loops in the transverse plane, mean 1, complex64 [coil, y, x]."""
    y, x = np.meshgrid(pixels(ny) * fov_mm, pixels(nx) * fov_mm, indexing="ij")
    found = coils.sensitivity(small_scanner().coils, np.stack([x, y, 0 * x], -1))
    return (found / np.abs(found).mean()).astype(np.complex64)


def ellipses(ny: int, nx: int) -> np.ndarray:
    """A head-like object of a few ellipses, between 0 and 1.5, float32 [y, x]; zero outside the head."""
    y, x = np.meshgrid(pixels(ny), pixels(nx), indexing="ij")
    parts = ((0.0, 0.0, 0.38, 0.33, 1.0), (0.1, 0.0, 0.1, 0.05, 0.5), (-0.1, 0.1, 0.08, 0.1, -0.4))
    inside = [v * (((y - cy) / a) ** 2 + ((x - cx) / b) ** 2 < 1) for cy, cx, a, b, v in parts]
    return np.sum(inside, 0).astype(np.float32)


def noise(seed: int, *shape: int) -> np.ndarray:
    """White noise, SD 1 in either component, complex64."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


def lines(count: int, acceleration: int, calibration: int, first: int = 0) -> np.ndarray:
    """Every R-th line and a full block about the centre, bool [line]."""
    taken = np.zeros(count, bool)
    taken[first::acceleration] = True
    taken[count // 2 - calibration // 2 : count // 2 - calibration // 2 + calibration] = True
    return taken


def laws() -> list[Law]:
    """All laws of this part."""
    parts: list[Callable[[], list[Law]]] = [_grappa, _espirit, _homodyne, _combination, _magnitude, _replicas]
    return [law for part in parts for law in part()]


def _grappa() -> list[Law]:
    maps, head = loop_maps(SIZE, SIZE), ellipses(SIZE, SIZE)
    full, taken = np.asarray(to_samples(maps * head)), lines(SIZE, 2, 24)
    filled = np.asarray(grappa.grappa(full * taken[:, None], taken, 2))
    kernel = grappa.calibrate(full[:, SIZE // 2 - 12 : SIZE // 2 + 12], 2)
    covariance = np.eye(8) + 0.2
    weights = np.conj(maps) / np.sum(np.abs(maps) ** 2, 0)
    g = grappa.g_factor(grappa.image_weights(kernel, (SIZE, SIZE)), weights, covariance, 2)

    def unfolded(kspace: jax.Array) -> jax.Array:
        return jnp.sum(weights * to_pixels(grappa.fill(kspace, kernel, 0)), 0)

    def straight(kspace: jax.Array) -> jax.Array:
        return jnp.sum(weights * to_pixels(kspace), 0)

    lattice, key = lines(SIZE, 2, 0)[:, None], jax.random.key(1, impl="threefry2x32")
    some = gfactor.noise_map(unfolded, jnp.zeros_like(full), covariance, key, 24, lattice)
    every = gfactor.noise_map(straight, jnp.zeros_like(full), covariance, jax.random.fold_in(key, 99), 24)
    seen, predicted = (np.sum(np.square(sd)[head > 0]) for sd in (some, g * 2**0.5 * every))
    return [
        Law(
            "GRAPPA of noise-free data at R = 2, rms error over rms of k-space",
            "smooth sensitivities shift k-space exactly: Griswold et al. 2002, doi:10.1002/mrm.10171",
            0.0,
            float(np.linalg.norm(filled - full) / np.linalg.norm(full)),
            0.02,
        ),
        Law(
            "noise of GRAPPA at R = 2 over that of its weights",
            "Breuer et al. 2009, doi:10.1002/mrm.22066, eq. 8",
            1.0,
            float(np.sqrt(seen / predicted)),
            0.02,
        ),
    ]


def _espirit() -> list[Law]:
    maps, head = loop_maps(SIZE, SIZE), ellipses(SIZE, SIZE)
    block = espirit.calibration_block(to_samples(maps * head), (24, 24))
    found, _ = espirit.espirit(block, (SIZE, SIZE))
    true = maps / np.sqrt(np.sum(np.abs(maps) ** 2, 0))
    same = np.abs(np.sum(np.conj(true) * np.asarray(found), 0))[head > 0]
    source = "maps are determined up to a phase: Uecker et al. 2014, doi:10.1002/mrm.24751"
    return [
        Law("ESPIRiT maps, least inner product with the true ones in the head", source, 1.0, float(same.min()), 1e-3)
    ]


def _homodyne() -> list[Law]:
    head, fov = ellipses(SIZE, SIZE), (float(SIZE), float(SIZE))
    early, late = (homodyne.partial_lines(SIZE, 5 / 8, first) for first in (True, False))
    full = np.asarray(to_samples(head.astype(np.complex64)))
    found = np.real(homodyne.homodyne(full * early[:, None], early, fov))
    # A strong uniform object: its noise lies in the real part alone.
    strong = np.zeros((4, SIZE, SIZE), np.complex64)
    strong[:, SIZE // 2, SIZE // 2] = 1e7
    noisy = (strong + noise(2, *strong.shape)) * late[:, None]
    spread = float(np.std(np.real(homodyne.homodyne(noisy, late, fov, ramp=1)))) * SIZE
    # 80 of 128 lines: 47 of weight 2, 31 of 1, and 1/2 and 3/2 at the ends of the symmetric centre.
    expected = math.sqrt((47 * 4 + 31 + 0.25 + 2.25) / SIZE)
    source = "Hermitian symmetry; Noll et al. 1991, doi:10.1109/42.79473"
    return [
        Law(
            "homodyne of a real object from 5/8 of the lines, largest error",
            source,
            0.0,
            float(np.abs(found - head).max()),
            0.01,
        ),
        Law("noise of homodyne from 5/8 of the lines over that of all", "(sum W^2 / N)^(1/2)", expected, spread, 0.01),
    ]


def _combination() -> list[Law]:
    maps, head, mixing = loop_maps(SIZE, SIZE), ellipses(SIZE, SIZE), np.linalg.cholesky(np.eye(8) + 0.3)
    signal = 20 * maps * head
    noisy = signal + np.einsum("ab,byx->ayx", mixing, noise(3, *signal.shape)).astype(np.complex64)
    covariance = 2 * mixing @ mixing.T
    vectors = combine.adaptive(noisy, covariance)[1]
    white = np.asarray(combine.whiten(jnp.asarray(signal), covariance))
    best = np.sqrt(np.sum(np.abs(white) ** 2, 0))
    got = np.abs(np.sum(np.conj(vectors) * white, 0))
    source = "Walsh et al. 2000, doi:10.1002/(SICI)1522-2594(200005)43:5<682::AID-MRM10>3.0.CO;2-G"
    share = float(np.mean(got[head > 0] / best[head > 0]))
    return [Law("SNR of adaptive combination over the optimal one", source, 1.0, share, 0.01)]


def _magnitude() -> list[Law]:
    empty = combine.sum_of_squares(jnp.asarray(noise(4, 8, 256, 256)))
    found = [
        Law(
            "mean of the sum of squares of eight coils of noise [SD]",
            "sqrt(2) Gamma(8.5) / Gamma(8); Constantinides et al. 1997, doi:10.1002/mrm.1910380524",
            3.9380,
            float(jnp.mean(empty)),
            0.01,
        )
    ]
    source = "Rice 1944; Gudbjartsson and Patz 1995, doi:10.1002/mrm.1910340618"
    for a, mean, sd in RICE:
        seen = np.asarray(combine.sum_of_squares(jnp.asarray(a + noise(5 + a, 1, 512, 512))), float)
        found.append(Law(f"mean magnitude of one coil at amplitude {a} SD [SD]", source, mean, seen.mean(), 0.006))
        found.append(Law(f"SD of the magnitude of one coil at amplitude {a} SD [SD]", source, sd, seen.std(), 0.006))
    return found


def _replicas() -> list[Law]:
    b, size = 0.5, 16
    maps = np.zeros((2, size, size), np.complex64)
    maps[0, : size // 2], maps[1, : size // 2], maps[0, size // 2 :], maps[1, size // 2 :] = 1.0, b, b, 1.0
    weights = jnp.asarray(sense.unfolding(maps[None], np.eye(2), 2)[0])
    fov, key = (1.0, 1.0), jax.random.key(7, impl="threefry2x32")

    def unfolded(kspace: jax.Array) -> jax.Array:
        return sense.unfold(to_image(kspace[:, ::2], fov, 2)[None], weights)[0]

    def matched(kspace: jax.Array) -> jax.Array:
        return combine.optimal(to_image(kspace, fov), jnp.asarray(maps), np.eye(2))

    empty = jnp.zeros((2, size, size), jnp.complex64)
    some = gfactor.noise_map(unfolded, empty, np.eye(2), key, 256, at_once=32)
    every = gfactor.noise_map(matched, empty, np.eye(2), jax.random.fold_in(key, 99), 256, at_once=32)
    source = "(1 + b^2)/(1 - b^2); Pruessmann et al. 1999, eq. 23; Robson et al. 2008, doi:10.1002/mrm.21728"
    g = float(jnp.sqrt(jnp.mean(some**2) / jnp.mean(every**2) / 2))
    return [Law("g-factor by replicas of two coils, 1 and 1/2, at R = 2", source, 5 / 3, g, 0.02)]
