"""Reconstruction kernels, named by what they do and defined by the resolution that they give.

A kernel is the ramp filter (Ramachandran and Lakshminarayanan, PNAS 68 (1971) 2236, doi:10.1073/pnas.68.9.2236)
times a window 2^-((f / MTF50)^p). The two published figures of a clinical kernel, the frequencies where
its MTF falls to 50 % and to 10 %, fix MTF50 and p. The blur of the linear interpolation in the
backprojection (Kak and Slaney, 1988, section 3.3) is divided out, so that the image has the stated MTF in the plane at
the isocentre, for an object without blur of its own; the limit is the detector's Nyquist frequency.

| name | MTF50 [1/cm] | MTF10 [1/cm] | for |
| --- | --- | --- | --- |
| smooth | 3.0 | 5.0 | low-contrast lesions, low dose |
| standard | 4.2 | 6.8 | brain, abdomen |
| sharp | 6.5 | 8.5 | bone |
| ramp | none | none | tests: no window, no compensation |

The figures are of the class of clinical soft, standard and bone kernels (unverified; no vendor's kernel is copied).
"""

from __future__ import annotations

import math

import numpy as np

MTF_PER_CM = {"smooth": (3.0, 5.0), "standard": (4.2, 6.8), "sharp": (6.5, 8.5)}


def window(name: str, frequency_per_mm: np.ndarray, pitch_mm: float) -> np.ndarray:
    """What multiplies the ramp.

    Args:
        name: "smooth", "standard", "sharp" or "ramp".
        frequency_per_mm: spatial frequency at the isocentre [1/mm].
        pitch_mm: pitch of the columns at the isocentre [mm]; interpolation between them is compensated.
    Returns:
        Window [1], same shape; 1 at zero frequency.
    """
    if name == "ramp":
        return np.ones_like(frequency_per_mm)
    half, tenth = (0.1 * f for f in MTF_PER_CM[name])
    power = math.log(math.log(10) / math.log(2)) / math.log(tenth / half)
    return 2.0 ** -((frequency_per_mm / half) ** power) / np.sinc(frequency_per_mm * pitch_mm) ** 2


def flat_filter(name: str, columns: int, pitch_mm: float) -> np.ndarray:
    """Frequency response for parallel rays, or a fan on a flat detector (Kak and Slaney 1988, eq. 3.61).

    The discrete band-limited ramp, windowed, cut at the detector's width and transformed over twice the columns.

    Args:
        columns: detector columns.
        pitch_mm: of the columns at the isocentre [mm].
    Returns:
        float64 [n // 2 + 1] for `rfft` of length n, a power of two >= 2 columns; includes the integration step.
    """
    lag, windowed = _impulse(name, columns, pitch_mm)
    return np.fft.rfft(np.where(np.abs(lag) < columns, windowed, 0.0)).real / pitch_mm


def fan_filter(name: str, columns: int, fan_step: float, radius_mm: float) -> np.ndarray:
    """Frequency response for equiangular fan data (Kak and Slaney 1988, eq. 3.104 ff.).

    The discrete band-limited ramp, windowed, times (g / sin g)^2 at lag g.

    Args:
        columns: detector columns.
        fan_step: angle between columns [rad].
        radius_mm: source to isocentre [mm].
    Returns:
        As `flat_filter`.
    """
    lag, windowed = _impulse(name, columns, fan_step * radius_mm)
    angle = np.where(lag == 0, 1.0, lag * fan_step)
    stretch = np.where(np.abs(lag) < columns, np.where(lag == 0, 1.0, angle / np.sin(angle)) ** 2, 0.0)
    return np.fft.rfft(windowed * stretch).real / fan_step


def rebinned_filter(name: str, columns: int, pitch_mm: float) -> np.ndarray:
    """`flat_filter` of rays that were interpolated between columns by cubic convolution, whose blur is divided out.

    Keys, IEEE Trans. ASSP 29 (1981) 1153, doi:10.1109/TASSP.1981.1163711, with a = -1/2. Its transform is, with
    s = sinc f and c = cos pi f: s^2 (3 s^2 - 2 s c), since the kernel is a cubic B-spline combination.
    """
    response = flat_filter(name, columns, pitch_mm)
    if name == "ramp":
        return response
    cycles = np.linspace(0, 0.5, len(response))
    return response / keys_response(cycles)


def keys_response(cycles: np.ndarray) -> np.ndarray:
    """Transform of Keys's interpolation kernel (a = -1/2) at frequencies in cycles per sample."""
    u = np.linspace(0, 2, 4001)
    near, far = (1.5 * u - 2.5) * u * u + 1, ((-0.5 * u + 2.5) * u - 4) * u + 2
    kernel = np.where(u < 1, near, far)
    return 2 * np.trapezoid(kernel * np.cos(2 * np.pi * np.asarray(cycles)[..., None] * u), u)


def _impulse(name: str, columns: int, pitch_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Lags in columns, and the windowed ramp at each, times the square of the pitch."""
    n = 1 << (2 * columns - 1).bit_length()
    lag = np.fft.fftfreq(n, 1 / n)
    ramp = np.where(lag == 0, 0.25, np.where(lag % 2 == 1, -1 / (np.pi * np.where(lag == 0, 1, lag)) ** 2, 0.0))
    cycles = np.fft.rfftfreq(n)
    return lag, np.fft.irfft(np.fft.rfft(ramp).real * window(name, cycles / pitch_mm, pitch_mm), n)
