"""Laws of filtered backprojection: noise, its spectrum, resolution, places and values in every geometry."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.laws import Law
from phantomsim.scanners.ct import fdk, orbits
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.kernels import MTF_PER_CM, window

LINEAR = 2 / 3 - 2 / math.pi**2  # mean gain in variance of linear interpolation of ramp-filtered white noise, over 1
KAK = "Kak and Slaney 1988, eq. 5.71 ff.: pi^2 s^2 / (12 M d^2)"
BALL_MM, BALL_RADII_MM = (31.0, -22.0, 3.0), (24.0, 18.0, 21.0)


def laws() -> list[Law]:
    """Measure every law of reconstruction."""
    return [*noise(), *resolution(), *geometries()]


def noise() -> list[Law]:
    """White noise of many scans through the bare ramp: variance, and shape of the spectrum."""
    views, columns, pitch, scans, side, pixel = 180, 160, 1.0, 24, 72, 1.3
    geometry = orbits.parallel(views, columns, pitch)
    data = jax.random.normal(jax.random.key(0), (scans, views, 1, columns))
    images = np.asarray(fdk.reconstruct(data, geometry, "ramp", (1, side, side), (1.0, pixel, pixel)))[:, 0]
    expected = math.pi**2 / (12 * views * pitch**2) * LINEAR
    what = f"variance of FBP noise over that of its data, {images.size} pixels [1/mm^2]"
    source = f"{KAK}, times 2/3 - 2/pi^2 for linear interpolation"
    rows = [Law(what, source, expected, float(images.var()), 0.02 * expected)]
    fine = np.asarray(fdk.reconstruct(data[:6], geometry, "standard", (1, 128, 128), (1.0, 0.5, 0.5)))[:, 0]
    return [*rows, _spectrum(fine, 0.5, pitch, views)]


def _spectrum(images: np.ndarray, pixel_mm: float, pitch_mm: float, views: int) -> Law:
    """Noise power spectrum between 0.5 and 4.5 per cm against its closed form, without free scale."""
    side = images.shape[-1]
    taper = np.hanning(side + 2)[1:-1]
    power = np.abs(np.fft.fft2(images * taper * taper[:, None])) ** 2 * pixel_mm**2 / (taper**2).sum() ** 2
    frequency = np.hypot(*np.meshgrid(*2 * (np.fft.fftfreq(side, pixel_mm),)))
    chosen = (frequency > 0.05) & (frequency < 0.45)
    # Interpolation is divided out of the kernel and comes back in the backprojection.
    kernel = window("standard", frequency, pitch_mm) * np.sinc(frequency * pitch_mm) ** 2
    wanted = math.pi / views * pitch_mm * frequency * kernel**2
    ratio = float((power.mean(0) * wanted)[chosen].sum() / (wanted**2)[chosen].sum())
    source = "Riederer, Pelc and Chesler 1978: NPS = pi d / M x f x MTF^2 for data of variance 1"
    return Law("noise power spectrum over f MTF^2, 0.5 to 4.5 per cm [1]", source, 1.0, ratio, 0.04)


def resolution() -> list[Law]:
    """MTF of a wire, seen through cells and a focal spot of known size, against the product of its parts."""
    rows = []
    for name, geometry, focus_mm in (
        ("standard", orbits.third_generation(541.0, 949.0, 720, 120, 1, 1.0239, 1.0, 0.25), 0.0),
        ("sharp", orbits.third_generation(541.0, 949.0, 720, 120, 1, 1.0239, 1.0, 0.25), 1.0),
        ("standard", orbits.flat_panel(541.0, 949.0, 720, 120, 1, 1.0239, 1.0, 0.25), 1.0),
        ("standard", orbits.helical(541.0, 949.0, 720, 2, 4.0, 120, 4, 1.0239, 2.0, 0.25), 0.0),
    ):
        per_mm, found, expected = wire(geometry, name, focus_mm)
        worst = int(np.argmax(np.abs(found - expected)))
        what = (
            f"MTF of a wire at {10 * per_mm[worst]:.1f} per cm, where it is furthest off: {name}, {_kind(geometry)} [1]"
        )
        source = "product of the MTFs of kernel, cell and focal spot"
        rows.append(Law(what, source, expected[worst], found[worst], 0.02))
    return rows


def wire(geometry: Geometry, kernel: str, focus_mm: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frequencies up to where the kernel passes 10 % [1/mm], the MTF read there, and the product of its parts.

    The wire, a Gaussian whose blur is divided out, is integrated in closed form along rays from points of the focal
    spot to points of each cell.
    """
    sigma, at = 0.25, np.array([3.1, -2.3])
    points = (np.arange(9) - 4) / 9
    data = np.zeros(geometry.shape)
    source = geometry.source_mm[:, None, :2]
    along = geometry.along_mm[:, None, :2] / geometry.column_mm
    for focus in points * focus_mm if focus_mm else (0.0,):
        for cell in points:
            target = geometry.cells(geometry.columns_from_centre + cell, np.zeros(1))[:, 0, :, :2]
            ray = target - (source + focus * along)
            ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
            to = at - (source + focus * along)
            apart = to[..., 0] * ray[..., 1] - to[..., 1] * ray[..., 0]
            data += np.exp(-(apart**2) / (2 * sigma**2))[:, None]
    side, pixel = 120, 0.2
    centre = (*at, 0.0)
    image = fdk.reconstruct(
        jnp.asarray(data, jnp.float32), geometry, kernel, (1, side, side), (1.0, pixel, pixel), centre
    )
    per_mm = np.linspace(0.01, 0.1 * MTF_PER_CM[kernel][1], 40)
    x = (np.arange(side) - (side - 1) / 2) * pixel
    lines = np.asarray(image)[0].sum(0), np.asarray(image)[0].sum(1)
    found = np.mean(
        [np.hypot(*(f(2 * np.pi * np.outer(per_mm, x)) @ one for f in (np.cos, np.sin))) / one.sum() for one in lines],
        0,
    )
    pitch, magnification = geometry.column_at_isocentre_mm, geometry.magnification
    blur = np.sinc(per_mm * focus_mm * (1 - 1 / magnification)) * np.sinc(per_mm * pitch)
    parts = window(kernel, per_mm, pitch) * np.sinc(per_mm * pitch) ** 2 * blur
    return per_mm, found / np.exp(-2 * (math.pi * sigma * per_mm) ** 2), parts


