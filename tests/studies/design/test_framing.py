"""Only sites that a study names, each by its whole origin, may hold the rater's page."""

import pytest
from pydantic import ValidationError

from tests.rating_study import design
from undertone.studies.design.framing import MTURK, form_targets

SURVEY = "https://myuni.eu.qualtrics.com"


@pytest.mark.parametrize(
    "origin",
    [
        "*", "https://*", "https://*.qualtrics.com", "http://myuni.qualtrics.com", "https://myuni.qualtrics.com/",
        "https://a.org; script-src *", "https://a.org https://b.org", "'self'", "https://ada@a.org", "https://A.org",
        "data:", "https://localhost", "https://a.org\n", "",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValidationError, match="is no origin"):
        design(framed_by=[origin])


def test_forms_go_to_mturk_alone() -> None:
    study = design(framed_by=[SURVEY, MTURK[0]])
    assert form_targets(study.framed_by) == (MTURK[0],)
    assert study.hash != design().hash == design(framed_by=[]).hash
