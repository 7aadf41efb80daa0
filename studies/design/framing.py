"""Sites that may show the rater's page in a frame: MTurk's external question, a Qualtrics survey, an own page."""

import re
from typing import Annotated

from pydantic import AfterValidator

_ORIGIN = re.compile(r"https://(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}(?::[0-9]{1,5})?")
MTURK = ("https://www.mturk.com", "https://workersandbox.mturk.com")  # where an external question's form is sent


def _checked(origin: str) -> str:
    """Return the origin. Raises ValueError: it is more than a scheme and a host, or could stand for many."""
    if not _ORIGIN.fullmatch(origin):
        raise ValueError(
            f"{origin!r} is no origin; expected https and a host in small letters, without a path or a star, such as "
            "https://myuni.qualtrics.com"
        )
    return origin


Origin = Annotated[str, AfterValidator(_checked)]


def form_targets(framed_by: tuple[str, ...]) -> tuple[str, ...]:
    """Return the named sites to which the page may send MTurk's form; MTurk's question lies in a page of MTurk."""
    return tuple(origin for origin in framed_by if origin in MTURK)
