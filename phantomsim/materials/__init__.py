"""Tissues and materials: composition, attenuation, spectra, relaxation. Names load when first used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phantomsim.materials.attenuation import attenuation_matrix, element_density, mass_attenuation
    from phantomsim.materials.decomposition import Decomposition, decompose
    from phantomsim.materials.hounsfield import effective_attenuation, hu
    from phantomsim.materials.magnetic import MRProperties, relaxation
    from phantomsim.materials.mixtures import iodine, mixture
    from phantomsim.materials.quadrature import nodes
    from phantomsim.materials.spectra import Spectrum, spectrum
    from phantomsim.materials.tissues import Tissue, TissueTable, table

# Where each public name lives. No submodule has the name of a function, which importing it would hide.
_HOME = {
    "attenuation_matrix": "attenuation",
    "element_density": "attenuation",
    "mass_attenuation": "attenuation",
    "Decomposition": "decomposition",
    "decompose": "decomposition",
    "effective_attenuation": "hounsfield",
    "hu": "hounsfield",
    "MRProperties": "magnetic",
    "relaxation": "magnetic",
    "iodine": "mixtures",
    "mixture": "mixtures",
    "nodes": "quadrature",
    "Spectrum": "spectra",
    "spectrum": "spectra",
    "Tissue": "tissues",
    "TissueTable": "tissues",
    "table": "tissues",
}

__all__ = [
    "Decomposition",
    "MRProperties",
    "Spectrum",
    "Tissue",
    "TissueTable",
    "attenuation_matrix",
    "decompose",
    "effective_attenuation",
    "element_density",
    "hu",
    "iodine",
    "mass_attenuation",
    "mixture",
    "nodes",
    "relaxation",
    "spectrum",
    "table",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
