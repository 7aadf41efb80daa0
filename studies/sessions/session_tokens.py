"""Signed, opaque session tokens, which browsers hold, and resume codes."""

import secrets

from itsdangerous import BadSignature, URLSafeSerializer

from undertone.studies.sessions.errors import SessionError

_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"  # no two that look alike
_CODE_LETTERS = 12  # 58 bits: nobody finds one within the rate limit


class SessionTokens:
    """Signer and reader of session tokens with one key."""

    def __init__(self, secret: str) -> None:
        self._serializer = URLSafeSerializer(secret, salt="undertone.rater-session")

    def make(self, session_id: str) -> str:
        """Return the token that a browser keeps for a session."""
        return self._serializer.dumps(session_id)

    def read(self, token: str) -> str:
        """Return the session's id. Raises SessionError for anything that this server did not sign."""
        try:
            return str(self._serializer.loads(token))
        except BadSignature as error:
            raise SessionError("unknown_session") from error


def new_resume_code() -> str:
    """Return a code that a person can type on another device, in three groups of four."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LETTERS))
    return "-".join(letters[start : start + 4] for start in range(0, _CODE_LETTERS, 4))


def normalise_resume_code(typed: str) -> str:
    """Return what was typed as the code is stored: capitals, spaces and missing hyphens are forgiven."""
    letters = "".join(letter for letter in typed.lower() if letter.isalnum())
    return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))
