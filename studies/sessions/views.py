"""Views for a rater's page: the section, and nothing that names or orders the systems."""

import hashlib
import hmac
from typing import Any

from undertone.studies.design.kinds import MushraTrial, PreferenceTrial, SetTrial
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
from undertone.studies.sessions.pages import Page, is_done, open_pages, pages_of, values_of
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
            return _trials(context, section.text, secret)
        case _:
            raise TypeError(f"{section.kind!r} is not walked through")


def _trials(context: SessionContext, text: str, secret: str) -> View:
    rest = due_break(context)
    trials = context.stage_trials()
    pages = pages_of(trials)
    view: View = {"text": text, "clips": {"done": sum(map(is_done, pages)), "of": len(pages)}}
    if rest is not None:
        return {**view, "break": {"seconds": rest.seconds, "text": rest.text}}
    trial = current_trial(context)
    if trial is None:
        return view
    view["scales"] = [scale_question(scale) for scale in context.design.scales]
    view["max_replays"] = context.design.limits.max_replays
    if context.design.trials is not None:
        return {**view, "set": _set(context, context.design.trials, secret)}
    later = [other.id for other in trials if other.position > trial.position and other.state != "done"]
    view["trial"] = _trial(context, trial)
    view["preload"] = later[0] if later else None
    return view


def _set(context: SessionContext, kind: SetTrial, secret: str) -> View:
    """Return the clips that are answered together now, and the ids of those that come next."""
    page, *later = open_pages(context)
    preload = [trial.id for trial in later[0]] if later else []
    shown: View = {"kind": kind.kind, "clips": [_trial(context, trial) for trial in page], "preload": preload}
    if isinstance(kind, PreferenceTrial):
        shown["reasons"] = [{"name": reason.scale.name, "text": reason.text} for reason in kind.reasons]
    if isinstance(kind, MushraTrial):
        shown["reference"] = reference_id(secret, page)
        shown["preload"] += [reference_id(secret, later[0])] if later else []
    return shown


def reference_id(secret: str, page: Page) -> str:
    """Return the opaque id of the open reference of a MUSHRA page."""
    return sound_id(secret, page[0].session_id, "reference", page[0].page or 0)


def _trial(context: SessionContext, trial: Trial) -> View:
    answers = context.ratings([trial])[trial.id]
    return {
        "id": trial.id,
        "heard": covers(trial.listened, context.stimulus(trial).seconds),
        "plays": trial.plays,
        "answers": values_of(answers),
    }
