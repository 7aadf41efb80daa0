"""Allocation of clips in the database: places that are held now, and a new session's trials in one transaction."""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session as Transaction

from undertone.studies.design import StudyFile
from undertone.studies.sessions.errors import SessionError
from undertone.studies.sessions.pair_choice import plan_pages
from undertone.studies.sessions.plan import (
    Cell,
    PlannedTrial,
    PlanRules,
    StimulusCounts,
    add_checks,
    open_cells,
    plan_session,
)
from undertone.studies.sessions.presence import Applicant, holding_time, release_places, sessions_to_release
from undertone.studies.sessions.session_context import ENDS, SessionContext
from undertone.studies.store.tables import Prompt, Session, Stimulus, StimulusKind, Study, System, Trial

RETRY_SECONDS = 15.0  # after which a page asks again for a place


@dataclass(frozen=True)
class PlaceCounts:
    """Cells of a study, and how many places of each are taken.

    Attributes:
        kept: completed responses of accepted raters only.
        held: these, and what live sessions have reserved.
    """

    cells: tuple[Cell, ...]
    kept: StimulusCounts
    held: StimulusCounts


def session_seed(study: Study, participant_id: str, earlier_sessions: int) -> int:
    """Return a seed from the study's seed and the participant, so that a plan can be made again."""
    text = f"{study.seed}:{participant_id}:{earlier_sessions}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])


def plan_rules(design: StudyFile) -> PlanRules:
    """Return the allocation as the plan reads it."""
    rules = design.allocation
    active = design.trials is not None and design.trials.choose == "active"
    return PlanRules(rules.trials_per_session, rules.raters_per_stimulus, rules.traps, rules.golds, only_in_all=active)


def count_places(
    transaction: Transaction, study: Study, design: StudyFile, now: datetime, without: Collection[str] = ()
) -> PlaceCounts:
    """Count the study's cells and places.

    Args:
        without: live sessions whose places are not counted.
    """
    cells = _cells(transaction, study, design)
    kept = and_(Session.accepted.is_(True), Trial.state == "done")
    live = and_(
        Session.ended_at.is_(None),
        Session.id.not_in(without),
        Session.expires_at > now,
        Trial.state.in_(("reserved", "done")),
        Trial.reservation_expires_at > now,
    )
    query = (
        select(Trial.session_id, Trial.stimulus_id, Session.accepted)
        .join(Session, Session.id == Trial.session_id)
        .where(Trial.study_id == study.id, Trial.kind == "main", or_(kept, live))
        .order_by(Trial.session_id, Trial.position)
    )
    rows = [(session, stimulus, bool(accepted)) for session, stimulus, accepted in transaction.execute(query)]
    by_stimulus = {cell.stimulus: cell for cell in cells}
    return PlaceCounts(
        cells=tuple(cells),
        kept=_counts([(session, stimulus) for session, stimulus, accepted in rows if accepted], by_stimulus),
        held=_counts([(session, stimulus) for session, stimulus, _ in rows], by_stimulus),
    )


def check_places(
    transaction: Transaction, study: Study, design: StudyFile, now: datetime, applicant: Applicant
) -> None:
    """Check that a newcomer can begin; raises SessionError: for good, or until somebody drops out."""
    rules = plan_rules(design)
    taken = count_places(transaction, study, design, now)
    if not open_cells(taken.cells, taken.kept, rules):
        raise SessionError("full")
    gone: list[str] = []
    for other in (None, *sessions_to_release(transaction, study, applicant, now)):
        gone += [other] if other else []
        taken = count_places(transaction, study, design, now, gone)
        if open_cells(taken.cells, taken.held, rules) and not _is_full(transaction, study, design, now, gone):
            return
    raise SessionError("full_for_now", wait_seconds=RETRY_SECONDS)


def reserve_plan(context: SessionContext) -> None:
    """Plan the session and write its trials; other sessions of the study wait meanwhile.

    Raises:
        SessionError: no places, or this person has heard everything.
    """
    transaction, study, now = context.transaction, context.study, context.now
    transaction.get(Study, study.id, with_for_update=True, populate_existing=True)  # SQLite has one writer anyway
    rules = plan_rules(context.design)
    taken = _free_places(context, rules)
    if not open_cells(taken.cells, taken.held, rules):
        kept = open_cells(taken.cells, taken.kept, rules)
        raise SessionError("full_for_now", wait_seconds=RETRY_SECONDS) if kept else SessionError("full")
    plan = _plan_session(context, taken, rules)
    if not plan:
        raise SessionError("already_completed")
    training = [PlannedTrial(stimuli, "training") for stimuli in _known_trials(context, "training")]
    expires = now + holding_time(context.design.allocation, done=0)
    paged = context.design.trials is not None
    places = [
        (page, trial.kind, stimulus) for page, trial in enumerate([*training, *plan]) for stimulus in trial.stimuli
    ]
    for position, (page, kind, stimulus) in enumerate(places):
        transaction.add(
            Trial(
                session_id=context.session.id,
                study_id=study.id,
                stimulus_id=stimulus,
                position=position,
                page=page if paged else None,
                kind=kind,
                reserved_at=now,
                reservation_expires_at=expires,
            )
        )
    transaction.flush()
    planned = {"seed": context.session.seed, "trials": sum(len(trial.stimuli) for trial in plan)}
    context.log("planned", {**planned, "pages": len(plan)} if paged else planned, actor="server")


