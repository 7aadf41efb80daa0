"""A study's ratings out of the database. Casual ratings, withdrawn people and practice never come along."""

from typing import Any

import pandas as pd
from sqlalchemy import Executable, select
from sqlalchemy.orm import Session as Transaction

from undertone.studies.analysis.ratings_frame import COLUMNS, SESSION_COLUMNS, STIMULUS_COLUMNS, StudyData
from undertone.studies.store import Database
from undertone.studies.store.studies import find_study
from undertone.studies.store.tables import Participant, Prompt, Rating, Session, Stimulus, System, Trial


def load_study(db: Database, study_name: str) -> StudyData:
    """Return everything that an analysis reads, in one consistent view.

    Raises:
        StoreError: there is no study of this name.
    """
    with db.reading() as transaction:
        study = find_study(transaction, study_name)
        systems = transaction.scalars(select(System).where(System.study_id == study.id).order_by(System.position)).all()
        return StudyData(
            name=study.name,
            title=study.title,
            seed=study.seed,
            definition=dict(study.definition),
            ratings=_table(transaction, _ratings(study.id), COLUMNS),
            sessions=_table(transaction, _sessions(study.id), SESSION_COLUMNS),
            stimuli=_table(transaction, _stimuli(study.id), STIMULUS_COLUMNS),
            status=study.status,
            definition_hash=study.definition_hash,
            roles={system.name: system.role for system in systems},
            pairs={
                system.name: (str(system.definition["first"]), str(system.definition["second"]))
                for system in systems
                if {"first", "second"} <= set(system.definition)
            },
        )


def _ratings(study_id: str) -> Executable:
    """Return the ratings in the order of `COLUMNS`."""
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


def _table(transaction: Transaction, query: Executable, columns: tuple[str, ...]) -> pd.DataFrame:
    table = pd.DataFrame([tuple(row) for row in transaction.execute(query)], columns=list(columns))
    if "device" in columns:
        table["device"] = [_coarse(device) for device in table["device"]]
    if "accepted" in columns:
        table["accepted"] = table["accepted"].astype(object).where(table["accepted"].notna(), None)
    return table


def _coarse(device: Any) -> str:
    """Phone or desktop."""
    kind = device.get("kind") if isinstance(device, dict) else None
    return str(kind or "unknown")
