"""How a study is run: who hears how much, who is believed, when a session ends and what is said then."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from undertone.engine.config import Config

YEAR_SECONDS = 365 * 24 * 3600.0
Minutes = Annotated[float, Field(gt=0.0, le=YEAR_SECONDS / 60)]  # a time that is added to now


class Allocation(Config):
    """How many clips a rater hears and how many raters a clip gets."""

    trials_per_session: Annotated[int, Field(ge=1, le=10_000)] = (
        20  # of the study's own clips, traps and golds not counted
    )
    raters_per_stimulus: Annotated[int, Field(ge=1, le=100_000)] = 7  # paper: 7 raters each
    reservation_minutes: Minutes = 60.0  # an unfinished session's clips are given away after
    include_ground_truth: bool = True  # in every session
    include_low_anchor: bool = True
    traps: Annotated[int, Field(ge=0, le=1000)] = 0  # per session
    golds: Annotated[int, Field(ge=0, le=1000)] = 0


class TrapRule(Config):
    """Instructions followed."""

    kind: Literal["traps"] = "traps"
    pass_at_least: Annotated[int, Field(ge=0, le=1000)] = 1
    effect: Literal["exclude", "flag"] = "exclude"


class GoldRule(Config):
    """Known clips rated as they should be."""

    kind: Literal["golds"] = "golds"
    pass_at_least: Annotated[int, Field(ge=0, le=1000)] = 1
    effect: Literal["exclude", "flag"] = "exclude"


class VarianceRule(Config):
    """Not the same answer everywhere. Punishes honest raters where all clips are alike: flags by default."""

    kind: Literal["variance"] = "variance"
    minimum: Annotated[float, Field(ge=0.0, le=1e6)] = 0.1  # P.808
    effect: Literal["exclude", "flag"] = "flag"


class HiddenRule(Config):
    """The page in view while clips play."""

    kind: Literal["hidden"] = "hidden"
    max_seconds: Annotated[float, Field(ge=0.0, le=YEAR_SECONDS)] = 30.0  # of the whole session
    effect: Literal["exclude", "flag"] = "flag"


class PaceRule(Config):
    """Time to think: the median time from the end of a clip to the answer."""

    kind: Literal["pace"] = "pace"
    min_seconds: Annotated[float, Field(ge=0.0, le=3600.0)] = 0.3
    effect: Literal["exclude", "flag"] = "flag"


class Screening(Config):
    """Rules judged on the server when a session ends; results are reported with and without the excluded."""

    rules: tuple[
        Annotated[TrapRule | GoldRule | VarianceRule | HiddenRule | PaceRule, Field(discriminator="kind")], ...
    ] = ()


class SessionLimits(Config):
    """When a session ends by itself."""

    session_minutes: Minutes = 60.0
    idle_minutes: Minutes = 30.0
    max_sessions_per_participant: Annotated[int, Field(ge=1, le=10_000)] = 1
    max_participants: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    max_replays: Annotated[int, Field(ge=0, le=1000)] | None = (
        None  # of a clip after its first play; None: as often as wanted
    )


class Ending(Config):
    """What a person gets at one of the ends. "{code}" in the URL is replaced."""

    code: str | None = None  # None: a code of the session's own is made on the server
    url: str | None = None  # of a web page, https:// or http://
    text: str = ""

    @field_validator("url")
    @classmethod
    def _leads_to_a_web_page(cls, url: str | None) -> str | None:
        """Refuse what a browser would run or open on the rater's machine."""
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable() and " " not in url
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("expected the address of a web page, such as https://app.prolific.com/…?cc={code}")
        return url


class Completion(Config):
    """The ends of a session; different codes, so that a panel can tell them apart."""

    finished: Ending = Ending(text="Thank you! You have finished.")
    screened_out: Ending = Ending(text="Thank you. Unfortunately you cannot take part in this study.")
    timed_out: Ending = Ending(text="Your session has ended because its time was up.")
    declined: Ending | None = None  # no consent: for a panel that wants to be told; None: to return the task is asked

    @model_validator(mode="after")
    def _codes_differ(self) -> Self:
        ends = (self.finished, self.screened_out, self.timed_out, self.declined)
        codes = [ending.code for ending in ends if ending is not None and ending.code]
        if len(codes) != len(set(codes)):
            raise ValueError("finished, screened_out, timed_out and declined need different codes")
        return self
