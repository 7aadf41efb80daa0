"""What keeps a study from being made."""

from undertone.engine import UndertoneError


class DesignError(UndertoneError):
    """A study file or its sounds cannot be used: the text names the file, the key, or the clip."""
