"""Address and scheme of a client; forwarding headers are read only from trusted proxies.

`behind_proxies` wraps the whole site. Everything inside reads a request's client and scheme alone, as the forwarding
headers are removed and no library can read them by mistake.
"""

import ipaddress
import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from undertone.engine import UndertoneError

PROXIES_VARIABLE = "UNDERTONE_TRUSTED_PROXIES"
# A Space can be reached through Hugging Face's proxy alone, which has a private address.
SPACE_PROXIES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
_FORWARDING_HEADERS = (
    b"forwarded",
    b"x-real-ip",
    b"x-client-ip",
    b"true-client-ip",
    b"cf-connecting-ip",
    b"x-gradio-server",
)
_NO_ADDRESS = "unknown"  # of a local socket
_LONGEST = 64  # characters of what a proxy names instead of an address
_SUBSCRIBER_BITS = 64  # of IPv6: whoever has one address has the whole network

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
logger = logging.getLogger(__name__)


class ProxyNameError(UndertoneError):
    """A trusted proxy given as something else than an address or a network; the text says what was expected."""


@dataclass(frozen=True)
class TrustedProxies:
    """Addresses of the proxies whose forwarding headers are read; none by default."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, given: Iterable[str], environment: Mapping[str, str] = os.environ) -> "TrustedProxies":
        """Read addresses and networks; where none is given, those of `UNDERTONE_TRUSTED_PROXIES` or of a Space.

        Args:
            given: `192.0.2.7`, `10.1.0.0/16` or `2001:db8::/32`; each may hold several, with commas or spaces between.
        Raises:
            ProxyNameError: one is no address, or means everybody.
        """
        names = _split(given) or _split([environment.get(PROXIES_VARIABLE, "")])
        if not names and environment.get("SPACE_ID"):
            names = list(SPACE_PROXIES)
        return cls(tuple(_network(name) for name in names))


def behind_proxies(app: ASGIApp, proxies: TrustedProxies) -> ASGIApp:
    """Return the site with client and scheme taken from its proxies; uvicorn must not read these headers itself.

    Args:
        app: the whole site.
        proxies: `X-Forwarded-For` and `X-Forwarded-Proto` are read from these alone.
    """
    believing = ProxyHeadersMiddleware(_without_forwarding_headers(app), [str(network) for network in proxies.networks])  # type: ignore[arg-type]  # uvicorn's names of the same ASGI types
    warned = False

    async def site(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal warned
        if scope["type"] in ("http", "websocket"):
            scope = {**scope, "client": _plain(scope.get("client"))}
            if not warned and _has_forwarded_for(scope) and not is_trusted(scope["client"], proxies):
                warned = True
                logger.warning("%s", _untrusted_proxy_warning(scope["client"]))
        await believing(scope, receive, send)  # type: ignore[arg-type]

    return site


def address_of(connection: HTTPConnection) -> str:
    """Return the address by which limits count a client: of IPv4 its own, of IPv6 its network of 64 bits."""
    host = connection.client.host if connection.client else _NO_ADDRESS
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:_LONGEST] or _NO_ADDRESS
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address.packed, _SUBSCRIBER_BITS), strict=False))
    return str(address)


def is_https(connection: HTTPConnection) -> bool:
    """Return whether the client's side of the connection is encrypted, also where a named proxy decrypts it."""
    return connection.url.scheme in ("https", "wss")


def _split(given: Iterable[str]) -> list[str]:
    return [name for text in given for name in re.split(r"[,\s]+", text) if name]


def _network(name: str) -> Network:
    try:
        network = ipaddress.ip_network(name, strict=False)
    except ValueError as error:
        raise ProxyNameError(
            f"trusted proxy {name!r} is no address; expected one such as 192.0.2.7, 10.1.0.0/16 or 2001:db8::/32."
        ) from error
    if network.prefixlen == 0:
        raise ProxyNameError(
            f"trusted proxy {name!r} means everybody, who could then name any address. Name the proxy."
        )
    return network


def _without_forwarding_headers(app: ASGIApp) -> ASGIApp:
    """Return the application without forwarding headers, as client and scheme already hold what is true in them."""

    async def bare(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            scope = {
                **scope,
                "headers": [header for header in scope["headers"] if not _is_forwarding_header(header[0])],
            }
        await app(scope, receive, send)

    return bare


def _is_forwarding_header(name: bytes) -> bool:
    return name.startswith(b"x-forwarded-") or name in _FORWARDING_HEADERS


def _has_forwarded_for(scope: Scope) -> bool:
    return any(name == b"x-forwarded-for" for name, _ in scope["headers"])


def is_trusted(client: Any, proxies: TrustedProxies) -> bool:
    """Return whether a connection, (address, port), comes from a trusted proxy."""
    try:
        address = ipaddress.ip_address(client[0])
    except (TypeError, ValueError):
        return False
    return any(address in network for network in proxies.networks)


def _plain(client: Any) -> Any:
    """Return the client as IPv4 where a socket for both kinds wrote it as IPv6."""
    try:
        mapped = ipaddress.IPv6Address(client[0]).ipv4_mapped
    except (TypeError, ValueError):
        return client
    return (str(mapped), client[1]) if mapped else client


def _untrusted_proxy_warning(client: Any) -> str:
    return (
        f"{client[0] if client else 'a local socket'} forwards for others but is no trusted proxy: its visitors count "
        f"as one address, and https is not seen. If it is yours, name it with --trusted-proxy or {PROXIES_VARIABLE}."
    )
