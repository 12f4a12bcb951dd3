"""Laws of iterative reconstruction and of spectral processing."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from phantomsim import materials
from phantomsim.laws import Law
from phantomsim.materials.mixtures import iodine as iodine_in
from phantomsim.scanners.ct import fdk, orbits
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.iterative.reconstruct import reconstruct, setup
from phantomsim.scanners.ct.spectral import images
from phantomsim.scanners.ct.spectral.decompose import decompose
from phantomsim.scanners.ct.spectral.model import SpectralModel, basis_attenuation

NAMES = ("water", "iodine")
BOUNDS = np.array([[-50.0, 600.0], [-500.0, 3000.0]], np.float32)
SIZE, PIXEL, RADIUS = 64, 2.5, 60.0
DISCS = ((RADIUS, 0.0, 0.0, 1.0), (12.0, 25.0, 0.0, 0.2), (8.0, -20.0, 20.0, -0.3))


def laws() -> list[Law]:
    """All of them."""
    return [*_few_views(), *_noise(), *_decomposition(), *_images()]


def _chords(geometry: Geometry) -> np.ndarray:
    """Line integrals of the discs (radius, x, y, amount) [view, 1, column]."""
    total = np.zeros((geometry.views, geometry.columns))
    for radius, x, y, amount in DISCS:
        to = np.array([x, y]) - geometry.source_mm[:, None, :2]
        apart = to[..., 0] * geometry.directions[..., 1] - to[..., 1] * geometry.directions[..., 0]
        total += amount * 2 * np.sqrt(np.maximum(radius**2 - apart**2, 0))
    return total[:, None]


def _inside(radius: float, x: float, y: float) -> np.ndarray:
    at = (np.arange(SIZE) - (SIZE - 1) / 2) * PIXEL
    return np.hypot(at - x, at[:, None] - y) < radius


def _few_views() -> list[Law]:
    """Discs from 40 views: contrast by each method, and error of total variation over that of FBP."""
    geometry = orbits.fan(541.0, 949.0, 40, 100, 2.8, 0.25)
    data = jnp.asarray(_chords(geometry), jnp.float32)
    scan = setup(geometry, (1, SIZE, SIZE), (PIXEL,) * 3)
    truth = sum(amount * _inside(radius, x, y) for radius, x, y, amount in DISCS)
    core = _inside(RADIUS - 6, 0, 0)
    plain = np.asarray(fdk.reconstruct(data, geometry, "standard", (1, SIZE, SIZE), (PIXEL,) * 3))[0]
    rows, source = [], "the analytic discs that were projected"
    for method, steps in (("cgls", 20), ("tv", 150)):
        image = np.asarray(reconstruct(method, data, scan, iterations=steps))[0]  # type: ignore[arg-type]
        read = image[_inside(6, 25, 0)].mean() - image[_inside(6, 0, -25)].mean()
        rows.append(Law(f"contrast of a disc from 40 views by {method} [HU]", source, 200.0, 1000 * read, 12.0))
    error = np.sqrt(np.mean((image - truth)[core] ** 2) / np.mean((plain - truth)[core] ** 2))
    what = "error of total variation over that of FBP, 40 views [1]"
    return [*rows, Law(what, "Sidky 2012: sparse gradients need few views; below 1", 0.4, float(error), 0.4)]


def _noise() -> list[Law]:
    """Noise of penalised least squares over that of FBP where both show an edge alike."""
    geometry = orbits.fan(541.0, 949.0, 120, 100, 2.8, 0.25)
    exact = _chords(geometry)
    photons = 1e5 * np.exp(-0.02 * exact)
    weights = 0.02**2 * photons
    noise = np.random.default_rng(0).normal(size=exact.shape) / np.sqrt(weights)
    data = jnp.asarray(np.stack([exact, exact + noise]), jnp.float32)
    shape, pitch = (1, SIZE, SIZE), (PIXEL,) * 3
    plain = np.asarray(fdk.reconstruct(data, geometry, "standard", shape, pitch))[:, 0]
    scan = setup(geometry, shape, pitch, subsets=4)
    trust = jnp.broadcast_to(jnp.asarray(weights, jnp.float32), data.shape)
    smooth = np.asarray(reconstruct("pwls", data, scan, trust, 12))[:, 0]
    flat = _inside(15, 0, -25)
    ratio = (smooth[1] - smooth[0])[flat].std() / (plain[1] - plain[0])[flat].std()
    read = smooth[0][_inside(6, 25, 0)].mean() - smooth[0][flat].mean()
    return [
        Law(
            "noise of PWLS over that of FBP [1]", "an edge-preserving penalty smooths; below 1", 0.4, float(ratio), 0.4
        ),
        Law("contrast of a disc by PWLS [HU]", "the analytic discs that were projected", 200.0, 1000 * read, 12.0),
    ]


def _dual(quanta: float) -> SpectralModel:
    """80 and 140 kVp, the latter behind tin."""
    low = materials.spectrum(80.0, {"al_mm": 6.8})
    high = materials.spectrum(140.0, {"al_mm": 6.8}).filtered("Sn", 0.4)
    energy = np.arange(20.0, 140.0, 3.0)
    weights = [np.interp(energy, s.energy_keV, s.photons_per_mAs_per_mm2_at_1m) for s in (low, high)]
    scaled = np.stack([quanta * w / w.sum() for w in weights])
    return SpectralModel(scaled.astype(np.float32), basis_attenuation(NAMES, energy).astype(np.float32))


def _decomposition() -> list[Law]:
    """Noise of decomposed paths behind 150 mm of water with 60 mg/mL x mm of iodine."""
    model, paths = _dual(1e5), np.array([150.0, 60.0])
    weights, mu = np.asarray(model.weights, float), np.asarray(model.mu_per_mm, float)
    passed = weights * np.exp(-paths @ mu)
    mean, slope = passed.sum(1), passed @ mu.T
    bound = np.linalg.inv(np.einsum("ck,cl,c->kl", slope, slope, 1 / mean))
    counts = np.random.default_rng(0).poisson(mean[:, None, None, None], (2, 20, 50, 40))
    found = np.asarray(decompose(jnp.asarray(counts, jnp.float32), model, BOUNDS), float).reshape(2, -1)
    source = "Cramer-Rao bound (Roessl and Herrmann 2009, doi:10.1088/0031-9155/54/5/014)"
    units = ("mm", "mg/mL mm")
    rows = [
        Law(f"noise of {name} paths from 80/140 kVp [{unit}]", source, float(limit), float(sd), 0.03 * float(limit))
        for name, unit, limit, sd in zip(NAMES, units, np.sqrt(np.diag(bound)), found.std(1))
    ]
    back = np.asarray(decompose(jnp.asarray(mean[:, None, None, None], jnp.float32), model, BOUNDS)).ravel()
    source = "the paths that were put in"
    return rows + [
        Law(f"{name} path from readings free of noise [{unit}]", source, float(true), float(read), 0.1)
        for name, unit, true, read in zip(NAMES, units, paths, back)
    ]


def _images() -> list[Law]:
    """5 mg/mL of iodine in a water cylinder: iodine map and virtual mono-energetic images."""
    geometry = orbits.fan(541.0, 949.0, 240, 160, 1.8, 0.25)
    water, insert = _disc(geometry, 70.0, 0.0), _disc(geometry, 15.0, 30.0)
    energy, solution = np.arange(20.0, 140.0, 3.0), iodine_in(5.0, "water")
    mu = materials.attenuation_matrix(["water", solution], energy)
    model = _dual(1e6)
    depth = mu[0][:, None, None] * water + (mu[1] - mu[0])[:, None, None] * insert
    counts = np.tensordot(np.asarray(model.weights, float), np.exp(-depth), 1)[:, :, None]
    paths = decompose(jnp.asarray(counts, jnp.float32), model, BOUNDS)
    bases = fdk.reconstruct(paths, geometry, "smooth", (1, SIZE, SIZE), (PIXEL,) * 3)
    here = _inside(8, 30, 0)
    read = float(np.asarray(images.iodine(bases, NAMES))[0][here].mean())
    rows = [Law("iodine map of 5 mg/mL in water [mg/mL]", "the concentration that was put in", 5.0, read, 0.1)]
    for keV in (50.0, 70.0, 100.0):
        one = materials.attenuation_matrix(["water", solution, "air"], [keV])[:, 0]
        expected = float(1000 * (one[1] - one[0]) / (one[0] - one[2]))
        image = np.asarray(images.mono(bases, NAMES, keV))[0]
        contrast = float(image[here].mean() - image[_inside(8, -30, 0)].mean())
        source = "attenuation of the mixture at that energy"
        rows.append(Law(f"5 mg/mL of iodine at {keV:g} keV, virtual [HU]", source, expected, contrast, 0.03 * expected))
    return rows


def _disc(geometry: Geometry, radius: float, x: float) -> np.ndarray:
    to = np.array([x, 0.0]) - geometry.source_mm[:, None, :2]
    apart = to[..., 0] * geometry.directions[..., 1] - to[..., 1] * geometry.directions[..., 0]
    return 2 * np.sqrt(np.maximum(radius**2 - apart**2, 0))
