"""Errors that a user can mend: each says what was wrong, what was expected and what to do."""


class UndertoneError(ValueError):
    """Base of every error that a person can mend; the command line and the pages show its text as it is."""


class AudioError(UndertoneError):
    """Audio that cannot be used: not audio, empty, silent, too short, too long, clipped or non-finite."""


class BundleError(UndertoneError):
    """A bundle or checkpoint that cannot be loaded: the text names the file and the key."""


class SettingsError(UndertoneError):
    """A setting out of its range, or a saved settings file that does not fit."""
