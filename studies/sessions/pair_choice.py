"""Which sets of clips a rater hears: the database side of `choices.selection`, in the transaction of the plan."""

from collections.abc import Iterable

from sqlalchemy import and_, or_, select

from undertone.studies.choices.model import best_and_worst
from undertone.studies.choices.selection import AskedSet, SetClip, SetRules, plan_sets
from undertone.studies.design.kinds import PreferenceTrial, SetTrial
from undertone.studies.design.study_file import clips_per_trial
from undertone.studies.sessions.plan import Cell
from undertone.studies.sessions.session_context import SessionContext
from undertone.studies.store.tables import Rating, Session, Trial

Row = tuple[Trial, float | None]


def plan_pages(context: SessionContext, cells: Iterable[Cell], heard_prompts: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the stimuli of each page of this session; empty when nothing is left that this person may hear.

    The caller holds the lock of the study: of two people who come at once the second is planned with the first one's
    sets as promised.
    """
    design = context.design
    assert design.trials is not None
    rules = SetRules(
        clips=clips_per_trial(design),
        trials_per_session=design.allocation.trials_per_session,
        raters_per_stimulus=design.allocation.raters_per_stimulus,
        choose=design.trials.choose,
    )
    clips = [SetClip(cell.stimulus, cell.system, cell.prompt) for cell in cells]
    return plan_sets(clips, asked_sets(context), rules, context.session.seed, set(heard_prompts))


def asked_sets(context: SessionContext) -> list[AskedSet]:
    """Return every set of the study that counts: answered by accepted raters, or held by people who take part now."""
    kept = and_(Session.accepted.is_(True), Trial.state == "done")
    live = and_(
        Session.ended_at.is_(None),
        Session.expires_at > context.now,
        Trial.state.in_(("reserved", "done")),
        Trial.reservation_expires_at > context.now,
    )
    answer = and_(Rating.trial_id == Trial.id, Rating.scale == context.design.scales[0].name)
    query = (
        select(Trial, Rating.value)
        .join(Session, Session.id == Trial.session_id)
        .outerjoin(Rating, answer)
        .where(Trial.study_id == context.study.id, Trial.kind == "main", or_(kept, live), Trial.page.is_not(None))
        .order_by(Trial.session_id, Trial.position)
    )
    sets: dict[tuple[str, int | None], list[Row]] = {}
    for trial, value in context.transaction.execute(query):
        sets.setdefault((trial.session_id, trial.page), []).append((trial, value))
    return [asked_set(rows, context.design.trials) for rows in sets.values()]


def asked_set(rows: list[Row], trials: SetTrial | None) -> AskedSet:
    """Return a page as a set with its answer, where it is done."""
    stimuli = tuple(trial.stimulus_id for trial, _ in rows)
    if any(trial.state != "done" or value is None for trial, value in rows):
        return AskedSet(stimuli)
    best, worst = (None if place is None else stimuli[place] for place in best_and_worst([v or 0.0 for _, v in rows]))
    if isinstance(trials, PreferenceTrial):
        return AskedSet(stimuli, best=best, tie=best is None)
    return AskedSet(stimuli, best, worst)
