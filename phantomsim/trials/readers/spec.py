"""Readers: what turns an image or a mask into a score per case."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from phantomsim.spec import Spec


def _tuple(value: object) -> object:
    """A list as a tuple: after `_named_by_kind`, pydantic's strict mode no longer sees JSON, which knows lists only."""
    return tuple(value) if isinstance(value, list) else value


class _Reader(Spec):
    """What all readers have: a name, which is the kind unless it is given."""

    name: Annotated[str, Field(min_length=1, max_length=120)]

    needs_lesion: ClassVar[bool] = True
    """Whether the reader needs a lesion, or the place where one would be."""
    trained: ClassVar[bool] = False
    """Whether the score of a case needs other cases (cross-fitting)."""

    def reads(self, present: bool) -> bool:
        """Whether a case with (without) its lesion gets a score; one that does not has no row in the results."""
        return True

    @model_validator(mode="before")
    @classmethod
    def _named_by_kind(cls, data: Any) -> Any:
        if isinstance(data, dict) and "name" not in data:
            return {**data, "name": data.get("kind", cls.model_fields["kind"].default)}
        return data


class NPW(_Reader):
    """Non-prewhitening matched filter; see `readers.npw`.

    Attributes:
        background: "known": the noise-free twin without the lesion is subtracted (signal and background known
            exactly); "flat": the template's mean is removed, so that a constant background cancels;
            "ignored": plain inner product.
        reach_mm: half-width of the cube around the lesion's centre that is read [mm].
    """

    kind: Literal["npw"] = "npw"
    background: Literal["known", "flat", "ignored"] = "known"
    reach_mm: float = Field(default=40.0, gt=0.0)


class LaguerreGauss(Spec):
    """Laguerre-Gauss channels (Gallas and Barrett 2003, doi:10.1364/JOSAA.20.001725).

    Attributes:
        count: number of channels.
        width_mm: width a of the Gaussian exp(-pi r^2 / a^2) [mm]; about the lesion's diameter.
    """

    kind: Literal["laguerre-gauss"] = "laguerre-gauss"
    count: int = Field(default=6, ge=1, le=40)
    width_mm: float = Field(default=8.0, gt=0.0)


class DenseDoG(Spec):
    """Dense differences of Gaussians (Abbey and Barrett 2001, doi:10.1364/JOSAA.18.000473).

    Defaults are that paper's as DIDSR's IQmodelo tabulates them (`make_channels.m`, chanType 3).

    Attributes:
        count: number of channels.
        sigma0_per_pixel: starting width [cycles/pixel]; channel j = 1.. has sigma0 alpha^j.
        alpha: ratio of successive widths [1].
        Q: ratio of the two Gaussians of a channel [1].
    """

    kind: Literal["dense-dog"] = "dense-dog"
    count: int = Field(default=10, ge=1, le=40)
    sigma0_per_pixel: float = Field(default=0.005, gt=0.0)
    alpha: float = Field(default=1.4, gt=1.0)
    Q: float = Field(default=1.67, gt=1.0)


class Gabor(Spec):
    """Gabor channels over octaves of frequency (Wunderlich and Noo 2008, Proc. IEEE EMBC, 2705-2708).

    Defaults as in DIDSR's IQmodelo (`make_channels.m`, chanType 1): 4 octaves x 5 orientations x 2 phases.

    Attributes:
        octaves: number of passbands up to 1/4 cycles/pixel; each is half as wide as the next.
        orientations: number of directions in half a turn.
        phases: 1 (even) or 2 (even and odd).
    """

    kind: Literal["gabor"] = "gabor"
    octaves: int = Field(default=4, ge=1, le=6)
    orientations: int = Field(default=5, ge=1, le=16)
    phases: Literal[1, 2] = 2


Channels = Annotated[LaguerreGauss | DenseDoG | Gabor, Field(discriminator="kind")]


