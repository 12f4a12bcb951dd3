"""Heads: what is asked for is painted, nuclei included; published populations."""

import pytest

from phantomsim import spec
from phantomsim.generators.procedural.cohort import cohort
from phantomsim.generators.procedural.head import REGION, laws
from phantomsim.generators.procedural.head.organs import ORGANS, pair
from phantomsim.generators.procedural.spec import Procedural


@pytest.fixture(scope="module")
def people():
    return cohort(spec.read("head-procedural", Procedural), REGION, 5, 3)


def test_heads_have_the_volumes_that_were_drawn_for_them(people):
    facts = people.facts
    case, brain, holes = (people.total_mL(*group) for group in (laws.CASE, laws.BRAIN, laws.VENTRICLES))
    assert case == pytest.approx(facts["icv_mL"], rel=0.03)
    assert brain == pytest.approx(facts["icv_mL"] * facts["brain_fraction"], rel=0.03)
    assert holes == pytest.approx(facts["ventricles_mL"], rel=0.15)
    for name in ("thalamus", "caudate", "putamen", "pallidum", "amygdala"):
        assert people.total_mL(*pair(name)) == pytest.approx(facts[f"{name}_mL"], rel=0.15)
    total = sum(people.total_mL(name) for name in ORGANS)
    assert total == pytest.approx(80 * 78 * 60 * 0.027, rel=1e-4)  # organs and air fill the grid


def test_no_head_breaks_a_rule_of_topology(people):
    assert [law.what for law in laws.topology_laws(people) if not law.passed] == []


@pytest.mark.slow
def test_two_hundred_heads_are_as_published():
    assert [law.what for law in laws.laws(200) if not law.passed] == []
