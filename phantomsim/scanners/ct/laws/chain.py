"""Laws of the whole chain, from a phantom to HU."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim import materials
from phantomsim.grid import Grid
from phantomsim.image import Image
from phantomsim.laws import Law
from phantomsim.phantom import Overlay, Phantom
from phantomsim.scanners.ct.detector import integrating
from phantomsim.scanners.ct.orbits import third_generation
from phantomsim.scanners.ct.projector import line_integrals
from phantomsim.scanners.ct.scan import Scan
from phantomsim.scanners.ct.spec import CTProtocol, CTReconstruction, CTScanner, EnergyIntegrating

SCANNER = CTScanner(
    name="laws",
    source_to_isocentre_mm=541.0,
    source_to_detector_mm=949.0,
    columns=444,
    rows=8,
    column_mm=2.0,
    row_mm=4.4,
    filtration={"al_mm": 6.8},
    detector=EnergyIntegrating(thickness_mm=1.5, fill=0.72, electronic_noise_keV=100.0),
)
PROTOCOL = CTProtocol(kVp=120.0, mAs=100.0, views=300, rows=4, field_mm=260.0)
IMAGE = CTReconstruction(kernel="standard", fov_mm=240.0, matrix=120, slices=2, slice_mm=4.0)
RADIUS_MM = 100.0
INSERT_MM = (14.0, 55.0)  # radius of an insert, and its distance from the axis

#: Inserts of a test phantom at 120 kVp [HU]: the range that its maker gives.
CATPHAN = "Catphan 500/600 manual (The Phantom Laboratory): range for typical scanners"
CATPHAN_HU = {"ldpe": (-121.0, -87.0), "pmma": (92.0, 137.0), "teflon": (941.0, 1060.0)}
TISSUES = ("air", "water", *CATPHAN_HU, "adipose", "muscle", "iodine-water-5")


def laws() -> list[Law]:
    """Measure the laws of the chain (about 40 seconds on one core)."""
    found = [*_water_and_inserts(80.0), *_water_and_inserts(120.0), *_noise(), *_positions()]
    return [*found, _sphere(), *_compound_poisson(), *_slopes()]


def water_phantom() -> Phantom:
    """A water cylinder of 200 mm, long, with six inserts of 28 mm around its axis."""
    grid = Grid.centred((6, 110, 110), (5.0, 2.0, 2.0))
    _, y, x = grid.axes_mm()
    y = y[:, None]
    label = (np.hypot(x, y) < RADIUS_MM).astype(np.uint8)
    for i in range(2, len(TISSUES)):
        cx, cy = _insert(i)
        label[np.hypot(x - cx, y - cy) < INSERT_MM[0]] = i
    return Phantom(grid, np.broadcast_to(label, grid.shape), 1.0, (), (), TISSUES)


def plain_water() -> Phantom:
    """The same cylinder without inserts."""
    full = water_phantom()
    return Phantom(full.grid, np.minimum(full.label, 1), 1.0, (), (), TISSUES)


def _insert(index: int) -> tuple[float, float]:
    angle = 2 * math.pi * (index - 2) / (len(TISSUES) - 2)
    return INSERT_MM[1] * math.cos(angle), INSERT_MM[1] * math.sin(angle)


def _mean(image: Image, x_mm: float, y_mm: float, outer_mm: float, inner_mm: float = 0.0) -> float:
    _, y, x = image.grid.axes_mm()
    r = np.hypot(x - x_mm, y[:, None] - y_mm)
    return float(np.asarray(image.values)[:, (r < outer_mm) & (r >= inner_mm)].mean())


def _water_and_inserts(kVp: float) -> list[Law]:
    """HU of plain water, its cupping, and of inserts."""
    scan = SCANNER.build(PROTOCOL.model_copy(update={"kVp": kVp}))
    water, insert = (
        scan.reconstruct(scan.noise_free(scan.expected(p, (0.0, 0.0, 0.0))), IMAGE)
        for p in (plain_water(), water_phantom())
    )
    centre, edge = _mean(water, 0, 0, 20), _mean(water, 0, 0, 90, 75)
    rows = [
        Law(
            f"water at {kVp:g} kVp, 200 mm cylinder [HU]",
            "definition of the Hounsfield unit",
            0.0,
            _mean(water, 0, 0, 90),
            2.0,
        ),
        Law(
            f"cupping of water at {kVp:g} kVp, edge minus centre [HU]",
            "water correction: none",
            0.0,
            edge - centre,
            5.0,
        ),
        Law(
            f"air at {kVp:g} kVp [HU]", "definition of the Hounsfield unit", -1000.0, _mean(water, 0, 0, 118, 112), 2.0
        ),
    ]
    theory = materials.hu(TISSUES, materials.spectrum(kVp, SCANNER.filtration, SCANNER.anode_deg))
    for i, name in enumerate(TISSUES[2:], 2):
        read = _mean(insert, *_insert(i), 9)
        if name in CATPHAN_HU and kVp == 120:
            low, high = CATPHAN_HU[name]
            rows.append(Law(f"{name} at 120 kVp [HU]", CATPHAN, (low + high) / 2, read, (high - low) / 2))
        else:
            allowed = 4 + 0.06 * abs(theory[i])
            rows.append(
                Law(
                    f"{name} at {kVp:g} kVp [HU]",
                    "attenuation of a thin sample behind 200 mm water",
                    theory[i],
                    read,
                    allowed,
                )
            )
    return rows


def _noise() -> list[Law]:
    """Noise against mAs, from two doses a factor of 16 apart."""
    base = SCANNER.build(PROTOCOL)
    expected = base.expected(plain_water(), (0.0, 0.0, 0.0))
    clean = np.asarray(base.reconstruct(base.noise_free(expected), IMAGE).values)
    deviations = []
    for first, mAs in ((0, 25.0), (4, 400.0)):
        scan = Scan(SCANNER, PROTOCOL.model_copy(update={"mAs": mAs}))
        raws = [scan.acquire(expected, jax.random.key(first + i)) for i in range(4)]
        noise = np.stack([np.asarray(scan.reconstruct(raw, IMAGE).values) - clean for raw in raws])
        deviations.append(float(noise[..., 25:95, 25:95].std()))
    ratio = deviations[0] / deviations[1]
    return [Law("noise at 25 mAs over noise at 400 mAs [1]", "photon statistics: 1 / sqrt(mAs)", 4.0, ratio, 0.12)]


def _positions() -> list[Law]:
    """Where an off-centre ball comes out, on an anisotropic grid with the isocentre off its middle."""
    grid = Grid.centred((14, 96, 120), (1.5, 2.0, 1.75), (12.0, -7.0, 30.0))
    truth = np.array([12.0 + 31.0, -7.0 - 22.0, 30.0 + 2.0])
    z, y, x = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
    apart = np.linalg.norm(grid.world(np.stack([z, y, x], -1)) - truth, axis=-1)
    label = (apart < 5.0).astype(np.uint8)
    exact = grid.world(np.argwhere(label).mean(0))
    scan = SCANNER.build(PROTOCOL.model_copy(update={"rows": 8}))
    phantom = Phantom(grid, label, 1.0, (), (), ("air", "water"))
    wanted = CTReconstruction(
        kernel="standard", fov_mm=96.0, matrix=96, slices=12, slice_mm=1.6, offset_mm=(20.0, -10.0, 0.0)
    )
    image = scan.reconstruct(scan.noise_free(scan.expected(phantom, (14.0, -5.0, 31.0))), wanted)
    weight = np.asarray(image.values, float) + 1000
    weight *= weight > 300
    index = np.stack(np.meshgrid(*(np.arange(n) for n in image.grid.shape), indexing="ij"), -1)
    found = np.einsum("zyx,zyxi->i", weight, image.grid.world(index)) / weight.sum()
    source = "where the ball was put, in the patient's frame"
    return [Law(f"{axis} of an off-centre ball [mm]", source, exact[i], found[i], 0.4) for i, axis in enumerate("xyz")]


def _slopes() -> list[Law]:
    """Slopes of HU by what the phantom is made of, through the whole chain, against finite differences."""
    grid, rng = Grid.centred((8, 24, 24), (4.0, 5.0, 5.0)), np.random.default_rng(0)
    label = np.broadcast_to(np.hypot(grid.axes_mm()[2], grid.axes_mm()[1][:, None]) < 48, grid.shape).astype(np.uint8)
    scan = SCANNER.build(PROTOCOL.model_copy(update={"views": 24, "rows": 2, "field_mm": 180.0}))
    wanted = CTReconstruction(fov_mm=120.0, matrix=16, slices=2, slice_mm=2.0, calibration="none")

    def image(density: jax.Array, fraction: jax.Array) -> jax.Array:
        parts = (Overlay(2, fraction, (2, 8, 9)),)
        phantom = Phantom(grid, label, density, parts, (), ("air", "water", "iodine-water-5"))
        found = scan.reconstruct(scan.noise_free(scan.expected(phantom, (0.0, 0.0, 0.0))), wanted)
        return jnp.asarray(found.values)

    at = [jnp.asarray(rng.uniform(*of), jnp.float32) for of in ((0.8, 1.2, grid.shape), (0.1, 0.5, (4, 6, 6)))]
    ways = [jnp.asarray(rng.uniform(-0.02, 0.02, one.shape), jnp.float32) for one in at]
    rows = []
    for i, name in enumerate(("density", "volume fractions")):
        way = [one * (i == j) for j, one in enumerate(ways)]
        slope = jax.jvp(image, at, way)[1]
        high, low = (image(*(a + sign * w for a, w in zip(at, way))) for sign in (1, -1))
        apart = float(jnp.linalg.norm(slope - (high - low) / 2) / jnp.linalg.norm(slope))
        what = f"slope of an image by a phantom's {name} off central differences, RMS over pixels [1]"
        rows.append(Law(what, "definition of the derivative", 0.0, apart, 0.01))
    return rows


def _sphere() -> Law:
    """The chord through the middle of a ball, by the projector."""
    z, y, x = (np.arange(n) - (n - 1) / 2 for n in (44, 44, 44))
    fine = np.zeros((44, 44, 44), np.float32)
    for dz, dy, dx in np.ndindex(3, 3, 3):
        r2 = (x + (dx - 1) / 3) ** 2 + (y[:, None] + (dy - 1) / 3) ** 2 + (z[:, None, None] + (dz - 1) / 3) ** 2
        fine += (r2 < 18.0**2) / 27
    rays = third_generation(541.0, 949.0, 24, 3, 2, 1.0, 1.0)
    paths = line_integrals(jnp.asarray(fine[None]), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), rays)
    measured = float(np.asarray(paths)[0, :, :, 1].mean())
    # Box voxels of 1 mm are no ball: the exact way through them (Siddon) is 36.07 mm, mean over the cells.
    return Law("chord through a ball of radius 18 mm [mm]", "geometry: 2 r", 36.0, measured, 0.15)


def _compound_poisson() -> list[Law]:
    """Mean and variance of readings of few photons."""
    photons, keV = 8.0, 60.0
    shape = (8, 100, 250)
    readings = np.asarray(
        integrating.measure(jax.random.key(2), jnp.full(shape, photons * keV), jnp.full(shape, photons * keV**2), 30.0)
    )
    variance = photons * keV**2 + 30.0**2
    source = "compound Poisson and normal noise: variances add"
    return [
        Law("mean of readings of 8 photons of 60 keV [keV]", source, photons * keV, float(readings.mean()), 2.0),
        Law(
            "variance of the same, with 30 keV of noise [keV^2]",
            source,
            variance,
            float(readings.var()),
            0.02 * variance,
        ),
    ]