class CHO(_Reader):
    """Channelised Hotelling observer, trained on other patients; see `readers.cho`.

    Attributes:
        channels: what it sees.
        signal: "known": the template is made for each case's own noise-free lesion, and the covariance is learnt
            from other subjects (signal known exactly, background known statistically); "learned": the signal
            is the mean difference of other subjects' images too, which needs many of them.
        reach_mm: half-width of the square around the lesion's centre that is read [mm].
        slices: slices read around the lesion's centre; their channel outputs are averaged.
        window: values shown as black and white, in the unit of the image; what lies beyond is seen as these, as on
            a screen. Absent: all values are seen as they are, and bone beside a lesion outshines it.
        folds: source subjects are divided in so many parts; each is read by an observer trained on the others.
            Never more than there are subjects.
        internal_noise: standard deviation of the observer's own noise as a multiple of that of its response to
            lesion-free images [1]; 0 is the ideal linear observer of these channels.
        shrinkage: weight of the diagonal in the channel covariance, 0..1, or "auto" (Schaefer and Strimmer 2005).
    """

    kind: Literal["cho"] = "cho"
    trained: ClassVar[bool] = True
    channels: Channels = LaguerreGauss()
    signal: Literal["known", "learned"] = "known"
    reach_mm: float = Field(default=40.0, gt=0.0)
    slices: int = Field(default=1, ge=1, le=99)
    window: Annotated[tuple[float, float] | None, BeforeValidator(_tuple)] = None
    folds: int = Field(default=10, ge=2)
    internal_noise: float = Field(default=0.0, ge=0.0)
    shrinkage: Annotated[float, Field(ge=0.0, le=1.0)] | Literal["auto"] = "auto"

    @model_validator(mode="after")
    def _window_is_open(self) -> CHO:
        if self.window is not None and self.window[0] >= self.window[1]:
            raise ValueError(f"window is {list(self.window)}; give [black, white], the first below the second")
        return self


class RMSE(_Reader):
    """Root mean square difference from the noise-free image; lower is better.

    Attributes:
        where: "image": all voxels; "body": voxels of the noise-free image above `body_above`; "lesion": voxels
            whose lesion fraction is at least 0.5.
        body_above: threshold of "body" in the unit of the image; -500 HU parts body from air in CT.
    """

    kind: Literal["rmse"] = "rmse"
    needs_lesion: ClassVar[bool] = False
    where: Literal["image", "body", "lesion"] = "image"
    body_above: float = -500.0

    def reads(self, present: bool) -> bool:
        """All cases; within the lesion, only those that hold it."""
        return present or self.where != "lesion"


class Bias(_Reader):
    """Mean difference from the noise-free image within the lesion; 0 is best.

    Attributes:
        absolute: take the absolute value, so that lower is better.
    """

    kind: Literal["bias"] = "bias"
    absolute: bool = False

    def reads(self, present: bool) -> bool:
        """Only cases that hold the lesion."""
        return present


class CNR(_Reader):
    """Contrast-to-noise ratio of the lesion against a ring around it; higher is better.

    Attributes:
        gap_mm: distance from the lesion at which the ring starts [mm].
        ring_mm: thickness of the ring [mm].
    """

    kind: Literal["cnr"] = "cnr"
    gap_mm: float = Field(default=1.0, ge=0.0)
    ring_mm: float = Field(default=5.0, gt=0.0)

    def reads(self, present: bool) -> bool:
        """Only cases that hold the lesion."""
        return present


class LesionVolume(_Reader):
    """Error of the lesion's volume in the algorithm's mask, or in a half-contrast segmentation of its image.

    Attributes:
        measure: what the score is; errors are measured minus true; percent is of the true volume.
        reach_mm: how far from the lesion a segmentation may grow [mm].
    """

    kind: Literal["lesion-volume"] = "lesion-volume"
    measure: Literal["absolute-percent", "signed-percent", "absolute-mL", "signed-mL"] = "absolute-percent"
    reach_mm: float = Field(default=10.0, gt=0.0)

    def reads(self, present: bool) -> bool:
        """Only cases that hold the lesion."""
        return present


class AlgorithmScore(_Reader):
    """The score that the algorithm itself gives, for algorithms that detect or classify."""

    kind: Literal["algorithm-score"] = "algorithm-score"
    needs_lesion: ClassVar[bool] = False


Reader = Annotated[NPW | CHO | RMSE | Bias | CNR | LesionVolume | AlgorithmScore, Field(discriminator="kind")]
