"""Attenuation against NIST, xraydb and xraylib, and the laws of mixtures."""

import numpy as np
import pytest

from phantomsim.errors import TissueError
from phantomsim.materials import attenuation_matrix, decompose, mass_attenuation, mixture, table
from phantomsim.materials.attenuation import SYMBOLS, edges_keV, klein_nishina, recoil_fraction

BODY = ("H", "C", "N", "O", "Na", "Mg", "P", "S", "Cl", "K", "Ca", "Fe", "I")


@pytest.mark.parametrize("symbol", [*BODY, "Al", "Cu", "Gd", "W", "Pb"])
def test_attenuation_agrees_with_xraydb(symbol: str) -> None:
    xraydb = pytest.importorskip("xraydb")
    energy = np.array([12.0, 20.0, 31.0, 45.0, 60.0, 80.0, 100.0, 140.0])
    theirs = xraydb.mu_elam(symbol, energy * 1000)
    assert mass_attenuation({symbol: 1.0}, energy) == pytest.approx(theirs, rel=0.02)


@pytest.mark.parametrize("symbol", ["H", "O", "Ca", "I", "Gd", "W", "U"])
def test_interpolation_meets_xraylib_between_its_nodes(symbol: str) -> None:
    xraylib = pytest.importorskip("xraylib")
    energy = np.geomspace(6.03, 480.0, 301)
    z = SYMBOLS.index(symbol) + 1
    theirs = np.array([xraylib.CS_Total(z, float(e)) for e in energy])
    assert mass_attenuation({symbol: 1.0}, energy) == pytest.approx(theirs, rel=3e-3)


@pytest.mark.parametrize(
    ("symbol", "edge"), [("Sn", 29.2), ("I", 33.1694), ("Gd", 50.2391), ("W", 69.525), ("Pb", 88.0)]
)
def test_every_interaction_meets_xraylib_beside_k_edges(symbol: str, edge: float) -> None:
    xraylib = pytest.importorskip("xraylib")
    energy = edge * np.array([0.9, 0.97, 0.999, 1.001, 1.03, 1.1])
    z = SYMBOLS.index(symbol) + 1
    assert edges_keV(symbol)[-1] == pytest.approx(edge, rel=1e-3)
    for process, theirs in (("photoelectric", "CS_Photo"), ("coherent", "CS_Rayl"), ("incoherent", "CS_Compt")):
        exact = [getattr(xraylib, theirs)(z, float(e)) for e in energy]
        assert mass_attenuation({symbol: 1.0}, energy, process) == pytest.approx(np.array(exact), rel=4e-3)


def test_iodine_k_edge_jumps_at_33_keV() -> None:
    """NIST: 6.553 just below and 35.82 cm^2/g just above 33.1694 keV."""
    below, above = mass_attenuation({"I": 1.0}, [33.16, 33.18])
    assert below == pytest.approx(6.553, rel=5e-3)
    assert above == pytest.approx(35.82, rel=5e-3)


def test_air_kerma_factor_meets_nist_where_radiation_losses_are_small() -> None:
    """mu_en / rho of dry air, NIST table 4."""
    nist = {20: 0.5389, 30: 0.1537, 40: 0.06833, 60: 0.03041, 80: 0.02407, 100: 0.02325, 150: 0.02496}
    ours = mass_attenuation(table()["air"].composition, list(nist), "transfer")
    assert ours == pytest.approx(np.array(list(nist.values())), rel=0.006)


def test_klein_nishina_meets_thomson_at_low_energy() -> None:
    """8 pi / 3 r^2 (1 - 2 k) for k = E / mc^2 -> 0; here over pi r^2."""
    energy = np.array([0.01, 0.1])
    assert klein_nishina(energy) == pytest.approx(8 / 3 * (1 - 2 * energy / 510.99895), rel=1e-6)


def test_recoil_fraction_follows_the_low_energy_limit() -> None:
    """For k = E / mc^2 -> 0 the mean share of the electron is k (first order)."""
    assert recoil_fraction(np.array([0.05])) == pytest.approx(0.05 / 510.99895, rel=1e-3)


def test_partial_coefficients_sum_to_the_total() -> None:
    water, energy = table()["water"].composition, np.linspace(10, 150, 29)
    parts = [mass_attenuation(water, energy, part) for part in ("photoelectric", "coherent", "incoherent")]
    assert np.sum(parts, axis=0) == pytest.approx(mass_attenuation(water, energy))


def test_mixture_attenuates_as_its_volumes() -> None:
    tissues = table()
    energy = np.array([25.0, 60.0, 110.0])
    mixed = mixture("half", {tissues["adipose"]: 0.3, tissues["bone-cortical"]: 0.7})
    expected = 0.3 * tissues["adipose"].attenuation_per_mm(energy) + 0.7 * tissues["bone-cortical"].attenuation_per_mm(
        energy
    )
    assert mixed.attenuation_per_mm(energy) == pytest.approx(expected)


def test_basis_materials_decompose_into_themselves() -> None:
    energy = np.arange(20.0, 120.0)
    basis = ("water", "bone-cortical", "iodine-blood-20")
    coefficients, residual = decompose(basis, energy, basis=basis)
    assert coefficients == pytest.approx(np.eye(3), abs=1e-9)
    assert residual == pytest.approx(np.zeros(3), abs=1e-12)


def test_soft_tissues_are_water_and_bone_to_one_HU() -> None:
    names, energy = ["liver", "grey-matter", "muscle", "blood"], np.arange(30.0, 121.0)
    coefficients, _ = decompose(names, energy)
    rebuilt = coefficients @ attenuation_matrix(("water", "bone-cortical"), energy)
    water = attenuation_matrix(["water"], energy)
    assert np.abs((rebuilt - attenuation_matrix(names, energy)) / water).max() < 1.5e-3


def test_unknown_elements_and_energies_are_refused() -> None:
    with pytest.raises(TissueError, match="Xx"):
        mass_attenuation({"Xx": 1.0}, [60.0])
    with pytest.raises(TissueError, match="1 to 500 keV"):
        mass_attenuation({"H": 1.0}, [0.5])
    with pytest.raises(TissueError, match="1 to 4"):
        decompose(["water"], [60.0], basis=())
