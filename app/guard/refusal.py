"""Refusals of the guard: a sentence for people, never a value of the request."""

import secrets

from starlette.responses import JSONResponse, Response

RETRY_SECONDS = "10"
INTERNAL_ERROR = "Something went wrong on this server. Try again; if it stays, tell its keeper the number {number}."


class RefusedError(Exception):
    """A request that the guard refuses.

    Args:
        status: of the answer.
        sentence: for the visitor; says what was wrong and what to do.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


def refusal(status: int, sentence: str) -> Response:
    """Return the answer, in the two words by which Gradio's pages know an error."""
    return JSONResponse({"detail": sentence, "error": sentence}, status, headers={"Cache-Control": "no-store"})


def refusal_for_now(status: int, sentence: str) -> Response:
    """Return the answer to a program, which is told when to ask again where the refusal will pass: 429 and 503."""
    response = refusal(status, sentence)
    if status in (429, 503):
        response.headers["Retry-After"] = RETRY_SECONDS
    return response


def error_number() -> str:
    """Return a number that stands in the answer and in the log, and means nothing else."""
    return secrets.token_hex(4)
