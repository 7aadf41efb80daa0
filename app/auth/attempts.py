"""Growing delays for wrong passphrases. The right passphrase is never locked out: it is checked within a minute.

An attempt is counted for its account and address together, so that guesses from other addresses do not delay a person,
and for its address alone. A browser that has signed in before is counted by itself (OWASP, "device cookies"), so that
strangers at the same address do not delay it either.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from undertone.engine import UndertoneError

MAX_WAIT_SECONDS = 45.0  # only programs queue for longer; proxies give up after 60 s
KEPT_SECONDS = 3600.0
MAX_COUNTS = 20_000  # kept in memory
Key = tuple[str, ...]


class TooManyAttemptsError(UndertoneError):
    """An error for attempts that come faster than they are checked; after `wait_seconds` one more is accepted."""

    def __init__(self, wait_seconds: float) -> None:
        super().__init__(f"Too many tries at once. Wait {wait_seconds:.0f} s, then try again.")
        self.wait_seconds = wait_seconds


@dataclass(frozen=True)
class Delay:
    """Delays between attempts: none after the first ones, then twice as long each time."""

    free_attempts: int
    first_seconds: float
    longest_seconds: float

    def after(self, attempts: int) -> float:
        """Return the seconds between attempt number `attempts` and the next."""
        if attempts < self.free_attempts:
            return 0.0
        return min(self.first_seconds * 2.0 ** min(attempts - self.free_attempts, 30), self.longest_seconds)


OF_ACCOUNT = Delay(free_attempts=3, first_seconds=1.0, longest_seconds=16.0)
OF_ADDRESS = Delay(free_attempts=20, first_seconds=1.0, longest_seconds=1.0)  # names are tried one after the other


@dataclass(frozen=True)
class ScheduledAttempt:
    """The delay after which an attempt is checked, and the keys under which it is counted."""

    wait_seconds: float
    keys: tuple[Key, ...]


@dataclass
class _AttemptCount:
    attempts: int = 0
    free_at: float = 0.0
    last_at: float = 0.0


class Attempts:
    """Attempts to sign in to one site, counted in memory. Safe to use from several threads.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: dict[Key, _AttemptCount] = {}
        self._lock = threading.Lock()

    def schedule(self, account: str, address: str, device: str | None = None) -> ScheduledAttempt:
        """Count an attempt as wrong, which `clear` takes back, and return when it is to be checked.

        Args:
            account: the name as typed; nothing tells whether there is one.
            address: `client_address.address_of`.
            device: of a browser that has signed in to this account before.
        Raises:
            TooManyAttemptsError: too many attempts are waiting; this one is not counted.
        """
        delays: dict[Key, Delay] = {("account", account, address): OF_ACCOUNT, ("address", address): OF_ADDRESS}
        if device is not None:
            delays = {("device", device): OF_ACCOUNT}
        with self._lock:
            now = self._clock()
            self._forget(now)
            counts = {key: self._count(key, now) for key in delays}
            start = max(now, *(count.free_at for count in counts.values()))
            if start - now > MAX_WAIT_SECONDS:
                raise TooManyAttemptsError(start - now - MAX_WAIT_SECONDS + 1)
            for key, count in counts.items():
                count.attempts += 1
                count.free_at = start + delays[key].after(count.attempts)
                count.last_at = now
            return ScheduledAttempt(start - now, tuple(delays))

    def clear(self, attempt: ScheduledAttempt) -> None:
        """Forget the wrong attempts of the account. Those of the address stay, or one account would free all others."""
        with self._lock:
            for key in attempt.keys:
                if key[0] != "address":
                    self._counts.pop(key, None)

    def _count(self, key: Key, now: float) -> _AttemptCount:
        count = self._counts.get(key)
        if count is None or now - count.last_at > KEPT_SECONDS:
            count = self._counts[key] = _AttemptCount()
        return count

    def _forget(self, now: float) -> None:
        if len(self._counts) < MAX_COUNTS:
            return
        newest = sorted(self._counts.items(), key=lambda item: item[1].last_at)[MAX_COUNTS // 2 :]
        self._counts = {key: count for key, count in newest if now - count.last_at <= KEPT_SECONDS}
