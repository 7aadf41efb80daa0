"""Find studies in the database by their names."""

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from undertone.studies.store.database import Database
from undertone.studies.store.errors import StoreError
from undertone.studies.store.tables import Study


def find_study(transaction: Transaction, name: str) -> Study:
    """Return the study of a name.

    Raises:
        StoreError: there is none; the text names those that there are.
    """
    study = transaction.scalar(select(Study).where(Study.name == name))
    if study is None:
        known = ", ".join(transaction.scalars(select(Study.name).order_by(Study.name))) or "none was made yet"
        raise StoreError(f"there is no study {name!r}; known studies: {known}.")
    return study


def study_names(db: Database) -> list[str]:
    """Return the names of all studies, the oldest first."""
    with db.reading() as transaction:
        return list(transaction.scalars(select(Study.name).order_by(Study.created_at, Study.name)))
