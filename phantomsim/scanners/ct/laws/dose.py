"""Laws of dose and motion: CTDI against published output, SSDE, modulation, noise prediction, moving patients."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from phantomsim import materials
from phantomsim.grid import Grid
from phantomsim.laws import Law
from phantomsim.phantom import Phantom
from phantomsim.scanners.ct import breathing, motion, orbits
from phantomsim.scanners.ct.dose import ctdi, modulation, size, solve
from phantomsim.scanners.ct.spec import (
    Breathing,
    CTScanner,
    EnergyIntegrating,
    Modulation,
    RigidMotion,
    TabulatedBowtie,
)

FAN_DEG = (0.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 18.0, 27.0)
#: The class of 64-row scanners of 2005: XCIST's distances, and its aluminium bowties (gecatsim/bowtie/small.txt and
#: large.txt). With the flat filter the central ray of the body bowtie has 6.8 mm of aluminium: 7.0 mm half-value layer.
SCANNER = CTScanner(
    name="laws",
    source_to_isocentre_mm=541.0,
    source_to_detector_mm=949.075,
    columns=888,
    rows=64,
    column_mm=1.0239,
    row_mm=1.098782,
    filtration={"al_mm": 4.25},
    bowties={
        "head": TabulatedBowtie(
            fan_deg=FAN_DEG, thickness_mm=(1.10, 2.41, 5.10, 9.54, 15.45, 22.16, 28.39, 31.79, 32.86, 35.30)
        ),
        "body": TabulatedBowtie(
            fan_deg=FAN_DEG, thickness_mm=(2.55, 2.58, 3.14, 4.94, 8.13, 12.49, 17.75, 23.60, 32.09, 36.95)
        ),
    },
    detector=EnergyIntegrating(thickness_mm=1.5),
)
SPREAD = "mean of 43 scanners (ImPACT): Elojeimy, Tipnis and Huda, Radiat. Prot. Dosim. 141 (2010) 43"
HEAD_MGY, BODY_MGY, POWER = 16.7, 7.8, 2.6  # mGy per 100 mAs at 120 kV; CTDIvol ~ kV^2.6
VCT = "64 x 0.625 mm, 120 kV, 11.8 mGy at 134 mAs over pitch: Fujii et al. 2009, doi:10.1259/bjr/13320880, table 2"
VCT_BODY_MGY = 100 * 11.8 / 134
# 26.87, 26.12, 25.92 and 25.15 mGy at the edge, 25.84 in the middle
EDGE_SOURCE = "measured: Ali, Abdullah and Tahir, Int. J. Eng. Sci. Appl. (Hasanuddin), head protocol"
EDGE_OVER_MIDDLE = 26.015 / 25.84
RPT_204 = "AAPM Report 204 (2011), tables 1D and 2D"
FACTORS = {("body", 100.0): 2.57, ("body", 300.0): 1.23, ("head", 160.0): 1.01, ("head", 240.0): 0.74}
HISTORIES = 100_000


def laws() -> list[Law]:
    """Measure every law of dose and motion."""
    return [*_ctdi(), *_sizes(), *_modulation(), _noise(), *_rigid(), *_breathing()]


def _ctdi() -> list[Law]:
    head, body, low = (
        ctdi.simulate(SCANNER, kVp, phantom, phantom, histories=HISTORIES)
        for kVp, phantom in ((120.0, "head"), (120.0, "body"), (80.0, "head"))
    )
    what = "mm PMMA, 120 kV, 4.25 mm Al and bowtie, 40 mm [mGy/100 mAs]"
    return [
        Law(f"weighted CTDI, 160 {what}", SPREAD, HEAD_MGY, head.weighted, 0.2 * HEAD_MGY),
        Law(f"weighted CTDI, 320 {what}", SPREAD, BODY_MGY, body.weighted, 0.2 * BODY_MGY),
        Law(f"weighted CTDI, 320 {what}", VCT, VCT_BODY_MGY, body.weighted, 0.2 * VCT_BODY_MGY),
        Law("weighted CTDI of the head as a power of kV, 80 to 120 kV [1]", SPREAD, POWER,
            float(np.log(head.weighted / low.weighted) / np.log(1.5)), 0.2),
        Law("CTDI100 at the edge of the head phantom over that in the middle [1]", EDGE_SOURCE, EDGE_OVER_MIDDLE,
            head.edge / head.middle, 0.1),
    ]  # fmt: skip


def _sizes() -> list[Law]:
    found = [
        Law(f"SSDE factor of {mm:g} mm, {name} phantom [1]", RPT_204, value, float(size.ssde_factor(mm, name)), 0.006)
        for (name, mm), value in FACTORS.items()
    ]
    grid = Grid.centred((1, 220, 220), (5.0, 1.0, 1.0))
    label = (np.hypot(grid.axes_mm()[2], grid.axes_mm()[1][:, None]) < 80.0).astype(np.uint8)[None]
    pmma, water, air = materials.attenuation_matrix(["pmma", "water", "air"], [70.0])[:, 0]
    expected = 160.0 * float(np.sqrt((pmma - air) / (water - air)))
    measured = float(size.phantom_water_diameter(Phantom(grid, label, 1.0, (), (), ("air", "pmma")), 70.0)[0])
    source = "definition (AAPM Report 220): area x attenuation over that of water"
    return [*found, Law("water-equivalent diameter of 160 mm PMMA at 70 keV [mm]", source, expected, measured, 0.5)]


def _modulation() -> list[Law]:
    """Noise variance of a given mAs over its least possible value, (mean sqrt A)^2 by Cauchy and Schwarz."""
    opacity = 5.0 + 2.0 * np.cos(4 * np.pi * np.arange(180) / 180)
    attenuation, rows = np.exp(opacity), []
    least = np.mean(np.sqrt(attenuation)) ** 2
    wide = {"least": 1e-3, "most": 20.0}
    half, full = (modulation.currents(opacity, Modulation(angular=s, longitudinal=s, **wide), 180) for s in (0.5, 1.0))
    source = "least of mean A / I for mean I = 1 (Gies et al. 1999, doi:10.1118/1.598779): I ~ sqrt A"
    rows.append(Law("noise variance of half modulation over the least [1]", source, 1.0,
                    float(np.mean(attenuation / half) / least), 1e-3))  # fmt: skip
    rows.append(Law("spread of photons behind the patient, full modulation [1]", "definition of full modulation", 0.0,
                    float(np.ptp(full / attenuation) / np.mean(full / attenuation)), 1e-6))  # fmt: skip
    return rows


def _noise() -> Law:
    """Prediction against scans of Poisson readings behind an ellipse of water, one energy."""
    geometry, photons, mu = orbits.third_generation(541.0, 949.0, 240, 200, 2, 3.2, 3.0, 0.25), 3e4, 0.02
    turned = geometry.angles[:, None] + geometry.fan
    across = (100 * np.cos(turned)) ** 2 + (65 * np.sin(turned)) ** 2
    paths = 2 * 100 * 65 * np.sqrt(np.maximum(across - (541 * np.sin(geometry.fan)) ** 2, 0)) / across
    mean = photons * np.exp(-mu * np.broadcast_to(paths[:, None], geometry.shape)).astype(np.float32)
    pixels = solve.middle_pixels(lambda r: -jnp.log(r / photons) / mu, geometry)
    predicted = solve.noise_law(pixels, jnp.asarray(mean), jnp.asarray(mean), 0.0, 1.0).sd_HU(1.0)
    rng = np.random.default_rng(5)
    clean = np.asarray(pixels(jnp.asarray(mean)))
    draws = [np.asarray(pixels(jnp.asarray(rng.poisson(mean), jnp.float32))) - clean for _ in range(40)]
    source = "SD of 40 scans with Poisson numbers drawn by numpy"
    return Law(
        "predicted noise over measured, ellipse of water [1]", source, 1.0, predicted / float(np.std(draws)), 0.04
    )


def _rigid() -> list[Law]:
    still = orbits.third_generation(541.0, 949.0, 36, 64, 4, 8.0, 4.0)
    times = motion.view_times(36, 36, 1.0)
    drift = RigidMotion(shift_mm=(0.0, 0.0, 10.0), turn_deg=20.0)
    moved, share = motion.moved(still, drift, times), motion.amplitude(drift, times)
    back = np.deg2rad(20.0) * share
    seen = np.unwrap(np.arctan2(-moved.source_mm[:, 0], moved.source_mm[:, 1]))
    frozen = motion.moved(still, RigidMotion(), times)
    theory = "a turning patient sees the source turn back"
    return [
        Law("angle of the source seen by a patient who turns, largest error [rad]", theory, 0.0,
            float(np.abs(seen - (still.angles - back)).max()), 1e-9),
        Law("z of the source seen by a patient who drifts 10 mm up, last view [mm]", "minus the way of the patient",
            -10.0, float(moved.source_mm[-1, 2]), 1e-9),
        Law("way of the source for a patient who lies still [mm]", "frozen motion is no motion", 0.0,
            float(np.abs(frozen.source_mm - still.source_mm).max()), 0.0),
    ]  # fmt: skip


def _breathing() -> list[Law]:
    grid = Grid.centred((60, 70, 4), (4.0, 3.0, 3.0))
    label = np.zeros(grid.shape, np.uint8)
    label[:, 5:65] = 1
    breath = Breathing(depth_mm=12.0, swell_mm=6.0, reach_mm=90.0, period_s=4.0)
    place = breathing.body(breath, Phantom(grid, label, 1.0, (), (), ("air", "lung")))
    z, y, _ = grid.axes_mm()
    blob = np.exp(-((z[:, None] - 10) ** 2 + (y - 20) ** 2) / (2 * 12.0**2))
    volumes = np.broadcast_to(blob[None, :, :, None], (1, *grid.shape)).astype(np.float32)
    lung = np.asarray(breathing.warped(volumes, 1.0, place, breath, 1.0))
    even = np.asarray(breathing.warped(np.ones_like(volumes), 0.0, place, breath, 1.0))
    mean = float(motion.amplitude(breath, np.linspace(0, 8, 801)[:-1]).mean())
    lujan = "Lujan et al. 1999, doi:10.1118/1.598577: mean of cos^4"
    return [
        Law("mean of a breath over its depth [1]", lujan, 3 / 8, mean, 1e-6),
        Law("mass of lung at inhale over that at exhale [1]", "conservation of mass", 1.0,
            float(lung.sum() / volumes.sum()), 3e-3),
        Law("change of density in even soft tissue [1]", "tissue does not compress", 0.0,
            float(np.abs(even - 1).max()), 1e-5),
    ]  # fmt: skip
