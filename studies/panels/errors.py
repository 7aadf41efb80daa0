"""What keeps a panel from being asked, or its answer from being used."""

from undertone.engine import UndertoneError


class PanelError(UndertoneError):
    """A token, an address or an answer that does not do: the text says what to change."""
