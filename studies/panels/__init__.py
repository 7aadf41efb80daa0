"""Panels that raters come from: the states of their submissions there, and what follows for their sessions here.

Public are `ProlificApi`, the client of Prolific, and `review_submissions`, which frees places and says whom to pay.
"""

from undertone.studies.panels.errors import PanelError
from undertone.studies.panels.prolific import ProlificApi, Submission
from undertone.studies.panels.submissions import SubmissionReview, review_submissions

__all__ = ["PanelError", "ProlificApi", "Submission", "SubmissionReview", "review_submissions"]
