"""A study's ratings out of the database, without casual ratings and withdrawn people; only kind "main" counts."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
from sqlalchemy import Executable, select
from sqlalchemy.orm import Session as Transaction

from undertone.studies.analysis.preregistration import find_preregistration
from undertone.studies.analysis.ratings_frame import COLUMNS, SESSION_COLUMNS, STIMULUS_COLUMNS, StudyData
from undertone.studies.design.sections import NOT_SAYING
from undertone.studies.store import Database
from undertone.studies.store.studies import find_study
from undertone.studies.store.tables import Participant, Prompt, Rating, Session, Stimulus, Study, System, Trial


def load_study(db: Database, study_name: str) -> StudyData:
    """Return everything that an analysis reads, in one consistent view.

    Raises:
        StoreError: there is no study of this name.
    """
    with db.reading() as transaction:
        study = find_study(transaction, study_name)
        systems = transaction.scalars(select(System).where(System.study_id == study.id).order_by(System.position)).all()
        pairs = {
            system.name: (str(system.definition["first"]), str(system.definition["second"]))
            for system in systems
            if {"first", "second"} <= set(system.definition)
        }
        excluded = _exclusions(transaction, study.id)
        answers = _demographics(transaction, study)
        return StudyData(
            name=study.name,
            title=study.title,
            seed=study.seed,
            definition=dict(study.definition),
            ratings=without_excluded(
                _with_pages(_table(transaction, _ratings(study.id), (*COLUMNS, "page"))), excluded
            ),
            sessions=without_excluded(_table(transaction, _sessions(study.id), SESSION_COLUMNS), excluded),
            stimuli=_table(transaction, _stimuli(study.id), STIMULUS_COLUMNS),
            status=study.status,
            definition_hash=study.definition_hash,
            exclusions=excluded,
            demographics=_counted(answers),
            answers=answers,
            preregistration=_preregistration(transaction, study),
            roles=_roles(study, systems, bool(pairs)),
            pairs=pairs,
        )


def without_excluded(table: pd.DataFrame, excluded: dict[str, str]) -> pd.DataFrame:
    """Return ratings or sessions with those of raters whom an admin left out not accepted, as a rule that failed."""
    if not excluded or table.empty:
        return table
    out = table["rater"].isin(set(excluded))
    screening = [
        {**(verdict or {}), "excluded": {"passed": False, "effect": "exclude"}} if left else verdict
        for verdict, left in zip(table["screening"], out, strict=True)
    ]
    return table.assign(accepted=table["accepted"].mask(out, False).astype(object), screening=screening)


def _preregistration(transaction: Transaction, study: Study) -> tuple[str, str, bool] | None:
    found = find_preregistration(transaction, study)
    return None if found is None else (found.hash, f"{found.at:%Y-%m-%d %H:%M} UTC", found.unchanged)


def _counted(answers: dict[str, dict[str, str]]) -> dict[str, dict[str, int]]:
    """Return how many raters gave each answer, by question."""
    return {question: dict(Counter(given.values())) for question, given in answers.items()}


def _demographics(transaction: Transaction, study: Study) -> dict[str, dict[str, str]]:
    """Return what each rater answered to questions with given options, in their order; free answers stay away."""
    query = (
        select(Session.participant_id, Session.answers)
        .where(Session.study_id == study.id, Session.state != "withdrawn")
        .where(select(Trial.id).where(Trial.session_id == Session.id, Trial.state == "done").exists())
        .order_by(Session.started_at)
    )
    given = {person: answers or {} for person, answers in transaction.execute(query)}
    found: dict[str, dict[str, str]] = {}
    for section in study.definition.get("sections", []):
        if section.get("kind") not in ("questionnaire", "eligibility"):
            continue
        key = str(section.get("name", section["kind"]))
        for question in section.get("questions", []):
            if question.get("kind", "choice") != "choice":
                continue
            options = [str(option) for option in question.get("options", [])] + [NOT_SAYING]
            chosen = {person: answers.get(key, {}).get(question["name"]) for person, answers in given.items()}
            known = {person: str(answer) for option in options for person, answer in chosen.items() if answer == option}
            if known:
                found[str(question.get("text") or question["name"])] = known
    return found


def _exclusions(transaction: Transaction, study_id: str) -> dict[str, str]:
    """Return the ids of those who were left out, with the reasons."""
    query = select(Participant.id, Participant.excluded_because).where(
        Participant.study_id == study_id, Participant.excluded_at.is_not(None), Participant.withdrawn_at.is_(None)
    )
    return {person: str(reason or "") for person, reason in transaction.execute(query)}


def _ratings(study_id: str) -> Executable:
    """Return the ratings in the order of `COLUMNS`, and the page behind them."""
    return (
        select(
            Session.participant_id,
            Prompt.name,
            System.name,
            Rating.scale,
            Rating.value,
            Stimulus.id,
            Trial.id,
            Trial.position,
            Session.id,
            Session.accepted,
            Session.screening,
            Trial.kind,
            Rating.rated_at,
            Session.device,
            Trial.page,
        )
        .select_from(Rating)
        .join(Trial, Rating.trial_id == Trial.id)
        .join(Session, Trial.session_id == Session.id)
        .join(Stimulus, Trial.stimulus_id == Stimulus.id)
        .outerjoin(System, Stimulus.system_id == System.id)
        .outerjoin(Prompt, Stimulus.prompt_id == Prompt.id)
        .where(Trial.study_id == study_id, Session.state != "withdrawn", Rating.casual.is_(False))
        .order_by(Session.started_at, Trial.position, Rating.scale)
    )


def _sessions(study_id: str) -> Executable:
    """Return the sessions in the order of `SESSION_COLUMNS`."""
    return (
        select(
            Session.id,
            Session.participant_id,
            Session.state,
            Session.accepted,
            Session.screening,
            Session.device,
            Participant.source,
            Session.started_at,
            Session.ended_at,
        )
        .join(Participant, Session.participant_id == Participant.id)
        .where(Session.study_id == study_id)
        .order_by(Session.started_at)
    )


def _stimuli(study_id: str) -> Executable:
    """Return the stimuli in the order of `STIMULUS_COLUMNS`."""
    return (
        select(
            Stimulus.id,
            System.name,
            Prompt.name,
            Stimulus.kind,
            Stimulus.seconds,
            Stimulus.loudness_lufs,
            Stimulus.true_peak_dbtp,
        )
        .outerjoin(System, Stimulus.system_id == System.id)
        .outerjoin(Prompt, Stimulus.prompt_id == Prompt.id)
        .where(Stimulus.study_id == study_id)
        .order_by(System.position, Prompt.name)
    )


def _roles(study: Study, systems: Sequence[System], are_pairs: bool) -> dict[str, str]:
    """Return the role of each system; in an A/B study the rows are ordered pairs of what the study file lists."""
    if are_pairs:
        listed = study.definition.get("systems", [])
        return {str(system["name"]): str(system.get("role", "system")) for system in listed}
    return {system.name: system.role for system in systems}


def _with_pages(ratings: pd.DataFrame) -> pd.DataFrame:
    """Return the ratings with the column `page` only where trials have several clips."""
    return ratings if ratings["page"].notna().any() else ratings.drop(columns="page")


def _table(transaction: Transaction, query: Executable, columns: tuple[str, ...]) -> pd.DataFrame:
    table = pd.DataFrame([tuple(row) for row in transaction.execute(query)], columns=list(columns))
    if "device" in columns:
        table["device"] = [_coarse(device) for device in table["device"]]
    if "accepted" in columns:
        table["accepted"] = table["accepted"].astype(object).where(table["accepted"].notna(), None)
    return table


def _coarse(device: Any) -> str:
    """Return the kind of a device, such as "phone" or "desktop"."""
    kind = device.get("kind") if isinstance(device, dict) else None
    return str(kind or "unknown")
