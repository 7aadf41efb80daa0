"""A server's process that rates and says what was acknowledged, so that a test can kill it.

`python -m tests.studies.store.writer` reads jobs as lines of JSON and forks a process for each: its imports, which
take longer than the ratings, are done once. It prints `pid N`, the trials as they are acknowledged, and `ended STATUS`.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import select

from tests.studies.store.samples import Sample, rate
from undertone.studies.store import Database
from undertone.studies.store.tables import Rating


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            work(job)
            os._exit(0)
        print(f"pid {child}", flush=True)
        _, status = os.waitpid(child, 0)
        print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)


def work(job: dict[str, Any]) -> None:
    db = Database(job["url"], Path(job["events"]))
    if job["moment"]:
        die_at(db, job["moment"], job["number"])
    sample = Sample(job["study"], "", job["session"], [])
    for trial in job["trials"]:
        if not already(db, trial):  # a page that got no answer sends the same rating again
            rate(db, sample, trial, 4.0, nonce=trial)
        os.write(1, f"{trial}\n".encode())  # whole, whenever the process dies


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


if __name__ == "__main__":
    main()
