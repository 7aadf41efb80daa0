"""The parts of a rater's session, in the order in which a study file lists them."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from undertone.engine.config import Config
from undertone.studies.design.scales import Slug

NOT_SAYING = "Prefer not to say"


class Question(Config):
    """One question of a form."""

    name: Slug
    text: str
    kind: Literal["choice", "several", "number", "text"] = "choice"
    options: tuple[str, ...] = ()  # of "choice" and "several"
    minimum: Annotated[float, Field(ge=-1e12, le=1e12)] | None = None  # of "number"
    maximum: Annotated[float, Field(ge=-1e12, le=1e12)] | None = None
    required: bool = True
    prefer_not_to_say: bool = False  # offers it as one more option, which counts as an answer
    accept: tuple[str, ...] | None = None  # eligibility: any of these lets the person in; None: every answer does

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        if (self.kind in ("choice", "several")) != bool(self.options):
            raise ValueError(f"question {self.name!r} of kind {self.kind!r} needs {'no ' * bool(self.options)}options")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"question {self.name!r} wants a number from {self.minimum:g} to {self.maximum:g}")
        if self.accept is not None and not set(self.accept) <= set(self.options):
            raise ValueError(f"question {self.name!r} accepts {sorted(self.accept)}, not all of which are options")
        return self


class Consent(Config):
    """What the person agrees to; the version and the time of the agreement are stored."""

    kind: Literal["consent"] = "consent"
    text: str
    version: str = "1"


class Eligibility(Config):
    """Who may take part; a refused answer screens out at once."""

    kind: Literal["eligibility"] = "eligibility"
    questions: Annotated[tuple[Question, ...], Field(min_length=1)]


class Questionnaire(Config):
    """A form anywhere in the flow."""

    kind: Literal["questionnaire"] = "questionnaire"
    name: Slug = "questionnaire"
    title: str = "A few questions"
    questions: Annotated[tuple[Question, ...], Field(min_length=1)]


class Volume(Config):
    """Set a comfortable volume, then leave it."""

    kind: Literal["volume"] = "volume"
    text: str = "Play the clip and set a comfortable volume. Please do not change it afterwards."


class Headphones(Config):
    """Which of three tones is quietest: one is in antiphase, which loudspeakers cancel and headphones do not."""

    kind: Literal["headphones"] = "headphones"
    trials: Annotated[int, Field(ge=1, le=12)] = 6  # Woods et al. 2017; fewer let loudspeakers pass
    pass_at_least: Annotated[int, Field(ge=1, le=12)] = 5
    required: bool = True  # failing screens out; False: it is only noted

    @model_validator(mode="after")
    def _can_be_passed(self) -> Self:
        if self.pass_at_least > self.trials:
            raise ValueError(f"pass_at_least is {self.pass_at_least}, but there are {self.trials} trials")
        return self


class Training(Config):
    """Clips with known answers and feedback: the study's training items."""

    kind: Literal["training"] = "training"
    text: str = "Practise with a few clips first. These answers do not count."


class RatingSection(Config):
    """The trials themselves."""

    kind: Literal["rating"] = "rating"
    text: str = ""


class Break(Config):
    """A rest in the middle of the trials; the person may go on earlier."""

    kind: Literal["break"] = "break"
    after_trials: Annotated[int, Field(ge=1, le=10_000)]
    seconds: Annotated[float, Field(ge=0.0, le=24 * 3600.0)] = 60.0
    text: str = "Time for a short break."


class Debrief(Config):
    """What the study was about, before the completion code."""

    kind: Literal["debrief"] = "debrief"
    text: str


Section = Annotated[
    Consent | Eligibility | Questionnaire | Volume | Headphones | Training | RatingSection | Break | Debrief,
    Field(discriminator="kind"),
]
