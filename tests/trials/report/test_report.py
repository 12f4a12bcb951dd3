"""Laws of the report: it stands alone, says what was decided, and draws what is true."""

import base64
import dataclasses
import io
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from phantomsim.trials.report import words
from phantomsim.trials.report.data import ArmFacts, ExampleSlice, Failure, ReaderFacts, Refusal, ReportData, ScoreSet
from phantomsim.trials.report.figures import forest, slices
from phantomsim.trials.report.figures.svg import Scale
from phantomsim.trials.report.render import render
from phantomsim.trials.statistics.analyse import analyse
from phantomsim.trials.statistics.spec import Endpoint, Hypothesis

ARMS = ("320 mAs", "20 mAs")
VOID = {"meta", "link", "br", "img", "input", "hr"}


def make(n=24, effect=(2.0, 0.5), seed=1, **more):
    """A report on simulated scores."""
    rng = np.random.default_rng(seed)
    rows = [
        {"patient": p, "subject": f"s{p % 8}", "present": y, "arm": a, "reader": "npw", "score": e * y + rng.normal()}
        for p in range(n)
        for y in (1, 0)
        for a, e in zip(ARMS, effect)
    ]
    ends = (Endpoint(name="Detection", reader="npw", worst=0.0),)
    hyps = (Hypothesis(name="More dose detects more", endpoint="Detection", compare=ARMS),)
    found = analyse(rows, ends, hyps, ARMS)
    scores = [
        ScoreSet("npw", a, np.array([r["score"] for r in rows if r["arm"] == a]), np.array([1, 0] * n, bool))
        for a in ARMS
    ]
    return ReportData(
        name="dose",
        title="Dose",
        description="A trial.",
        verdicts=found.verdicts,
        estimates=found.estimates,
        endpoints=ends,
        arms=[ArmFacts(a, dose={"mAs": float(a.split()[0])}) for a in ARMS],
        readers=[ReaderFacts("npw", "npw")],
        scores=scores,
        **more,
    )


def example(shape=(30, 40), centre=(8, 30), spacing=(1.0, 0.5), **more):
    """A slice whose lesion is a bright square of 4 x 4 pixels."""
    lesion = np.zeros(shape, np.float32)
    lesion[centre[0] - 2 : centre[0] + 2, centre[1] - 2 : centre[1] + 2] = 1
    return ExampleSlice(0, "320 mAs", 40 + 30 * lesion, lesion, spacing, (0.0, 80.0), **more)


class Checker(HTMLParser):
    """Elements balance, ids are single, every reference is to an id of the page or to data."""

    def __init__(self):
        super().__init__()
        self.stack, self.ids, self.references, self.tags = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [v for k, v in attrs if k == "id"]
        self.references += [v for k, v in attrs if k in ("href", "src", "xlink:href")]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def checked(html):
    page = Checker()
    page.feed(html)
    assert not page.stack
    assert len(page.ids) == len(set(page.ids))
    for reference in page.references:
        assert reference.startswith("data:image/png;base64,") or reference.removeprefix("#") in page.ids, reference
    return page


def full():
    return make(
        examples=[example(), example(present=False)],
        failures=[Failure("3", ARMS[1], "npw", "x.sh: exit status 1; it printed:\n  | <script>alert(1)</script>")],
        refusals=[Refusal("4", 3)],
        by_kind={"solid-nodule": make(seed=2).estimates, "<b>cyst</b>": make(seed=3).estimates},
        departures=["population.patients: frozen 60, run 24"],
        frozen="ab" * 32,
        provenance={"seed": 7},
        specification='name = "dose & <more>"',
    )


def test_page_is_whole_and_needs_nothing_else():
    html = render(full())
    page = checked(html)
    assert "script" not in {tag for tag, _ in page.tags}
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)
    assert "url(" not in html
    assert "@import" not in html


def test_pictures_and_tables_have_words():
    page = checked(render(full()))
    assert all(a.get("aria-label") or a.get("aria-hidden") for t, a in page.tags if t == "svg")
    tags = [t for t, _ in page.tags]
    assert tags.count("table") == tags.count("caption")
    assert all(a.get("scope") for t, a in page.tags if t == "th")


def test_kinds_of_lesion_are_told_apart_arm_by_arm():
    html = render(full())
    row = re.search(r"<td>solid-nodule</td>.*?</tr>", html, re.S).group()
    told = [float(x) for x in re.findall(r'<td class="n">([\d.]+)<span', row)]
    assert told == pytest.approx([e.estimate for e in make(seed=2).estimates], abs=6e-4)
    assert "<b>cyst" not in html
    assert "by kind of lesion" not in render(make())


def test_what_others_wrote_is_never_markup():
    html = render(dataclasses.replace(full(), title="<b>x</b>", description='"><img src=x>'))
    assert "<script>alert" not in html
    assert "<b>x" not in html
    assert "<img" not in html


def test_equal_data_give_equal_text():
    assert render(full()) == render(full())


