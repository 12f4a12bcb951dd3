"""Virtual clinical trials of medical imaging algorithms.

    import phantomsim

    result = phantomsim.run("quickstart")

Names of `phantomsim.api` are found here too; they are imported when first used.
"""

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Names of `phantomsim.api`, imported lazily so that the command line starts at once."""
    if not name.startswith("_"):
        from phantomsim import api

        if name in api.__all__:
            return getattr(api, name)
    raise AttributeError(f"module 'phantomsim' has no attribute '{name}'")
