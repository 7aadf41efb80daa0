"""An engine whose takes are made by a replica: the same samples, streamed; what is refused, stopped or lost."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpcore2
import pytest
import torch
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from tests.clips import speechlike
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.replicas.messages import AnswerMessage, TakesMessage
from undertone.app.replicas.records import RecordError, RecordReader, pack, parse_message
from undertone.app.replicas.remote import RemoteEngine, ReplicaError
from undertone.app.replicas.replica import Replica
from undertone.app.server.replicas_relay import ReplicasAddress, relay_to
from undertone.engine import (
    BundleError,
    CallProgress,
    Cancelled,
    Engine,
    Sampling,
    SettingsError,
    Speech,
    UndertoneError,
)

SAMPLING = Sampling(steps=2, end="never")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module")
def engine(bundle: Path) -> Engine:
    return Engine.from_pretrained(bundle, device="cpu")


@pytest.fixture(scope="module")
def speech(engine: Engine) -> Speech:
    return engine.analyse(speechlike(1.5, seed=1), 16_000)


@contextmanager
def served(replica: Replica) -> Iterator[tuple[uvicorn.Server, ReplicasAddress]]:
    """A replica on a port of its own, as Ray Serve's proxy would show it."""
    app = Starlette(routes=[Route("/", replica.answer, methods=["GET", "POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=0, lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        yield server, ReplicasAddress("127.0.0.1", listener.getsockname()[1])
        server.should_exit = True
        thread.join(10)


@contextmanager
def relayed(address: ReplicasAddress, path: Path) -> Iterator[None]:
    """The relay, in a thread as it runs in the front process."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    end = asyncio.Event()

    async def run() -> None:
        async with relay_to(address, path):
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield
    loop.call_soon_threadsafe(end.set)
    thread.join(10)


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def replica(engine: Engine) -> Replica:
    return Replica(engine, slots=3, num_replicas=2)


@pytest.fixture(scope="module")
def remote(bundle: Path, replica: Replica, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteEngine]:
    path = tmp_path_factory.mktemp("sockets") / "replicas"
    with served(replica) as (_, address), relayed(address, path):
        yield RemoteEngine.connect(bundle, path)


def test_takes_are_those_of_the_engine_here_to_the_bit(remote: RemoteEngine, engine: Engine, speech: Speech) -> None:
    chunks = list(remote.stream(speech, 0.8, SAMPLING, 7, 2))
    expected = engine.takes(speech, 0.8, SAMPLING, 7, 2)
    assert len(chunks) > 3
    assert chunks[0].frames_done == speech.num_frames
    assert (remote.slots, remote.dtype) == (6, torch.float32)
    for index, take in enumerate(expected):
        made = chunks[-1].takes[index]
        assert (made.settings, made.ended, made.prompt_frames) == (take.settings, take.ended, take.prompt_frames)
        assert torch.equal(torch.cat([chunk.of(index) for chunk in chunks]), take.audio)
        for name in ("tokens", "latents", "mel", "audio", "utterance"):
            assert torch.equal(getattr(made.speech, name), getattr(take.speech, name))


def test_many_at_once_each_get_their_own(remote: RemoteEngine, engine: Engine, speech: Speech) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda seed: remote.takes(speech, 0.4, SAMPLING, seed, 1 + seed % 3), range(8)))
    for seed, takes in enumerate(made):
        expected = engine.takes(speech, 0.4, SAMPLING, seed, 1 + seed % 3)
        assert [torch.equal(a.audio, b.audio) for a, b in zip(takes, expected, strict=True)] == [True] * len(expected)


def test_a_stop_frees_the_replica(remote: RemoteEngine, replica: Replica, speech: Speech) -> None:
    chunks = remote.stream(speech, 15.0, SAMPLING, 1, progress=CallProgress(lambda: seen > 2))
    seen = 0
    with pytest.raises(Cancelled):  # noqa: PT012  # the stream is read until it says so
        for _ in chunks:
            seen += 1
    until(lambda: not replica.num_working)
    assert remote.continue_(speech, 0.2, SAMPLING, 1).settings.seed == 1


def test_a_stop_is_heard_while_a_request_waits_for_slots(
    remote: RemoteEngine, replica: Replica, speech: Speech, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("undertone.app.replicas.replica.SIGN_SECONDS", 0.02)
    first = remote.stream(speech, 15.0, SAMPLING, 1, 16)
    next(first)
    asked: list[int] = []
    waiting = remote.stream(
        speech, 1.0, SAMPLING, 1, progress=CallProgress(lambda: bool(asked.append(1)) or len(asked) > 2)
    )
    with pytest.raises(Cancelled):
        next(waiting)
    first.close()
    until(lambda: not replica.num_working)


def test_settings_are_refused_here_and_by_the_replica_in_the_same_words(
    remote: RemoteEngine, engine: Engine, speech: Speech, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="seconds is 900"):
        remote.stream(speech, 900.0)
    monkeypatch.setattr(engine, "compiled_step", lambda: None)
    with pytest.raises(SettingsError, match="the compiled step, which bundle 'tiny' has not"):
        list(remote.stream(speech, 0.2, SAMPLING, 1, step="compiled"))


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff" * 40, pack(AnswerMessage(), {}), pack(AnswerMessage(), {})[:-3]],
    ids=["nothing", "too long", "another message", "cut"],
)
def test_a_body_that_is_no_request_is_refused(replica: Replica, body: bytes) -> None:
    with served(replica) as (_, address):
        url = f"http://{address.host}:{address.port}/"
        answer = httpcore2.request("POST", url, content=body)
    assert answer.status == 422
    ((text, _),) = RecordReader().feed(answer.content)
    message = parse_message(AnswerMessage, text)
    assert message.by == "settings"
    assert message.refusal


def test_records_come_whole_whatever_the_pieces(speech: Speech) -> None:
    records = pack(AnswerMessage(frames_done=3), {"audio": speech.audio}) + pack(AnswerMessage(frames_done=4), {})
    for size in (1_000, 7_777, len(records)):
        reader = RecordReader()
        found = [one for at in range(0, len(records), size) for one in reader.feed(records[at : at + size])]
        assert [parse_message(AnswerMessage, text).frames_done for text, _ in found] == [3, 4]
        assert torch.equal(found[0][1]["audio"], speech.audio)
    with pytest.raises(RecordError, match="TakesMessage: seconds: Field required"):
        parse_message(TakesMessage, b"{}")


def test_another_bundle_and_nobody_are_said_at_the_start(
    remote: RemoteEngine, replica: Replica, tmp_path: Path, bundle: Path
) -> None:
    other = make_tiny_bundle(tmp_path / "other", seed=1)
    with ExitStack() as stack:
        _, address = stack.enter_context(served(replica))
        stack.enter_context(relayed(address, tmp_path / "a"))
        with pytest.raises(BundleError, match="another bundle than 'tiny'"):
            RemoteEngine.connect(other, tmp_path / "a")
    with (
        relayed(ReplicasAddress("127.0.0.1", 9), tmp_path / "b"),
        pytest.raises(ReplicaError, match="undertone replicas"),
    ):
        RemoteEngine.connect(bundle, tmp_path / "b")


def test_a_replica_that_ends_costs_its_take_and_says_so(
    replica: Replica, bundle: Path, tmp_path: Path, speech: Speech
) -> None:
    with served(replica) as (server, address), relayed(address, tmp_path / "socket"):
        remote = RemoteEngine.connect(bundle, tmp_path / "socket")
        chunks = remote.stream(speech, 15.0, SAMPLING, 1)
        next(chunks)
        server.force_exit = server.should_exit = True
        with pytest.raises(ReplicaError, match="has ended"):
            list(chunks)
        with pytest.raises(ReplicaError, match="No replica of the model answers at the moment"):
            remote.continue_(speech, 0.2)


def test_an_address_is_read_or_refused() -> None:
    assert ReplicasAddress.parse("ray://models") == ReplicasAddress("models", 8000)
    assert ReplicasAddress.parse("ray://[::1]:9000/") == ReplicasAddress("::1", 9000)
    for text in (
        "",
        "models:8000",
        "http://models",
        "ray://",
        "ray://a:port",
        "ray://user@a",
        "ray://a/path",
        "ray://a:99999",
    ):
        with pytest.raises(UndertoneError, match="expected ray://HOST:PORT"):
            ReplicasAddress.parse(text)
