"""Laws of CT detectors: counts photon by photon, dead time, noise, crosstalk, the grid and the focal spot."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.laws import Law
from phantomsim.materials import attenuation_matrix
from phantomsim.scanners.ct import sampling
from phantomsim.scanners.ct.detector import antiscatter, correlated, crosstalk, integrating, photons, pileup
from phantomsim.scanners.ct.detector.fluorescence import interaction
from phantomsim.scanners.ct.detector.response import response
from phantomsim.scanners.ct.orbits import flat_panel
from phantomsim.scanners.ct.spec import AntiScatterGrid, EnergyIntegrating, FocalSpot, PhotonCounting

COUNTER = PhotonCounting(thickness_mm=1.6, thresholds_keV=(20.0, 65.0))
SIDE = 8  # sub-pixels of the sensor that is hit photon by photon
CELL = 2  # sub-pixels along a cell
ONE_BY_ONE = "Monte Carlo photon by photon"


def laws() -> list[Law]:
    """Measure every law of the detectors."""
    found = [*_photon_by_photon(), *_absorption(), *_dead_time(), *_integrating()]
    return [*found, *_crosstalk(), *_grid(), *_focus()]


def _photon_by_photon() -> list[Law]:
    """Counts in cells of 2 x 2 sub-pixels at 100 keV: means, and covariances of bins and of neighbours."""
    rng, bins, per_cell = np.random.default_rng(1), len(COUNTER.thresholds_keV), 400.0
    means, own, across, events = np.zeros(bins), np.zeros((bins, bins)), np.zeros((bins, bins)), 120_000
    for _ in range(6):
        binned = photons.count(COUNTER, 100.0, events // 6, SIDE, rng)
        counts = np.stack([binned == i + 1 for i in range(bins)], -1)
        cells = counts.reshape(len(counts), SIDE // CELL, CELL, SIDE // CELL, CELL, bins).sum((2, 4)).astype(float)
        means += cells.sum((0, 1, 2)) / events
        own += np.einsum("nyxi,nyxj->ij", cells, cells) / events
        across += np.einsum("nyxi,nyxj->ij", cells, np.roll(cells, 1, 2)) / events
    side = CELL * COUNTER.pixel_mm
    table = response(COUNTER, np.array([100.0]), np.ones(1), (side, side))
    moments = jnp.asarray(
        np.broadcast_to(per_cell * table.moments[:, :, None, None], (len(table.moments), 150, 32, 32))
    )
    assert table.counter is not None
    drawn = np.asarray(correlated.measure(jax.random.key(3), moments, table.counter), float) / per_cell
    apart = drawn - drawn.mean((1, 2, 3), keepdims=True)
    pairs = {
        "variance of counts of 20-65 keV": (own[0, 0], apart[0] * apart[0]),
        "variance of counts above 65 keV": (own[1, 1], apart[1] * apart[1]),
        "covariance of the two bins of a cell": (own[0, 1], apart[0] * apart[1]),
        "covariance of low bins of neighbours": (across[0, 0], apart[0][..., 1:] * apart[0][..., :-1]),
        "covariance of low and high bins of neighbours": (across[0, 1], apart[0][..., 1:] * apart[1][..., :-1]),
    }
    rows = [
        Law(f"counts of a 100 keV photon in bin {i + 1} [1]", ONE_BY_ONE, means[i], float(drawn[i].mean()), 0.01)
        for i in range(bins)
    ]
    for what, (expected, products) in pairs.items():
        rows.append(Law(f"{what}, per photon [1]", ONE_BY_ONE, expected, per_cell * float(products.mean()), 0.008))
    return rows


def _absorption() -> list[Law]:
    """Photoelectric absorption of cadmium telluride, against a measurement."""
    found = interaction("cdte", np.array([122.0]))
    source = "measured: Analysis of CdTe Probes (scilit 76a0593e): 5.4 +- 0.4 / cm"
    return [
        Law(
            "photoelectric absorption of CdTe at 122 keV [1/cm]",
            source,
            5.4,
            10 * float(found.per_mm[0] * found.photoelectric[0]),
            0.4,
        )
    ]


def _dead_time() -> list[Law]:
    """Records of pulses in random time, event by event, at a load of n tau = 0.3."""
    rng, load, repeats, mean = np.random.default_rng(2), 0.3, 400, 2000.0
    kept: dict[str, list[int]] = {"paralyzable": [], "nonparalyzable": []}
    for _ in range(repeats):
        times = np.cumsum(rng.exponential(1.0, int(mean + 8 * math.sqrt(mean))))
        times = times[times < mean]
        kept["paralyzable"].append(1 + int((np.diff(times) > load).sum()))
        number, last = 0, -math.inf
        for time in times:
            if time > last + load:
                number, last = number + 1, time
        kept["nonparalyzable"].append(number)
    heaped = np.ones((1, 1, 1))
    rows = []
    for law, records in kept.items():
        found = pileup.recorded(jnp.full((1, 1), mean), heaped, load / mean, law)  # type: ignore[arg-type]
        share, relative = float(found.mean[0, 0]) / mean, float(found.relative_variance[0])
        source = "pulses drawn one by one in time"
        rows.append(
            Law(f"share recorded, {law}, n tau = 0.3 [1]", source, float(np.mean(records)) / mean, share, 0.004)
        )
        rows.append(
            Law(
                f"variance over mean of records, {law}, n tau = 0.3 [1]",
                source,
                float(np.var(records) / np.mean(records)),
                relative,
                0.12,
            )
        )
    return rows


def _integrating() -> list[Law]:
    """DQE(0) and the electronic floor, from readings."""
    detector, per_cell, noise = EnergyIntegrating(thickness_mm=1.5), 200.0, 1000.0
    mean, square = integrating.moments(detector, np.array([60.0]))[:, 0]
    shape = (20, 100, 100)
    readings, doubled = (
        np.asarray(
            integrating.measure(jax.random.key(k), jnp.full(shape, n * mean), jnp.full(shape, n * square), noise), float
        )
        for k, n in ((0, per_cell), (1, 2 * per_cell))
    )
    dqe = readings.mean() ** 2 / (readings.var() - noise**2) / per_cell
    rng, events = np.random.default_rng(4), 400_000
    left = _scintillate(detector, 60.0, events, rng)
    expected = left.mean() ** 2 / (left**2).mean()
    floor = 2 * readings.var() - doubled.var()
    return [
        Law("DQE(0) of 1.5 mm GOS at 60 keV, without electronic noise [1]", ONE_BY_ONE, expected, dqe, 0.012),
        Law(
            "mean energy left by a 60 keV photon in 1.5 mm GOS [keV]",
            ONE_BY_ONE,
            left.mean(),
            readings.mean() / per_cell,
            0.2,
        ),
        Law(
            "electronic noise, from variances at two doses [keV^2]",
            "variances add: a mAs + s^2",
            noise**2,
            floor,
            0.05 * noise**2,
        ),
    ]


def _scintillate(detector: EnergyIntegrating, energy_keV: float, events: int, rng: np.random.Generator) -> np.ndarray:
    """Energy left by photons one by one in a wide scintillator [events]."""
    from phantomsim.scanners.ct.detector.fluorescence import lines

    first = interaction(detector.material, np.array([energy_keV]))
    depth = rng.exponential(1 / first.per_mm[0], events)
    found = lines(detector.material, np.array([energy_keV]))
    chances = [float(first.photoelectric[0] * line.share[0]) for line in found]
    kind = rng.choice(len(found) + 1, events, p=[*chances, 1 - sum(chances)])
    lost = np.zeros(events)
    for i, line in enumerate(found):
        own = interaction(detector.material, np.array([line.photon_keV])).per_mm[0]
        to = depth + rng.exponential(1 / own, events) * rng.uniform(-1, 1, events)
        lost[(kind == i) & ((to < 0) | (to > detector.thickness_mm))] = line.photon_keV
    return np.where(depth < detector.thickness_mm, energy_keV - lost, 0.0)


def _crosstalk() -> list[Law]:
    """Optical crosstalk: noise of neighbours, and its power at the highest frequency."""
    share, mean, shape = 0.03, 1e4, (1000, 40, 40)
    flat = jnp.full(shape, mean)
    drawn = np.asarray(integrating.measure(jax.random.key(5), flat, flat, 0.0, share))[:, 1:-1, 1:-1] - mean
    power = np.square((drawn.mean(1) * (-1.0) ** np.arange(38)).sum(-1)).mean() / mean  # rows averaged: along columns
    expected = float(crosstalk.mtf(share, 0.5)) ** 2
    corner = 2 * share * (1 - 4 * share)
    beside = float((drawn[..., 1:] * drawn[..., :-1]).mean() / mean)
    return [
        Law(
            "noise power at 1/2 cycle per cell, 3 % optical crosstalk [1]",
            "MTF^2 of 1 - 2 k (1 - cos 2 pi f)",
            expected,
            float(power),
            0.15 * expected,
        ),
        Law("covariance of neighbours over variance without crosstalk [1]", "2 k (1 - 4 k)", corner, beside, 0.006),
    ]


def _grid() -> list[Law]:
    """A grid against ways traced one by one."""
    grid, energy, rng = AntiScatterGrid(ratio=6.0, lamella_mm=0.1, gap_mm=0.9), 70.0, np.random.default_rng(6)
    mu = attenuation_matrix([grid.material], [energy])[0, 0]
    period, height = grid.lamella_mm + grid.gap_mm, grid.ratio * grid.gap_mm
    polar, steps = math.radians(6.0), (np.arange(1500) + 0.5) / 1500
    azimuth = rng.uniform(0, 2 * np.pi, 3000)
    slope = math.tan(polar) * np.cos(azimuth)
    inside = (rng.uniform(0, period, (3000, 1)) + slope[:, None] * height * steps) % period < grid.lamella_mm
    traced = np.exp(-mu * inside.mean(1) * height / math.cos(polar)).mean()
    passed = float(antiscatter.scattered(grid, np.array([energy]), np.array([polar]))[0, 0])
    beam = float(antiscatter.primary(grid, np.array([energy]))[0])
    return [
        Law("transmission of a grid at 6 deg, ratio 6, 70 keV [1]", "ways traced one by one", traced, passed, 0.02),
        Law(
            "primary transmission of a grid of 0.1 in 1 mm [1]", "gap over period; tungsten is opaque", 0.9, beam, 0.002
        ),
    ]


def _focus() -> list[Law]:
    """A point at the isocentre seen by a spot of 1.2 mm, and one at 100 mm from the axis in a turning view."""
    geometry = flat_panel(550.0, 950.0, 360, 11, 1, 1.0, 1.0)
    seen = sampling.samples(geometry, FocalSpot(width_mm=1.2), 7.0, (5, 1))
    per_mm = 0.5
    found = sum(w * np.exp(2j * np.pi * per_mm * _image_mm(g, np.zeros(3))) for g, w in seen)
    turning = sampling.samples(geometry, FocalSpot(), 7.0, (1, 1), 5)
    point = np.array([0.0, 100.0, 0.0])  # on the way to the source of view 0
    magnification = 950.0 / 450.0
    turned = sum(w * np.exp(2j * np.pi * per_mm * _image_mm(g, point) / magnification * 950 / 550) for g, w in turning)
    step = 2 * np.pi / 360
    return [
        Law(
            "MTF of a 1.2 mm focal spot at 0.5 / mm [1]",
            "sinc(w f (M - 1) / M)",
            float(np.sinc(1.2 * per_mm * 400 / 950)),
            float(found.real),
            0.003,
        ),
        Law(
            "MTF of a view's turn at 100 mm, 0.5 / mm [1]",
            "sinc(r f 2 pi / views)",
            float(np.sinc(100 * step * per_mm)),
            float(turned.real),
            0.003,
        ),
    ]


def _image_mm(geometry: object, point_mm: np.ndarray) -> float:
    """Where a point is seen in view 0 of a flat detector, scaled to the isocentre [mm]."""
    source, centre, along = geometry.source_mm[0], geometry.centre_mm[0], geometry.along_mm[0]  # type: ignore[attr-defined]
    normal = np.cross(along, geometry.up_mm[0])  # type: ignore[attr-defined]
    reach = (centre - source) @ normal / ((point_mm - source) @ normal)
    spot = source + reach * (point_mm - source)
    return float((spot - centre) @ along / np.linalg.norm(along)) * 550 / 950
