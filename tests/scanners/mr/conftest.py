"""Compiling takes most of the time of these tests: half of it where machine code stays plain.

Results differ by rounding alone. What users run is optimised, as are `phantomsim validate mr` and the examples.
"""

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(scope="module", autouse=True)
def plain_code() -> Iterator[None]:
    """XLA without most of its optimisations."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
