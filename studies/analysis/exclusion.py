"""Raters by the names that reports give them, for leaving one out of the analysis."""

from undertone.studies.analysis.anonymise import anonymous_names
from undertone.studies.analysis.load import load_study
from undertone.studies.store import Database
from undertone.studies.store.withdrawal import find_participant


def find_rater(db: Database, study_name: str, who: str) -> str:
    """Return a participant's id by the name in reports (R003), or by panel id, session id, resume code or own id.

    Raises:
        StoreError: there is no study of this name; nobody, or several people, are known by `who`.
    """
    by_name = {name: rater for rater, name in anonymous_names(load_study(db, study_name)).items()}
    wanted = who.strip()
    return by_name.get(wanted.upper()) or find_participant(db, wanted, study_name)
