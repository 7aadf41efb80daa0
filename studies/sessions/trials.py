"""Rating of a clip: checks of owner and listening, and answers that are stored once however often they are sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from undertone.studies.sessions.allocation import extend_reservation
from undertone.studies.sessions.errors import SessionError
from undertone.studies.sessions.flow import advance, current_page, due_break
from undertone.studies.sessions.known_answers import feedback, set_feedback
from undertone.studies.sessions.listening import covers, merge_intervals, seconds_to_wait
from undertone.studies.sessions.pages import (
    Page,
    complete,
    is_rated_alone,
    missing_answers,
    page_of,
    scale_of,
    settle,
    values_of,
)
from undertone.studies.sessions.screening import LISTENED
from undertone.studies.sessions.session_context import SessionContext
from undertone.studies.sessions.signs import PageSigns, note_signs
from undertone.studies.store.tables import Rating, Trial

MOST_HIDDEN_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Playback:
    """The page's report of the playing of a clip.

    Attributes:
        stretches: (start, end) in seconds, as far as they were played.
        plays: how often it was begun.
        hidden_seconds: while it played and the page was not in view.
    """

    stretches: Sequence[Sequence[float]] = ()
    plays: int = 0
    hidden_seconds: float = 0.0


@dataclass(frozen=True)
class TrialAnswer:
    """One rating as it arrives.

    Attributes:
        nonce: drawn by the page for this answer; sent again with every retry.
        others: what was played of the other clips of the page, by trial.
    """

    trial: str
    scale: str
    value: float
    nonce: str
    playback: Playback = field(default_factory=Playback)
    others: Mapping[str, Playback] = field(default_factory=dict)


def session_trial(context: SessionContext, trial_id: str) -> Trial:
    """Return a trial of this session. Raises SessionError for anybody else's."""
    trial = next((trial for trial in context.trials() if trial.id == trial_id), None)
    if trial is None:
        raise SessionError("not_your_trial")
    return trial


def note_playback(context: SessionContext, trial: Trial, playback: Playback) -> None:
    """Add what was played to what is known of the clip; whether it was all heard is judged when it is rated."""
    if trial.first_served_at is None:
        return
    seconds = context.stimulus(trial).seconds
    listened = [list(stretch) for stretch in merge_intervals([*trial.listened, *playback.stretches], seconds)]
    if seconds_to_wait(_earliest(context, trial), sum(end - start for start, end in listened), context.now) > 0:
        return  # more than can have been played by now
    if covers(listened, seconds) and not covers(trial.listened, seconds):
        context.log(LISTENED, {"trial": trial.id})
    if listened != list(trial.listened):
        trial.listened = listened
    trial.plays = max(trial.plays, min(int(playback.plays), 1000))
    hidden = min(max(0.0, playback.hidden_seconds), MOST_HIDDEN_SECONDS)
    trial.hidden_seconds = max(trial.hidden_seconds, hidden)


def rate(context: SessionContext, answer: TrialAnswer) -> Rating:
    """Save an answer. The same nonce again changes nothing; another one revises, as long as the clip is current.

    Raises:
        SessionError: not this person's clip, not the current one, not heard yet, or no answer of the scale.
    """
    trial = session_trial(context, answer.trial)
    scale = scale_of(context, answer.scale)
    value = None if scale is None else scale.snapped(answer.value)
    if scale is None or value is None:
        raise SessionError("bad_answer")
    known = context.ratings([trial])[trial.id].get(scale.name)
    if known is not None and known.nonce == answer.nonce:
        return known
    _check_current(context, trial)
    page = page_of(context, trial)
    for other in page:
        note_playback(
            context, other, answer.playback if other.id == trial.id else answer.others.get(other.id, Playback())
        )
    _check_heard(context, [trial] if is_rated_alone(context) else page)
    if known is None:
        known = context.add_rating(trial, scale.name)
    else:
        known.revision += 1
    known.scale_hash, known.value, known.nonce = scale.hash, value, answer.nonce
    known.rated_at = context.now
    facts = {"scale": scale.name, "value": value, "nonce": answer.nonce, "revision": known.revision}
    context.log("rated", {"trial": trial.id, **facts})
    if len(page) > 1:
        settle(context, page, known)
    return known


def finish_trial(context: SessionContext, trial_id: str, signs: PageSigns | None = None) -> dict[str, Any] | None:
    """Go on from a clip whose questions are all answered; a clip that is done already is left as it is.

    Args:
        signs: of a person or a program, as the page saw them; None where it is an older page.
    Returns:
        what training says about the answers, else None.
    Raises:
        SessionError: not this person's clip, or a question is open.
    """
    trial = session_trial(context, trial_id)
    if trial.state == "done":
        return None
    _check_current(context, trial)
    page = page_of(context, trial)
    missing = missing_answers(context, page)
    if missing:
        raise SessionError("bad_answer", "Please answer: {what}", what=missing[0])
    if len(page) > 1:
        _check_heard(context, page)
    if signs is not None:
        begun = min((moment for one in page if (moment := _earliest(context, one)) is not None), default=context.now)
        played = sum(context.stimulus(one).seconds for one in page)
        note_signs(context, signs, (context.now - begun).total_seconds() - played)
    complete(context, page)
    for one in page:
        one.state, one.completed_at = "done", context.now
    context.transaction.flush()
    extend_reservation(context)
    context.log("trial.done", {"trial": trial.id})
    if all(other.state == "done" for other in context.stage_trials()):
        advance(context)
    if trial.kind != "training":
        return None
    return _practice_feedback(context, page)


def _practice_feedback(context: SessionContext, page: Page) -> dict[str, Any]:
    scales = {scale.name: scale for scale in context.design.scales}
    stimuli, ratings = [context.stimulus(one) for one in page], context.ratings(page)
    given = [values_of(ratings[one.id]) for one in page]
    if context.design.trials is None:
        return feedback(stimuli[0], scales, given[0])
    return set_feedback(stimuli, scales, given, context.design.trials)


def _check_current(context: SessionContext, trial: Trial) -> None:
    current = [one.id for one in current_page(context)]
    if trial.state == "done" or trial.id not in current or due_break(context) is not None:
        raise SessionError("wrong_section")


def _check_heard(context: SessionContext, page: Page) -> None:
    """Check that each clip was heard, by the server's clock and the played intervals, and all one after another."""
    seconds = {trial.id: context.stimulus(trial).seconds for trial in page}
    if any(trial.first_served_at is None for trial in page):
        raise SessionError("not_listened")
    begun = [moment for trial in page if (moment := _earliest(context, trial)) is not None]
    wait = max(
        seconds_to_wait(min(begun, default=None), sum(seconds.values()), context.now),
        *(seconds_to_wait(_earliest(context, trial), seconds[trial.id], context.now) for trial in page),
    )
    if wait > 0:
        raise SessionError("too_early", wait_seconds=wait)
    if not all(covers(trial.listened, seconds[trial.id]) for trial in page):
        raise SessionError("not_listened")


def _earliest(context: SessionContext, trial: Trial) -> datetime | None:
    """Return when the clip can have begun to play: one that was sent ahead not before its predecessor was done."""
    done = [other.completed_at for other in context.trials() if other.position < trial.position and other.completed_at]
    return max([*done, *([trial.first_served_at] if trial.first_served_at else [])], default=None)
