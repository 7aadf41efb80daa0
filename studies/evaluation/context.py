"""What every part of one evaluation shares."""

from dataclasses import dataclass, field
from pathlib import Path

from undertone.engine import Engine, Sampling
from undertone.studies.evaluation.jobs import InstalledMeasures
from undertone.studies.evaluation.systems import SYSTEMS


@dataclass(frozen=True)
class EvaluationContext:
    """Engine, settings and notes of one evaluation."""

    engine: Engine
    sampling: Sampling
    seed: int  # clip i and its take are drawn with seed + i
    installed: InstalledMeasures
    workers: int  # processes that listen; 0: none but this one
    renderings: tuple[str, ...] = tuple(SYSTEMS)  # of every clip
    sounds: Path | None = None  # folder for everything that is made
    skipped: dict[str, str] = field(default_factory=dict)  # clip to the reason, filled on the way
