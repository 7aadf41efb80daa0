"""Files go with the visit: at once when the page is closed, soon when its connection is lost, and only then."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Mount

from tests.clips import speechlike, write_wav16
from undertone.app.guard.gate import Gate
from undertone.app.guard.limits import RequestLimits
from undertone.app.guard.refusal import RefusedError
from undertone.app.guard.visitors import Visitors
from undertone.app.shared.context import Context
from undertone.app.shared.prompt_clip import PromptClip
from undertone.app.site.application import create_app
from undertone.engine import AudioError, Engine
from undertone.engine.audio.reading import ReadAudio

META = {"_type": "gradio.FileData"}


class Clock:
    """Time that passes when the test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def visitors(tmp_path: Path, clock: Clock) -> Visitors:
    return Visitors(tmp_path / "files", clock=clock)


def received(visitors: Visitors, visitor: str, name: str = "voice.wav") -> Path:
    """A file that a visitor sent."""
    path = visitors.allocate_upload(visitor, name, 4)
    path.write_bytes(b"RIFF")
    return path


def shown_as(visitors: Visitors, path: Path) -> str:
    return visitors.hide_root(str(path).encode()).decode()


def test_uploads_go_when_the_last_page_that_knows_them_is_left(visitors: Visitors) -> None:
    path = received(visitors, "ada")
    gone: list[str] = []
    for page in ("one", "two"):
        visitors.session(page, "ada", lambda page=page: gone.append(page))
        visitors.resolve(shown_as(visitors, path), "ada", page)
    visitors.close_session("one")
    assert path.exists()
    visitors.close_session("two")
    assert not path.parent.exists()
    assert gone == ["one", "two"]
    with pytest.raises(RefusedError):
        visitors.resolve(shown_as(visitors, path), "ada")


def test_a_lost_connection_is_waited_for_and_then_the_page_is_left(visitors: Visitors, clock: Clock) -> None:
    path = received(visitors, "ada")
    visitors.session("page", "ada", lambda: None)
    visitors.resolve(shown_as(visitors, path), "ada", "page")
    with visitors.connection("page"):
        clock.now += 10_000
        visitors.sweep()
        assert path.exists()
    clock.now += 599
    visitors.sweep()
    assert path.exists()
    clock.now += 2
    visitors.sweep()
    assert not path.exists()


def test_an_upload_that_no_page_took_does_not_stay(visitors: Visitors, clock: Clock) -> None:
    path = received(visitors, "ada")
    clock.now += 601
    visitors.sweep()
    assert not path.exists()


def test_copies_that_others_may_be_given_too_stay(visitors: Visitors) -> None:
    shared = visitors.root / ("a" * 64) / "an-example.wav"
    made = visitors.root / "downloads" / "results-1" / "report.zip"
    for path in (shared, made):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"RIFF")
    visitors.session("page", "ada", lambda: None)
    visitors.register_files(b'{"path":"%s","url":"x"},"%s"' % (bytes(shared), bytes(made)), "ada", "page")
    visitors.resolve(shown_as(visitors, shared), "ada")
    visitors.close_session("page")
    assert shared.exists()
    assert not made.exists()


def test_more_pages_than_there_is_room_for_end_the_one_that_was_silent_longest(tmp_path: Path, clock: Clock) -> None:
    visitors = Visitors(tmp_path, RequestLimits(sessions=3, visitor_sessions=2), clock)
    ended: list[str] = []

    def come(page: str, visitor: str) -> None:
        clock.now += 1
        visitors.session(page, visitor, lambda: ended.append(page))

    come("one", "ada")
    come("two", "ada")
    come("three", "ada")
    assert ended == ["one"]
    come("four", "bob")
    with visitors.connection("two"):
        come("five", "cora")
        assert ended == ["one", "three"]


def test_the_disk_is_never_filled(tmp_path: Path) -> None:
    full = Visitors(tmp_path / "a", RequestLimits(free_bytes=10**18))
    with pytest.raises(RefusedError, match="no room"):
        full.allocate_upload("ada", "voice.wav", 4)
    small = Visitors(tmp_path / "b", RequestLimits(all_bytes=10))
    received(small, "ada")
    received(small, "bob")
    with pytest.raises(RefusedError, match="no room"):
        received(small, "cora")


