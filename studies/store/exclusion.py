"""An admin leaves a person out of the analysis, with a reason: the ratings stay, and it can be undone."""

from datetime import datetime

from undertone.studies.store.columns import utc_now
from undertone.studies.store.database import Database
from undertone.studies.store.errors import StoreError
from undertone.studies.store.tables import Participant

MOST_CHARACTERS = 500  # of a reason


def exclude(db: Database, participant_id: str, reason: str, by: str, now: datetime | None = None) -> None:
    """Leave a person's ratings out of the screened results from now on; the audit log keeps the reason.

    Raises:
        StoreError: nobody has this id, the person is left out already, or the reason is empty or too long.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise StoreError("say why this person is left out: the report prints the reason.")
    if len(reason) > MOST_CHARACTERS or not reason.isprintable():
        raise StoreError(f"the reason has {len(reason)} characters; at most {MOST_CHARACTERS} that can be printed.")
    now = now or utc_now()
    with db.session() as session:
        person = session.get(Participant, participant_id)
        if person is None:
            raise StoreError(f"nobody is known by {participant_id!r}.")
        if person.excluded_at is not None:
            raise StoreError(f"this person is left out already ({person.excluded_because}).")
        person.excluded_at, person.excluded_because, person.excluded_by = now, reason, by
        payload = {"by": by, "participant": participant_id, "reason": reason}
        db.log(session, "study.excluded", payload, study_id=person.study_id, actor="admin", at=now)


def include_again(db: Database, participant_id: str, by: str, now: datetime | None = None) -> None:
    """Undo an exclusion; the audit log keeps both.

    Raises:
        StoreError: nobody has this id, or the person is not left out.
    """
    with db.session() as session:
        person = session.get(Participant, participant_id)
        if person is None:
            raise StoreError(f"nobody is known by {participant_id!r}.")
        if person.excluded_at is None:
            raise StoreError("this person is not left out.")
        payload = {"by": by, "participant": participant_id, "reason": person.excluded_because}
        person.excluded_at = person.excluded_because = person.excluded_by = None
        db.log(session, "study.included_again", payload, study_id=person.study_id, actor="admin", at=now or utc_now())
