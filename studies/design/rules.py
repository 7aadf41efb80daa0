"""How a study is run: who hears how much, who is believed, when a session ends and what is said then."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from engine.config import Config


class Allocation(Config):
    """How many clips a rater hears and how many raters a clip gets."""

    trials_per_session: Annotated[int, Field(ge=1)] = 20  # of the study's own clips, traps and golds not counted
    raters_per_stimulus: Annotated[int, Field(ge=1)] = 7  # paper: 7 raters each
    reservation_minutes: Annotated[float, Field(gt=0.0)] = 60.0  # an unfinished session's clips are given away after
    include_ground_truth: bool = True  # in every session
    include_low_anchor: bool = True
    traps: Annotated[int, Field(ge=0)] = 0  # per session
    golds: Annotated[int, Field(ge=0)] = 0


class TrapRule(Config):
    """Instructions followed."""

    kind: Literal["traps"] = "traps"
    pass_at_least: Annotated[int, Field(ge=0)] = 1
    effect: Literal["exclude", "flag"] = "exclude"


class GoldRule(Config):
    """Known clips rated as they should be."""

    kind: Literal["golds"] = "golds"
    pass_at_least: Annotated[int, Field(ge=0)] = 1
    effect: Literal["exclude", "flag"] = "exclude"


class VarianceRule(Config):
    """Not the same answer everywhere. Punishes honest raters where all clips are alike: flags by default."""

    kind: Literal["variance"] = "variance"
    minimum: Annotated[float, Field(ge=0.0)] = 0.1  # P.808
    effect: Literal["exclude", "flag"] = "flag"


class HiddenRule(Config):
    """The page in view while clips play."""

    kind: Literal["hidden"] = "hidden"
    max_seconds: Annotated[float, Field(ge=0.0)] = 30.0  # of the whole session
    effect: Literal["exclude", "flag"] = "flag"


class PaceRule(Config):
    """Time to think: the median time from the end of a clip to the answer."""

    kind: Literal["pace"] = "pace"
    min_seconds: Annotated[float, Field(ge=0.0)] = 0.3
    effect: Literal["exclude", "flag"] = "flag"


class Screening(Config):
    """Rules judged on the server when a session ends; results are reported with and without the excluded."""

    rules: tuple[
        Annotated[TrapRule | GoldRule | VarianceRule | HiddenRule | PaceRule, Field(discriminator="kind")], ...
    ] = ()


class Limits(Config):
    """When a session ends by itself."""

    session_minutes: Annotated[float, Field(gt=0.0)] = 60.0
    idle_minutes: Annotated[float, Field(gt=0.0)] = 30.0
    max_sessions_per_participant: Annotated[int, Field(ge=1)] = 1
    max_participants: Annotated[int, Field(ge=1)] | None = None
    max_replays: Annotated[int, Field(ge=0)] | None = None  # of a clip after its first play; None: as often as wanted


class Ending(Config):
    """What a person gets at one of the ends. "{code}" in the URL is replaced."""

    code: str | None = None  # None: a code of the session's own is made on the server
    url: str | None = None
    text: str = ""


class Completion(Config):
    """The three ends; different codes, so that a panel can tell them apart."""

    finished: Ending = Ending(text="Thank you! You have finished.")
    screened_out: Ending = Ending(text="Thank you. Unfortunately you cannot take part in this study.")
    timed_out: Ending = Ending(text="Your session has ended because its time was up.")

    @model_validator(mode="after")
    def _codes_differ(self) -> Self:
        codes = [ending.code for ending in (self.finished, self.screened_out, self.timed_out) if ending.code]
        if len(codes) != len(set(codes)):
            raise ValueError("finished, screened_out and timed_out need different codes")
        return self
