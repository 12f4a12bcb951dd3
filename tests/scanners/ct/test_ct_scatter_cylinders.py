"""Scatter behind water cylinders, against what other codes and an integral give."""

import pytest

from phantomsim.scanners.ct.laws import cylinders


@pytest.mark.parametrize("diameter_mm", [200.0, pytest.param(320.0, marks=pytest.mark.slow)])
def test_scatter_over_primary_is_that_of_penelope(diameter_mm: float) -> None:
    law = cylinders.over_primary(diameter_mm, 40.0, 200_000)
    assert law.measured == pytest.approx(law.expected, rel=0.05 if diameter_mm == 200.0 else 0.07)


def test_single_scatter_is_that_of_a_quadrature() -> None:
    law = cylinders.single(200.0, 200_000)
    assert law.measured == pytest.approx(law.expected, rel=0.05)


def test_the_quadrature_has_converged() -> None:
    coarse, fine = (cylinders.single_scatter(320.0, 40.0, "coherent", points) for points in (24, 48))
    assert coarse == pytest.approx(fine, rel=2e-3)
