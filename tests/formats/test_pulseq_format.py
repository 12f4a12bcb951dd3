"""The Pulseq format: shapes, versions, limits and damage."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phantomsim.errors import FormatError
from phantomsim.formats import pulseq
from phantomsim.formats.pulseq.shapes import pack, unpack

SMALL = """# a comment
[VERSION]
major 1
minor {minor}
revision 0

[DEFINITIONS]
AdcRasterTime 1e-07
BlockDurationRaster 1e-05
GradientRasterTime 1e-05
RadiofrequencyRasterTime 1e-06
Name small

[BLOCKS]
1 120 1 0 0 2 0 0
2 100 0 1 0 0 1 1  # read

[RF]
{rf}

[GRADIENTS]
{gradient}

[TRAP]
2 1000 30 940 30 0

[ADC]
{adc}

[EXTENSIONS]
1 1 1 2
2 2 1 0

extension LABELSET 1
1 7 LIN

extension LABELINC 2
1 -2 SLC

[SHAPES]

shape_id 1
num_samples 100
1
0
0
97

shape_id 2
num_samples 100
0
0
98

"""
V15 = {"minor": 5, "rf": "1 250 1 2 0 50 100 0.5 0 10 0.25 e", "gradient": "1 2000 0 2000 1 0 20",
       "adc": "1 64 5000 20 0 0 1 0.5 0"}  # fmt: skip
V14 = {"minor": 4, "rf": "1 250 1 2 0 100 10 0.25", "gradient": "1 2000 1 0 20", "adc": "1 64 5000 20 1 0.5"}


def parse(text, **changes):
    return pulseq.parse((text.format(**changes) if changes else text).encode())


@pytest.mark.parametrize("values", [V14, V15], ids=["1.4", "1.5"])
def test_both_versions_give_the_same_tables(values):
    file = parse(SMALL, **values)
    assert file.version == (1, values["minor"], 0)
    assert file.definitions["Name"] == "small"
    np.testing.assert_array_equal(file.blocks, [[120, 1, 0, 0, 2, 0, 0], [100, 0, 1, 0, 0, 1, 1]])
    np.testing.assert_array_equal(file.rf[0, [0, 1, 2, 3, 4, 6, 9, 10]], [1, 250, 1, 2, 0, 100, 10, 0.25])
    np.testing.assert_array_equal(file.gradients[0, [0, 1, 4, 5, 6]], [1, 2000, 1, 0, 20])
    np.testing.assert_array_equal(file.adc[0], [1, 64, 5000, 20, 0, 0, 1, 0.5, 0])
    np.testing.assert_array_equal(file.shapes[1], np.ones(100))
    assert file.label_set == {1: (7, "LIN")}
    assert file.label_inc == {1: (-2, "SLC")}
    assert np.isnan(file.rf[0, 5]) == (values is V14)
    assert file.rf_use == (("u",) if values is V14 else ("e",))


@pytest.mark.parametrize("values", [V14, V15], ids=["1.4", "1.5"])
def test_what_is_written_reads_the_same(values):
    file = parse(SMALL, **values)
    again = parse(pulseq.text(file))
    for name in ("blocks", "rf", "gradients", "traps", "adc", "extensions"):
        np.testing.assert_array_equal(getattr(file, name), getattr(again, name))
    assert again.label_inc == file.label_inc
    assert again.definitions == file.definitions
    assert not again.notices
    assert pulseq.text(again) == pulseq.text(file)


def test_the_published_example_of_compression_unpacks():
    packed = np.array([0, 0.1, 0.15, 0.25, 0.5, 0, 0, 4, -0.25, -0.25, 2])
    shape = [0, 0.1, 0.25, 0.5, 1, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0]
    np.testing.assert_allclose(unpack(packed, 15), shape, atol=1e-15)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=60), st.sampled_from([1.0, 0.25, 0.1]))
@settings(max_examples=300, deadline=None)
def test_packing_loses_nothing(steps, unit):
    shape = np.cumsum(np.array(steps) * unit)
    packed = pack(shape)
    assert len(packed) <= len(shape)
    np.testing.assert_allclose(unpack(packed, len(shape)), shape, atol=1e-9)


def test_a_changed_file_is_noticed_not_refused():
    text = pulseq.text(parse(SMALL, **V15))
    assert not parse(text).notices
    changed = text.replace("Name small", "Name other")
    assert "signature" in parse(changed).notices[0]


def test_the_signature_is_the_md5_of_what_precedes_it():
    text = pulseq.text(parse(SMALL, **V15))
    body, _, tail = text.partition("\n[SIGNATURE]")
    assert hashlib.md5(body.encode()).hexdigest() in tail


@pytest.mark.parametrize("minor", [1, 2, 3, 6, 9])
def test_other_versions_are_refused_with_a_way_out(minor):
    with pytest.raises(FormatError, match=rf"version 1.{minor} is not supported.*Convert"):
        parse(SMALL, **V15 | {"minor": minor})


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("1 120 1 0 0 2 0 0", "1 120 1 0 0 2 0", r":15: \[BLOCKS\].*must be 8 numbers"),
        ("1 120 1 0 0 2 0 0", "1 120 x 0 0 2 0 0", r":15: \[BLOCKS\]"),
        ("1 120 1 0 0 2 0 0", "1 -120 1 0 0 2 0 0", r":15: .*whole numbers"),
        ("1 120 1 0 0 2 0 0", "1 nan 1 0 0 2 0 0", r":15:"),
        ("1 120 1 0 0 2 0 0", "1 120 9 0 0 2 0 0", "block 1 has rf event 9, not in the file"),
        ("2 1000 30 940 30 0", "1 1000 30 940 30 0", "gradient event stands twice"),
        ("2 1000 30 940 30 0", "2 1000 0 0 0 0", "lasts no time"),
        ("50 100 0.5 0 10 0.25 e", "50 100 0.5 0 10 0.25 q", r":19: \[RF\].*one of e r i s p o u"),
        ("1 250 1 2", "1 250 1 7", "RF event 1 has shape 7, not in the file"),
        ("97", "96", "shape 1 unpacks to 99 samples; must be 100"),
        ("97", "1e30", "shape 1 1 stands twice|is no count"),
        ("num_samples 100\n1", "num_samples 99999999999\n1", "more than"),
        ("1 64 5000", "1 0 5000", "1 to .* samples"),
        ("BlockDurationRaster 1e-05", "BlockDurationRaster 0", "BlockDurationRaster is '0'"),
        ("Name small", "RequiredExtensions RF_SHIMS", "requires the extension RF_SHIMS"),
        ("[TRAP]", "[TRAPS]", r"\[TRAPS\] is no section"),
        ("[VERSION]\nmajor 1\nminor 5\nrevision 0", "", "no section .VERSION."),
        ("# a comment", "text", "text before its first section"),
    ],
)  # fmt: skip
def test_damage_is_told_with_its_place(old, new, what):
    text = SMALL.format(**V15)
    assert old in text
    with pytest.raises(FormatError, match=what):
        parse(text.replace(old, new, 1))


def test_what_is_no_pulseq_file_is_refused(tmp_path):
    with pytest.raises(FormatError, match="binary"):
        pulseq.parse(b"\x01pulseq\x02rest")
    with pytest.raises(FormatError, match="no text"):
        pulseq.parse(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="no section"):
        pulseq.parse(b"")
    with pytest.raises(FormatError, match="cannot be read"):
        pulseq.read(tmp_path / "nothing.seq")


def test_a_chain_of_extensions_that_bites_its_tail_ends():
    file = parse(SMALL.format(**V15).replace("2 2 1 0", "2 2 1 1"))
    assert len(file.extensions) == 2


def test_offsets_in_ppm_are_not_lost_in_the_older_version(tmp_path):
    file = parse(SMALL, **V15)
    older = pulseq.PulseqFile(**{**vars(file), "version": (1, 4, 1)})
    with pytest.raises(FormatError, match="ppm"):
        pulseq.write(tmp_path / "old.seq", older)


def test_line_endings_of_windows_are_read():
    assert len(parse(SMALL.format(**V15).replace("\n", "\r\n")).blocks) == 2


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_files_raise_errors_that_a_user_can_act_on(data):
    text = SMALL.format(**data.draw(st.sampled_from([V14, V15])))
    for _ in range(3):
        at = data.draw(st.integers(0, len(text) - 1))
        text = (
            text[:at]
            + data.draw(st.sampled_from(["", "9", "-", ".", " ", "\n", "e9", "#", "nan", "["]))
            + text[at + 1 :]
        )
    told = ""
    try:
        pulseq.parse(text.encode())
    except FormatError as e:
        told = str(e)
    assert not told or told.startswith("sequence:")
