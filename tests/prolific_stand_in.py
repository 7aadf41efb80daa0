"""A stand-in of Prolific's API on loopback: studies with submissions in memory, after the public description.

It lists a study's submissions by limit and offset, approves in bulk what awaits review, and refuses in Prolific's form.
Its messages about submissions are signed as the description's example does it.
"""

import base64
import hashlib
import hmac
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "a-token-of-a-researcher"
WORKSPACE_SECRET = "cGNqFPb6y0RT3XO9XVSessBDYIbHQ-"


@dataclass
class Prolific:
    """What the stand-in holds, and how it behaves."""

    studies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    url: str = ""
    largest_page: int = 100
    busy: int = 0  # so many requests are answered 429 first
    asked: list[str] = field(default_factory=list)  # methods and paths

    def add(self, study: str, submission: str, participant: str, status: str) -> None:
        """Add a submission as the API lists it."""
        shown = {
            "id": submission,
            "participant_id": participant,
            "status": status,
            "started_at": "2026-03-01T12:00:00.000000Z",
            "completed_at": None,
            "has_siblings": False,
            "study_code": None,
            "return_requested": None,
        }
        self.studies.setdefault(study, []).append(shown)

    def statuses(self, study: str) -> dict[str, str]:
        return {one["id"]: one["status"] for one in self.studies[study]}

    def approve(self, wanted: list[str]) -> tuple[int, Any]:
        known = {one["id"]: one for submissions in self.studies.values() for one in submissions}
        if missing := [one for one in wanted if one not in known]:
            return 400, _refusal(400, "Bad request", f"Submissions {missing} were not found")
        for one in wanted:
            if known[one]["status"] == "AWAITING REVIEW":
                known[one]["status"] = "APPROVED"
        return 200, "The request to bulk approve has been made successfully."


def signed_headers(body: bytes, at: float, secret: str = WORKSPACE_SECRET) -> dict[str, str]:
    """Return the headers of a message that the stand-in sends at a time."""
    timestamp = str(int(at))
    digest = hmac.new(secret.encode(), str.encode(timestamp + body.decode()), hashlib.sha256).digest()
    return {
        "X-Prolific-Request-Signature": base64.b64encode(digest).decode(),
        "X-Prolific-Request-Timestamp": timestamp,
        "X-Event-ID": "6394cee483e14a167638b36c",
        "Content-Type": "application/json",
    }


def change_message(submission: str, participant: str, status: str, **more: Any) -> bytes:
    """Return the body of a message that a submission's status has changed."""
    event = {"resource_id": submission, "event_type": "submission.status.change", "participant_id": participant}
    return json.dumps({**event, "status": status, **more}).encode()


def _refusal(status: int, title: str, detail: str) -> dict[str, Any]:
    return {"error": {"status": status, "error_code": 140000 + status, "title": title, "detail": detail}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    prolific: Prolific

    def log_message(self, *_: Any) -> None:
        return

    def _say(self, status: int, content: Any, **headers: str) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _is_refused(self) -> bool:
        self.prolific.asked.append(f"{self.command} {self.path}")
        if self.prolific.busy > 0:
            self.prolific.busy -= 1
            self._say(429, _refusal(429, "Too many requests", "Slow down"), Retry_After="7")
        elif self.headers.get("Authorization") != f"Token {TOKEN}":
            self._say(401, _refusal(401, "Unauthorized", "Invalid token."))
        else:
            return False
        return True

    def do_GET(self) -> None:
        if self._is_refused():
            return
        address = urlsplit(self.path)
        found = re.fullmatch(r"/api/v1/studies/(\w+)/submissions/", address.path)
        if found is None or found[1] not in self.prolific.studies:
            self._say(404, _refusal(404, "Not found", "No study was found"))
            return
        query = {name: int(values[0]) for name, values in parse_qs(address.query).items()}
        start = query.get("offset", 0)
        listed = self.prolific.studies[found[1]]
        page = listed[start : start + min(query.get("limit", 20), self.prolific.largest_page)]
        self._say(200, {"results": page, "meta": {"count": len(listed)}})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._is_refused():
            return
        if self.path == "/api/v1/submissions/bulk-approve/":
            self._say(*self.prolific.approve(json.loads(body)["submission_ids"]))
        else:
            self._say(404, _refusal(404, "Not found", self.path))


@contextmanager
def stand_in() -> Iterator[Prolific]:
    """Serve the stand-in until the block ends."""
    prolific = Prolific()
    handler = type("Handler", (_Handler,), {"prolific": prolific})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    prolific.url = f"http://127.0.0.1:{server.server_address[1]}"
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    serving.start()
    try:
        yield prolific
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
