"""Nobody outside names a file of the server: every input of every event and every route of every page is asked.

The inputs and routes are read from the pages' Blocks and from Gradio's own routes, so that a new page, and a Gradio
that brings new ones, is asked as well.
"""

import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from gradio.utils import get_upload_folder
from httpx import Response
from starlette.routing import BaseRoute, Mount

from tests.clips import speechlike, write_wav16
from undertone.app.auth.passphrases import add_admin
from undertone.app.auth.sign_in import COOKIE
from undertone.app.guard.gate import ROUTES, Gate
from undertone.app.guard.values import _FREE_TEXT
from undertone.app.shared.context import Context
from undertone.app.site.application import create_app
from undertone.app.site.studies_site import StudiesSite
from undertone.engine import Engine
from undertone.studies.store import Database, StorageLocations, migrate

SECRET = "the signing key of this server, 6f2c1d"
PASSPHRASE = "four words will do"
SESSION = "attacker1"
META = {"_type": "gradio.FileData"}
SECONDS = 5.0  # that any answer may take; a device file once held everybody up for good


@dataclass(frozen=True)
class Target:
    """A site with a secret that nobody may read."""

    app: FastAPI
    secret: Path
    link: Path
    gates: dict[str, Gate]
    signed_in: str

    def client(self) -> TestClient:
        """A visitor of their own, signed in, so that the results are asked as well."""
        made = TestClient(self.app, follow_redirects=False, raise_server_exceptions=False)
        made.cookies.set(COOKIE, self.signed_in)
        made.get("/")
        return made


