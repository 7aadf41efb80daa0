"""What a study sets out to find, declared in its file before the first rater enters."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from undertone.engine.config import Config
from undertone.studies.design.scales import Slug


class Contrast(Config):
    """A difference that the study is made to find: first system less second."""

    first: Slug
    second: Slug
    scale: Slug | None = None  # None: on every scale

    @model_validator(mode="after")
    def _compares_two(self) -> Self:
        if self.first == self.second:
            raise ValueError(f"the contrast compares {self.first!r} with itself")
        return self


class AnalysisPlan(Config):
    """The confirmatory part of the analysis; whatever is not declared here is exploration and is reported as such."""

    primary_contrasts: tuple[Contrast, ...] = ()  # corrected among themselves (Holm)
    equivalence_margin: Annotated[float, Field(gt=0.0, le=1e6)] | None = None  # points of the scale
    looks: Annotated[tuple[Annotated[float, Field(gt=0.0, lt=1.0)], ...], Field(max_length=20)] = ()  # before the end,
    # at these shares of the wanted ratings: tests are then shown at them (O'Brien-Fleming-like spending), not hidden
    hypotheses: str = ""  # in words
    stopping_rule: str = ""  # in words; none: when every clip has the raters that the allocation asks for

    @model_validator(mode="after")
    def _looks_rise(self) -> Self:
        if list(self.looks) != sorted(set(self.looks)):
            raise ValueError(f"looks are {list(self.looks)}; expected rising shares, each once, such as [0.5, 0.75]")
        return self
