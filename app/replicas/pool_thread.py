"""The thread of a replica that makes takes: requests join its pools when there is room, first come, first served."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from undertone.engine import CallProgress, Cancelled, Chunk, Engine
from undertone.engine.generation.pool import PoolEvent, TakePool
from undertone.engine.generation.stream import ContinuationRequest

Deliver = Callable[[Chunk | Exception], None]


@dataclass(eq=False)
class PoolTicket:
    """A request in the thread's hands; `cancelled` may be set by anybody at any time."""

    request: ContinuationRequest
    deliver: Deliver
    cancelled: threading.Event = field(default_factory=threading.Event)


class PoolThread:
    """Thread with a pool for each kind of step; it sleeps while there is nothing to do.

    Args:
        slots: takes at work at once.
    """

    def __init__(self, engine: Engine, slots: int) -> None:
        self._engine = engine
        self._slots = slots
        self._pools: dict[bool, TakePool] = {}  # by whether the step is compiled
        self._working: dict[int, PoolTicket] = {}
        self._waiting: deque[PoolTicket] = deque()
        self._changed = threading.Condition()
        self._keys = 0
        self._thread = threading.Thread(target=self._run, name="takes", daemon=True)
        self._thread.start()

    def submit(self, request: ContinuationRequest, deliver: Deliver) -> PoolTicket:
        """Let a request wait for its turn.

        Args:
            deliver: called in the thread with every chunk, of which the last has the takes, or with what ended it.
        """
        ticket = PoolTicket(request, deliver)
        with self._changed:
            self._waiting.append(ticket)
            self._changed.notify()
        return ticket

    @property
    def num_working(self) -> int:
        """Return the requests whose takes are being made."""
        return len(self._working)

    @property
    def is_alive(self) -> bool:
        """Return whether takes are made at all."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._working:
                    self._changed.wait()
            self._admit()
            for pool in self._pools.values():
                self._hand_out(pool.step())

    def _admit(self) -> None:
        """Let requests join as long as the first one that waits finds room; those who left wait for none."""
        while True:
            with self._changed:
                if not self._waiting:
                    return
                ticket = self._waiting[0]
                pool = self._pool_of(ticket.request)
                left = ticket.cancelled.is_set()
                if not left and len(ticket.request.settings) > pool.num_free:
                    return
                self._waiting.popleft()
            if left:
                ticket.deliver(Cancelled())
                continue
            self._keys += 1
            self._working[self._keys] = ticket
            self._hand_out(pool.add(self._keys, ticket.request, CallProgress(ticket.cancelled.is_set)))

    def _pool_of(self, request: ContinuationRequest) -> TakePool:
        kind = request.compiled is not None
        if kind not in self._pools:
            self._pools[kind] = self._engine.take_pool(self._slots, request.compiled)
        return self._pools[kind]

    def _hand_out(self, events: list[PoolEvent]) -> None:
        for event in events:
            ticket = self._working.pop(event.key) if event.is_last else self._working[event.key]
            ticket.deliver(event.outcome)
