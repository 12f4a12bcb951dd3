"""B0 in patients, shim, concomitant and transmit fields: closed forms, rival methods, hostile shapes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from phantomsim.errors import ScannerError
from phantomsim.grid import Grid
from phantomsim.phantom import Phantom
from phantomsim.scanners.mr.fields import b0, concomitant, dipole, shim, transmit
from phantomsim.scanners.mr.laws import ellipsoid, fields
from phantomsim.scanners.mr.spec.array import Load
from phantomsim.scanners.mr.spec.fields import Fields

HEAD = Load(radius_mm=85.0, length_mm=200.0, conductivity_S_per_m=0.55, permittivity=52.0)


@pytest.mark.slow
def test_laws_of_fields_hold():
    assert not [law for law in fields.laws() if not law.passed]


def sphere_error(grid, axis="z", radius=18.0, pad=2.0):
    z, y, x = np.meshgrid(*grid.axes_mm(), indexing="ij")
    r = np.sqrt(x**2 + y**2 + z**2)
    along = {"z": z, "y": y, "x": x}[axis]
    truth = np.where(r > radius, (3 * (along / np.maximum(r, 1e-9)) ** 2 - 1) / 3 * (radius / np.maximum(r, 1)) ** 3, 0)
    found = np.asarray(dipole.shift_ppm(ellipsoid(grid, (radius,) * 3), grid.spacing_mm, axis, pad))
    clear = np.abs(r - radius) > 1.5 * max(grid.spacing_mm)
    return np.abs(found - truth)[clear].max() / (2 / 3)


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_field_of_a_sphere_on_odd_anisotropic_voxels_for_every_axis_of_b0(axis):
    assert sphere_error(Grid.centred((31, 40, 45), (2.4, 1.8, 1.6)), axis) < 0.02


def test_unpadded_field_wraps_around():
    grid = Grid.centred((32, 32, 32), (2.0, 2.0, 2.0))
    assert sphere_error(grid, pad=1.0) > 4 * sphere_error(grid, pad=2.0)


def test_dipole_is_that_of_a_sum_over_point_dipoles():
    """A rival method in real space: a voxel far away is a point dipole."""
    chi = np.zeros((20, 20, 20), np.float32)
    sources = np.array([[4, 5, 6], [6, 4, 5]])
    chi[tuple(sources.T)] = [2.0, -1.0]
    found = np.asarray(dipole.shift_ppm(chi, (1.0, 1.0, 1.0), pad=4.0))
    at = np.array([12, 14, 13])
    r = at - sources
    d = np.linalg.norm(r, axis=1)
    point = np.sum([2.0, -1.0] * (3 * (r[:, 0] / d) ** 2 - 1) / (4 * np.pi * d**3))
    assert found[tuple(at)] == pytest.approx(point, abs=2e-5)


def test_a_constant_susceptibility_shifts_nothing_and_fields_add():
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(2, 9, 8, 11)).astype(np.float32)
    spacing = (2.0, 1.0, 1.5)
    assert np.abs(dipole.shift_ppm(np.full((9, 8, 11), 5.0), spacing)).max() < 1e-5
    both = dipole.shift_ppm(one + 2 * two, spacing)
    np.testing.assert_allclose(both, dipole.shift_ppm(one, spacing) + 2 * dipole.shift_ppm(two, spacing), atol=2e-5)


def test_one_slice_is_a_body_that_goes_on():
    """A single slice goes on along z by its edges: a long cylinder, 1/3 inside against outside."""
    disc = ellipsoid(Grid.centred((1, 40, 40), (2.0, 2.0, 2.0)), (1e6, 20.0, 20.0))
    found = np.asarray(dipole.shift_ppm(disc, (2.0, 2.0, 2.0)))
    assert found.shape == disc.shape
    assert found[0, 20, 20] - found[0, 0, 0] == pytest.approx(1 / 3, abs=0.01)


def test_susceptibility_must_be_a_volume():
    with pytest.raises(ScannerError, match="volume"):
        dipole.shift_ppm(np.zeros((4, 4)), (1.0, 1.0, 1.0))


def head(shape=(33, 40, 37), spacing=(3.0, 2.5, 3.0)):
    """Water with an air pocket, off centre."""
    grid = Grid.centred(shape, spacing, (5.0, -8.0, 20.0))
    z, y, x = np.meshgrid(*grid.axes_mm(), indexing="ij")
    label = (x**2 / 45**2 + y**2 / 42**2 + z**2 / 42**2 < 1).astype(np.uint8)
    label[(x - 5) ** 2 + (y - 20) ** 2 + (z + 5) ** 2 < 9**2] = 0
    return Phantom(grid, label, 1.0, (), (), ("air", "water"))


def spread_Hz(phantom, **changes):
    field = np.asarray(b0.field_map_Hz(phantom, 3.0, Fields(**changes)))
    return field[np.asarray(phantom.label) == 1].std()


def test_each_order_of_shim_leaves_less_field():
    stages = [spread_Hz(head(), shim_order=order, coarse_mm=0.0) for order in (0, 1, 2)]
    assert stages[0] > stages[1] > stages[2] > 1.0


def test_field_scales_with_b0_and_is_referred_to_the_signal():
    phantom = head()
    low, high = (np.asarray(b0.field_map_Hz(phantom, b, Fields(shim_order=None))) for b in (1.5, 3.0))
    np.testing.assert_allclose(high, 2 * low, atol=1e-3 * np.abs(high).max())
    water = np.asarray(phantom.label) == 1
    assert abs(high[water].mean()) < 0.02 * np.abs(high).max()


def test_coarse_field_is_near_the_exact_one_away_from_borders():
    phantom = head((40, 48, 44), (2.0, 2.0, 2.0))
    exact, coarse = (np.asarray(b0.field_map_Hz(phantom, 3.0, Fields(coarse_mm=c))) for c in (0.0, 4.0))
    water = np.asarray(phantom.label) == 1
    assert exact.shape == coarse.shape == phantom.grid.shape
    assert np.median(np.abs(exact - coarse)[water]) < 0.03 * np.abs(exact[water]).max()


def test_shim_minds_its_box_alone():
    phantom = head()
    isocentre = phantom.grid.centre_mm
    everywhere = Fields(shim_order=2, coarse_mm=0.0)
    boxed = everywhere.model_copy(update={"shim_box_mm": (40.0, 40.0, 40.0)})
    z, y, x = np.meshgrid(*phantom.grid.axes_mm(), indexing="ij")
    box = (np.maximum(np.maximum(abs(x), abs(y)), abs(z)) <= 20) & (np.asarray(phantom.label) == 1)
    whole, part = (np.asarray(b0.field_map_Hz(phantom, 3.0, f, isocentre))[box].std() for f in (everywhere, boxed))
    assert part < whole


def test_the_magnets_own_error_spans_what_is_said_and_a_second_order_shim_does_not_reach_it():
    grid = Grid.centred((41, 41, 41), (10.0, 10.0, 10.0))
    phantom = Phantom(grid, np.ones(grid.shape, np.uint8), 1.0, (), (), ("air", "water"))
    settings = Fields(homogeneity_ppm=2.0, homogeneity_diameter_mm=400.0, susceptibility=False)
    ppm = np.asarray(b0.magnet_ppm(b0.blocks(phantom, 0.0), settings))
    z, y, x = np.meshgrid(*grid.axes_mm(), indexing="ij")
    on_sphere = np.abs(np.sqrt(x**2 + y**2 + z**2) - 200.0) < 2.0
    assert np.ptp(ppm[on_sphere]) == pytest.approx(2.0, rel=0.05)
    left = np.asarray(b0.field_map_Hz(phantom, 1.0, settings))
    assert left.std() > 0.2 * ppm.std() * 42.58


def test_nothing_is_off_resonance_where_all_is_switched_off():
    assert not np.asarray(b0.field_map_Hz(head(), 3.0, Fields(susceptibility=False))).any()


def test_shim_of_no_signal_or_one_voxel_stays_finite():
    axes = tuple(jnp.arange(5.0) for _ in range(3))
    field = jnp.asarray(np.random.default_rng(1).normal(size=(5, 5, 5)), jnp.float32)
    np.testing.assert_allclose(shim.shimmed(field, jnp.zeros((5, 5, 5)), axes, 2), field, atol=1e-6)
    one = shim.shimmed(field, jnp.zeros((5, 5, 5)).at[2, 2, 2].set(1.0), axes, 2)
    assert np.isfinite(one).all()
    assert abs(one[2, 2, 2]) < 1e-3


def test_shim_harmonics_obey_laplace():
    axes = tuple(jnp.arange(6.0) * d for d in (1.0, 2.0, 1.5))
    found = np.asarray(shim.harmonics(axes[0], axes[1], axes[2], 2), float)
    second = sum(np.diff(found, 2, axis)[:, *trim] / d**2 for axis, d, trim in (
        (1, 1.0, (slice(None), slice(1, -1), slice(1, -1))),
        (2, 2.0, (slice(1, -1), slice(None), slice(1, -1))),
        (3, 1.5, (slice(1, -1), slice(1, -1), slice(None))),
    ))  # fmt: skip
    np.testing.assert_allclose(second, 0, atol=1e-4)


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_concomitant_field_is_the_excess_of_the_fields_length(axis):
    """Against the length of B0 plus a gradient field that has neither curl nor divergence."""
    rng = np.random.default_rng(2)
    points, g, b = rng.uniform(-100, 100, (30, 3)), np.array([11.0, -7.0, 9.0]), 0.055
    order = [("xyz".index(axis) + i) % 3 for i in (1, 2, 0)]
    x, y, z = (points[:, i] * 1e-3 for i in order)
    gx, gy, gz = (g[i] * 1e-3 for i in order)
    along, first, second = gx * x + gy * y + gz * z, gx * z - gz * x / 2, gy * z - gz * y / 2
    excess = np.sqrt((b + along) ** 2 + first**2 + second**2) - b - along
    found = concomitant.concomitant_Hz(jnp.asarray(points), jnp.asarray(g), b, axis)
    # Second order in the gradient over B0; the rest is of third.
    np.testing.assert_allclose(found, excess * dipole.GAMMA_BAR_Hz_per_T, rtol=0.06, atol=0.5)


def test_dielectric_field_is_that_of_a_finite_difference_solution():
    """E_z = f(rho) exp(i phi) solved on a line; the turning field is (f' + f / rho) / 2 up to a constant."""
    k = transmit.wavenumber_per_mm(HEAD, 7.0)
    n = 3000
    h = HEAD.radius_mm / n
    rho = h * np.arange(1, n + 1)
    matrix = (
        np.diag(-2 / h**2 - 1 / rho**2 + k**2)
        + np.diag((1 / h**2 + 1 / (2 * h * rho))[:-1], 1)
        + np.diag((1 / h**2 - 1 / (2 * h * rho))[1:], -1)
    )[: n - 1, : n - 1]
    right = np.zeros(n - 1, complex)
    right[-1] = -(1 / h**2 + 1 / (2 * h * rho[-2]))
    from scipy.linalg import solve_banded

    bands = np.zeros((3, n - 1), complex)
    bands[0, 1:], bands[1], bands[2, :-1] = np.diag(matrix, 1), np.diag(matrix), np.diag(matrix, -1)
    f = np.concatenate([[0.0], solve_banded((1, 1), bands, right), [1.0]])
    turning = np.abs(np.gradient(f, h)[1:] + f[1:] / rho)
    found = transmit.dielectric(HEAD, 7.0, rho)
    np.testing.assert_allclose(turning[5:-2] / turning[5], found[5:-2] / found[5], rtol=3e-3)


def test_the_middle_is_brighter_at_higher_fields():
    rim = [transmit.dielectric(HEAD, b, np.array([60.0]))[0] for b in (0.055, 1.5, 3.0, 7.0)]
    assert all(np.diff(rim) < 0)
    assert rim[0] > 0.99
    assert rim[2] > 0.6 > rim[3]


@pytest.mark.parametrize("kind", ["birdcage", "dielectric"])
def test_transmit_field_is_one_in_the_mean_of_the_loads_middle(kind):
    settings = Fields(transmit=kind)
    axes = (np.array([-2.0, 0.0, 2.0]), np.linspace(-84, 84, 43), np.linspace(-84, 84, 57))
    found = transmit.transmit_map(settings, HEAD, 3.0, axes)
    assert found.dtype == np.float32
    inside = np.hypot(*np.meshgrid(axes[1], axes[2], indexing="ij")) < 85
    assert found[:, inside].mean() == pytest.approx(1.0, abs=0.02)


def test_uniform_transmit_field_needs_no_map():
    assert transmit.transmit_map(Fields(), HEAD, 3.0, (np.zeros(1),) * 3) is None


def test_interpolated_transmit_field_is_the_exact_one():
    axis = np.linspace(-80, 80, 41)
    found = transmit.transmit_map(Fields(transmit="dielectric"), HEAD, 7.0, (np.zeros(1), np.zeros(1), axis))[0, 0]
    exact = transmit.dielectric(HEAD, 7.0, np.abs(axis))
    np.testing.assert_allclose(found / found[20], exact / exact[20], atol=0.02)


def test_birdcage_is_homogeneous_in_its_middle():
    rng = np.random.default_rng(4)
    points = rng.uniform(-1, 1, (200, 3)) * [80, 80, 40]
    size = transmit.birdcage(300.0, 500.0, points)
    np.testing.assert_allclose(size, transmit.birdcage(300.0, 500.0, np.zeros(3)), rtol=0.06)


def test_field_map_differentiates_with_respect_to_susceptibility():
    chi = jnp.zeros((6, 7, 8))
    gradient = jax.grad(lambda c: dipole.shift_ppm(c, (1.0, 1.0, 1.0))[3, 3, 3])(chi)
    assert float(gradient[1, 3, 3]) > 0 > float(gradient[3, 1, 3])
