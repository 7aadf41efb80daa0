"""What keeps something from being measured."""

from undertone.engine import UndertoneError


class MeasureError(UndertoneError):
    """Recordings or numbers that cannot be measured: the text says which and what is needed."""


class NotInstalledError(MeasureError):
    """A package that a measure needs is missing: the text names the command that installs it."""