def sign_in(app: FastAPI) -> str:
    """The cookie of an admin."""
    form = {"name": "ada", "passphrase": PASSPHRASE, "next": "/results"}
    client = TestClient(app, follow_redirects=False)
    assert client.post("/sign-in", data=form, headers={"origin": "http://testserver"}).status_code == 303
    return str(client.cookies[COOKIE])


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Gradio's folder, of this module alone."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache") / "gradio"
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def target(engine: Engine, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("server")
    secret = folder / "secret"
    secret.write_text(SECRET)
    examples = (write_wav16(folder / "an-example.wav", speechlike(4.0)),)
    places = StorageLocations.at(folder / "data")
    db = Database(places.url, places.events)
    migrate(db)
    add_admin(db, "ada", "admin", PASSPHRASE)
    studies_site = StudiesSite.open(db, places, cache / "downloads")
    app = create_app(Context(engine, cache / "visits", examples, feedback=studies_site), studies_site=studies_site)
    link = cache / "uploads" / "linked" / "clip.wav"
    link.parent.mkdir(parents=True)
    link.symlink_to(secret)
    yield Target(app, secret, link, gates_of(app), sign_in(app))
    db.close()


@pytest.fixture(scope="module")
def neighbour() -> Iterator[str]:
    """An address of another service on the server's own machine, which counts who asks."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(1000))
                    connection.sendall(f"HTTP/1.0 200 OK\r\n\r\n{SECRET}".encode())

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/clip.wav"
        assert asked == []


def gates_of(app: FastAPI) -> dict[str, Gate]:
    """The gate of every page; a Gradio application without one is a hole."""
    mounts = [route for route in app.router.routes if isinstance(route, Mount)]
    assert all(isinstance(mount.app, Gate) for mount in mounts)
    return {mount.path: mount.app for mount in mounts}


def paths(target: Target, neighbour: str) -> list[str]:
    """Names by which a file of the server, or of another, could be had."""
    secret = str(target.secret)
    return [
        secret,
        f"{get_upload_folder()}/../../{target.secret.parent.name}/secret",
        f"/handed/../../{target.secret.parent.name}/secret",
        f"/handed{secret}",
        "/handed/uploads/linked/clip.wav",
        str(target.link),
        "/dev/zero",
        "/dev/stdin",
        "/proc/self/environ",
        "/proc/self/root" + secret,
        f"file://{secret}",
        neighbour,
        neighbour.replace("127.0.0.1", "localhost"),
        "data:audio/wav;base64,AAAA",
        "../secret",
        "..\\secret",
        "~/.bashrc",
        "\\\\server\\share\\clip.wav",
        "C:\\secret",
        f" {secret}",
        f"{secret}\0.wav",
    ]


def file_values(path: str, url: str | None = None) -> list[Any]:
    """Values that Gradio could take for a file, at several depths."""
    plain = {"path": path, "meta": META}
    full = {"path": path, "url": url, "orig_name": "clip.wav", "size": 1, "is_stream": False, "meta": META}
    return [
        plain,
        full,
        {**full, "is_stream": True},
        {"path": path},
        {"url": path, "meta": META},
        [plain],
        {"value": plain},
        {"a": [{"b": [[{"c": full}]]}]},
        {"__type__": "update", "value": plain},
    ]


def body(number: int, data: list[Any], **more: Any) -> dict[str, Any]:
    return {"data": data, "fn_index": number, "session_hash": SESSION, "event_data": None, "trigger_id": None, **more}


def assert_refused(answer: Response, value: Any) -> None:
    """In words, soon, and without anything of the request or of the server in them."""
    assert 400 <= answer.status_code < 500, (answer.status_code, value)
    assert answer.elapsed.total_seconds() < SECONDS
    said = answer.json()["detail"]
    assert re.fullmatch(r"[A-Z][^/\\{}]+\.", said), said
    assert "secret" not in said
    assert "Traceback" not in answer.text


def assert_nothing_was_copied(target: Target, cache: Path) -> None:
    for path in cache.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert SECRET not in path.read_bytes().decode(errors="replace"), path


@pytest.mark.parametrize("page", ["", "/prosody", "/results"])
@pytest.mark.parametrize("route", ["run/predict", "queue/join"])
def test_no_input_of_any_event_takes_a_file_that_was_not_handed_to_the_visitor(
    target: Target, cache: Path, neighbour: str, page: str, route: str
) -> None:
    client, gate = target.client(), target.gates[page]
    # Every shape for one path, the usual one for all: shapes and names are checked apart, and take turns at the inputs.
    values = file_values(str(target.secret)) + [file_values(path)[1] for path in paths(target, neighbour)[1:]]
    turns, asked = cycle(values), 0
    for number, event in gate.blocks.fns.items():
        for place in range(len(event.inputs)):
            data: list[Any] = [None] * len(event.inputs)
            for value in islice(turns, 5 if route == "run/predict" else 2):
                data[place] = value
                assert_refused(client.post(f"{page}/gradio_api/{route}", json=body(number, data)), value)
                asked += 1
    assert asked > 2 * len(values)
    assert_nothing_was_copied(target, cache)


def test_no_input_but_text_takes_a_string_that_names_a_file(target: Target, neighbour: str) -> None:
    client, turns = target.client(), cycle(paths(target, neighbour))
    for page, gate in target.gates.items():
        for number, event in gate.blocks.fns.items():
            for place, block in enumerate(event.inputs):
                if isinstance(block, _FREE_TEXT):
                    continue
                for path in islice(turns, 4):
                    data: list[Any] = [None] * len(event.inputs)
                    data[place] = path
                    assert_refused(client.post(f"{page}/gradio_api/run/predict", json=body(number, data)), path)


def test_text_is_text_whatever_it_says_and_opens_nothing(target: Target, cache: Path, neighbour: str) -> None:
    client, turns = target.client(), cycle(paths(target, neighbour))
    for page, gate in target.gates.items():
        for number, event in gate.blocks.fns.items():
            for place, block in enumerate(event.inputs):
                if not isinstance(block, _FREE_TEXT):
                    continue
                for path in islice(turns, 4):
                    data: list[Any] = [None] * len(event.inputs)
                    data[place] = path
                    answer = client.post(f"{page}/gradio_api/run/predict", json=body(number, data))
                    assert answer.elapsed.total_seconds() < SECONDS
                    assert SECRET not in answer.text
    assert_nothing_was_copied(target, cache)


def test_neither_addresses_nor_event_data_nor_other_fields_name_a_file(
    target: Target, cache: Path, neighbour: str
) -> None:
    client, turns = target.client(), cycle(file_values(str(target.secret)))
    own = upload(client, "clip.wav", b"RIFF")
    for page, gate in target.gates.items():
        for number, event in gate.blocks.fns.items():
            empty: list[Any] = [None] * len(event.inputs)
            url = f"{page}/gradio_api/queue/join"
            for value in islice(turns, 3):
                assert_refused(client.post(url, json=body(number, empty, event_data=value)), value)
            if "Audio" in {type(block).__name__ for block in event.inputs}:
                for address in [neighbour, f"file://{target.secret}", str(target.secret), "data:,x"]:
                    data = [{"path": own, "url": address, "meta": META} for _ in event.inputs]
                    assert_refused(client.post(url, json=body(number, data)), address)
    assert_nothing_was_copied(target, cache)


def test_no_route_of_gradio_but_the_known_ones_is_there(target: Target, neighbour: str) -> None:
    """Of those that are, none takes a name that was not handed out."""
    client, turns = target.client(), cycle(paths(target, neighbour))
    for page, gate in target.gates.items():
        for route in gate.app.router.routes:
            for path in islice(turns, 7):
                for address in filled(route, path):
                    known = next((one for one in ROUTES if one.match(address.partition("?")[0])), None)
                    if known is not None and known.name in ("heartbeat", "messages", "progress"):
                        continue  # they stay open: see the test of sessions
                    for method in sorted(getattr(route, "methods", None) or {"GET"}):
                        answer = client.request(method, page + address)
                        assert SECRET not in answer.text, (method, address)
                        assert answer.elapsed.total_seconds() < SECONDS
                        if known is None or method not in known.methods:
                            assert answer.status_code in (404, 405), (method, address, answer.status_code)


def filled(route: BaseRoute, value: str) -> list[str]:
    """Addresses of a route with a value in the place of every parameter, plain and escaped."""
    template = str(getattr(route, "path", "")) or "/"
    slots = re.findall(r"{[^}]+}", template)
    if not slots:
        return [template, f"{template}?deep_link=../x&url={value}".replace("\0", "%00")]
    escaped = value.replace("%", "%25").replace("/", "%2f").replace("\\", "%5c").replace("\0", "%00")
    return [text.join(re.split(r"{[^}]+}", template)) for text in (value.replace("\0", "%00"), escaped)]


@pytest.mark.parametrize("page", ["", "/prosody", "/results"])
def test_the_file_route_serves_no_name_that_was_not_handed_out(target: Target, neighbour: str, page: str) -> None:
    client = target.client()
    for path in paths(target, neighbour):
        for name in (path, "/" + path, path.replace("/", "//"), f"/handed/./{path}"):
            for prefix in ("file=", "file/", "proxy="):
                answer = client.get(f"{page}/gradio_api/{prefix}{name}".replace("\0", "%00"))
                assert answer.status_code in (403, 404)
                assert SECRET not in answer.text
                assert path not in answer.text


def upload(client: TestClient, name: str, content: bytes, page: str = "") -> str:
    """The name under which the visitor knows a file that they sent."""
    answer = client.post(f"{page}/gradio_api/upload", files={"files": (name, content)})
    assert answer.status_code == 200, answer.text
    return str(answer.json()[0])


def test_an_upload_is_its_visitors_alone(target: Target) -> None:
    one, other, nobody = target.client(), target.client(), TestClient(target.app)
    name = upload(one, "../../etc/my voice.wav", b"RIFF of one visitor")
    assert re.fullmatch(r"/handed/uploads/[\w-]{32}/my_voice\.wav", name)
    assert one.get(f"/gradio_api/file={name}").content == b"RIFF of one visitor"
    assert one.get(f"/prosody/gradio_api/file={name}").status_code == 200
    assert one.get(f"/gradio_api/file={name}", headers={"Range": "bytes=0-3"}).content == b"RIFF"
    for stranger in (other, nobody):
        assert stranger.get(f"/gradio_api/file={name}").status_code == 403
        value = {"path": name, "meta": META}
        for number, event in target.gates[""].blocks.fns.items():
            data = [value] * len(event.inputs)
            if data:
                assert_refused(stranger.post("/gradio_api/run/predict", json=body(number, data)), value)


def test_a_visitor_whose_browser_keeps_no_cookies_can_use_what_they_sent(target: Target) -> None:
    client = TestClient(target.app)
    name = upload(client, "clip.wav", b"RIFF")
    assert client.get(f"/gradio_api/file={name}").content == b"RIFF"
    assert target.client().get(f"/gradio_api/file={name}").status_code == 403


def test_a_link_put_in_the_place_of_a_handed_file_is_not_followed(target: Target, cache: Path) -> None:
    client = target.client()
    name = upload(client, "clip.wav", b"RIFF")
    path = cache / name.removeprefix("/handed/")
    path.unlink()
    path.symlink_to(target.secret)
    assert client.get(f"/gradio_api/file={name}").status_code == 403


def test_an_open_page_is_its_visitors_alone(target: Target) -> None:
    one, other = target.client(), target.client()
    events = one.get("/config").json()["dependencies"]
    with_two = next(event["id"] for event in events if event["backend_fn"] and len(event["inputs"]) == 2)
    event = {"fn_index": with_two, "session_hash": "page-of-one", "data": [None, None]}
    assert one.post("/gradio_api/run/predict", json=event).status_code == 200
    for answer in (
        other.post("/gradio_api/run/predict", json=event),
        other.post("/gradio_api/queue/join", json=event),
        other.get("/gradio_api/queue/data?session_hash=page-of-one"),
        other.get("/gradio_api/heartbeat/page-of-one"),
        other.post("/gradio_api/cancel", json={**event, "event_id": "x"}),
    ):
        assert answer.status_code == 403
    other.post("/gradio_api/leave/page-of-one")
    assert one.post("/gradio_api/run/predict", json=event).status_code == 200


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"data":' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"data": [' + b"0," * 50_000 + b"0]}",
        b'{"data": [1e999]}',
        b'{"data": [NaN]}',
        b'{"data": ["\\ud800"]}',
        b'{"data": ["a\\u0000b"]}',
        b'{"data": [' + b"9" * 400 + b"]}",
        b'{"data": [], "fn_index": true, "session_hash": "page-of-many"}',
        b'{"data": [], "fn_index": 100000, "session_hash": "page-of-many"}',
        b'{"data": {}, "fn_index": 0, "session_hash": "page-of-many"}',
        b'{"data": [], "fn_index": 0, "session_hash": "../x"}',
        b'{"data": [], "fn_index": 0}',
        b"{}",
        b"",
        b"\xff\xfe",
        b'{"data": ["' + b"x" * 999_000 + b'"]}',
    ],
)
def test_a_body_that_no_page_sends_is_refused_in_words(target: Target, content: bytes) -> None:
    client = target.client()
    for route in ("run/predict", "queue/join", "cancel", "reset"):
        assert_refused(client.post(f"/gradio_api/{route}", content=content), content[:80])


def test_a_huge_body_is_refused_before_it_is_read(target: Target) -> None:
    client = target.client()
    began = time.monotonic()

    def endless() -> Iterator[bytes]:
        for _ in range(300):
            yield b"x" * 1_000_000

    for route in ("run/predict", "queue/join", "cancel", "reset"):
        assert client.post(f"/gradio_api/{route}", content=b"x" * 2_000_000).status_code == 413
    assert client.post("/gradio_api/queue/join", content=endless()).status_code == 413
    assert time.monotonic() - began < 10


def test_no_route_of_the_site_takes_an_endless_body(target: Target) -> None:
    client = target.client()
    form = {"content-type": "application/x-www-form-urlencoded", "origin": "http://testserver"}
    for path in ("/sign-in", "/rate/api/begin", "/rate/api/answer", "/", "/prosody/", "/nowhere"):
        for content in (b"x" * 2_000_000, iter([b"name=" + b"x" * 600_000] * 4)):
            answer = client.post(path, content=content, headers=form)
            assert answer.status_code in (400, 404, 405, 413), path


def test_uploads_are_bounded_in_size_number_and_all(target: Target, cache: Path) -> None:
    client = target.client()
    large = client.post("/gradio_api/upload", files={"files": ("a.wav", b"\0" * 50_200_000)})
    assert large.status_code == 413
    assert "50 MB" in large.json()["detail"]
    many = [("files", (f"{index}.wav", b"x")) for index in range(20)]
    assert client.post("/gradio_api/upload", files=many).status_code == 400
    for index in range(60):
        upload(client, f"{index}.wav", b"x" * 10)
    assert len(list((cache / "uploads").rglob("[0-9]*.wav"))) <= 40
    assert client.post("/gradio_api/upload", content=b"x").status_code == 415
    names = [upload(client, "big.wav", b"\0" * 45_000_000) for _ in range(6)]
    kept = [client.get(f"/gradio_api/file={name}", headers={"Range": "bytes=0-0"}).status_code for name in names]
    assert kept[-1] == 206
    assert kept[0] == 403


def test_other_sites_neither_read_nor_send(target: Target) -> None:
    client = target.client()
    name = upload(client, "clip.wav", b"RIFF")
    event = {"fn_index": 0, "session_hash": "page-of-mine", "data": [None, None]}
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert client.post("/gradio_api/run/predict", json=event, headers=headers).status_code == 403
        assert client.get(f"/gradio_api/file={name}", headers=headers).status_code == 403
        assert client.get("/config", headers=headers).status_code == 403
        page = client.get("/", headers=headers)
        assert not [key for key in page.headers if key.startswith("access-control")]
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    assert client.options("/gradio_api/queue/join", headers=asked).status_code in (404, 405)


def test_gradio_believes_nothing_that_a_request_says_about_its_host(target: Target) -> None:
    client = target.client()
    said = {
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "https",
        "forwarded": "host=evil.example",
        "x-gradio-server": "http://evil.example",
        "host": "evil.example",
    }
    for page in target.gates:
        for path in ("/", "/config"):
            answer = client.get(page + path, headers=said)
            assert answer.status_code == 200
            assert "evil.example" not in answer.text
            assert "gradio.invalid" not in answer.text


def test_pages_may_run_only_their_own_scripts_and_lie_only_in_known_frames(target: Target) -> None:
    client = target.client()
    for page in target.gates:
        headers = client.get(f"{page}/").headers
        policy = headers["content-security-policy"]
        scripts = next(part for part in policy.split(";") if "script-src" in part)
        assert "'unsafe-inline'" not in scripts
        assert "*" not in policy
        assert "frame-ancestors 'self' https://huggingface.co" in policy
        assert "object-src 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert client.get(f"{page}/theme.css").headers["x-content-type-options"] == "nosniff"


def test_behind_the_gate_gradio_itself_refuses_as_well(target: Target, cache: Path) -> None:
    """A second layer: what the gate might let through one day is still looked at by Gradio, and quoted by nobody."""
    gate = target.gates[""]
    with TestClient(gate.app, raise_server_exceptions=False) as inside:
        for number, event in gate.blocks.fns.items():
            if event.fn is None or event.queue:
                continue
            data = [{"path": str(target.secret), "meta": META} for _ in event.inputs]
            answer = inside.post("/gradio_api/run/predict", json=body(number, data))
            assert SECRET not in answer.text
            assert str(cache) not in answer.text
    assert_nothing_was_copied(target, cache)


def test_the_servers_folder_is_in_nothing_that_a_page_receives(target: Target, cache: Path) -> None:
    client = target.client()
    for page in target.gates:
        for path in ("/", "/config"):
            assert str(cache) not in client.get(page + path).text
