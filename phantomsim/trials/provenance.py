"""What one must know to make a result again."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from phantomsim import __version__
from phantomsim.spec import digest
from phantomsim.trials.spec import Trial

PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "zarr", "nibabel", "pydantic")


def provenance(trial: Trial, command: str = "") -> dict[str, Any]:
    """Versions, machine kind, digest and seed, by label."""
    import jax

    return {
        "phantomsim": __version__,
        "trial digest": digest(trial),
        "seed": trial.seed,
        "command": command,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "device": jax.devices()[0].device_kind,
        **{package: _version(package) for package in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
