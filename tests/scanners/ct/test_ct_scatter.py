"""Photon transport against closed forms, cross sections of other libraries, published reference data and quadrature."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim import materials
from phantomsim.errors import GridError, ScannerError
from phantomsim.materials.attenuation import SYMBOLS
from phantomsim.scanners.ct.laws import scatter as laws_scatter
from phantomsim.scanners.ct.orbits import flat_panel, parallel, third_generation
from phantomsim.scanners.ct.scatter import cross_sections, random, transport
from phantomsim.scanners.ct.scatter.detected import scatter
from phantomsim.scanners.ct.scatter.interactions import cosines, interactions
from phantomsim.scanners.ct.scatter.medium import Medium, medium
from phantomsim.scanners.ct.scatter.montecarlo import deposit
from phantomsim.scanners.ct.scatter.source import emit, solid_angle, source

WATER_KEV = 60.0


def slab(mm: float) -> Medium:
    """Water, 200 mm wide, `mm` thick along y."""
    return medium(np.zeros((10, 10, 10), np.uint8), 1.0, (20.0, mm / 10, 20.0), (0.0, 0.0, 0.0), ["water"])


@pytest.mark.parametrize("keV", [10.0, 60.0, 150.0])
def test_klein_nishina_integrates_to_its_closed_form(keV: float) -> None:
    xraylib = pytest.importorskip("xraylib")
    cosine, weight = np.polynomial.legendre.leggauss(64)
    total = 2 * math.pi * weight @ cross_sections.klein_nishina(np.array(keV), cosine)
    assert total * 1e24 == pytest.approx(xraylib.CS_KN(keV), rel=1e-5)


@pytest.mark.parametrize("symbol", ["H", "C", "O", "Ca", "I"])
@pytest.mark.parametrize("process", ["coherent", "incoherent"])
def test_differential_sections_agree_with_xraylib_between_its_nodes(
    symbol: str, process: cross_sections.Process
) -> None:
    xraylib = pytest.importorskip("xraylib")
    angle = np.deg2rad(np.array([1.0, 5.0, 17.0, 40.0, 90.0, 160.0]))
    theirs_of = xraylib.DCS_Rayl if process == "coherent" else xraylib.DCS_Compt
    theirs = np.array([theirs_of(SYMBOLS.index(symbol) + 1, WATER_KEV, float(a)) for a in angle])
    ours = cross_sections.differential({symbol: 1.0}, np.array(WATER_KEV), np.cos(angle), process)
    assert ours == pytest.approx(theirs, rel=0.02)


@pytest.mark.parametrize(("process", "index"), [("coherent", 0), ("incoherent", 1)])
@pytest.mark.parametrize("keV", [25.0, 60.0])
def test_drawn_angles_follow_the_differential_section(process: cross_sections.Process, index: int, keV: float) -> None:
    tables, count = interactions(["water"]), 200_000
    u = jax.random.uniform(jax.random.key(0), (count,))
    none = jnp.zeros(count, jnp.int32)
    drawn = np.asarray(cosines(tables, none, none + index, jnp.full(count, keV), u))
    edges = 1 - 2 * np.linspace(0, 1, 13) ** 2
    found = np.histogram(drawn, edges[::-1])[0][::-1] / count
    node, weight = np.polynomial.legendre.leggauss(40)
    middle, half = 0.5 * (edges[1:] + edges[:-1]), 0.5 * (edges[:-1] - edges[1:])
    at = middle[:, None] + half[:, None] * node
    share = half * (
        cross_sections.differential(materials.table()["water"].composition, np.array(keV), at, process) @ weight
    )
    share /= share.sum()
    assert np.abs(found - share).max() < 4 * math.sqrt(0.25 / count) + 0.006  # energies of angles are 5 % apart


def test_numbers_are_uniform_and_without_memory() -> None:
    state = random.states(jax.random.key(1), 4096)
    draws = []
    for _ in range(64):
        state, u = random.uniform(state)
        draws.append(np.asarray(u, float))
    x = np.array(draws)
    assert x.mean() == pytest.approx(0.5, abs=4 / math.sqrt(12 * x.size))
    assert x.var() == pytest.approx(1 / 12, rel=0.01)
    assert np.corrcoef(x[1:].ravel(), x[:-1].ravel())[0, 1] == pytest.approx(0, abs=4 / math.sqrt(x.size))


def test_primary_transmission_is_exponential_and_flights_have_the_mean_free_path() -> None:
    thickness, count = 50.0, 65_536
    body, beam = slab(thickness), source(flat_panel(500.0, 800.0, 1, 1, 1, 1.0, 1.0), laws_scatter.mono(WATER_KEV))
    waiting, _ = transport.queue(emit(jax.random.key(0), beam, count), body)

    @jax.jit
    def fly(key: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        def step(carry: tuple) -> tuple:
            lanes, through, first, depth = carry
            lanes, flight = transport.step(lanes, waiting, body)
            met = flight.collided & (flight.order == 0)
            depth += jnp.sum(jnp.where(met, thickness / 2 - flight.position[1], 0.0))
            return lanes, through + jnp.sum(flight.escaped & (flight.order == 0)), first + jnp.sum(met), depth

        start = (transport.start(key, 8192), 0, 0, 0.0)
        return jax.lax.while_loop(lambda c: transport.busy(c[0], waiting), step, start)[1:]

    through, first, depth = (float(v) for v in fly(jax.random.key(1)))
    mu = materials.attenuation_matrix(["water"], [WATER_KEV])[0, 0]
    passed = math.exp(-mu * thickness)
    assert through + first == count
    assert through / count == pytest.approx(passed, abs=4 * math.sqrt(passed / count))
    mean = 1 / mu - thickness * passed / (1 - passed)  # of an exponential cut off at the thickness
    assert depth / first == pytest.approx(mean, rel=4 / math.sqrt(first))


@pytest.mark.parametrize("score", ["energy", "air-kerma"])
def test_energy_is_conserved(score: str) -> None:
    label = np.indices((8, 8, 8)).sum(0) % 3
    body = medium(label, 1.3, (25.0, 25.0, 25.0), (10.0, 0.0, 5.0), ["water", "bone-cortical", "air"])
    beam = source(third_generation(541.0, 949.0, 7, 9, 2, 60.0, 30.0), materials.spectrum(120.0, {"al_mm": 6.8}))
    found = deposit(jax.random.key(3), body, beam, 40_000, score)  # type: ignore[arg-type]
    assert found.emitted_keV == pytest.approx(found.deposited_keV + found.escaped_keV, rel=1e-6)
    if score == "energy":
        assert found.volume.sum() == pytest.approx(found.deposited_keV, rel=1e-5)
        assert found.deposited_keV > 0.1 * found.emitted_keV


def test_kerma_of_a_thin_layer_is_fluence_times_transfer() -> None:
    dense = 500.0  # so that flights end in it; the kerma of air in it is the same
    layer = medium(np.zeros((1, 1, 1), np.uint8), dense, (40.0, 0.5, 40.0), (0.0, 0.0, 0.0), ["air"])
    beam = source(flat_panel(500.0, 800.0, 1, 1, 1, 16.0, 16.0), laws_scatter.mono(WATER_KEV))
    found = deposit(jax.random.key(0), layer, beam, 1_000_000, "air-kerma")
    transfer = materials.mass_attenuation(materials.table()["air"].composition, [WATER_KEV], "transfer")[0]
    exact = 0.5 * WATER_KEV * transfer / (40 * 40 * 0.5) * 100  # track length / volume, 1/mm^2 -> 1/cm^2
    assert float(found.volume.sum()) == pytest.approx(exact, rel=0.06)  # 5500 of 1e6 flights end in it


def test_same_key_same_result_and_another_key_another() -> None:
    cube, panel = laws_scatter.small_setup()
    one, same, other = (
        scatter(jax.random.key(k), cube, panel, laws_scatter.mono(WATER_KEV), [1.0], 30_000).total for k in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("process", ["coherent", pytest.param("incoherent", marks=pytest.mark.slow)])
def test_single_scatter_of_a_small_cube_is_that_of_a_quadrature(process: cross_sections.Process) -> None:
    cube, panel = laws_scatter.small_setup()
    found = scatter(jax.random.key(2), cube, panel, *laws_scatter.counted(WATER_KEV), 100_000)
    exact = laws_scatter.single_scatter(process)
    measured = (found.coherent if process == "coherent" else found.incoherent)[0, 0, 0]
    assert measured[[0, 1, 3, 4]] == pytest.approx(exact[[0, 1, 3, 4]], rel=0.04)


def test_beam_holds_the_photons_of_its_solid_angle() -> None:
    geometry = flat_panel(500.0, 800.0, 1, 40, 30, 5.0, 4.0)
    a, b = 100.0, 60.0
    exact = 4 * math.atan(a * b / (800.0 * math.sqrt(800.0**2 + a * a + b * b)))
    assert solid_angle(geometry).sum() == pytest.approx(exact, rel=1e-4)
    spectrum = materials.spectrum(100.0, {"al_mm": 5.0})
    assert source(geometry, spectrum).photons_per_mAs == pytest.approx(exact * spectrum.total * 1e6, rel=1e-4)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ScannerError, match="parallel"):
        source(parallel(4, 8, 1.0), laws_scatter.mono(60.0))
    with pytest.raises(GridError, match="labels run"):
        medium(np.ones((2, 2, 2), int), 1.0, (1.0, 1.0, 1.0), (0, 0, 0), ["water"])
    with pytest.raises(GridError, match="densities"):
        medium(np.zeros((2, 2, 2), int), -1.0, (1.0, 1.0, 1.0), (0, 0, 0), ["water"])
    with pytest.raises(ScannerError, match="filter paths"):
        source(flat_panel(500.0, 800.0, 1, 4, 2, 5.0, 4.0), laws_scatter.mono(60.0), ["aluminium"], np.zeros((1, 4, 2)))


@pytest.mark.slow
def test_tissue_box_of_report_195_gets_the_reference_energy_in_every_cube() -> None:
    """AAPM Report 195, case 2, 56.4 keV, 0 degrees: [eV] per photon in nine cubes of 30 mm."""
    beam = source(flat_panel(1750.0, 1800.0, 1, 13, 13, 30.0, 30.0), laws_scatter.mono(56.4))
    volume = deposit(jax.random.key(5), laws_scatter.reference_medium(), beam, 12_000_000).volume * 1000
    assert volume[4:17, 20:60, 4:17].sum() == pytest.approx(laws_scatter.TG195_TOTAL_EV, rel=0.003)
    depth = [volume[10, 55 - 6 * (i + 1) : 55 - 6 * i, 10].sum() for i in range(5)]
    assert depth == pytest.approx([72.86, 53.35, 36.67, 23.83, 14.60], rel=0.04)
    sides = [volume[z, 37:43, x].sum() for z, x in ((5, 10), (15, 10), (10, 5), (10, 15))]
    assert np.mean(sides) == pytest.approx(27.01, rel=0.03)
