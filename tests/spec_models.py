"""Small models and a small catalogue on which the tests of specifications stand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from phantomsim.spec import Catalogued, FilePath, Misfit, Shorthand, Spec, Within


class CTProtocol(Spec):
    mAs: float = Field(gt=0)
    slice_mm: float = 1.0


class MRProtocol(Spec):
    TR_ms: float


class CTScanner(Spec):
    kind: Literal["ct"]
    name: str
    rows: int = Field(ge=1, le=64)
    protocols: dict[str, CTProtocol]


class MRScanner(Spec):
    kind: Literal["mr"]
    name: str
    protocols: dict[str, MRProtocol]


class Range(Spec):
    min: float
    max: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min is {self.min:g}, above max, {self.max:g}")
        return self


class Identity(Spec):
    kind: Literal["identity"] = "identity"


class Gaussian(Spec):
    kind: Literal["gaussian"] = "gaussian"
    fwhm_mm: float = Field(default=2.0, gt=0)


Scanner = Annotated[CTScanner | MRScanner, Field(discriminator="kind")]
Algorithm = Annotated[Identity | Gaussian, Field(discriminator="kind")]


class Arm(Spec):
    name: str
    scanner: Annotated[Scanner, Catalogued("scanners")]
    protocol: Annotated[CTProtocol | MRProtocol, Within("scanner", "protocols")]
    algorithm: Annotated[Algorithm, Shorthand("kind")] = Identity()


class Study(Spec):
    kind: Literal["study"]
    seed: int = Field(ge=0, lt=2**32)
    volume_mL: Annotated[float, Field(gt=0)] | Range = 1.0
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    method: Literal["nearest", "signed-distance"] = "nearest"
    folder: Annotated[str | None, FilePath()] = None
    filters: tuple[Annotated[Algorithm, Shorthand("kind")], ...] = ()
    arms: tuple[Arm, ...] = Field(min_length=1)
    compare: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _compared(self) -> Self:
        for n, name in enumerate(self.compare):
            if name not in [arm.name for arm in self.arms]:
                raise Misfit(f'"{name}" is not an arm', "compare", n)
        return self


CT = """\
kind = "ct"
name = "a CT"
rows = 16

[protocols.head]
mAs = 200

[protocols.low]
mAs = 20
"""
STUDY = """\
kind = "study"
seed = 7

[[arms]]
name = "full"
scanner = "ct-64"
protocol = "head"

[[arms]]
name = "low"
scanner = "ct-64"
protocol = { base = "head", mAs = 50 }
algorithm = "gaussian"
"""


def make_catalogue(root: Path) -> Path:
    """A catalogue of one CT and one MR scanner below `root`."""
    folder = root / "scanners"
    folder.mkdir(parents=True)
    (folder / "ct-64.toml").write_text(CT)
    (folder / "mr-3t.toml").write_text('kind = "mr"\nname = "an MR"\nprotocols.t1.TR_ms = 500\n')
    return root
