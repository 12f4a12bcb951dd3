"""The fast estimate and the correction of scatter, and what brings Monte Carlo to a patient's raw data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim import materials
from phantomsim.grid import Grid
from phantomsim.phantom import Overlay, Phantom
from phantomsim.scanners.ct import fdk
from phantomsim.scanners.ct.geometry import Geometry
from phantomsim.scanners.ct.orbits import third_generation
from phantomsim.scanners.ct.scatter import coarse, correct, kernel
from phantomsim.scanners.ct.scatter.detected import scatter
from phantomsim.scanners.ct.scatter.medium import Medium, medium
from phantomsim.scanners.ct.scatter.patient import patient_medium, patient_scatter

SPECTRUM = materials.spectrum(120.0, {"al_mm": 6.8})
#: Monte Carlo of 4e5 photons: scatter over air [1e-3] of water cylinders, 541 / 949 mm, 40 mm collimation, 120 kVp,
#: energies as signal, in 16 columns of 28 mm from the fan's edge to its middle.
SCATTER = {
    200.0: "3.429 3.616 3.752 3.937 4.253 4.284 4.522 4.954 5.395 6.338 6.833 6.693 6.114 5.771 5.772 5.44",
    320.0: "3.472 3.352 3.365 3.46 3.714 4.295 4.716 4.058 3.269 2.838 2.532 2.299 2.08 2.072 1.94 1.901",
}


def ct(views: int, columns: int = 450, rows: int = 16) -> Geometry:
    return third_generation(541.0, 949.0, views, columns, rows, 896.0 / columns, 40.0 / rows * 949.0 / 541.0)


def primary_over_air(geometry: Geometry, diameter_mm: float) -> np.ndarray:
    """Primary of a water cylinder over air [row, column], energies as signal."""
    apart = geometry.radius_mm * np.sin(geometry.fan)
    level = 2 * np.sqrt(np.maximum((diameter_mm / 2) ** 2 - apart**2, 0))
    chord = level * np.sqrt(1 + geometry.row_slopes[:, None] ** 2)
    weight = SPECTRUM.photons_per_mAs_per_mm2_at_1m * SPECTRUM.energy_keV
    mu = materials.attenuation_matrix(["water"], SPECTRUM.energy_keV)[0]
    return np.exp(-mu * chord[..., None]) @ (weight / weight.sum())


def true_scatter(geometry: Geometry, diameter_mm: float) -> np.ndarray:
    half = 1e-3 * np.array(SCATTER[diameter_mm].split(), float)
    at = (np.arange(geometry.columns) + 0.5) * 32 / geometry.columns - 0.5
    return np.broadcast_to(np.interp(at, np.arange(32), np.r_[half, half[::-1]]), (geometry.rows, geometry.columns))


def body(phantom_mm: float = 200.0) -> Phantom:
    grid = Grid.centred((50, 100, 100), (6.0, 3.0, 3.0), (5.0, -4.0, 20.0))
    _, y, x = grid.axes_mm()
    label = (np.hypot(x - 5, y[:, None] + 4) < phantom_mm / 2).astype(np.uint8)
    return Phantom(grid, np.broadcast_to(label, grid.shape), 1.0, (), (), ("air", "water"))


@pytest.mark.parametrize("diameter", [200.0, 320.0])
def test_estimate_meets_monte_carlo(diameter: float) -> None:
    geometry = ct(1)
    log = -np.log(primary_over_air(geometry, diameter))[None]
    found = np.asarray(kernel.estimate(jnp.asarray(log, jnp.float32), kernel.spread(geometry)))[0]
    ratio = found / true_scatter(geometry, diameter)
    assert abs(np.log(ratio)).max() < 0.5
    assert np.sqrt(np.mean(np.log(ratio[:, 180:270]) ** 2)) < 0.08


@pytest.mark.parametrize("diameter", [200.0, 320.0])
@pytest.mark.parametrize("grid", [1.0, 0.2])
def test_correction_restores_a_water_cylinder(diameter: float, grid: float) -> None:
    """HU in the middle, by filtered backprojection; with a grid as clinical scanners have, within a few HU."""
    geometry = ct(240, 300, 4)
    clean = primary_over_air(geometry, diameter)
    dirty = clean + grid * true_scatter(geometry, diameter)
    mended = correct.primary(jnp.asarray(dirty[None], jnp.float32), kernel.spread(geometry), None, kernel.WATER, grid)
    logs = [np.broadcast_to(-np.log(v), geometry.shape) for v in (clean, dirty, np.asarray(mended)[0])]
    images = [
        fdk.reconstruct(jnp.asarray(v, jnp.float32), geometry, "smooth", (1, 24, 24), (5.0, 4.0, 4.0)) for v in logs
    ]
    water, wrong, right = (float(np.asarray(i).mean()) for i in images)
    before, after = (1000 * (v / water - 1) for v in (wrong, right))
    assert before < -10
    assert abs(after) < (6 if grid < 1 else 25)


def test_estimate_grows_with_collimation_and_not_without_object() -> None:
    wide, narrow = ct(1), third_generation(541.0, 949.0, 1, 450, 4, 896 / 450, 10.0 / 4 * 949 / 541)
    of = [
        np.asarray(
            kernel.estimate(jnp.asarray(-np.log(primary_over_air(g, 200.0))[None], jnp.float32), kernel.spread(g))
        )
        for g in (wide, narrow)
    ]
    assert 3 < of[0].mean() / of[1].mean() < 4.2
    nothing = kernel.estimate(jnp.zeros(wide.shape), kernel.spread(wide))
    assert float(nothing.max()) < 1e-6


def test_a_bowtie_raises_scatter_over_air_at_the_edge() -> None:
    geometry = ct(1)
    log = jnp.asarray(-np.log(primary_over_air(geometry, 200.0))[None], jnp.float32)
    air = jnp.asarray(np.broadcast_to(np.exp(-((geometry.fan / 0.3) ** 2)), geometry.shape[1:]), jnp.float32)
    even = kernel.estimate(log, kernel.spread(geometry))
    uneven = kernel.estimate(log, kernel.spread(geometry), air)
    assert np.all(uneven * air <= even * (1 + 1e-5))
    assert float(uneven[0, 8, 0]) > 2 * float(even[0, 8, 0])


def test_correction_of_what_was_estimated_is_exact() -> None:
    geometry = ct(1)
    clean = jnp.asarray(primary_over_air(geometry, 320.0)[None], jnp.float32)
    spread = kernel.spread(geometry)
    dirty = clean + kernel.estimate(-jnp.log(clean), spread)
    assert float(jnp.abs(jnp.log(correct.primary(dirty, spread) / clean)).max()) < 0.03


def test_coarse_cells_cover_the_detector_and_refine_undoes_averaging() -> None:
    geometry = ct(36, 90, 6)
    few = coarse.coarsen(geometry, 12, 2, 15)
    edges = [g.cells(columns=np.array([-g.columns / 2, g.columns / 2])) for g in (geometry, few)]
    assert np.allclose(edges[0][::3, 0], edges[1][:, 0] + (edges[0][::3, 0] - edges[1][:, 0]) * [0, 0, 1], atol=1e-9)
    assert few.rows * few.up_mm[0, 2] == pytest.approx(geometry.rows * geometry.up_mm[0, 2])
    ramp = np.broadcast_to(np.arange(90.0), geometry.shape)
    back = coarse.refine(coarse.average(ramp, 2, 15)[::3], geometry)
    assert back.shape == geometry.shape
    assert np.allclose(back[..., 3:-3], ramp[..., 3:-3])
    wave = np.cos(geometry.angles)[:, None, None] * np.ones((1, 6, 90))
    assert np.abs(coarse.refine(coarse.average(wave, 2, 15)[::3], geometry) - wave).max() < 0.04


def test_blocks_attenuate_as_their_voxels_do() -> None:
    plain = body()
    fraction = np.zeros((10, 20, 20), np.float32) + 0.5
    patient = Phantom(
        plain.grid, plain.label, 1.1, (Overlay(2, fraction, (20, 40, 40)),), (), ("air", "water", "bone-cortical")
    )
    geometry = ct(4)
    found: Medium = patient_medium(patient, (5.0, -4.0, 20.0), geometry, 9.0)
    mu = materials.attenuation_matrix(patient.tissues, [60.0])[:, 0]
    total = (np.asarray(found.density) * mu[np.asarray(found.label)]).sum() * float(
        np.prod(np.asarray(found.spacing_mm))
    )
    exact = float(patient.mix(mu.astype(np.float32)).sum()) * 1.1 * 54
    assert total == pytest.approx(exact, rel=0.01)
    corner, size = np.asarray(found.corner_mm), np.asarray(found.spacing_mm) * np.array(found.label.shape[::-1])
    assert np.allclose(corner + size / 2, 0, atol=4.0)  # the isocentre is the phantom's middle


@pytest.mark.slow
def test_patient_scatter_is_that_of_the_whole_cylinder() -> None:
    geometry = ct(24, 128, 4)
    found = patient_scatter(
        jax.random.key(0), body(), (5.0, -4.0, 20.0), geometry, SPECTRUM, SPECTRUM.energy_keV, histories=1_000_000
    )
    assert found.shape == (1, *geometry.shape)
    ratio = found[0].mean((0, 1)) / true_scatter(geometry, 200.0)[0]
    assert ratio[16:-16] == pytest.approx(np.ones(96), abs=0.12)


@pytest.mark.slow
def test_coherent_scatter_rivals_incoherent_in_a_fan_and_scatter_grows_with_the_beam() -> None:
    """Johns and Yaffe, Med. Phys. 9 (1982) 231: in fan beams coherent first scatter is comparable or greater.

    Siewerdsen and Jaffray, Med. Phys. 28 (2001) 220: above 100 % behind a pelvis at 6 degrees of cone.
    """
    y, x = 5.0 * (np.mgrid[:68, :68] - 33.5)
    middle = {}
    for diameter in (200.0, 320.0):
        label = np.broadcast_to((np.hypot(x, y) < diameter / 2).astype(np.uint8), (70, 68, 68))
        water = medium(label, 1.0, (5.0, 5.0, 5.0), (0.0, 0.0, 0.0), ["air", "water"])
        for collimation in (10.0, 160.0):
            geometry = third_generation(541.0, 949.0, 2, 17, 1, 52.0, collimation * 949 / 541)
            found = scatter(jax.random.key(1), water, geometry, SPECTRUM, SPECTRUM.energy_keV, 300_000)
            primary = primary_over_air(third_generation(541.0, 949.0, 1, 1, 1, 1.0, 1.0), diameter)[0, 0]
            middle[diameter, collimation] = found.total[0, :, 0, 8].mean() / primary
            if collimation == 10.0:
                assert found.coherent[0, :, 0, 8].mean() > 0.5 * found.incoherent[0, :, 0, 8].mean()
    assert middle[320.0, 160.0] > 1.0
    assert 8 < middle[200.0, 160.0] / middle[200.0, 10.0] < 16
