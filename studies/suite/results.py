"""What a suite is measured with, and what it finds."""

from typing import Literal

from pydantic import Field

from undertone.engine.config import Config
from undertone.studies.benchmarks.miniatures import Accuracies
from undertone.studies.evaluation.results import Evaluation
from undertone.studies.probe.classes import ClassProbe


class SuiteSettings(Config):
    """Settings that all systems of a suite share; a folder of results holds those of one."""

    corpus: str
    split: str
    clips: int
    prompts: int
    seed: int
    whisper: str | None
    language_model: str
    spoken_pairs: str | None = None  # fingerprint of the file
    pairs_per_kind: int | None = None  # None: all
    probe_clips: int = 0
    emotion: str | None = None  # the labelled set


class SystemResult(Config):
    """Numbers of one system."""

    settings: SuiteSettings
    name: str  # of the bundle
    system: str  # as the paper's tables have it
    evaluation: Evaluation
    miniatures: Accuracies = Field(default_factory=dict)  # empty where no pairs were given
    probes: dict[str, ClassProbe] = Field(default_factory=dict)  # empty where none were asked for

    @property
    def label(self) -> str:
        """Return what stands in front of its row."""
        return f"{self.system} (`{self.name}`)"


class SuiteResult(Config):
    """Numbers of all systems, in the order in which they were given."""

    format_version: Literal[1] = 1
    settings: SuiteSettings
    systems: tuple[SystemResult, ...]