@pytest.fixture
def site(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    cache = tmp_path / "gradio"
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(cache))
    return create_app(Context(engine, cache / "visits"))


def body(number: int, data: list[Any]) -> dict[str, Any]:
    return {"fn_index": number, "data": data, "session_hash": "mypage", "event_data": None, "trigger_id": 1}


def test_nothing_of_a_visit_is_left_when_the_page_is_closed(site: FastAPI, tmp_path: Path) -> None:
    gate = next(route.app for route in site.router.routes if isinstance(route, Mount) and route.path == "")
    assert isinstance(gate, Gate)
    clip = write_wav16(tmp_path / "clip.wav", speechlike(4.0)).read_bytes()
    with TestClient(site) as client:
        client.get("/")
        name = client.post("/gradio_api/upload", files={"files": ("clip.wav", clip)}).json()[0]
        loading = next(number for number, event in gate.blocks.fns.items() if event.name == "load")
        answer = client.post("/gradio_api/run/predict", json=body(loading, [{"path": name, "meta": META}, None]))
        assert answer.status_code == 200, answer.text
        assert "Good level" in answer.text
        assert str(tmp_path) not in answer.text
        (visit,) = [value for value in gate.app.state_holder["mypage"].state_data.values() if hasattr(value, "clip")]
        heard = visit.folder / "take-heard.wav"
        heard.write_bytes(b"RIFF")
        assert visit.clip is not None
        assert client.post("/gradio_api/leave/mypage").status_code == 200
        assert visit.clip is None
        assert "mypage" not in gate.app.state_holder
    assert not [path for path in (tmp_path / "gradio").rglob("*") if path.is_file()]


def test_no_more_than_two_clips_are_decoded_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = write_wav16(tmp_path / "clip.wav", speechlike(1.0))
    running, most = 0, 0
    lock = threading.Lock()

    def slow(*_: object) -> ReadAudio:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.05)
        with lock:
            running -= 1
        return ReadAudio(torch.zeros(16_000), 16_000, ())

    monkeypatch.setattr("undertone.app.shared.prompt_clip.read_and_repair", slow)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(PromptClip.read, [str(path)] * 8))
    assert most == 2


def test_a_clip_that_is_gone_is_told_without_its_path(tmp_path: Path) -> None:
    for path in (str(tmp_path / "gone.wav"), "bad\0name", str(tmp_path)):
        with pytest.raises(AudioError) as caught:
            PromptClip.read(path)
        assert str(tmp_path) not in str(caught.value)
        assert "bad" not in str(caught.value)


def test_a_page_gets_its_own_parameters_and_none_of_gradios(site: FastAPI) -> None:
    gate = next(route.app for route in site.router.routes if isinstance(route, Mount) and route.path == "")
    assert isinstance(gate, Gate)
    asked: list[bytes] = []
    inner = gate.app

    async def noted(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["query_string"])
        await inner(scope, receive, send)

    monkey = pytest.MonkeyPatch()
    monkey.setattr(gate, "app", noted)
    with TestClient(site) as client:
        client.get("/?take=a-Ticket_1&deep_link=x&path=/etc/passwd&url=..%2f")
    monkey.undo()
    assert asked == [b"take=a-Ticket_1"]


def test_a_visitor_gets_one_cookie_that_scripts_cannot_read_and_a_frame_of_a_space_can_send(site: FastAPI) -> None:
    plain = TestClient(site).get("/").headers["set-cookie"]
    assert plain.startswith("undertone_visitor=")
    assert plain.endswith("; HttpOnly; Path=/; SameSite=Lax")
    client = TestClient(site, base_url="https://testserver")
    secure = client.get("/")
    assert secure.status_code == 200
    assert secure.headers["set-cookie"].endswith("; HttpOnly; Path=/; SameSite=None; Secure; Partitioned")
    assert "set-cookie" not in client.get("/prosody/").headers
