"""What a trial measures and what it wants to show."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from phantomsim.spec import Spec

Text = Annotated[str, Field(min_length=1, max_length=120)]


class Endpoint(Spec):
    """A number per arm that one reader's scores are summed up in.

    Attributes:
        name: what hypotheses and the report call it.
        reader: name of the reader whose scores are used.
        statistic: "auc" (area under the ROC curve, present against absent cases) or "mean" (over cases).
        worst: what a failed case counts as; a failed case is never left out. For "mean" it is the case's score.
            For "auc" it is the share of its comparisons that the case wins: 0 when a failure loses all of them
            (a missed lesion, a false alarm), 0.5 when it is worth the toss of a coin.
        better: which way is better; AUC is always "higher".
    """

    name: Text
    reader: Text
    statistic: Literal["auc", "mean"] = "auc"
    worst: float
    better: Literal["higher", "lower"] = "higher"

    @model_validator(mode="after")
    def _auc_is_a_probability(self) -> Self:
        if self.statistic == "auc":
            if not 0.0 <= self.worst <= 0.5:
                raise ValueError(
                    f"worst is {self.worst:g}; for statistic auc it must be from 0 (a failed case loses every "
                    "comparison) to 0.5 (it is worth the toss of a coin)"
                )
            if self.better != "higher":
                raise ValueError('better must be "higher" for statistic auc; let the reader score lesions higher')
        return self


class Hypothesis(Spec):
    """A claim on the difference of two arms, first minus second, in one endpoint.

    Attributes:
        name: what the report calls it.
        endpoint: name of the endpoint.
        compare: two arms [a, b]; the difference is a minus b.
        test: "superiority": a is better than b by more than `margin` (default 0);
            "non-inferiority": a is not worse than b by `margin` or more.
        margin: in the units of the endpoint, never negative; needed for non-inferiority.
        alpha: two-sided level of the test and of the interval (1 - alpha).
        confirmatory: whether it counts in the adjustment for multiplicity (Holm) and in the trial's verdict.
    """

    name: Text
    endpoint: Text
    compare: tuple[Text, Text]
    test: Literal["superiority", "non-inferiority"] = "superiority"
    margin: float = Field(default=0.0, ge=0.0)
    alpha: float = Field(default=0.05, gt=0.0, lt=0.5)
    confirmatory: bool = True

    @model_validator(mode="after")
    def _margin_and_arms(self) -> Self:
        if self.compare[0] == self.compare[1]:
            raise ValueError(f'compare names "{self.compare[0]}" twice; give two different arms [a, b]')
        if self.test == "non-inferiority" and not self.margin > 0:
            raise ValueError("non-inferiority needs a margin above 0, the largest loss that is acceptable")
        return self
