"""Estimate how long a session takes, which the consent page says."""

import math
from dataclasses import dataclass

from sqlalchemy import func, select

from undertone.studies.design.sections import Break, Eligibility, Headphones, Questionnaire, Training, Volume
from undertone.studies.sessions.headphones import SECONDS as TONES_SECONDS
from undertone.studies.sessions.session_context import SessionContext
from undertone.studies.store.tables import Stimulus

ANSWER_SECONDS = 4.0  # to answer one question about a clip
QUESTION_SECONDS = 10.0  # to read and answer one question of a form
PAGE_SECONDS = 15.0  # to read a page and go on
ROUNDED_TO_MINUTES = 5


@dataclass(frozen=True)
class SessionLength:
    """Clips and minutes of a session."""

    clips: int
    minutes: int  # rounded up


def expected_length(context: SessionContext) -> SessionLength:
    """Return the number of clips of a session and about how long it takes, from the lengths of the study's sounds."""
    rules = context.design.allocation
    of_study = Stimulus.study_id == context.study.id
    main = select(func.count(func.distinct(Stimulus.prompt_id))).where(of_study, Stimulus.kind == "main")
    rated = min(rules.trials_per_session, context.transaction.scalar(main) or 0) + rules.traps + rules.golds
    clips = rated + len(context.design.training)
    heard = select(func.avg(Stimulus.seconds)).where(of_study, Stimulus.kind.in_(("main", "training")))
    each = (context.transaction.scalar(heard) or 0.0) + ANSWER_SECONDS * len(context.design.scales)
    seconds = clips * each + sum(_seconds_of(section) for section in context.design.sections)
    return SessionLength(clips, ROUNDED_TO_MINUTES * math.ceil(max(seconds, 1.0) / 60 / ROUNDED_TO_MINUTES))


def _seconds_of(section: object) -> float:
    """Return the time of a section beside its clips."""
    match section:
        case Eligibility() | Questionnaire():
            return QUESTION_SECONDS * len(section.questions)
        case Headphones():
            return section.trials * (TONES_SECONDS + ANSWER_SECONDS)
        case Break():
            return section.seconds
        case Volume() | Training():
            return PAGE_SECONDS
        case _:
            return 0.0
