"""Views for a rater's page: the section, and nothing that names or orders the systems."""

import hashlib
import hmac
from typing import Any

from undertone.studies.design.scales import Scale
from undertone.studies.design.sections import (
    Consent,
    Debrief,
    Eligibility,
    Headphones,
    Questionnaire,
    RatingSection,
    Training,
    Volume,
)
from undertone.studies.sessions.endings import ending_view
from undertone.studies.sessions.estimate import expected_length
from undertone.studies.sessions.flow import current_trial, due_break, headphone_progress
from undertone.studies.sessions.forms import question_views
from undertone.studies.sessions.headphones import SECONDS as TONES_SECONDS
from undertone.studies.sessions.listening import covers
from undertone.studies.sessions.session_context import SessionContext
from undertone.studies.store.tables import Trial

View = dict[str, Any]


def view_of(context: SessionContext, secret: str) -> View:
    """Return everything that the page shows now.

    Args:
        secret: of the server; makes the ids of sounds that are no trials.
    """
    view: View = {"title": context.study.title, "state": context.session.state, "ended": context.ended}
    if context.ended:
        return {**view, "ending": ending_view(context)}
    view["resume_code"] = context.session.resume_code
    view["progress"] = {"step": context.session.section_index + 1, "of": len(context.sections)}
    return {**view, **_section(context, secret)}


def sound_id(secret: str, session_id: str, what: str, index: int = 0) -> str:
    """Return the opaque id of a sound that belongs to a session but is no trial."""
    text = f"{session_id}:{what}:{index}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


def scale_question(scale: Scale) -> View:
    """Return a question in full, its answers from the first to the last."""
    labels = {f"{value:g}": text for value, text in scale.labels.items()}
    return {
        "name": scale.name,
        "title": scale.title,
        "question": scale.question,
        "answers": [{"value": value, "label": labels.get(f"{value:g}", "")} for value in scale.values],
    }


def _section(context: SessionContext, secret: str) -> View:
    section, session = context.section, context.session
    match section:
        case Consent():
            length = expected_length(context)
            return {"text": section.text, "length": {"clips": length.clips, "minutes": length.minutes}}
        case Eligibility():
            return {"heading": "First, a few questions", "questions": question_views(section.questions)}
        case Questionnaire():
            return {"heading": section.title, "questions": question_views(section.questions)}
        case Volume():
            return {"text": section.text, "sound": sound_id(secret, session.id, "volume")}
        case Headphones():
            index = len(headphone_progress(context)["answers"])
            tones = {"trial": index, "of": section.trials, "seconds": TONES_SECONDS}
            return {"tones": {**tones, "sound": sound_id(secret, session.id, "tones", index)}}
        case Debrief():
            return {"text": section.text}
        case Training() | RatingSection():
            return _trials(context, section.text)
        case _:
            raise TypeError(f"{section.kind!r} is not walked through")


def _trials(context: SessionContext, text: str) -> View:
    rest = due_break(context)
    trials = context.stage_trials()
    done = sum(trial.state == "done" for trial in trials)
    view: View = {"text": text, "clips": {"done": done, "of": len(trials)}}
    if rest is not None:
        return {**view, "break": {"seconds": rest.seconds, "text": rest.text}}
    trial = current_trial(context)
    if trial is None:
        return view
    later = [other.id for other in trials if other.position > trial.position and other.state != "done"]
    view["scales"] = [scale_question(scale) for scale in context.design.scales]
    view["trial"] = _trial(context, trial)
    view["max_replays"] = context.design.limits.max_replays
    view["preload"] = later[0] if later else None
    return view


def _trial(context: SessionContext, trial: Trial) -> View:
    answers = context.ratings([trial])[trial.id]
    return {
        "id": trial.id,
        "heard": covers(trial.listened, context.stimulus(trial).seconds),
        "plays": trial.plays,
        "answers": {scale: rating.value for scale, rating in answers.items()},
    }