def test_an_empty_trial_can_be_reported():
    data = dataclasses.replace(make(), verdicts=(), scores=(), examples=())
    assert "this trial describes" in render(data)


def test_sentence_of_a_shown_difference():
    verdict = dataclasses.replace(
        make().verdicts[0], estimate=0.21, ci_low=0.11, ci_high=0.31, decision="superior", p_adjusted=0.0002
    )
    said = words.sentence(verdict, make())
    assert said.text == (
        "AUC at 320 mAs is higher than at 20 mAs by 0.210 (95 % CI 0.110 to 0.310); superiority shown at alpha 0.05."
    )
    assert said.note.startswith("p < 0.001; 48 cases of 8 subjects")


def test_a_lower_mean_is_told_by_positive_numbers():
    data = dataclasses.replace(
        make(), endpoints=[Endpoint(name="RMSE", reader="rmse", statistic="mean", worst=99, better="lower")]
    )
    verdict = dataclasses.replace(
        data.verdicts[0], endpoint="RMSE", estimate=-3.1, ci_low=-4.0, ci_high=-2.2, decision="superior"
    )
    assert "is lower than at 20 mAs by 3.10 (95 % CI 2.20 to 4.00)" in words.sentence(verdict, data).text


def test_not_shown_is_never_told_as_equality():
    data = make(effect=(0.5, 0.5))
    assert data.verdicts[0].decision == "not shown"
    assert "This does not show that the arms are equal." in render(data)
    assert words.headline(data).label == "Not shown"


def test_perfect_arms_are_inconclusive():
    data = make(effect=(99.0, 99.0))
    html = render(data)
    assert "These data cannot answer" in html
    assert "too easy" in html


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.08875, "\u22120.0887"), (54.4, "54.4"), (1234.5, "1234"), (float("nan"), "\u2013"), (7, "7")],
)
def test_numbers_are_short_and_keep_their_sign(value, text):
    assert words.number(value) == text


def test_units_are_split_from_names():
    assert [words.unit(n) for n in ("CTDIvol_mGy", "mAs", "scan_time_s")] == ["CTDIvol [mGy]", "mAs", "scan time [s]"]


def test_ticks_are_round_and_inside():
    for low, high in ((0, 1), (-0.171, 0.402), (13.3, 54.9), (1e-7, 5e-7), (-3000, 12)):
        ticks = Scale(low, high, 0, 100).ticks()
        assert 2 <= len(ticks) <= 10
        assert low <= ticks[0] + 1e-12
        assert ticks[-1] - 1e-12 <= high
        mantissa = (ticks[1] - ticks[0]) / 10 ** math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9)
        assert min(abs(mantissa - m) for m in (1, 2, 5, 10)) < 1e-6


def test_forest_places_points_on_its_axis():
    data = make()
    svg = str(forest.draw(data, data.endpoints[0]).svg)
    assert f"{data.verdicts[0].estimate:.3f}" in svg
    x = [float(v) for v in re.findall(r'<rect x="([\d.]+)"', svg)]
    values = [e.estimate for e in data.estimates]
    assert (x[0] > x[1]) == (values[0] > values[1])


def test_slices_are_shown_as_radiologists_expect_and_the_outline_fits():
    """y grows to anterior and x to the patient's right: the picture is turned so that these are up and left."""
    e = example()
    html = str(slices.tables([e])[0].rows[0][1][0][1]) + str(slices.tables([e])[0].rows[0][1][0][0])
    data = base64.b64decode(re.search(r"base64,([^\"]+)", html)[1])
    shown = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(shown, np.round(e.image[::-1, ::-1] / 80 * 255).astype(np.uint8))
    y, x = np.nonzero(shown > 200)
    points = np.array(re.findall(r"([\d.]+) ([\d.]+)", re.search(r' d="([^"]+)"', html)[1]), float)
    assert points[:, 0].mean() == pytest.approx((x.mean() + 0.5) * 0.5, abs=0.15)
    assert points[:, 1].mean() == pytest.approx((y.mean() + 0.5) * 1.0, abs=0.3)
    width, height = np.ptp(points, axis=0)
    assert (width, height) == pytest.approx((2.0, 4.0), abs=0.1)


def test_windows_of_lungs_are_told_in_plain_numbers():
    shown = slices.tables([dataclasses.replace(example(), window=(-1350.0, 150.0))])[0]
    assert "window \N{MINUS SIGN}1350 to 150" in str(shown.caption)


def test_png_is_lossless():
    grey = np.random.default_rng(0).integers(0, 256, (17, 23), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(slices.png(grey)))), grey)


def test_methods_tell_what_the_observer_knows():
    """An observer that knows the background must not be taken for one that does not."""
    known, ignored = (
        render(dataclasses.replace(make(), readers=[ReaderFacts("npw", "npw", {"background": b})]))
        for b in ("known", "ignored")
    )
    assert "signal and background are known exactly" in known
    assert "known exactly" not in ignored
    assert "Wagner RF" in known
