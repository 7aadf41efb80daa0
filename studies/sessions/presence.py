"""Reservations of places: short at first, longer the more trials a person has done.

Whoever stops being counted may still go on: their plan stays theirs, and the study gets one answer more than planned.
"""

import hashlib
import secrets
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session as Transaction
from sqlalchemy.orm import aliased

from undertone.studies.design.rules import Allocation
from undertone.studies.store.tables import Session, Study, Trial

FIRST_HOLD = timedelta(minutes=3)  # before the first clip is done: time to answer a form or to hear a clip
HOLD_PER_CLIP = timedelta(minutes=5)  # for every clip that is done, up to the study's reservation_minutes
GRACE = timedelta(seconds=20)  # nobody who has done something so lately gives way
MOST_ADDRESSES = 100_000


class Addresses:
    """Addresses at which the sessions of this process began: salted hashes, in memory only, the oldest dropped."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(16)
        self._known: OrderedDict[str, str] = OrderedDict()
        self._turn = threading.Lock()

    def digest(self, address: str) -> str:
        """Return what stands for an address; empty for none."""
        return hashlib.sha256(self._salt + address.encode()).hexdigest()[:16] if address else ""

    def note(self, session_id: str, address: str) -> None:
        """Keep where a session began."""
        with self._turn:
            self._known[session_id] = self.digest(address)
            while len(self._known) > MOST_ADDRESSES:
                self._known.popitem(last=False)

    def of(self, session_id: str) -> str:
        """Return what stands for a session's address; empty where it is not known, as after a new start."""
        return self._known.get(session_id, "")


@dataclass(frozen=True)
class Applicant:
    """A person who asks for a place.

    Attributes:
        address: what stands for where they come from.
        addresses: of those who hold places.
    """

    address: str
    addresses: Addresses


def holding_time(rules: Allocation, done: int) -> timedelta:
    """Return how long a place is held after something was done in a session.

    Args:
        done: clips of the session that are done, practice included.
    """
    longest = timedelta(minutes=rules.reservation_minutes)
    return min(longest, FIRST_HOLD + done * HOLD_PER_CLIP)


def sessions_to_release(transaction: Transaction, study: Study, applicant: Applicant, now: datetime) -> list[str]:
    """Return the sessions that give way to a newcomer when all places are taken, the first to go first.

    Only sessions without a clip done, of addresses that hold two places more than the newcomer's: one client cannot
    fill a study, and a laboratory behind one address keeps its places unless others find none.
    """
    holders = _sessions_without_clips(transaction, study, now)
    addresses = {session: applicant.addresses.of(session) for session in holders}
    held = Counter(addresses.values())
    others = [
        session
        for session, acted_at in holders.items()
        if held[addresses[session]] >= held[applicant.address] + 2 and now - acted_at >= GRACE
    ]
    return sorted(others, key=lambda session: (-held[addresses[session]], holders[session]))


def release_places(transaction: Transaction, session_id: str, now: datetime) -> None:
    """Count a session's places no more until its person does something."""
    for trial in transaction.scalars(select(Trial).where(Trial.session_id == session_id)):
        trial.reservation_expires_at = now
    transaction.flush()


def _sessions_without_clips(transaction: Transaction, study: Study, now: datetime) -> Mapping[str, datetime]:
    """Return the sessions that hold places and have no clip done, with the time at which each last did something."""
    done = aliased(Trial)
    query = (
        select(Trial.session_id, func.max(Trial.reservation_expires_at))
        .join(Session, Session.id == Trial.session_id)
        .where(
            Trial.study_id == study.id,
            Trial.state == "reserved",
            Trial.reservation_expires_at > now,
            Session.ended_at.is_(None),
            ~exists().where(done.session_id == Trial.session_id, done.state == "done"),
        )
        .group_by(Trial.session_id)
    )
    rows = transaction.execute(query)
    return {session: expires - FIRST_HOLD for session, expires in rows if expires is not None}
