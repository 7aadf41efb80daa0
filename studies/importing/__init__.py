"""Ratings that were made elsewhere: read from the tables of other tools, and stored as a closed study."""

from undertone.studies.importing.layouts import ImportProblem, RatingRow, Table, read_ratings
from undertone.studies.importing.storing import Imported, import_ratings

__all__ = ["ImportProblem", "Imported", "RatingRow", "Table", "import_ratings", "read_ratings"]
