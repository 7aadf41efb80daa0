"""Whatever a program does to the tables, the log's copy does it again."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from tests.studies.store.samples import make_rater, make_study
from tests.studies.store.test_restore import everything
from tests.studies_database import new_database
from undertone.studies.store import Database
from undertone.studies.store.backup import snapshot
from undertone.studies.store.restore import restore
from undertone.studies.store.tables import Participant, Rating, Study

ACTIONS = st.sampled_from(["add", "change", "delete", "bulk change", "bulk delete", "savepoint", "log", "snapshot"])
TRANSACTIONS = st.lists(st.tuples(st.lists(ACTIONS, max_size=4), st.booleans()), min_size=1, max_size=12)


class UndoneError(Exception):
    """Rolls a transaction back."""


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(transactions=TRANSACTIONS)
def test_a_replay_gives_the_same_rows_whatever_was_done(transactions: list[tuple[list[str], bool]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        db = new_database(folder / "studies.sqlite", folder / "events")
        study, stimuli = make_study(db, stimuli=2)
        sample = make_rater(db, study, stimuli)
        bases: list[Path | None] = [None]
        for number, (actions, saved) in enumerate(transactions):
            try:
                with db.session() as session:
                    for step, action in enumerate(actions):
                        if action != "snapshot":
                            act(db, session, action, study, sample, f"{number}.{step}")
                    if not saved:
                        raise UndoneError
            except UndoneError:
                pass
            if "snapshot" in actions:
                bases.append(snapshot(db, folder / "backups", kept=99))
        for index, base in enumerate(bases):
            target = Database(f"sqlite:///{folder / f'fresh-{index}.sqlite'}")
            restore(target, base, folder / "events")
            assert everything(target) == everything(db)
            target.close()
        db.close()


def act(db: Database, session: Any, action: str, study: str, sample: Any, label: str) -> None:
    ratings = select(Rating).order_by(Rating.id)
    if action == "add":
        session.add(Participant(study_id=study, external_id=label))
        add_rating(session, sample, label)
    elif action == "change":
        for rating in session.scalars(ratings.limit(1)):
            rating.value, rating.nonce = rating.value + 1, label
    elif action == "delete":
        for rating in session.scalars(ratings.limit(1)):
            session.delete(rating)
    elif action == "bulk change":
        session.execute(update(Rating).where(Rating.value >= 2).values(value=Rating.value - 1))
        session.execute(update(Study).values(title=label))
    elif action == "bulk delete":
        session.execute(delete(Rating).where(Rating.value > 3))
    elif action == "savepoint":
        nested = session.begin_nested()
        add_rating(session, sample, f"undone {label}")
        session.flush()
        nested.rollback()
    else:
        db.log(session, "noted", {"label": label}, study_id=study)


def add_rating(session: Any, sample: Any, label: str) -> None:
    for trial in sample.trials:
        session.add(
            Rating(session_id=sample.session, trial_id=trial, scale=label, scale_hash="h", value=3, nonce=label)
        )
