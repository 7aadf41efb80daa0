"""What raters are asked: wordings with a version, and a hash that is stored with every answer."""

import hashlib
import json
import math
from typing import Annotated, Self

from pydantic import Field, model_validator

from undertone.engine.config import Config

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


Value = Annotated[float, Field(ge=-1e6, le=1e6)]  # of an answer
MOST_STEPS = 1000  # each is a button on the page
NOT_ASKED_HERE = "Not recorded: the ratings were imported."  # in place of a question


class Scale(Config):
    """One question and its answers. Whoever changes a word changes the hash; count the version up too."""

    name: Slug
    version: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    title: str  # short, above the question: "Naturalness"
    question: str
    labels: dict[Value, str]  # of some values, the ends at least
    minimum: Value = 1.0
    maximum: Value = 5.0
    increment: Annotated[float, Field(gt=0.0, le=1e6)] = 1.0

    @model_validator(mode="after")
    def _labels_lie_on_the_scale(self) -> Self:
        steps = (self.maximum - self.minimum) / self.increment
        if steps > MOST_STEPS:
            raise ValueError(
                f"{self.minimum:g} to {self.maximum:g} by {self.increment:g} are more than {MOST_STEPS} answers"
            )
        if self.minimum >= self.maximum or not math.isclose(steps, round(steps), abs_tol=1e-9):
            raise ValueError(
                f"{self.minimum:g} to {self.maximum:g} is not a whole number of steps of {self.increment:g}"
            )
        wrong = [value for value in self.labels if not self.allows(value)]
        if wrong:
            raise ValueError(f"labels are given for {wrong}, which are not values of the scale")
        missing = {self.minimum, self.maximum} - set(self.labels)
        if missing:
            raise ValueError(f"no label for the end of the scale at {sorted(missing)}")
        return self

    @property
    def values(self) -> tuple[float, ...]:
        """Return every answer there is, rising."""
        count = round((self.maximum - self.minimum) / self.increment) + 1
        return tuple(round(self.minimum + index * self.increment, 9) for index in range(count))

    @property
    def hash(self) -> str:
        """Return the hash of everything a rater reads and may answer: 16 hexadecimal digits."""
        wording = self.model_dump(mode="json")
        wording["labels"] = {f"{value:g}": label for value, label in sorted(self.labels.items())}
        text = json.dumps(wording, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def allows(self, value: float) -> bool:
        """Return whether the value is one of the answers."""
        return self.snapped(value) is not None

    def snapped(self, value: float) -> float | None:
        """Return the answer that a value stands for, exactly as the scale has it; None where it is none."""
        return next((known for known in self.values if math.isclose(value, known, abs_tol=1e-9)), None)


_QUALITY = {5.0: "Excellent", 4.0: "Good", 3.0: "Fair", 2.0: "Poor", 1.0: "Bad"}  # ITU-T P.800

NATURALNESS = Scale(
    name="naturalness",
    title="Naturalness",
    question="How natural does the speech sound, as if a real person were speaking? Judge only the sound: "
    "the voice, its rhythm and its melody. Pay no attention to what the words mean.",
    labels={
        5.0: "Excellent: completely natural speech",
        4.0: "Good: mostly natural speech",
        3.0: "Fair: equally natural and unnatural speech",
        2.0: "Poor: mostly unnatural speech",
        1.0: "Bad: completely unnatural speech",
    },
)
MEANINGFULNESS = Scale(
    name="meaningfulness",
    title="Meaningfulness",
    question="How much sense does what is said make? Judge only the words, their grammar and how they follow from "
    "the beginning of the clip. Pay no attention to how the voice sounds.",
    labels={
        5.0: "Excellent: makes complete sense",
        4.0: "Good: makes sense for the most part",
        3.0: "Fair: makes sense in about half of it",
        2.0: "Poor: makes little sense",
        1.0: "Bad: makes no sense at all",
    },
)
EXPRESSIVENESS = Scale(
    name="expressiveness",
    title="Expressiveness",
    question="How expressive is the way of speaking? Think of changes in melody, loudness, speed and emphasis.",
    labels={
        5.0: "Very expressive",
        4.0: "Rather expressive",
        3.0: "Moderately expressive",
        2.0: "Rather flat",
        1.0: "Entirely flat",
    },
)
EMOTIONAL_RANGE = Scale(
    name="emotional-range",
    title="Emotional range",
    question="How wide is the range of emotion that you hear in the voice over the clip?",
    labels={
        5.0: "Very wide: strong and varied emotion",
        4.0: "Wide",
        3.0: "Moderate",
        2.0: "Narrow",
        1.0: "None: the same neutral tone throughout",
    },
)
OVERALL = Scale(
    name="overall",
    title="Overall quality",
    question="How would you rate the clip overall?",
    labels=_QUALITY,
)
PREFERENCE = Scale(
    name="preference",
    title="Preference",
    question="You hear two versions, one after the other, with a pause between them. Which one sounds better?",
    minimum=-2.0,
    maximum=2.0,
    labels={
        -2.0: "The first is much better",
        -1.0: "The first is a little better",
        0.0: "No difference",
        1.0: "The second is a little better",
        2.0: "The second is much better",
    },
)
CCR = Scale(
    name="ccr",
    title="Comparison",
    question="What is the quality of the second clip, compared with the quality of the first?",
    minimum=-3.0,
    maximum=3.0,
    labels={  # ITU-T P.800, annex E: comparison category rating
        3.0: "Much better",
        2.0: "Better",
        1.0: "Slightly better",
        0.0: "About the same",
        -1.0: "Slightly worse",
        -2.0: "Worse",
        -3.0: "Much worse",
    },
)
CHOICE = Scale(
    name="choice",
    title="Choice",
    question="Which of the two sounds better?",
    minimum=-1.0,
    maximum=1.0,
    increment=2.0,
    labels={-1.0: "The first", 1.0: "The second"},
)
CHOICE_OR_TIE = Scale(
    name="choice-or-tie",
    title="Choice",
    question="Which of the two sounds better?",
    minimum=-1.0,
    maximum=1.0,
    labels={-1.0: "The first", 0.0: "No difference", 1.0: "The second"},
)
BEST_WORST = Scale(
    name="best-worst",
    title="Best and worst",
    question="Which of these versions sounds best, and which one sounds worst?",
    minimum=-1.0,
    maximum=1.0,
    labels={1.0: "Best", 0.0: "Neither", -1.0: "Worst"},
)
MUSHRA = Scale(
    name="mushra",
    title="Quality",
    question="How good is the quality of each clip, compared with the reference? One of the clips is the reference "
    "itself: at least one clip must get 100.",
    minimum=0.0,
    maximum=100.0,
    labels={0.0: "Bad", 20.0: "Poor", 40.0: "Fair", 60.0: "Good", 80.0: "Excellent", 100.0: "Like the reference"},
)

SCALES: dict[str, Scale] = {
    scale.name: scale
    for scale in (
        *(NATURALNESS, MEANINGFULNESS, EXPRESSIVENESS, EMOTIONAL_RANGE, OVERALL),
        *(PREFERENCE, CCR, CHOICE, CHOICE_OR_TIE, BEST_WORST, MUSHRA),
    )
}
