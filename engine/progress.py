"""Progress of a long call, and the way to stop it: generation and prosody take the same object."""

from collections.abc import Callable
from dataclasses import dataclass


class Cancelled(Exception):  # noqa: N818 (no error: the caller wished it)
    """End of a call whose caller asked it to stop; nothing was made."""


@dataclass(frozen=True)
class CallProgress:
    """Callbacks of one call, which runs them at every step.

    Attributes:
        should_stop: True ends the call with `Cancelled`.
        report: called with the frames done and the frames in all.
    """

    should_stop: Callable[[], bool] | None = None
    report: Callable[[int, int], None] | None = None

    def check(self) -> None:
        """Ask whether to go on.

        Raises:
            Cancelled: `should_stop` returned True.
        """
        if self.should_stop is not None and self.should_stop():
            raise Cancelled

    def update(self, done: int, total: int) -> None:
        """Report the frames done and in all, and ask whether to go on.

        Raises:
            Cancelled: `should_stop` returned True.
        """
        self.check()
        if self.report is not None:
            self.report(done, total)
