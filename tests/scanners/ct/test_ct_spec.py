"""What a protocol may say, and what it may not."""

import pydantic
import pytest

from phantomsim.errors import SpecError
from phantomsim.scanners.ct.spec import CTProtocol, CTReconstruction, PhotonCounting, TabulatedBowtie
from phantomsim.trials.scan import make_arm


def test_a_wish_for_noise_takes_the_place_of_mAs():
    protocol = make_arm("ct-64", "head", None, ["protocol.noise_HU=4.0"]).protocol
    assert (protocol.noise_HU, protocol.mAs, protocol.fixed_mAs) == (4.0, None, None)


def test_a_protocol_that_asks_for_nothing_has_200_mAs():
    assert CTProtocol().fixed_mAs == 200.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mAs": 0.0}, "greater than or equal to 0.001"),
        ({"mAs": 100.0, "noise_HU": 4.0}, "mAs and noise_HU"),
        ({"kVp": 200.0}, "less than or equal to 150"),
        ({"views": 4}, "at least 8"),
        ({"turns": 1.5}, "whole number"),
    ],
)
def test_impossible_protocols_are_refused(change, message):
    with pytest.raises(pydantic.ValidationError, match=message):
        CTProtocol(**change)


def test_two_wishes_on_the_command_line_are_refused():
    with pytest.raises(SpecError, match="mAs and noise_HU"):
        make_arm("ct-64", "head", None, ["protocol={base = 'head', mAs = 100.0, noise_HU = 4.0}"])


def test_an_energy_goes_with_mono_images_alone():
    with pytest.raises(pydantic.ValidationError, match="mono_keV"):
        CTReconstruction(image="mono")
    with pytest.raises(pydantic.ValidationError, match="mono_keV"):
        CTReconstruction(mono_keV=70.0)


def test_tables_must_rise():
    with pytest.raises(pydantic.ValidationError, match="rise"):
        TabulatedBowtie(fan_deg=(0.0, 5.0, 5.0), thickness_mm=(1.0, 2.0, 3.0))
    with pytest.raises(pydantic.ValidationError, match="rise"):
        PhotonCounting(thickness_mm=1.6, thresholds_keV=(50.0, 20.0))
