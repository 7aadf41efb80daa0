"""The way from the playground to the replicas of the engine: a Unix socket whose bytes go on over TCP.

The playground may open no connection of its own (`landlock`), and so it reaches this one address and no other.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from undertone.engine import UndertoneError

SCHEME = "ray"
USUAL_PORT = 8000  # of Ray Serve's proxy
PIECE_BYTES = 2**16


@dataclass(frozen=True)
class ReplicasAddress:
    """Address of the proxy before the replicas."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address of ray://HOST[:PORT]. Raises UndertoneError."""
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port or USUAL_PORT
        except ValueError:
            host, port = None, 0
        if host is None or parts.scheme != SCHEME or parts.path not in ("", "/") or parts.query or parts.username:
            raise UndertoneError(
                f"--engine is {text!r}; expected ray://HOST:PORT, the address that `undertone replicas` prints."
            )
        return cls(host, port)


@asynccontextmanager
async def relay_to(address: ReplicasAddress, path: Path) -> AsyncIterator[None]:
    """Pass on what comes to a Unix socket for as long as the block runs.

    Args:
        path: of the socket, in a folder that nobody else can enter.
    """

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection(address.host, address.port)
        except OSError:  # the playground says that nobody answers
            writer.close()
            return
        # Whoever of the two ends the connection, it ends on both sides: a page that is left ends its take.
        ways = [
            asyncio.ensure_future(_copy(reader, there_writer)),
            asyncio.ensure_future(_copy(there_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for one in (writer, there_writer):
                one.close()

    server = await asyncio.start_unix_server(pass_on, path=str(path))
    path.chmod(0o600)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
