"""Kinds of study beside the rating of one clip: what a trial shows and what is asked of it."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from undertone.engine.config import Config
from undertone.studies.design.rules import VarianceRule
from undertone.studies.design.scales import Scale

if TYPE_CHECKING:
    from undertone.studies.design.study_file import StudyFile

REASON = "why-"  # begins the name under which a reason is stored
Choose = Literal["balanced", "active"]


class Reason(Config):
    """One of the tags that say why."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")]
    text: str

    @property
    def scale(self) -> Scale:
        """Return the reason as a question, under which its answer is stored: 1 where it was given."""
        labels = {0.0: "not given", 1.0: "given"}
        return Scale(name=f"{REASON}{self.name}", title="Why", question=self.text, labels=labels, minimum=0, maximum=1)


class PreferenceTrial(Config):
    """Two clips of one prompt: which is better, and if wanted why. A scale with 0 allows ties."""

    kind: Literal["preference"] = "preference"
    choose: Choose = "balanced"  # of pairs; active: those that tell most about the ranking
    reasons: Annotated[tuple[Reason, ...], Field(max_length=12)] = ()

    @property
    def clips(self) -> int:
        return 2


class BestWorstTrial(Config):
    """Three to five clips of one prompt: which is best and which is worst."""

    kind: Literal["best_worst"] = "best_worst"
    clips: Annotated[int, Field(ge=3, le=5)] = 4
    choose: Choose = "balanced"

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return ()


class MushraTrial(Config):
    """Every system of one prompt beside the open reference, each rated from 0 to 100 (ITU-R BS.1534-3).

    The reference is the system of role `ground_truth`, which is also among the clips, hidden; anchors are the systems
    of role `low_anchor`.
    """

    kind: Literal["mushra"] = "mushra"
    reference_at_least: Annotated[float, Field(ge=0, le=100)] = 90.0  # BS.1534-3, 4.1.2: of the hidden reference
    anchor_at_most: Annotated[float, Field(ge=0, le=100)] = 90.0  # likewise of an anchor
    share_of_trials: Annotated[float, Field(ge=0, le=1)] = 0.15  # that may miss it before a rater is left out

    @property
    def choose(self) -> Choose:
        return "balanced"

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return ()


SetTrial = PreferenceTrial | BestWorstTrial | MushraTrial
Trials = Annotated[SetTrial, Field(discriminator="kind")]
MOST_CLIPS = 12  # BS.1534-3, 5.3: signals of a trial


def clips_of(study: "StudyFile") -> int:
    """Return how many clips a trial of the study has."""
    match study.trials:
        case None:
            return 1
        case MushraTrial():
            return len(study.systems)
        case trials:
            return trials.clips


def rated_systems(study: "StudyFile") -> list[str]:
    """Return the systems that raters hear."""
    roles = {"system"}
    if study.allocation.include_ground_truth or isinstance(study.trials, MushraTrial):
        roles.add("ground_truth")
    if study.allocation.include_low_anchor or isinstance(study.trials, MushraTrial):
        roles.add("low_anchor")
    return [system.name for system in study.systems if system.role in roles]


def check_trials(study: "StudyFile") -> None:
    """Check that a study of sets has the scales and systems of its kind, and nothing that needs single clips."""
    trials = study.trials
    if trials is None:
        return
    if study.comparison != "single":
        raise ValueError(f"trials of kind {trials.kind!r} play each clip by itself; leave `comparison: ab` out")
    for what, there in (
        ("training items", study.training or study.has_kind("training")),
        ("golds", study.golds),
        ("traps", study.traps),
    ):
        if there:
            raise ValueError(f"{what} are single clips, which trials of kind {trials.kind!r} do not have; remove them")
    if any(isinstance(rule, VarianceRule) for rule in study.screening.rules) and trials.kind != "mushra":
        raise ValueError(f"the rule 'variance' says nothing about trials of kind {trials.kind!r}; remove it")
    _CHECKS[trials.kind](study)


def _check_preference(study: "StudyFile") -> None:
    _check_count(study, 2)
    scale = _only_scale(study)
    if scale.minimum != -scale.maximum:
        raise ValueError(f"scale {scale.name!r} is not the same for both clips; it must reach from -x to x")


def _check_best_worst(study: "StudyFile") -> None:
    _check_count(study, clips_of(study))
    scale = _only_scale(study)
    if scale.values != (-1.0, 0.0, 1.0):
        raise ValueError(f"scale {scale.name!r} must be -1 (worst), 0 (neither), 1 (best); `best-worst` is ready-made")


def _check_mushra(study: "StudyFile") -> None:
    references = [system.name for system in study.systems if system.role == "ground_truth"]
    if len(references) != 1:
        raise ValueError(f"MUSHRA needs one system of role ground_truth, its reference; there are {len(references)}")
    if not any(system.role == "low_anchor" for system in study.systems):
        raise ValueError("MUSHRA needs an anchor: a system of role low_anchor, such as {kind: degraded, ...}")
    if not 3 <= len(study.systems) <= MOST_CLIPS:
        raise ValueError(f"a MUSHRA trial has 3 to {MOST_CLIPS} clips; the study has {len(study.systems)} systems")
    wrong = [scale.name for scale in study.scales if (scale.minimum, scale.maximum) != (0.0, 100.0)]
    if wrong:
        raise ValueError(f"MUSHRA is rated from 0 to 100; scales {wrong} are not. `mushra` is ready-made")


def _check_count(study: "StudyFile", clips: int) -> None:
    systems = rated_systems(study)
    if len(systems) < clips:
        raise ValueError(f"a trial has {clips} clips, but raters hear {len(systems)} systems: {systems}")


def _only_scale(study: "StudyFile") -> Scale:
    if len(study.scales) != 1:
        raise ValueError(f"such a trial is answered on one scale; the study has {len(study.scales)}")
    return study.scales[0]


_CHECKS = {"preference": _check_preference, "best_worst": _check_best_worst, "mushra": _check_mushra}
