"""What must hold of the MR chain, measured against closed forms (`phantomsim validate mr`)."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from phantomsim.grid import Grid
from phantomsim.laws import Law
from phantomsim.scanners.mr import coils, noise, reconstruct
from phantomsim.scanners.mr.epg import closed_form as sequence
from phantomsim.scanners.mr.scan import Scan
from phantomsim.scanners.mr.signal.axes import axis, transform
from phantomsim.scanners.mr.signal.layers import Layers
from phantomsim.scanners.mr.signal.planes import Surroundings, seen
from phantomsim.scanners.mr.signal.slab import slab
from phantomsim.scanners.mr.spec import Load, LoopArray, MRProtocol, MRReconstruction, MRScanner

PLAIN = MRReconstruction()


def small_scanner(**changes: object) -> MRScanner:
    """An 8-channel 3 T scanner without protocols, for laws and tests."""
    array = LoopArray(count=8, radius_mm=130.0, loop_radius_mm=66.0, unloaded_to_loaded_Q=6.0, noise_factor=1.1)
    load = Load(radius_mm=85.0, length_mm=200.0, conductivity_S_per_m=0.46)
    scanner = MRScanner(name="small", field_T=3.0, coils=array, load=load, protocols={}, reconstructions={})
    return scanner.model_copy(update=changes)


def small_protocol(**changes: object) -> MRProtocol:
    """A 64 x 64 spoiled gradient echo of two slices, for laws and tests."""
    base = {
        "sequence": "spoiled-gre", "TR_ms": 500.0, "TE_ms": 5.0, "flip_deg": 30.0, "bandwidth_Hz": 20000.0,
        "fov_mm": (192.0, 192.0), "matrix": (64, 64), "slices": 2, "slice_mm": 5.0, "slice_profile": "box",
    }  # fmt: skip
    return MRProtocol.model_validate(base | changes)


def laws() -> list[Law]:
    """All laws, in the order of the chain."""
    parts: list[Callable[[], list[Law]]] = [_signals, _coils, _encoding, _gibbs, _sense, _magnitude, _noise]
    return [law for part in parts for law in part()]


def _signals() -> list[Law]:
    angles = np.linspace(6.0, 10.0, 40001)
    echo = np.asarray(sequence.spoiled_gre(jnp.float32(1000.0), jnp.float32(1e9), 10.0, 0.0, angles), float)
    # The top of a smooth curve through it: float32 cannot tell neighbouring angles apart.
    curve = np.polynomial.Polynomial.fit(angles, echo, 5)
    best = angles[np.argmax(curve(angles))]
    ti = np.linspace(2300.0, 2600.0, 3001)
    inverted = np.asarray(sequence.inversion_recovery(jnp.float32(4163.0), jnp.float32(1e9), 9000.0, 1e-3, ti, 90.0))
    return [
        Law("Ernst angle, T1 1 s, TR 10 ms [deg]", "arccos exp(-TR/T1)", 8.0895, float(best), 0.01),
        Law("signal at the Ernst angle [M0]", "tanh(TR / 2 T1)^(1/2)", 0.07071, float(echo.max()), 1e-5),
        Law(
            "inversion time that nulls T1 4.163 s at TR 9 s [ms]",
            "T1 (ln 2 - ln(1 + exp(-TR/T1)))",
            2431.8,
            float(np.interp(0.0, inverted, ti)),
            0.5,
        ),
    ]


def _coils() -> list[Law]:
    loop = coils.Loop(np.zeros(3), np.array([0.0, 0.0, 1.0]), 60.0)
    axis = coils.field(loop, np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 60.0]]))[:, 2]
    ball = np.sum(np.square(np.indices((80, 80, 80)) - 39.5), 0) <= 32.0**2
    radius = 32.0 / noise.SUB * noise.CELL_mm
    # A field along x in a gauge that drives currents through the skin, which the charges there must stop.
    loss = noise.overlap(ball, [lambda r: r[:, 1:2] * [0.0, 0.0, 1.0]])[0, 0]
    closed = 2 * np.pi * radius**5 / 15
    return [
        Law("field of a loop on its axis, at one radius over centre", "2^(-3/2)", 0.35355, axis[1] / axis[0], 0.002),
        Law(
            "eddy-current loss of a sphere in a uniform field over 2 pi a^5 / 15",
            "Hoult and Lauterbur 1979, doi:10.1016/0022-2364(79)90019-2",
            1.0,
            float(loss / closed),
            0.03,
        ),
        Law(
            "magnetisation of water at 37 Celsius [mA/m per T]",
            "Curie's law, 55.1 mol/L of water",
            3.088,
            1000 * noise.water_magnetisation_A_per_m(1.0),
            0.01,
        ),
    ]


def uniform_kspace(
    magnetisation: np.ndarray, grid: Grid, indices: np.ndarray, field_mm: float, slab_mm: float
) -> np.ndarray:
    """K-space [k_y, k_x] at indices / field of a slice in the middle of the grid, sensitivity 1 everywhere."""
    z, y, x = grid.axes_mm()
    cut = slab(np.zeros(1), np.zeros(1), slab_mm, z, grid.spacing_mm[0])
    nodes = tuple(jnp.asarray(coils.interpolation(r)) for r in (z, y, x))
    none = jnp.zeros((1, 1, 1))
    around = Surroundings(
        none, none, none, (nodes[0], nodes[1], nodes[2]), jnp.ones((1, *[len(coils.node_axis_mm())] * 3), jnp.complex64)
    )
    empty = jnp.zeros((0, *grid.shape), jnp.float32)
    label = jnp.zeros(grid.shape, jnp.uint8)
    whole = Layers(label, jnp.asarray(magnetisation), empty.astype(jnp.uint8), empty)
    table = cut.weight[0][:, None, None, :, None].astype(np.complex64)
    image = seen(whole, around, table, cut.start[0])[0]
    for dimension, (centres, width) in enumerate(zip((y, x), grid.spacing_mm[1:]), 1):
        image = transform(image, axis(indices, field_mm, centres, width), dimension)
    return np.asarray(image)[0]


def ellipsoid(grid: Grid, semi_mm: tuple[float, float, float], sub: int = 4) -> np.ndarray:
    """Volume fractions of a centred ellipsoid of semi-axes (z, y, x), by sub^3 points a voxel, float32 [z, y, x]."""
    steps = (np.arange(sub) - (sub - 1) / 2) / sub
    axes = [(r[:, None] + steps * d).ravel() / a for r, d, a in zip(grid.axes_mm(), grid.spacing_mm, semi_mm)]
    inside = axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2 <= 1
    nz, ny, nx = grid.shape
    return inside.reshape(nz, sub, ny, sub, nx, sub).mean((1, 3, 5)).astype(np.float32)


def _encoding() -> list[Law]:
    index = np.arange(48) - 24
    k = index / 200.0
    box = np.zeros((12, 40, 50), np.float32)
    box[2:9, 10:22, 5:33] = 1.0
    grid = Grid.centred(box.shape, (3.0, 2.5, 2.0))
    y, x = (15.5 - 19.5) * 2.5, (18.5 - 24.5) * 2.0
    lines = [n * np.sinc(n * k) * np.exp(-2j * np.pi * k * c) for n, c in ((30.0, y), (56.0, x))]
    # The slice of 11 mm about the grid's middle lies within the box's -12 to 9 mm, and cuts voxels.
    closed = 11.0 * np.outer(*lines)
    error = np.abs(uniform_kspace(box, grid, index, 200.0, 11.0) - closed).max() / np.abs(closed).max()
    semi, fine = (20.0, 45.0, 30.0), Grid.centred((24, 96, 64), (2.0, 1.0, 1.0))
    q = 2 * np.pi * np.hypot(semi[1] * k[:, None], semi[2] * k)
    bessel = np.where(q > 1e-3, 3 * (np.sin(q) - q * np.cos(q)) / np.maximum(q, 1e-3) ** 3, 1 - q**2 / 10)
    whole = 4 / 3 * np.pi * np.prod(semi)
    seen = uniform_kspace(ellipsoid(fine, semi), fine, index, 200.0, 48.0)
    return [
        Law("k-space of a box, largest error over k = 0", "product of sincs", 0.0, float(error), 1e-5),
        Law(
            "k-space of a voxelised ellipsoid, largest error over k = 0",
            "3 (sin q - q cos q) / q^3 (Koay 2007, doi:10.1002/mrm.21292)",
            0.0,
            float(np.abs(seen - whole * bessel).max() / whole),
            1e-3,
        ),
    ]


def _gibbs() -> list[Law]:
    """An edge far from others; the image of 256 samples, interpolated 16 times by zero filling."""
    index = np.arange(256) - 128
    k = index / 256.0
    line = np.zeros((1, 1, 256), np.float32)
    line[..., 64:192] = 1.0
    grid = Grid.centred(line.shape, (1.0, 1.0, 1.0))
    half = uniform_kspace(line, grid, index, 256.0, 1.0)[128]
    at = np.linspace(-10.0, 10.0, 2001) - 64.0
    profile = np.real(np.exp(2j * np.pi * np.outer(at, k)) @ half) / 256.0
    return [
        Law("Gibbs overshoot of an edge [% of its step]", "Si(pi)/pi - 1/2", 8.949, 100 * (profile.max() - 1), 0.15)
    ]


def _sense() -> list[Law]:
    b = 0.5
    maps = np.zeros((1, 2, 8, 4), np.complex64)
    maps[:, 0, :4], maps[:, 1, :4], maps[:, 0, 4:], maps[:, 1, 4:] = 1.0, b, b, 1.0
    _, g, _ = reconstruct.unfolding(maps, np.eye(2, dtype=np.float32), 2)
    return [
        Law(
            "g-factor of two coils with sensitivities 1, 1/2 and 1/2, 1 at R = 2",
            "(1 + b^2)/(1 - b^2); Pruessmann et al. 1999, eq. 23",
            5 / 3,
            float(np.mean(g)),
            1e-4,
        )
    ]


def _magnitude() -> list[Law]:
    noisy = jax.random.normal(jax.random.key(3, impl="threefry2x32"), (3, 1, 1, 512, 512), jnp.complex64) * 2**0.5
    signal = jnp.array([0.0, 1.0, 5.0])[:, None, None, None, None]
    one = np.ones((1, 1, 512, 512), np.complex64)
    weights = reconstruct.unfolding(one, np.eye(1), 1)[0]
    means = [float(jnp.mean(jnp.abs(reconstruct.unfold(image, weights)))) for image in noisy + signal]
    return [
        Law(f"mean magnitude at amplitude {a} over SD", "Rice 1944; Gudbjartsson 1995", want, got, 0.004)
        for a, want, got in zip((0, 1, 5), (1.25331, 1.54857, 5.10112), means)
    ]


def central(scan: Scan) -> np.ndarray:
    """The middle half of the image in y and x, bool [z, y, x]."""
    _, y, x = np.indices((scan.protocol.slices, *scan.protocol.matrix))
    ny, nx = scan.protocol.matrix
    return (abs(2 * y + 1 - ny) < ny / 2) & (abs(2 * x + 1 - nx) < nx / 2)


def measured_sd(scan: Scan, repeats: int = 6) -> float:
    """SD of the image's noise over the central pixels and repeats.

    It lies on a signal so strong that magnitudes are Gaussian.
    """
    grid = Grid.centred((6, 64, 64), (3.0, 3.0, 3.0))
    expected = scan.expected_of(jnp.full(grid.shape, 100.0, jnp.float32), grid, (0.0, 0.0, 0.0))
    clean = np.asarray(scan.reconstruct(scan.noise_free(expected), PLAIN).values)
    keys = jax.random.split(jax.random.key(5, impl="threefry2x32"), repeats)
    images = [np.asarray(scan.reconstruct(scan.acquire(expected, key), PLAIN).values) - clean for key in keys]
    return float(np.sqrt(np.mean([np.square(image[central(scan)]) for image in images])))


def _noise() -> list[Law]:
    def sd(**changes: object) -> float:
        return measured_sd(small_scanner().build(small_protocol(**changes)))

    base, source = sd(), "sigma ~ sqrt(BW / NEX) / (dV N^(1/2)); Edelstein et al. 1986, doi:10.1002/mrm.1910030413"
    fast = small_scanner().build(small_protocol(acceleration=4))
    slow = small_scanner().build(small_protocol())
    g = fast.g_factor(PLAIN)
    predicted = np.sqrt(np.mean((2 * g * slow.noise_sd(PLAIN))[central(fast)] ** 2))
    return [
        Law("noise with 4 averages over 1", source, 0.5, sd(averages=4) / base, 0.01),
        Law("noise with 4 times the bandwidth", source, 2.0, sd(bandwidth_Hz=80000.0) / base, 0.04),
        Law("noise with slices of half the thickness", source, 2.0, sd(slice_mm=2.5) / base, 0.04),
        Law("noise with twice the phase lines in one field of view", source, 2**0.5, sd(matrix=(64, 128)) / base, 0.04),
        Law(
            "noise of SENSE at R = 4 over g sqrt(R) of the full scan",
            "SNR_R = SNR / (g sqrt(R)); Pruessmann et al. 1999, eq. 24",
            1.0,
            measured_sd(fast) / float(predicted),
            0.03,
        ),
    ]
