"""Runs of the model that are under way in this process, so that all of them can be ended with a word."""

import threading
import weakref

from undertone.app.shared.widgets import Note

RESTARTING = Note("warning", "The server is being restarted, so this run ended. Reload the page in a minute.")


class Runs:
    """The stops of runs that were begun and may still go on."""

    def __init__(self) -> None:
        self._stops: weakref.WeakSet[threading.Event] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._ending = False

    def watch(self, stop: threading.Event) -> None:
        """Remember a run by the event that stops it; it is stopped at once where all are to end."""
        with self._lock:
            self._stops.add(stop)
            if self._ending:
                stop.set()

    def end(self) -> None:
        """Stop every run, and every one that is begun from now on."""
        with self._lock:
            self._ending = True
            for stop in self._stops:
                stop.set()

    def word(self, usual: Note) -> Note:
        """Return what is said of a run that was stopped: `usual`, or why the server stopped it."""
        return RESTARTING if self._ending else usual

    @property
    def are_ending(self) -> bool:
        """Return whether no run may begin any more."""
        return self._ending


RUNS = Runs()
