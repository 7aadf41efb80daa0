"""What keeps a study's ratings from being analysed."""

from undertone.engine import UndertoneError


class AnalysisError(UndertoneError):
    """Ratings that give no answer: the text says what is missing and what would be needed."""