def geometries() -> list[Law]:
    """An ellipsoid off the axis, from its exact chords, in every geometry: where it comes out, and its value."""
    rows = []
    for geometry in (
        orbits.parallel(180, 130, 2.0, 24, 2.0),
        orbits.parallel(300, 130, 2.0, 24, 2.0, arc_deg=300.0),
        orbits.fan(541.0, 949.0, 300, 130, 3.5, 0.25),
        orbits.third_generation(541.0, 949.0, 300, 130, 24, 3.5, 3.5, 0.25),
        orbits.flat_panel(541.0, 949.0, 300, 130, 24, 3.5, 3.5, 0.25),
        orbits.flat_panel(541.0, 949.0, 200, 130, 24, 3.5, 3.5, 0.25, arc_deg=215.0),
        orbits.step_and_shoot(541.0, 949.0, 240, 3, 24.0, 130, 12, 3.5, 3.5, 0.25),
        orbits.helical(541.0, 949.0, 240, 5, 16.0, 130, 12, 3.5, 3.5, 0.25),
    ):
        rows += _ball(geometry)
    return rows


def _ball(geometry: Geometry) -> list[Law]:
    flat = geometry.rows == 1
    middle = np.array(BALL_MM) * ([1, 1, 0] if flat else 1)
    paths = jnp.asarray(chords(geometry, middle, np.array(BALL_RADII_MM)), jnp.float32)
    shape, spacing = (1 if flat else 11, 64, 64), (3.0, 2.5, 2.5)
    image = np.asarray(
        fdk.reconstruct(paths, geometry, "smooth", shape, spacing, (0.0, 0.0, 0.0 if flat else 3.0)), float
    )
    z, y, x = ((np.arange(n) - (n - 1) / 2) * d for n, d in zip(shape, spacing))
    z = (z if flat else z + 3.0)[:, None, None]
    y = y[:, None]
    r = np.sqrt(sum(((a - m) / s) ** 2 for a, m, s in zip((x, y, z), middle, BALL_RADII_MM)))
    found = [float((image * (image > 0.3) * a).sum() / (image * (image > 0.3)).sum()) for a in (x, y, z)]
    off = float(np.linalg.norm((np.array(found) - middle)[: 2 if flat else 3]))
    kind = _kind(geometry)
    value = float(image[r < 0.6].mean())
    return [
        Law(f"value inside an ellipsoid, {kind} [1]", "its exact chords", 1.0, value, 0.005),
        Law(f"distance of its centre from where it lies, {kind} [mm]", "its exact chords", 0.0, off, 0.4),
    ]


def chords(geometry: Geometry, centre_mm: np.ndarray, radii_mm: np.ndarray) -> np.ndarray:
    """Exact path of every ray in an ellipsoid along the axes [view, row, column] [mm]."""
    cell = geometry.cells()
    source = np.broadcast_to(geometry.source_mm[:, None, None], cell.shape)
    ray = source if geometry.beam == "parallel" else cell - source
    ray = ray / np.linalg.norm(ray, axis=-1, keepdims=True) / radii_mm
    start = (cell - centre_mm) / radii_mm
    a, b, c = (ray**2).sum(-1), (ray * start).sum(-1), (start**2).sum(-1) - 1
    return 2 * np.sqrt(np.maximum(b**2 - a * c, 0)) / a


def _kind(geometry: Geometry) -> str:
    orbit = geometry.orbit
    assert orbit is not None
    way = (
        "helix"
        if orbit.feed_mm
        else "steps"
        if np.ptp(orbit.table_mm)
        else f"{geometry.views * 360 // orbit.views_per_turn} degrees"
    )
    return (
        f"{geometry.beam if geometry.beam == 'parallel' else 'fan' if geometry.rows == 1 else geometry.detector}, {way}"
    )
