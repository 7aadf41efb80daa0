"""ZeroGPU, with a stand-in of the `spaces` package: another process, data that can be pickled, a quota.

The stand-in does what the package does to a generator: it asks for the time, forks, pickles the arguments in and each
chunk out. What needs a Space cannot be tried: its GPU, its patched CUDA and its quota's own rules.
"""

import multiprocessing
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
import torch

from tests.clips import speechlike
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.server import zero_gpu
from undertone.app.server.zero_gpu import GpuRequest, ZeroGpuEngine, gpu_seconds
from undertone.app.shared.model_queue import ModelQueue
from undertone.app.shared.opening import ContinuationSettings
from undertone.app.shared.prompt_analyses import PromptAnalyses
from undertone.engine import CallProgress, Cancelled, Engine, Sampling, SettingsError, Speech
from undertone.engine.audio.reading import cut_prompt

SAMPLING = Sampling(steps=2, end="never")
HERE = multiprocessing.get_context("fork")


@dataclass
class StandIn:
    """The part of `spaces` that is used."""

    quota_seconds: float = 1000.0
    asked: list[float] = field(default_factory=list)
    reported: int = 0

    @property
    def zero(self) -> Any:
        def startup() -> None:
            self.reported += 1

        return SimpleNamespace(startup=startup)

    def GPU(self, duration: Callable[..., float]) -> Any:  # its name
        def decorate(task: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
            def run(*arguments: Any) -> Iterator[Any]:
                seconds = duration(*arguments)
                self.asked.append(seconds)
                if seconds > self.quota_seconds:
                    raise gr.Error("You have exceeded your GPU quota", title="ZeroGPU quota exceeded")
                yield from _in_another_process(task, arguments)

            return run

        return decorate


def _in_another_process(task: Callable[..., Iterator[Any]], arguments: tuple[Any, ...]) -> Iterator[Any]:
    results = HERE.SimpleQueue()
    sent = pickle.dumps(arguments)

    def work() -> None:
        torch.set_num_threads(1)
        for item in task(*pickle.loads(sent)):
            results.put(pickle.dumps(item))
        results.put(None)

    process = HERE.Process(target=work, daemon=True)
    process.start()
    try:
        while (item := results.get()) is not None:
            yield pickle.loads(item)
    finally:
        process.kill()
        process.join()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def speech(folder: Path) -> Speech:
    return Engine.from_pretrained(folder, device="cpu").analyse(speechlike(3.0), 16_000)


@pytest.fixture(autouse=True)
def no_gpu_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zero_gpu, "DEVICE", "cpu")
    zero_gpu._engine_there.cache_clear()


def test_a_run_is_made_in_the_other_process_and_says_the_same(folder: Path, speech: Speech) -> None:
    spaces = StandIn()
    engine = ZeroGpuEngine.load(folder, spaces)
    assert spaces.reported == 1
    chunks = list(engine.stream(speech, 1.0, SAMPLING, seed=7, num_takes=2))
    expected = list(Engine.from_pretrained(folder, device="cpu").stream(speech, 1.0, SAMPLING, seed=7, num_takes=2))
    assert len(chunks) == len(expected)
    for one, other in zip(chunks, expected, strict=True):
        torch.testing.assert_close(one.audio, other.audio, rtol=0, atol=0)
    assert [take.settings.seed for take in chunks[-1].takes] == [take.settings.seed for take in expected[-1].takes]
    assert zero_gpu._engine_there.cache_info().currsize == 0  # nothing was loaded for the GPU in this process
    assert spaces.asked == [gpu_seconds(GpuRequest(folder, speech, 1.0, SAMPLING, 7, 2))]


def test_a_stop_ends_the_run_between_two_chunks(folder: Path, speech: Speech) -> None:
    engine = ZeroGpuEngine.load(folder, StandIn())
    seen: list[int] = []
    stream = engine.stream(speech, 1.0, SAMPLING, seed=7, progress=CallProgress(lambda: len(seen) >= 2))
    with pytest.raises(Cancelled):
        seen.extend(chunk.frames_done for chunk in stream)
    assert len(seen) == 2
    assert not multiprocessing.active_children()


def test_the_cpu_makes_it_where_the_quota_is_used_up(folder: Path, speech: Speech) -> None:
    engine = ZeroGpuEngine.load(folder, StandIn(quota_seconds=0.0))
    takes = engine.takes(speech, 1.0, SAMPLING, seed=7)
    expected = Engine.from_pretrained(folder, device="cpu").takes(speech, 1.0, SAMPLING, seed=7)
    torch.testing.assert_close(takes[0].audio, expected[0].audio, rtol=0, atol=0)


@pytest.mark.parametrize(("small", "kind"), [(10**9, "compiled"), (0, "compiled-float16")])
def test_a_take_of_the_compiled_step_is_made_again_by_it_and_not_on_the_gpu(
    folder: Path, speech: Speech, monkeypatch: pytest.MonkeyPatch, small: int, kind: str
) -> None:
    monkeypatch.setattr("undertone.engine.network.compiled.step.SMALL_PARAMETERS", small)
    spaces = StandIn(quota_seconds=0.0)
    engine = ZeroGpuEngine.load(folder, spaces)
    made = engine.continue_(speech, 0.4, SAMPLING, seed=7)
    assert made.settings.step == kind
    spaces.quota_seconds, spaces.asked = 1000.0, []
    again = engine.replay(made.settings, speechlike(3.0), 16_000)
    torch.testing.assert_close(again.audio, made.audio, rtol=0, atol=0)
    assert not spaces.asked


def test_both_processes_compute_in_the_same_dtype_without_which_a_replay_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, loaded = ZeroGpuEngine.load(folder, StandIn()), dict[str, str]()
    monkeypatch.setattr(Engine, "from_pretrained", lambda folder, **options: loaded.update(options))
    zero_gpu._engine_there(folder, "cuda")
    assert loaded == {"device": "cuda", "dtype": str(engine.dtype).removeprefix("torch.")}
    zero_gpu._engine_there.cache_clear()


def test_nothing_is_asked_for_while_a_visitor_only_looks(folder: Path, speech: Speech) -> None:
    spaces = StandIn()
    analyses = PromptAnalyses(ZeroGpuEngine.load(folder, spaces), ModelQueue())
    prompt = cut_prompt(speechlike(3.0), 16_000)
    analyses.begin(prompt)
    assert analyses.speech(prompt).audio_sha256 == speech.audio_sha256
    assert analyses.opening(prompt, ContinuationSettings(1.0, 1, 3, SAMPLING)) is None
    assert not spaces.asked


def test_what_cannot_be_made_is_refused_before_a_gpu_is_asked_for(folder: Path, speech: Speech) -> None:
    spaces = StandIn()
    engine = ZeroGpuEngine.load(folder, spaces)
    with pytest.raises(SettingsError):
        engine.stream(speech, 1000.0, SAMPLING)
    assert not spaces.asked


def test_the_time_asked_for_grows_with_the_work_and_has_a_bound(folder: Path, speech: Speech) -> None:
    def asked(seconds: float, takes: int = 1, steps: int = Sampling().steps) -> int:
        return gpu_seconds(GpuRequest(folder, speech, seconds, Sampling(steps=steps), 1, takes))

    assert asked(2.0) < asked(20.0) < asked(20.0, takes=4) < asked(20.0, takes=4, steps=4 * Sampling().steps)
    assert asked(10_000.0) == zero_gpu.LONGEST_SECONDS