def _plan_session(context: SessionContext, taken: PlaceCounts, rules: PlanRules) -> list[PlannedTrial]:
    """Return the session's trials after the practice; the caller holds the study's lock."""
    heard, seed = _heard_prompts(context), context.session.seed
    traps, golds = _known_trials(context, "trap"), _known_trials(context, "gold")
    if context.design.trials is None:
        return plan_session(taken.cells, taken.held, rules, seed, heard_prompts=heard, traps=traps, golds=golds)
    main = [PlannedTrial(stimuli) for stimuli in plan_pages(context, taken.cells, heard)]
    return add_checks(main, traps, golds, rules, np.random.default_rng(seed)) if main else []


def extend_reservation(context: SessionContext) -> None:
    """Keep the places of somebody who has done something.

    Written only when half of the time has passed; at once for people who have done little, whom others may replace.
    """
    trials = context.trials()
    done = sum(trial.state == "done" for trial in trials)
    length = holding_time(context.design.allocation, done)
    shortest = length / 2 if done else length - timedelta(seconds=1)
    for trial in trials:
        expires = trial.reservation_expires_at
        if expires is not None and not shortest <= expires - context.now <= length:
            trial.reservation_expires_at = context.now + length


def _free_places(context: SessionContext, rules: PlanRules) -> PlaceCounts:
    """Count the places; where none is open, release those of sessions that give way to this person."""
    transaction, study, design, now = context.transaction, context.study, context.design, context.now
    applicant = Applicant(context.addresses.of(context.session.id), context.addresses)
    taken = count_places(transaction, study, design, now)
    if open_cells(taken.cells, taken.held, rules) or not open_cells(taken.cells, taken.kept, rules):
        return taken
    for other in sessions_to_release(transaction, study, applicant, now):
        release_places(transaction, other, now)
        taken = count_places(transaction, study, design, now)
        if open_cells(taken.cells, taken.held, rules):
            break
    return taken


def _cells(transaction: Transaction, study: Study, design: StudyFile) -> list[Cell]:
    query = (
        select(Stimulus.id, System.id, Prompt.id)
        .join(System, System.id == Stimulus.system_id)
        .join(Prompt, Prompt.id == Stimulus.prompt_id)
        .where(Stimulus.study_id == study.id, Stimulus.kind == "main", _is_rated(design))
        .order_by(System.position, Prompt.name)
    )
    return [Cell(stimulus, system, prompt) for stimulus, system, prompt in transaction.execute(query)]


def _is_rated(design: StudyFile) -> ColumnElement[bool]:
    """Return the condition on a system that raters hear it; in an A/B study a system is an ordered pair."""
    mushra = design.trials is not None and design.trials.kind == "mushra"
    roles = {"system"}
    if design.allocation.include_ground_truth or mushra:
        roles.add("ground_truth")
    if design.allocation.include_low_anchor or mushra:
        roles.add("low_anchor")
    return System.role.in_(roles)


def _counts(rows: Sequence[tuple[str, str]], by_stimulus: dict[str, Cell]) -> StimulusCounts:
    """Return rows of (session, stimulus), sessions together and each in the order of its plan."""
    stimuli: Counter[str] = Counter()
    positions: Counter[tuple[str, int]] = Counter()
    place: Counter[str] = Counter()
    for session, stimulus in rows:
        if stimulus in by_stimulus:
            stimuli[stimulus] += 1
            positions[(by_stimulus[stimulus].system, place[session])] += 1
            place[session] += 1
    return StimulusCounts(stimuli, positions)


def _heard_prompts(context: SessionContext) -> set[str]:
    """Return the prompts that were sent to this person in an earlier session."""
    query = (
        select(Stimulus.prompt_id)
        .join(Trial, Trial.stimulus_id == Stimulus.id)
        .join(Session, Session.id == Trial.session_id)
        .where(
            Session.participant_id == context.session.participant_id,
            Session.id != context.session.id,
            Trial.first_served_at.is_not(None),
            Stimulus.prompt_id.is_not(None),
        )
    )
    return {prompt for prompt in context.transaction.scalars(query) if prompt is not None}


def _known_trials(context: SessionContext, kind: StimulusKind) -> list[tuple[str, ...]]:
    """Return the stimuli of each trial with known answers: one, or those of a set in an order of this session."""
    query = select(Stimulus).where(Stimulus.study_id == context.study.id, Stimulus.kind == kind)
    sets: dict[int | str, list[str]] = {}
    for stimulus in context.transaction.scalars(query.order_by(Stimulus.path)):
        sets.setdefault((stimulus.expected or {}).get("set", stimulus.id), []).append(stimulus.id)
    rng = np.random.default_rng([context.session.seed, len(sets)])
    in_order = sorted(sets.items()) if context.design.trials else sets.items()
    return [tuple(stimuli[index] for index in rng.permutation(len(stimuli))) for _, stimuli in in_order]


def _is_full(
    transaction: Transaction, study: Study, design: StudyFile, now: datetime, without: Collection[str]
) -> bool:
    """Return whether as many people as wanted take part or have taken part."""
    most = design.limits.max_participants
    if most is None:
        return False
    holding = exists().where(Trial.session_id == Session.id, Trial.reservation_expires_at > now)
    taking_part = and_(Session.state.not_in(ENDS), Session.expires_at > now, Session.id.not_in(without), holding)
    counted = or_(Session.accepted.is_(True), taking_part)
    query = select(func.count(func.distinct(Session.participant_id))).where(Session.study_id == study.id, counted)
    return (transaction.scalar(query) or 0) >= most
