"""A process that rates and says what was acknowledged; a test kills it.

Usage: python -m tests.studies.store.writer URL EVENTS SESSION STUDY [before_commit|before_copy NUMBER] < trial ids
"""

import os
import signal
import sys
from pathlib import Path

from sqlalchemy import select

from studies.store import Database
from studies.store.tables import Rating
from tests.studies.store.samples import Sample, rate


def already(db: Database, trial: str) -> bool:
    with db.reading() as session:
        return session.scalar(select(Rating.id).where(Rating.trial_id == trial)) is not None


def die_at(db: Database, moment: str, number: int) -> None:
    """Let the process kill itself in the middle of its transaction of this number."""
    calls = 0
    owner: object = db if moment == "before_commit" else db.journal
    name = "_finish" if moment == "before_commit" else "write"
    original = getattr(owner, name)

    def counted(argument: object) -> object:
        nonlocal calls
        calls += 1
        result = original(argument) if moment == "before_commit" else None
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result if moment == "before_commit" else original(argument)

    setattr(owner, name, counted)


def main() -> None:
    url, events, session, study, *moment = sys.argv[1:]
    db = Database(url, Path(events))
    if moment:
        die_at(db, moment[0], int(moment[1]))
    print("ready", flush=True)
    for trial in sys.stdin.read().split():
        if not already(db, trial):  # a page that got no answer sends the same rating again
            rate(db, Sample(study, "", session, []), trial, 4.0, nonce=trial)
        print(trial, flush=True)


if __name__ == "__main__":
    main()
