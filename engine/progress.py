"""A caller's eye on a long call: progress, and a way to stop it."""

from collections.abc import Callable
from dataclasses import dataclass


class Cancelled(Exception):  # noqa: N818 (no error: the caller wished it)
    """`should_stop` said so; nothing was made."""


@dataclass(frozen=True)
class CallProgress:
    """Asked at every step of a long call.

    Attributes:
        should_stop: True ends the call with `Cancelled`.
        progress: called with what is done and what there is in all, in frames.
    """

    should_stop: Callable[[], bool] | None = None
    progress: Callable[[int, int], None] | None = None

    def check(self) -> None:
        """Go on, or not.

        Raises:
            Cancelled: the caller wants no more.
        """
        if self.should_stop is not None and self.should_stop():
            raise Cancelled

    def at(self, done: int, total: int) -> None:
        """Report a step.

        Raises:
            Cancelled: the caller wants no more.
        """
        self.check()
        if self.progress is not None:
            self.progress(done, total)
