"""The one queue before the model of a process: for every page and every program, fair between those who ask.

Whoever has asked least in a round is served first: a program with ten requests waits behind a visitor with one. The
work itself is done by the caller while it holds its turn; `MAX_WAITING` and `MAX_OF_ONE` bound who may wait.
"""

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from undertone.engine import CallProgress, UndertoneError

MAX_WAITING = 64
MAX_OF_ONE = 4  # waiting or at work
CHECK_SECONDS = 0.25  # how often a waiting caller looks whether it was told to stop
REPORT_SECONDS = 2.0  # how often the expected seconds are told anew
FIRST_GUESS = 0.5  # seconds of work for a second of speech, until some were measured
_WEIGHT_OF_NEWEST = 0.3


class QueueFullError(UndertoneError):
    """A request that may not wait.

    Attributes:
        own: whether the caller has too many requests itself, rather than everybody together.
    """

    def __init__(self, text: str, own: bool) -> None:
        super().__init__(text)
        self.own = own


@dataclass(frozen=True)
class QueuePlace:
    """A place among those that wait.

    Attributes:
        position: 1 for who is next.
        seconds: expected until its turn, from the work of those before it.
    """

    position: int
    seconds: float

    @property
    def text(self) -> str:
        """Return the place in words."""
        who = "You are next" if self.position == 1 else f"{self.position - 1} before you"
        return f"Waiting for the model. {who}, about {max(1, round(self.seconds))} s"


@dataclass(eq=False)
class Turn:
    """One request in the queue.

    Attributes:
        owner: who asks; requests of one owner are served in their order.
        speech_seconds: of speech to be made, from which the time is guessed.
        round: in which it is served; later requests of an owner wait for later rounds.
        serial: order of coming.
        began: time at which its work began; None while it waits.
    """

    owner: Hashable
    speech_seconds: float
    round: int
    serial: int
    began: float | None = None


@dataclass
class ModelQueue:
    """Requests that wait for the model and those at work. Safe to use from several threads.

    Args:
        slots: requests at work at once.
        clock: seconds that never go back.
    """

    slots: int = 1
    max_waiting: int = MAX_WAITING
    max_of_one: int = MAX_OF_ONE
    clock: Callable[[], float] = time.monotonic
    _waiting: list[Turn] = field(default_factory=list)  # in the order in which they are served
    _working: list[Turn] = field(default_factory=list)
    _serial: int = 0
    _round: int = 0
    _seconds_of_second: float = FIRST_GUESS

    def __post_init__(self) -> None:
        self._changed = threading.Condition()

    def join(self, owner: Hashable, speech_seconds: float) -> Turn:
        """Take a place; `leave` must be called for it, whatever happens.

        Raises:
            QueueFullError: too many wait, or too many of this owner.
        """
        with self._changed:
            own = [turn for turn in (*self._waiting, *self._working) if turn.owner == owner]
            if len(own) >= self.max_of_one:
                raise QueueFullError(f"{len(own)} of your runs wait or work already. Wait for one of them.", own=True)
            if len(self._waiting) >= self.max_waiting:
                raise QueueFullError("Too many people are waiting. Try again in a minute.", own=False)
            last = max((turn.round for turn in own), default=self._round)
            self._serial += 1
            turn = Turn(owner, max(speech_seconds, 0.0), last + 1 if own else self._round, self._serial)
            self._waiting.append(turn)
            self._waiting.sort(key=lambda one: (one.round, one.serial))
            self._admit()
            return turn

    def leave(self, turn: Turn, finished: bool = True) -> None:
        """Give the place up, at the end of the work or before it; what `finished` teaches how long work takes."""
        with self._changed:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif turn in self._working:
                self._working.remove(turn)
                if finished and turn.began is not None and turn.speech_seconds > 0:
                    measured = (self.clock() - turn.began) / turn.speech_seconds
                    self._seconds_of_second += _WEIGHT_OF_NEWEST * (measured - self._seconds_of_second)
            self._admit()

    def place_of(self, turn: Turn) -> QueuePlace | None:
        """Return a turn's place; None when it may work."""
        with self._changed:
            if turn not in self._waiting:
                return None
            position = self._waiting.index(turn)
            return QueuePlace(position + 1, self._expected_seconds(position))

    def next_place(self) -> QueuePlace:
        """Return the place that somebody who comes now would have; position 0 is at once."""
        with self._changed:
            before = sum(turn.round <= self._round for turn in self._waiting)
            if not before and len(self._working) < self.slots:
                return QueuePlace(0, 0.0)
            return QueuePlace(before + 1, self._expected_seconds(before))

    @contextmanager
    def turn(self, owner: Hashable, speech_seconds: float) -> Iterator["WaitingTurn"]:
        """Take a place for as long as the block runs. Raises QueueFullError."""
        turn = self.join(owner, speech_seconds)
        finished = False
        try:
            yield WaitingTurn(self, turn)
            finished = True
        finally:
            self.leave(turn, finished)

    @property
    def num_waiting(self) -> int:
        """Return the requests that wait."""
        return len(self._waiting)

    @property
    def num_working(self) -> int:
        """Return the requests at work."""
        return len(self._working)

    def wait_for_change(self, seconds: float) -> None:
        """Wait until somebody's place changes, for so long at most."""
        with self._changed:
            self._changed.wait(seconds)

    def _admit(self) -> None:
        """Let those work for whom there is room; everybody who waits is woken."""
        while self._waiting and len(self._working) < self.slots:
            turn = self._waiting.pop(0)
            turn.began, self._round = self.clock(), max(self._round, turn.round)
            self._working.append(turn)
        self._changed.notify_all()

    def _expected_seconds(self, position: int) -> float:
        """Return the seconds until the place at an index is served."""
        now = self.clock()
        before = sum(turn.speech_seconds for turn in self._waiting[:position]) * self._seconds_of_second
        for turn in self._working:
            before += max(0.0, turn.speech_seconds * self._seconds_of_second - (now - (turn.began or now)))
        return before / self.slots


@dataclass(frozen=True)
class WaitingTurn:
    """A turn of `ModelQueue.turn`, whose holder waits."""

    queue: ModelQueue
    turn: Turn

    def places(self, progress: CallProgress) -> Iterator[QueuePlace]:
        """Yield the place whenever it changes, and now and then; end when it may work.

        Args:
            progress: asked whether to go on.
        Raises:
            Cancelled: it was told to stop while it waited.
        """
        told, last = None, -REPORT_SECONDS
        while (place := self.queue.place_of(self.turn)) is not None:
            progress.check()
            now = self.queue.clock()
            if place.position != told or now - last >= REPORT_SECONDS:
                told, last = place.position, now
                yield place
                continue
            self.queue.wait_for_change(CHECK_SECONDS)
        progress.check()
