"""Derivatives through the whole chain without noise, phantom -> readings -> HU, against finite differences."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.grid import Grid
from phantomsim.image import RawData
from phantomsim.phantom import Overlay, Phantom
from phantomsim.scanners.ct.scan import Scan
from phantomsim.scanners.ct.spec import CTProtocol, CTReconstruction, CTScanner
from phantomsim.spec import read

SHAPE, BOX = (8, 24, 24), (4, 6, 6)
# A calibration scan is of the scanner, not of the phantom: a constant.
IMAGE = CTReconstruction(kernel="standard", fov_mm=120.0, matrix=16, slices=2, slice_mm=2.0, calibration="none")
DIRECTIONS = 2
RNG = np.random.default_rng(0)
DENSITY, FRACTION = (jnp.asarray(RNG.uniform(*of), jnp.float32) for of in ((0.8, 1.2, SHAPE), (0.1, 0.5, BOX)))
PIXELS = jnp.asarray(RNG.normal(size=(2, 16, 16)) / 512, jnp.float32)


@pytest.fixture(scope="module")
def scan() -> Scan:
    """Bowtie and crosstalk; a water correction for every cell."""
    scanner = read("ct-64", CTScanner)
    crosstalk = {"xray_crosstalk": 0.02, "optical_crosstalk": 0.02}
    scanner = scanner.model_copy(update={"detector": scanner.detector.model_copy(update=crosstalk)})
    few = {"views": 24, "rows": 8, "binned_rows": 4, "binned_columns": 8, "field_mm": 180.0}
    return scanner.build(CTProtocol(kVp=120.0, mAs=200.0, bowtie="head", **few))


def patient(density: jax.Array, fraction: jax.Array) -> Phantom:
    """Water in air, with iodine in part of the voxels of a box."""
    grid = Grid.centred(SHAPE, (4.0, 5.0, 5.0))
    _, y, x = grid.axes_mm()
    label = np.broadcast_to(np.hypot(x, y[:, None]) < 48, SHAPE).astype(np.uint8)
    return Phantom(grid, label, density, (Overlay(2, fraction, (2, 8, 9)),), (), ("air", "water", "iodine-water-5"))


def readings(scan: Scan, density: jax.Array, fraction: jax.Array) -> RawData:
    return scan.noise_free(scan.expected(patient(density, fraction), (0.0, 0.0, 0.0)))


def agrees(loss: Callable[..., jax.Array], start: tuple[jax.Array, ...], step: float) -> None:
    """Reverse mode against central differences, by each argument along random directions."""
    slopes = [np.asarray(slope) for slope in jax.grad(loss, tuple(range(len(start))))(*start)]
    rng = np.random.default_rng(1)
    for i, slope in enumerate(slopes):
        for _ in range(DIRECTIONS):
            way = rng.uniform(-1.0, 1.0, slope.shape).astype(np.float32)
            high, low = (loss(*start[:i], start[i] + sign * step * way, *start[i + 1 :]) for sign in (1, -1))
            allowed = 3e-3 * float(np.linalg.norm(slope))  # of the slope along a usual direction: some are along none
            assert np.vdot(slope, way) == pytest.approx(float(high - low) / (2 * step), rel=3e-3, abs=allowed)


@pytest.mark.slow
def test_HU_follow_density_and_volume_fractions_of_the_phantom(scan: Scan) -> None:
    def loss(density: jax.Array, fraction: jax.Array) -> jax.Array:
        return jnp.vdot(PIXELS, scan.reconstruct(readings(scan, density, fraction), IMAGE).values)

    agrees(loss, (DENSITY, FRACTION), 0.02)


def test_HU_follow_readings_and_air_scan(scan: Scan) -> None:
    raw = readings(scan, DENSITY, FRACTION)

    def loss(change: jax.Array, of_air: jax.Array) -> jax.Array:
        arrays = raw.arrays | {
            "counts": raw.arrays["counts"] * jnp.exp(change),
            "air": raw.arrays["air"] * (1 + of_air),
        }
        return jnp.vdot(PIXELS, scan.reconstruct(RawData(arrays, noise=False), IMAGE).values)

    agrees(loss, (jnp.zeros(raw.arrays["counts"].shape), jnp.zeros(raw.arrays["air"].shape)), 0.02)


def test_a_scan_inside_jit_says_why_not(scan: Scan) -> None:
    with pytest.raises(ScannerError, match=r"jax.jit and jax.vmap do not show.*jax.grad"):
        jax.jit(lambda density: readings(scan, density, FRACTION).arrays["counts"])(DENSITY)
