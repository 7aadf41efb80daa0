"""What stands in the database of a judged study."""

from sqlalchemy import func, select

from undertone.studies.store import Database
from undertone.studies.store.tables import Event, Rating, Study


def ratings_of(db: Database) -> int:
    with db.reading() as transaction:
        return transaction.scalar(select(func.count()).select_from(Rating)) or 0


def status_of(db: Database, name: str = "judged") -> str:
    with db.reading() as transaction:
        return str(transaction.scalar(select(Study.status).where(Study.name == name)))


def kinds(db: Database) -> list[str]:
    with db.reading() as transaction:
        return list(transaction.scalars(select(Event.kind).where(Event.actor == "admin")))
