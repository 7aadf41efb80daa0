"""Estimate how long a session takes, which the consent page says."""

import math
from dataclasses import dataclass

from sqlalchemy import func, select

from undertone.studies.design import StudyFile
from undertone.studies.design.kinds import clips_of
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
    pages = rated + len(context.design.training)
    clips = pages * clips_of(context.design)
    heard = select(func.avg(Stimulus.seconds)).where(of_study, Stimulus.kind.in_(("main", "training")))
    answers = ANSWER_SECONDS * len(context.design.scales) * answers_of_page(context.design)
    each = clips_of(context.design) * (context.transaction.scalar(heard) or 0.0) + answers
    seconds = pages * each + sum(_seconds_of(section) for section in context.design.sections)
    return SessionLength(clips, ROUNDED_TO_MINUTES * math.ceil(max(seconds, 1.0) / 60 / ROUNDED_TO_MINUTES))


def answers_of_page(design: StudyFile) -> int:
    """Return how many answers on one scale a page asks for."""
    kinds = {"best_worst": 2, "mushra": clips_of(design)}
    return 1 if design.trials is None else kinds.get(design.trials.kind, 1)


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
