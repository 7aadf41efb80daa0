"""Scores that were published of a study's systems, which the results show beside its own."""

from typing import Annotated

from pydantic import Field, model_validator

from undertone.engine.config import Config
from undertone.studies.design.scales import Slug

Score = Annotated[float, Field(ge=-1e6, le=1e6)]
Source = Annotated[str, Field(min_length=1, max_length=200)]


class PublishedScores(Config):
    """Mean scores by scale and system, from one source; raters never see them."""

    source: Source = "not stated"  # for example "arXiv 2506.14767, table 2"
    scores: dict[Slug, dict[Slug, Score | tuple[Score, Score]]] = Field(default_factory=dict)  # a pair: lies between

    @model_validator(mode="after")
    def _ranges_rise(self) -> "PublishedScores":
        for scale, systems in self.scores.items():
            for system, score in systems.items():
                if isinstance(score, tuple) and score[0] > score[1]:
                    raise ValueError(f"the score of {system!r} on {scale!r} is given as {list(score)}; lowest first")
        return self

    def shown(self, scale: str) -> dict[str, str]:
        """Return the scores on a scale as they are printed, by system."""
        return {
            system: f"{score[0]:.2f} to {score[1]:.2f}" if isinstance(score, tuple) else f"{score:.2f}"
            for system, score in self.scores.get(scale, {}).items()
        }
