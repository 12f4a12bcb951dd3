"""Virtual clinical trials of medical imaging algorithms.

    import phantomsim

    result = phantomsim.run("quickstart")

The names of `phantomsim.api` are found here too; they are imported when first used, so that the command line
starts at once.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_API = (
    *("Arm", "Case", "Generator", "Imaging", "Result", "Trial", "analyse_again", "check", "generate", "load_trial"),
    *("make_arm", "make_patient", "make_plan", "read", "run", "sample", "scan", "scan_phantom", "simulate_case"),
)


def __getattr__(name: str) -> Any:
    if name in _API:
        return getattr(import_module("phantomsim.api"), name)
    raise AttributeError(f"module 'phantomsim' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_API])
