"""Mixtures: volumes add, masses add."""

from __future__ import annotations

from collections.abc import Mapping

from phantomsim.errors import TissueError
from phantomsim.materials.tissues import Tissue, table

MG_PER_G = 1000.0
MAX_IODINE_MG_PER_ML = 400.0  # the most concentrated agents sold (e.g. iomeprol 400)


def mixture(name: str, volumes: Mapping[Tissue, float]) -> Tissue:
    """A mixture by volume; attenuation per mm is then the volume-weighted mean of the parts.

    Args:
        volumes: volume fraction of each part; they sum to 1.
    Returns:
        A tissue without MR values: signals of parts add, their T1 and T2 do not.
    Raises:
        TissueError: the fractions do not sum to 1.
    """
    if abs(sum(volumes.values()) - 1) > 1e-6:
        raise TissueError(f"{name}: volume fractions sum to {sum(volumes.values()):.4f}; must be 1")
    density = sum(t.density_g_per_cm3 * v for t, v in volumes.items())
    masses: dict[str, float] = {}
    for tissue, volume in volumes.items():
        for symbol, fraction in tissue.composition.items():
            masses[symbol] = masses.get(symbol, 0.0) + volume * tissue.density_g_per_cm3 * fraction / density
    recipe = ", ".join(f"{v:g} {t.name}" for t, v in volumes.items())
    return Tissue(
        name=name,
        density_g_per_cm3=density,
        composition=masses,
        density_source=f"mixture by volume: {recipe}",
        composition_source=f"mixture by volume: {recipe}",
    )


def iodine(mg_per_mL: float, host: str | Tissue = "blood") -> Tissue:
    """A tissue with iodine contrast agent in it.

    The iodine's mass is added to the host's without changing its volume; the rest of the molecule, light
    elements much like the host, is left out. MR values are the host's.

    Raises:
        TissueError: an unknown host, or a concentration outside 0 .. 400 mg/mL.
    """
    tissue = table()[host] if isinstance(host, str) else host
    if not 0 <= mg_per_mL <= MAX_IODINE_MG_PER_ML:
        raise TissueError(f"iodine is {mg_per_mL} mg/mL; must be from 0 to {MAX_IODINE_MG_PER_ML:g}")
    added = mg_per_mL / MG_PER_G
    density = tissue.density_g_per_cm3 + added
    masses = {symbol: f * tissue.density_g_per_cm3 / density for symbol, f in tissue.composition.items()}
    masses["I"] = masses.get("I", 0.0) + added / density
    return tissue.model_copy(
        update={
            "name": f"iodine-{tissue.name}-{mg_per_mL:g}",
            "aliases": (),
            "description": f"{tissue.name} with {mg_per_mL:g} mg of iodine per mL",
            "density_g_per_cm3": density,
            "composition": masses,
            "density_source": f"{tissue.density_source}; plus the iodine",
        }
    )
