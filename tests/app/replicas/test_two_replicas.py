"""Two replicas that Ray Serve runs on loopback, as `undertone replicas` starts them, and a site before them."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import torch

from tests.app.nginx import free_port
from tests.app.split_site import ROOT, split_site
from tests.clips import speechlike, write_wav16
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.cli.continuation import ContinuationOptions, continue_recording
from undertone.app.replicas.remote import RemoteEngine, ReplicaError
from undertone.engine import Chunk, Engine, Sampling, Speech, Take, limit_threads

pytest.importorskip("ray", reason="Ray is not installed: pip install 'undertone[serve]'")
pytestmark = pytest.mark.timeout(900)  # Ray starts six processes that import PyTorch
SAMPLING = Sampling(steps=2, end="never")
PATIENCE = 500.0  # seconds, on a machine that others use


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


@dataclass
class Running:
    """`undertone replicas` that runs."""

    process: subprocess.Popen[str]
    port: int
    said: list[str] = field(default_factory=list)

    def replicas(self) -> set[int]:
        """Process ids of the replicas."""
        parents, found = {}, set()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if (folder / "cmdline").read_bytes().startswith((b"ray::ServeReplica", b"ray::SERVE_REPLICA")):
                    found.add(int(folder.name))
            except OSError:
                continue

        def is_ours(process: int) -> bool:
            return process == self.process.pid or (process in parents and is_ours(parents[process]))

        return {process for process in found if is_ours(process)}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module")
def running(bundle: Path) -> Iterator[Running]:
    port = free_port()
    command = [sys.executable, "-m", "undertone", "replicas", "--bundle", str(bundle), "--port", str(port)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, cwd=ROOT, text=True, **streams) as process:
        server = Running(process, port)
        reading = threading.Thread(target=lambda: [server.said.append(line) for line in process.stdout or ()])
        reading.start()
        try:
            until(lambda: process.poll() is not None or any("Now: undertone serve" in line for line in server.said))
            assert process.poll() is None, "".join(server.said)
            yield server
        finally:
            process.terminate()
            process.wait(timeout=120)
            reading.join()
    assert process.returncode == 0, "".join(server.said)
    until(lambda: not server.replicas())


@pytest.fixture(scope="module")
def remote(bundle: Path, running: Running) -> RemoteEngine:
    return RemoteEngine.connect(bundle, host="127.0.0.1", port=running.port)


@pytest.fixture(scope="module")
def speech(remote: RemoteEngine) -> Speech:
    limit_threads(remote)
    return remote.analyse(speechlike(1.5, seed=1), 16_000)


def test_both_make_the_takes_of_one_process_to_the_bit(
    remote: RemoteEngine, running: Running, bundle: Path, speech: Speech
) -> None:
    assert len(running.replicas()) == 2
    assert remote.slots == 16
    alone = Engine.from_pretrained(bundle, device="cpu")
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda seed: remote.continue_(speech, 1.0, SAMPLING, seed), range(8)))
    for seed, take in enumerate(made):
        expected = alone.continue_(speech, 1.0, SAMPLING, seed)
        assert take.settings == expected.settings
        assert torch.equal(take.audio, expected.audio)


def test_a_site_before_them_answers_as_the_command_line_does(running: Running, bundle: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.wav"
    write_wav16(clip, speechlike(2.0, seed=1))
    wanted = ContinuationOptions(clip, seconds=1.0, num_takes=2, seed=7)
    made = continue_recording(str(bundle), wanted, tmp_path / "out")
    engine = f"ray://127.0.0.1:{running.port}"
    with split_site(bundle, tmp_path / "data", UNDERTONE_ENGINE=engine, UNDERTONE_API="open") as site:
        site.until("/", seconds=PATIENCE)
        form = {"seconds": "1", "takes": "2", "seed": "7", "response_format": "json"}
        files = {"file": ("clip.wav", clip.read_bytes())}
        answer = httpx.post(f"{site.url}/v1/audio/continuations", data=form, files=files, timeout=120)
    assert answer.status_code == 200, answer.text
    assert [take["settings"] for take in answer.json()["takes"]] == [
        json.loads(path.read_text()) for path in made[1::2]
    ]


def test_a_dead_replica_costs_its_own_takes_and_another_one_is_started(
    remote: RemoteEngine, running: Running, speech: Speech
) -> None:
    streams = [remote.stream(speech, 15.0, SAMPLING, seed) for seed in range(4)]
    for stream in streams:  # one after the other: each goes to the replica that has fewer
        next(stream)
    dead = min(before := running.replicas())
    os.kill(dead, signal.SIGKILL)

    def rest(stream: Iterator[Chunk]) -> Take | str:
        try:
            return next(take for chunk in stream for take in chunk.takes)
        except ReplicaError as error:
            return str(error)

    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(rest, streams))
    lost = [outcome for outcome in outcomes if isinstance(outcome, str)]
    kept = [outcome for outcome in outcomes if isinstance(outcome, Take)]
    assert len(lost) == len(kept) == 2
    assert all("from the same seed" in text for text in lost)
    assert all(take.speech.num_frames == speech.num_frames + 750 for take in kept)
    # The one that lives answers at once, and soon there are two again.
    assert remote.continue_(speech, 0.2, SAMPLING, 1).settings.seed == 1
    until(lambda: len(running.replicas() - {dead}) == 2)
    assert len(running.replicas() & before) == 1
