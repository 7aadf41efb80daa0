"""Kinds of study beside the rating of one clip: what a trial shows and what is asked of it."""

from typing import Annotated, Literal

from pydantic import Field

from undertone.engine.config import Config
from undertone.studies.design.scales import Scale

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
