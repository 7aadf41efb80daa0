"""Limits on connections in number and in time, so that nobody who holds connections open locks others out.

uvicorn limits the pause between two requests of a connection, and nothing before the first one. This protocol adds a
time for the head of a request, a least speed for its body, a time in which an answer must move, and a number of
connections of one address and of all; where that is reached, the connection that has been idle longest makes room.
"""

import asyncio
import resource
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_SPARE_FILES = 256  # descriptors for the database, sounds and the like
_FILES_OF_A_CONNECTION = 2  # its own, and one to the playground


@dataclass(frozen=True)
class ConnectionBounds:
    """Limits of the connections to one port.

    Attributes:
        total: of all; less where the system allows the process fewer files.
        per_address: of one address.
        head_seconds: from the first moment, or the last answer's next byte, to the end of a request's head.
        body_seconds, body_bytes: in so long a time at least so much of a body must come.
        stalled_seconds: how long an answer may wait for the other side to read.
        is_proxy: whether an address is a proxy of ours, which may hold as many connections as there may be in all.
    """

    total: int = 2000
    per_address: int = 256
    head_seconds: float = 10.0
    body_seconds: float = 20.0
    body_bytes: int = 2048
    stalled_seconds: float = 60.0
    is_proxy: Callable[[str], bool] = lambda address: False


def raise_file_limit(bounds: ConnectionBounds) -> int:
    """Raise this process's limit of open files as far as the bounds need; return the connections that it allows."""
    wanted = bounds.total * _FILES_OF_A_CONNECTION + _SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return bounds.total
    return max(16, min(bounds.total, (soft - _SPARE_FILES) // _FILES_OF_A_CONNECTION))


@dataclass
class _ConnectionTable:
    """Open connections of a port, by address."""

    bounds: ConnectionBounds
    total: int
    idle: dict["BoundedProtocol", None] = field(default_factory=dict)  # without a request; the longest idle first
    count_by_address: Counter[str] = field(default_factory=Counter)

    def accept(self, address: str) -> bool:
        """Return whether one more connection may stay; an idle one makes room: of the same address, or who has most."""
        is_full = self.count_by_address[address] >= self.bounds.per_address and not self.bounds.is_proxy(address)
        crowded = address if is_full else None
        if crowded is None and self.count_by_address.total() >= self.total:
            crowded = max((one.address for one in self.idle), key=self.count_by_address.__getitem__, default="")
        if crowded is None:
            return True
        oldest = next((one for one in self.idle if one.address == crowded), None)
        if oldest is not None:
            oldest.close_now()
        return oldest is not None


class BoundedProtocol(H11Protocol):
    """Protocol of one connection; `bounded_protocol` adds the table that all connections of a port share."""

    table: _ConnectionTable

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.address = ""
        self._timer: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._counted = False
        self._body_bytes = 0

    # -- events of the connection -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it and wait for the head of a request, or close it where there is no room."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        if not self.table.accept(self.address):
            transport.abort()
            return
        self._counted = True
        self.table.count_by_address[self.address] += 1
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._unregister()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; see whether it was the end of a head, or a part of a body."""
        self._body_bytes += len(data)
        if self._is_between_requests and self._timer is None:
            self._await_head()  # a further request has begun: uvicorn's own timer ends with its first byte
        super().data_received(data)
        if not self._is_between_requests:
            self._head_received()

    def on_response_complete(self) -> None:
        """Note that the answer is sent: idle again, for as long as uvicorn lets it be."""
        self._cancel_timer()
        super().on_response_complete()
        if self._is_between_requests and not self.transport.is_closing():
            self.table.idle[self] = None

    def pause_writing(self) -> None:
        """Note that the other side reads more slowly than it is answered: for so long and no longer."""
        super().pause_writing()
        if self._stall is None:
            self._stall = self.loop.call_later(self.table.bounds.stalled_seconds, self.close_now)

    def resume_writing(self) -> None:
        """Note that the other side reads again."""
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    # -- times ------------------------------------------------------------------------------------------------------

    @property
    def _is_between_requests(self) -> bool:
        """Return whether no whole head has come since the last answer."""
        return self.cycle is None or self.cycle.response_complete

    def _await_head(self) -> None:
        self.table.idle[self] = None
        self._timer = self.loop.call_later(self.table.bounds.head_seconds, self.close_now)

    def _head_received(self) -> None:
        if self.table.idle.pop(self, self) is self and self._timer is not None:
            return  # the body's timer is running
        self._cancel_timer()
        self._body_bytes = 0
        if self.conn.their_state is h11.SEND_BODY:
            self._await_body()

    def _await_body(self) -> None:
        self._timer = self.loop.call_later(self.table.bounds.body_seconds, self._check_body_speed)

    def _check_body_speed(self) -> None:
        """Close where too little came, unless it is we who do not read."""
        self._timer = None
        if self.conn.their_state is not h11.SEND_BODY or self._is_between_requests:
            return
        if self._body_bytes < self.table.bounds.body_bytes and not self.flow.read_paused:
            self.close_now()
            return
        self._body_bytes = 0
        self._await_body()

    def close_now(self) -> None:
        """Close at once, whatever is under way."""
        self._unregister()
        if not self.transport.is_closing():
            self.transport.abort()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _unregister(self) -> None:
        self._cancel_timer()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        self.table.idle.pop(self, None)
        if self._counted:
            self._counted = False
            self.table.count_by_address[self.address] -= 1
            if not self.table.count_by_address[self.address]:
                del self.table.count_by_address[self.address]


def bounded_protocol(bounds: ConnectionBounds) -> type[BoundedProtocol]:
    """Return the protocol of one port, for `uvicorn.Config(http=...)`."""
    table = _ConnectionTable(bounds, raise_file_limit(bounds))
    return type("BoundedProtocolOfPort", (BoundedProtocol,), {"table": table})
