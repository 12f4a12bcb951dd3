"""Two voltages and counted bins: decomposition of projections, and the images that follow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from phantomsim import materials
from phantomsim.errors import ScannerError
from phantomsim.materials.mixtures import iodine as iodine_in
from phantomsim.scanners.ct.spectral import images
from phantomsim.scanners.ct.spectral.decompose import cramer_rao, decompose
from phantomsim.scanners.ct.spectral.model import SpectralModel, basis_attenuation, readings
from phantomsim.scanners.ct.spectral.solve import inverse, solve

NAMES = ("water", "iodine")
BOUNDS = np.array([[-50.0, 600.0], [-500.0, 3000.0]], np.float32)


def dual(quanta: float = 1e6, names: tuple[str, ...] = NAMES) -> SpectralModel:
    """80 and 140 kVp, the latter behind tin."""
    low = materials.spectrum(80.0, {"al_mm": 6.8})
    high = materials.spectrum(140.0, {"al_mm": 6.8}).filtered("Sn", 0.4)
    energy = np.arange(20.0, 140.0, 3.0)
    weights = [np.interp(energy, s.energy_keV, s.photons_per_mAs_per_mm2_at_1m) for s in (low, high)]
    weights = np.stack([quanta * w / w.sum() for w in weights])
    return SpectralModel(weights.astype(np.float32), basis_attenuation(names, energy).astype(np.float32))


def bins(quanta: float = 1e6, names: tuple[str, ...] = NAMES) -> SpectralModel:
    """Counts between 25, 45, 65 and 90 keV at 120 kVp, each bin blurred by 4 keV."""
    spectrum = materials.spectrum(120.0, {"al_mm": 6.8})
    energy = np.arange(20.0, 120.0, 2.0)
    photons = np.interp(energy, spectrum.energy_keV, spectrum.photons_per_mAs_per_mm2_at_1m)
    edge = 1 / (1 + np.exp(-(energy - np.array([25.0, 45.0, 65.0, 90.0, 500.0])[:, None]) / 4))
    weights = (edge[:-1] - edge[1:]) * photons
    return SpectralModel(
        (quanta * weights / photons.sum()).astype(np.float32), basis_attenuation(names, energy).astype(np.float32)
    )


def grid_of_paths() -> jax.Array:
    water, iodine = np.meshgrid([0.0, 20.0, 100.0, 200.0, 320.0], [-20.0, 0.0, 50.0, 300.0, 900.0])
    return jnp.asarray(np.stack([water, iodine])[:, None], jnp.float32)


def test_small_systems_are_solved_as_numpy_does():
    random = np.random.default_rng(0)
    root = random.normal(size=(50, 3, 3))
    matrices, right = root @ root.transpose(0, 2, 1) + np.eye(3), random.normal(size=(50, 3))
    moved = jnp.asarray(matrices.transpose(1, 2, 0), jnp.float32)
    measured = solve(moved, jnp.asarray(right.T, jnp.float32)).T
    np.testing.assert_allclose(measured, np.linalg.solve(matrices, right[..., None])[..., 0], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(inverse(moved).transpose(2, 0, 1), np.linalg.inv(matrices), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("model", [dual(), bins()], ids=["two voltages", "bins"])
def test_paths_come_back_from_readings_without_noise(model):
    paths = grid_of_paths()
    energies = model.weights.astype(float), model.mu_per_mm.astype(float)
    exact = np.einsum("ce,e...->c...", energies[0], np.exp(-np.einsum("ke,k...->e...", energies[1], paths)))
    found = np.asarray(decompose(jnp.asarray(exact, jnp.float32), model, BOUNDS))
    np.testing.assert_allclose(found[0], paths[0], atol=0.02)
    np.testing.assert_allclose(found[1], paths[1], atol=0.2)


def test_three_bases_come_back_from_four_bins():
    model = bins(names=("water", "bone-cortical", "iodine"))
    paths = jnp.asarray([[150.0, 200.0], [0.0, 12.0], [30.0, 100.0]])[:, None, None]
    bounds = np.array([[-50, 600], [-50, 200], [-500, 3000]], np.float32)
    found = decompose(readings(model, paths), model, bounds, log_steps=12)
    np.testing.assert_allclose(found, paths, rtol=0.01, atol=0.6)


def test_cells_of_different_spectra_are_each_decomposed_by_their_own():
    model = dual()
    bowtie = np.exp(
        -basis_attenuation(("aluminium",), np.arange(20.0, 140.0, 3.0))[0][:, None] * np.array([0.0, 5.0, 20.0])
    )
    cells = SpectralModel((model.weights[:, :, None] * bowtie)[:, :, None].astype(np.float32), model.mu_per_mm)
    paths = jnp.broadcast_to(jnp.asarray([180.0, 60.0])[:, None, None, None], (2, 4, 1, 3))
    found = decompose(readings(cells, paths), cells, BOUNDS)
    np.testing.assert_allclose(found, paths, rtol=2e-3)


@pytest.mark.parametrize("model", [dual(1e5), bins(1e5)], ids=["two voltages", "bins"])
def test_noise_of_the_decomposition_is_the_least_possible(model):
    paths = np.array([150.0, 60.0])
    weights, mu = model.weights.astype(float), model.mu_per_mm.astype(float)
    passed = weights * np.exp(-paths @ mu)
    mean, slope = passed.sum(1), passed @ mu.T
    bound = np.linalg.inv((slope[:, :, None] * slope[:, None] / mean[:, None, None]).sum(0))
    counts = np.random.default_rng(0).poisson(mean[:, None, None, None], (len(mean), 20, 50, 40))
    found = np.asarray(decompose(jnp.asarray(counts, jnp.float32), model, BOUNDS), float).reshape(2, -1)
    np.testing.assert_allclose(np.cov(found), bound, rtol=0.03)
    np.testing.assert_allclose(found.mean(1), paths, atol=4 * np.sqrt(np.diag(bound) / found.shape[1]).max() + 0.05)
    stated = cramer_rao(model, jnp.asarray(paths, jnp.float32)[:, None])[..., 0]
    np.testing.assert_allclose(stated, bound, rtol=1e-3)


def test_the_likelihood_is_at_its_maximum_where_bins_outnumber_bases():
    model = bins(3e3)
    mean = np.asarray(readings(model, jnp.asarray([150.0, 60.0])[:, None, None]))
    counts = np.random.default_rng(3).poisson(mean, (4, 1, 6)).astype(np.float32)
    found = np.asarray(decompose(jnp.asarray(counts)[:, None], model, BOUNDS, steps=10))[:, 0, 0]
    weights, mu = model.weights.astype(float), model.mu_per_mm.astype(float)
    for i in range(6):

        def cost(paths: np.ndarray, i: int = i) -> float:
            expected = weights @ np.exp(-paths @ mu)
            return float((expected - counts[:, 0, i] * np.log(expected)).sum())

        best = scipy.optimize.minimize(
            cost, [150.0, 60.0], method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-9}
        )
        np.testing.assert_allclose(found[:, i], best.x, atol=0.3)


def test_rays_without_photons_stay_within_bounds():
    model = bins(50.0)
    counts = np.random.default_rng(0).poisson(0.3, (4, 3, 5, 20)).astype(np.float32)
    counts[:, 0] = 0
    counts[:, 1, 0] = -3.0
    found = np.asarray(decompose(jnp.asarray(counts), model, BOUNDS, 2.0))
    assert np.isfinite(found).all()
    assert (found >= BOUNDS[:, 0, None, None, None]).all()
    assert (found <= BOUNDS[:, 1, None, None, None]).all()


def test_paths_are_differentiable_by_the_readings():
    model = dual(1e5)
    exact = readings(model, jnp.asarray([150.0, 60.0])[:, None, None, None])
    direction = jnp.asarray([0.7, -0.4])[:, None, None, None] * 20
    loss = lambda r: decompose(r, model, BOUNDS)[1].sum()  # noqa: E731
    measured = float(jnp.vdot(jax.grad(loss)(exact), direction))
    expected = float(loss(exact + direction) - loss(exact - direction)) / 2
    assert measured == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("keV", [40.0, 70.0, 140.0])
def test_mono_energetic_images_read_what_attenuation_says(keV):
    amounts = jnp.asarray([[1.0, 1.0, 0.0], [0.0, 5.0, 0.0]])[:, None, None]
    solution = iodine_in(5.0, "water")
    mu = materials.attenuation_matrix(["water", solution, "air"], [keV])[:, 0]
    expected = 1000 * (mu - mu[0]) / (mu[0] - mu[2])
    amounts = amounts.at[0].add(-mu[2] / mu[0] * jnp.ones((1, 1, 3)))
    measured = np.asarray(images.mono(amounts, NAMES, keV))[0, 0]
    np.testing.assert_allclose(measured, [*expected[:2], -1000 - 1000 * mu[2] / (mu[0] - mu[2])], atol=0.5)


def test_iodine_is_taken_out_and_read():
    amounts = jnp.asarray([1.0, 5.0])[:, None, None, None]
    assert float(images.iodine(amounts, NAMES)[0, 0, 0]) == 5.0
    assert float(images.non_contrast(amounts, NAMES, 70.0)[0, 0, 0]) == pytest.approx(0.0, abs=1.5)
    with pytest.raises(ScannerError, match="iodine"):
        images.iodine(amounts, ("water", "bone-cortical"))


def test_best_weights_have_the_contrast_to_noise_that_search_finds():
    contrast, covariance = np.array([43.0, 28.0, 20.0]), np.array([[9.0, 1.0, 0.0], [1.0, 4.0, 0.5], [0.0, 0.5, 5.0]])
    ratio = lambda w: (w @ contrast) / np.sqrt(w @ covariance @ w)  # noqa: E731
    best = scipy.optimize.minimize(lambda w: -ratio(w), np.ones(3), method="Nelder-Mead").x
    weights = images.best_weights(contrast, covariance)
    assert weights.sum() == pytest.approx(1.0)
    assert ratio(weights) >= ratio(best) * (1 - 1e-9)


def test_least_noise_is_where_anticorrelated_bases_cancel():
    covariance = np.linalg.inv(np.array([[2.0, 0.09], [0.09, 0.0045]]))
    found = images.best_mono_keV(NAMES, covariance)
    noise = lambda keV: images.mono_weights(NAMES, keV) @ covariance @ images.mono_weights(NAMES, keV)  # noqa: E731
    assert 40 < found < 150
    assert noise(found) <= min(noise(found - 1), noise(found + 1))


def test_insert_of_five_mg_per_mL_reads_five_after_filtered_backprojection():
    """A 160 mm water cylinder with an insert, analytic chords, parallel beam, filtered by its own ramp."""
    radius, insert, at, columns, pitch, views = 80.0, 15.0, 30.0, 256, 0.8, 300
    s = (np.arange(columns) - (columns - 1) / 2) * pitch
    angle = np.pi * np.arange(views) / views
    chord = lambda r, offset: 2 * np.sqrt(np.maximum(r**2 - (s - offset) ** 2, 0))  # noqa: E731
    water = np.broadcast_to(chord(radius, 0.0), (views, columns))
    solution = np.stack([chord(insert, at * np.cos(a)) for a in angle])
    energy = np.arange(20.0, 140.0, 3.0)
    mu = materials.attenuation_matrix(["water", iodine_in(5.0, "water")], energy)
    mu_excess = mu[1] - mu[0]
    weights = dual().weights.astype(float)
    depth = np.einsum("vs,e->evs", water, mu[0]) + np.einsum("vs,e->evs", solution, mu_excess)
    counts = np.einsum("ce,evs->cvs", weights, np.exp(-depth))[:, :, None]
    paths = np.asarray(decompose(jnp.asarray(counts, jnp.float32), dual(), BOUNDS))[:, :, 0]
    lag = np.arange(-columns, columns)
    ramp = np.where(lag == 0, 0.25, np.where(lag % 2, -1 / (np.pi * np.where(lag == 0, 1, lag)) ** 2, 0.0)) / pitch
    filtered = np.apply_along_axis(lambda row: np.convolve(row, ramp)[columns : 2 * columns], -1, paths)
    for x, iodine, tissue in ((at, 5.0, 1.0), (-at, 0.0, 1.0)):
        read = [
            np.mean(
                [
                    np.sum([np.interp(dx * np.cos(a) + dy * np.sin(a), s, row) for a, row in zip(angle, f)])
                    * np.pi
                    / views
                    for dx, dy in ((x, 0.0), (x + 4, 3.0), (x - 5, -2.0))
                ]
            )
            for f in filtered
        ]
        assert read[1] == pytest.approx(iodine, abs=0.1)
        assert read[0] == pytest.approx(tissue, abs=0.01)
