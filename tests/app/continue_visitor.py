"""A visitor of the Continue page without a browser: sends what the page sends and keeps what comes, with its time."""

import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.app.split_site import BROWSER, NO_CERTIFICATES


class ContinueVisitor:
    """One open page.

    Args:
        address: of the first page, without a slash at its end.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.client = httpx.Client(timeout=120, headers={"sec-fetch-site": "same-origin"}, verify=NO_CERTIFICATES)
        opened = self.client.get(f"{address}/", headers=BROWSER)
        self.client.headers["cookie"] = opened.headers["set-cookie"].split(";")[0]  # also where it is only for https
        self.session = secrets.token_hex(6)
        config = self.client.get(f"{address}/config").json()
        self.events: list[dict[str, Any]] = config["dependencies"]
        self.values = {one["id"]: one["props"].get("value") for one in config["components"]}
        self.maximum = {one["id"]: one["props"].get("maximum") for one in config["components"]}
        self.names = {one["props"].get("elem_id"): one["id"] for one in config["components"]}
        self.states = {one["id"] for one in config["components"] if one["type"] == "state"}

    def __enter__(self) -> "ContinueVisitor":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def upload(self, clip: Path) -> None:
        """Choose a clip."""
        sent = self.client.post(
            f"{self.address}/gradio_api/upload", files={"files": (clip.name, clip.read_bytes(), "audio/wav")}
        )
        assert sent.status_code == 200, sent.text
        self.values[self.names["clip"]] = {
            "path": sent.json()[0],
            "orig_name": clip.name,
            "meta": {"_type": "gradio.FileData"},
        }
        for event in self._on("clip", "change"):
            self._at_once(event)

    def messages_of_continue(self, **controls: float) -> Iterator[tuple[float, dict[str, Any]]]:
        """Press Continue; yield every message of the run, with the seconds of a clock when it came."""
        for name, value in controls.items():
            self.values[self.names[name]] = value
        (press,) = [event for event in self._on("go", "click") if not event["queue"]]
        self._at_once(press)
        (work,) = [event for event in self.events if event["trigger_after"] == press["id"]]
        joined = self._send("queue/join", work)
        assert joined.status_code == 200, joined.text
        stream = self.client.stream("GET", f"{self.address}/gradio_api/queue/data?session_hash={self.session}")
        with stream as answer:
            for line in answer.iter_lines():
                if not line.startswith("data:"):
                    continue
                message = json.loads(line[5:])
                yield time.monotonic(), message
                if message["msg"] in ("process_completed", "close_stream", "unexpected_error"):
                    return

    def _on(self, name: str, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if [self.names[name], kind] in event["targets"] and event["backend_fn"]]

    def _at_once(self, event: dict[str, Any]) -> None:
        answer = self._send("run/predict", event)
        assert answer.status_code == 200, answer.text

    def _send(self, route: str, event: dict[str, Any]) -> httpx.Response:
        body = {
            "data": [None if one in self.states else self.values[one] for one in event["inputs"]],
            "fn_index": event["id"],
            "session_hash": self.session,
            "trigger_id": event["targets"][0][0],
        }
        return self.client.post(f"{self.address}/gradio_api/{route}", json=body)
