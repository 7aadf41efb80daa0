"""Errors of a rater's request: each has a word for the page, an HTTP status, and a sentence for the person.

A sentence is a message, known by its English text, so that the page can say it in the study's language.
"""

from undertone.engine import UndertoneError

_MEANINGS: dict[str, tuple[int, str]] = {
    "unknown_session": (401, "We do not know this session. Open the link of the study again, or enter your code."),
    "unknown_study": (404, "There is no such study. Check the link, or ask the people who sent it to you."),
    "not_open": (
        403,
        "This study is not open now. Please come back later or ask the people who invited you.",
    ),
    "read_only": (503, "The study is paused for a moment. Nothing is lost: keep this page open and try again later."),
    "full": (403, "All places of this study are taken. Thank you for your interest; there is nothing more to do."),
    "full_for_now": (409, "All places are taken at the moment. Keep this page open: it asks again by itself."),
    "already_completed": (
        403,
        "You have already taken part in this study; nobody can take part more often than was announced.",
    ),
    "already_started": (409, "You have already started. Go on where you began, or enter your code to go on here."),
    "unknown_code": (404, "We do not know this code. Check every letter; codes look like abcd-efgh-jkmn."),
    "too_many_requests": (429, "That was too often. Wait a minute, then try again."),
    "wrong_section": (409, "This page has moved on, perhaps in another tab. It now shows where you are."),
    "not_your_trial": (404, "This clip is not one of yours. Reload the page to go on where you are."),
    "not_listened": (409, "Please listen to the whole clip first, then answer."),
    "too_early": (425, "Please listen to the whole clip first. If you have, this will be saved in a moment."),
    "bad_answer": (422, "This answer does not fit the question."),
    "no_sound": (503, "This sound cannot be loaded at the moment. Your answers are safe: try again in a minute."),
    "ended": (409, "This session has ended. Your earlier answers are kept."),
}


STRANGE = "The page sent something that we do not know. Reload it."  # no page of ours sends it


class SessionError(UndertoneError):
    """A rater's request that cannot be done.

    Args:
        word: one of the known words, which the page acts on.
        message: replaces the usual sentence; a key of the catalogue, written out where it is raised.
        wait_seconds: after which the same request may be sent again.
        values: of the message's places; texts of the study, other messages, or numbers.
    """

    def __init__(
        self, word: str, message: str | None = None, wait_seconds: float | None = None, **values: str | float
    ) -> None:
        self.word = word
        self.status, usual = _MEANINGS[word]
        self.message = message or usual
        self.values = values
        self.wait_seconds = wait_seconds
        numbers = {name: f"{value:g}" for name, value in values.items() if not isinstance(value, str)}
        super().__init__(self.message.format(**{**values, **numbers}))
