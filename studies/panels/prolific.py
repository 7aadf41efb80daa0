"""Client of Prolific's API for researchers: the submissions of a study, and their approval, which pays them.

Own code on httpx: the last release of `pyrolific`, generated from the API's description, is of July 2024. What is
used here is described at https://docs.prolific.com/api-reference, studies and submissions.
"""

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from undertone.studies.panels.errors import PanelError

TOKEN_VARIABLE = "UNDERTONE_PROLIFIC_TOKEN"
ADDRESS_VARIABLE = "UNDERTONE_PROLIFIC_API"  # of a relay, where the machine has no other way out
ADDRESS = "https://api.prolific.com"
PAGE = 200  # submissions asked for at once
MOST_SUBMISSIONS = 100_000
MOST_APPROVED_AT_ONCE = 500  # half of what the description recommends as the most
TRIES = 5
FIRST_PAUSE_SECONDS = 1.0  # doubled with every try, as the description asks for
LONGEST_PAUSE_SECONDS = 60.0
ID = r"^[A-Za-z0-9_-]{1,64}$"
STATUS = r"^[A-Z][A-Z _-]{1,39}$"


class Submission(BaseModel):
    """One person's submission to a study.

    Attributes:
        id: what Prolific puts into the link as SESSION_ID.
        participant_id: the link's PROLIFIC_PID.
        status: a word such as "ACTIVE", "AWAITING REVIEW", "APPROVED", "RETURNED", "TIMED-OUT", "REJECTED" or
            "SCREENED OUT".
    """

    model_config = ConfigDict(frozen=True, extra="ignore")  # there are more fields, and there will be others

    id: Annotated[str, Field(pattern=ID)]
    participant_id: Annotated[str, Field(pattern=ID)]
    status: Annotated[str, Field(pattern=STATUS)]


_SUBMISSIONS = TypeAdapter(tuple[Submission, ...])


class ProlificApi:
    """Prolific's API, asked with a researcher's token.

    Args:
        token: of the researcher's account; it can do there whatever the researcher can.
        address: of the API, https, or http on this machine.
        pause: waits some seconds.
    Raises:
        PanelError: the token or the address cannot be one.
    """

    def __init__(self, token: str, address: str = ADDRESS, pause: Callable[[float], None] = time.sleep) -> None:
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise PanelError(
                f"a token of Prolific is needed: make one in its settings and put it into {TOKEN_VARIABLE}."
            )
        parts = urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1")):
            raise PanelError(f"Prolific's API is at {address!r}; expected an https:// address in {ADDRESS_VARIABLE}.")
        headers = {"Authorization": f"Token {token}"}
        self._client = httpx.Client(base_url=address, headers=headers, timeout=30.0)  # follows no redirect
        self._pause = pause

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return the API as the environment names it. Raises PanelError where it has no token."""
        return cls(environment.get(TOKEN_VARIABLE, "").strip(), environment.get(ADDRESS_VARIABLE) or ADDRESS)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def submissions(self, study_id: str) -> tuple[Submission, ...]:
        """Return all submissions to a study, whatever their state.

        Args:
            study_id: of the study at Prolific.
        Raises:
            PanelError: there is no such study, the token may not see it, or no usable answer came.
        """
        if not re.fullmatch(ID, study_id):
            raise PanelError(f"{study_id!r} is no id of a study at Prolific; it stands in the study's address there.")
        found: dict[str, Submission] = {}
        while len(found) < MOST_SUBMISSIONS:
            place = {"limit": PAGE, "offset": len(found)}
            answer = self._ask("GET", f"/api/v1/studies/{study_id}/submissions/", params=place)
            page = _read_submissions(answer)
            fresh = [one for one in page if one.id not in found]
            found.update({one.id: one for one in fresh})
            if not fresh:
                break
        return tuple(found.values())

    def approve(self, submission_ids: Sequence[str]) -> None:
        """Approve submissions, which pays the people; Prolific does it in the minutes that follow.

        Raises:
            PanelError: refused; those in earlier requests of the same call may be approved.
        """
        for start in range(0, len(submission_ids), MOST_APPROVED_AT_ONCE):
            part = list(submission_ids[start : start + MOST_APPROVED_AT_ONCE])
            self._ask("POST", "/api/v1/submissions/bulk-approve/", json={"submission_ids": part})

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        """Return the JSON of an answer. Asks again, with longer and longer pauses, where Prolific is busy or away."""
        pause, problem = FIRST_PAUSE_SECONDS, ""
        for attempt in range(TRIES):
            if attempt:
                self._pause(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            try:
                answer = self._client.request(method, path, **more)
            except httpx.TransportError as error:
                problem = f"does not answer ({type(error).__name__})"
                continue
            if answer.status_code == 429 or answer.status_code >= 500:
                problem = f"answers {answer.status_code}"
                pause = max(pause, _wanted_pause(answer))
                continue
            return _read_answer(answer)
        raise PanelError(f"Prolific {problem}, {TRIES} times. Nothing is lost: run the command again later.")


def _wanted_pause(answer: httpx.Response) -> float:
    """Return the seconds that a busy server asks for; 0 where it does not say."""
    said = answer.headers.get("retry-after", "")
    return min(float(said), LONGEST_PAUSE_SECONDS) if said.isdigit() and len(said) < 10 else 0.0


def _read_answer(answer: httpx.Response) -> Any:
    if answer.status_code in (401, 403):
        raise PanelError(
            f"Prolific does not take the token in {TOKEN_VARIABLE}, or it may not do this: {_said(answer)}"
        )
    if answer.status_code == 404:
        raise PanelError(f"Prolific knows no such study, or the token may not see it: {_said(answer)}")
    if answer.status_code != 200:
        raise PanelError(f"Prolific refuses ({answer.status_code}): {_said(answer)}")
    try:
        return answer.json()
    except ValueError as error:
        raise PanelError("Prolific's answer is no JSON. Is something between this machine and Prolific?") from error


def _read_submissions(answer: Any) -> tuple[Submission, ...]:
    try:
        return _SUBMISSIONS.validate_python(answer["results"])
    except (KeyError, TypeError, ValidationError) as error:
        what = f": {error.errors()[0]['loc']}" if isinstance(error, ValidationError) else ""
        raise PanelError(f"Prolific's list of submissions is in a form that is not known here{what}.") from error


def _said(answer: httpx.Response) -> str:
    """Return what an answer says about an error, on a line of limited length."""
    try:
        error = answer.json()["error"]
        text = str(error.get("detail") or error.get("title") or error) if isinstance(error, dict) else str(error)
    except (ValueError, KeyError, TypeError):
        text = answer.reason_phrase
    return "".join(letter if letter.isprintable() else " " for letter in text)[:300]
