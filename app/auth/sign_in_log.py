"""Sign-ins in the audit log: refused attempts in bounded number, and never a name as it was typed."""

import logging
import threading
from datetime import UTC, datetime

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from undertone.studies.store import Database, StoreError

REFUSED = "admin.refused"
SIGNED_IN = "admin.signed_in"
SIGNED_OUT = "admin.signed_out"
MOST_REFUSALS = "10/hour"  # of each account, and of all names together that are none
logger = logging.getLogger(__name__)


class SignInLog:
    """Writer of sign-in events to the audit log; a database that takes none is reported in the server's log."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._most = parse(MOST_REFUSALS)
        self._left_out: dict[str, int] = {}
        self._lock = threading.Lock()

    def log_refusal(self, account: str | None, reason: str) -> None:
        """Log a refused attempt.

        Args:
            account: the name of somebody who may sign in; None for any other name, as people type passphrases there.
            reason: in a few words.
        """
        whose = account or ""
        with self._lock:
            if not self._limiter.hit(self._most, whose):
                self._left_out[whose] = self._left_out.get(whose, 0) + 1
                return
            left_out = self._left_out.pop(whose, 0)
        payload: dict[str, object] = {"name": account, "reason": reason} if account else {"reason": reason}
        if left_out:
            payload["left_out_before"] = left_out
        self.write(REFUSED, payload)

    def write(self, kind: str, payload: dict[str, object]) -> None:
        """Append an event, also while studies are paused: looking at what is wrong must be possible then."""
        try:
            with self._db.session() as transaction:
                self._db.log(transaction, kind, payload, actor="admin", at=datetime.now(UTC))
        except StoreError as error:
            logger.warning("%s of %s is not in the audit log: %s", kind, payload.get("name"), error)
