"""Files of the pages that never change, kept in the front process: a page loads while the model's process computes."""

import re
from dataclasses import dataclass, field

from starlette.types import Message, Scope, Send

from undertone.app.guard.headers import IMMUTABLE

MOST_BYTES = 32 * 2**20  # of all files together; all of Gradio's are 20 MB
MOST_FILE_BYTES = 4 * 2**20
LONGEST_ACCEPT = 100  # bytes of Accept-Encoding; browsers send 23
_PATH = re.compile(r"(?:/[\w-]+)*/assets/[\w.-]+")


@dataclass
class AssetCache:
    """Answers of the playground that may be given again to anybody.

    It is emptied when it is full, and when the playground is started again, as it may then be another version.
    """

    most_bytes: int = MOST_BYTES
    _answers: dict[tuple[str, bytes], tuple[Message, bytes]] = field(default_factory=dict)
    _bytes: int = 0

    def find(self, scope: Scope) -> tuple[Message, bytes] | None:
        """Return the beginning and the body of the answer to a request; None where it has to be asked for."""
        key = _key(scope)
        return None if key is None else self._answers.get(key)

    def recorder(self, scope: Scope, send: Send) -> Send:
        """Return `send`, with an ear for an answer that may be kept."""
        key = _key(scope)
        if key is None:
            return send
        begun: list[Message] = []
        body = bytearray()

        async def send_and_keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] == 200 and (b"cache-control", IMMUTABLE.encode()) in message["headers"]:
                    begun.append({**message, "headers": list(message["headers"])})
            elif begun and len(body) <= MOST_FILE_BYTES:
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    self._keep(key, begun[0], bytes(body))
            await send(message)

        return send_and_keep

    def clear(self) -> None:
        """Forget all answers."""
        self._answers.clear()
        self._bytes = 0

    def _keep(self, key: tuple[str, bytes], begun: Message, body: bytes) -> None:
        if len(body) > MOST_FILE_BYTES or key in self._answers:
            return
        if self._bytes + len(body) > self.most_bytes:
            self.clear()
        self._answers[key] = begun, body
        self._bytes += len(body)


async def send_kept(answer: tuple[Message, bytes], send: Send) -> None:
    """Send a kept answer."""
    begun, body = answer
    await send({**begun, "headers": list(begun["headers"])})
    await send({"type": "http.response.body", "body": body})


def _key(scope: Scope) -> tuple[str, bytes] | None:
    """Return what an answer depends on: the file and what packings are accepted, word for word.

    None for all but plain requests of whole files.
    """
    if scope["method"] != "GET" or scope.get("query_string") or not _PATH.fullmatch(scope["path"]):
        return None
    headers = dict(scope["headers"])
    if any(name in headers for name in (b"range", b"if-none-match", b"if-modified-since")):
        return None
    accepted: bytes = headers.get(b"accept-encoding", b"")
    return None if len(accepted) > LONGEST_ACCEPT else (scope["path"], accepted)
