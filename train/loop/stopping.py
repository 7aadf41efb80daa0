"""Stop signals: Ctrl-C, or the SIGTERM of a job scheduler. A run then ends after its step, with a checkpoint."""

import signal
import threading
import time
from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
REPEAT_SECONDS = 5.0  # a launcher passes on what its processes were sent by the terminal too


class Stopped(SystemExit):
    """The end of a run that was asked to stop, after its checkpoint; the exit status is the shell's for the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


class StopSignals:
    """Handler that records the first signal; a second one, some seconds later, ends the process as usual."""

    def __init__(self) -> None:
        self.received = 0  # the signal's number
        self._at = 0.0
        self._before: dict[int, object] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handlers
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.received:
            self.received, self._at = number, now
        elif now - self._at > REPEAT_SECONDS:
            raise Stopped(number)
