"""What keeps a study's data from being read or written."""

from undertone.engine import UndertoneError


class StoreError(UndertoneError):
    """The database cannot do what was asked of it: the text says why and what to do."""
