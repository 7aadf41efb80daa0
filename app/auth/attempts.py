"""Growing delays for wrong passphrases. A right one is never locked out: its turn comes within a minute.

A try is counted for its account and address together, so that nobody who guesses elsewhere slows a person down, and
for its address alone. A browser that has signed in before is counted by itself (OWASP, "device cookies"): strangers at
the same address cannot slow it down either.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from undertone.engine import UndertoneError

LONGEST_WAIT_SECONDS = 45.0  # longer lines only programs make; proxies give up after 60 s
FORGOTTEN_SECONDS = 3600.0
MAX_LINES = 20_000  # kept in memory
Key = tuple[str, ...]


class TooManyTriesError(UndertoneError):
    """Tries come faster than they are looked at; `wait_seconds` tells when the line is shorter."""

    def __init__(self, wait_seconds: float) -> None:
        super().__init__(f"Too many tries at once. Wait {wait_seconds:.0f} s, then try again.")
        self.wait_seconds = wait_seconds


@dataclass(frozen=True)
class Delay:
    """How long the line waits after each try: nothing for the first ones, then twice as long each time."""

    free_tries: int
    first_seconds: float
    longest_seconds: float

    def after(self, tries: int) -> float:
        """Return the seconds until the next try after so many."""
        if tries < self.free_tries:
            return 0.0
        return min(self.first_seconds * 2.0 ** min(tries - self.free_tries, 30), self.longest_seconds)


OF_ACCOUNT = Delay(free_tries=3, first_seconds=1.0, longest_seconds=16.0)
OF_ADDRESS = Delay(free_tries=20, first_seconds=1.0, longest_seconds=1.0)  # names are tried one after the other


@dataclass(frozen=True)
class Turn:
    """When a try is looked at, and where it is counted."""

    wait_seconds: float
    keys: tuple[Key, ...]


@dataclass
class _Line:
    tries: int = 0
    free_at: float = 0.0
    last_at: float = 0.0


class Attempts:
    """Tries of one site, in memory. Safe to use from several threads.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lines: dict[Key, _Line] = {}
        self._lock = threading.Lock()

    def take_turn(self, account: str, address: str, device: str | None = None) -> Turn:
        """Return the turn of a try, which counts as wrong until `was_right` says otherwise.

        Args:
            account: the name as typed; nothing tells whether there is one.
            address: `client_address.address_of`.
            device: of a browser that has signed in to this account before.
        Raises:
            TooManyTriesError: so many tries are waiting already; this one is not counted.
        """
        delays: dict[Key, Delay] = {("account", account, address): OF_ACCOUNT, ("address", address): OF_ADDRESS}
        if device is not None:
            delays = {("device", device): OF_ACCOUNT}
        with self._lock:
            now = self._clock()
            self._forget(now)
            lines = {key: self._line(key, now) for key in delays}
            start = max(now, *(line.free_at for line in lines.values()))
            if start - now > LONGEST_WAIT_SECONDS:
                raise TooManyTriesError(start - now - LONGEST_WAIT_SECONDS + 1)
            for key, line in lines.items():
                line.tries += 1
                line.free_at = start + delays[key].after(line.tries)
                line.last_at = now
            return Turn(start - now, tuple(delays))

    def was_right(self, turn: Turn) -> None:
        """Forget the wrong tries of the account; those of the address stay, or one account would free all others."""
        with self._lock:
            for key in turn.keys:
                if key[0] != "address":
                    self._lines.pop(key, None)

    def _line(self, key: Key, now: float) -> _Line:
        line = self._lines.get(key)
        if line is None or now - line.last_at > FORGOTTEN_SECONDS:
            line = self._lines[key] = _Line()
        return line

    def _forget(self, now: float) -> None:
        if len(self._lines) < MAX_LINES:
            return
        newest = sorted(self._lines.items(), key=lambda item: item[1].last_at)[MAX_LINES // 2 :]
        self._lines = {key: line for key, line in newest if now - line.last_at <= FORGOTTEN_SECONDS}
