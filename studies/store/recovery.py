"""Try again to make something ready, from a thread of its own, until it is."""

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)
LONGEST_WAIT_SECONDS = 30.0


class Recovery:
    """Thread that repeats an attempt until it succeeds, with waits that double.

    Args:
        attempt: returns whether it has succeeded.
        first_wait_seconds: before the first attempt.
    """

    def __init__(self, attempt: Callable[[], bool], first_wait_seconds: float) -> None:
        self._attempt, self._wait_seconds = attempt, first_wait_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recovery", daemon=True)

    def start(self) -> None:
        """Begin to wait for the first attempt."""
        self._thread.start()

    def stop(self) -> None:
        """End behind the attempt that is being made; safe to call where it was never started."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        wait = self._wait_seconds
        while not self._stopping.wait(wait):
            try:
                if self._attempt():
                    return
            except Exception:  # whatever it is: the next attempt may find it mended
                logger.exception("the studies cannot be opened yet")
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
