"""A prompt is analysed once, ahead where the model is free, and what is ahead is the analysis itself."""

import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor

from undertone.app.shared.model_queue import ModelQueue
from undertone.app.shared.opening import ContinuationSettings
from undertone.app.shared.prompt_analyses import PromptAnalyses
from undertone.engine import Engine, Sampling, Speech, read_audio
from undertone.engine.audio.reading import CheckedPrompt, cut_prompt

RATE = 16_000


class CountedAnalyses(PromptAnalyses):
    """Counts the analyses, and holds them up while `gate` is closed."""

    def __init__(self, engine: Engine, queue: ModelQueue, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[CheckedPrompt] = []
        self.gate = threading.Event()
        self.gate.set()
        original = engine.analyse_prompt

        def analyse(prompt: CheckedPrompt) -> Speech:
            self.asked.append(prompt)
            assert self.gate.wait(30)
            return original(prompt)

        monkeypatch.setattr(engine, "analyse_prompt", analyse)
        super().__init__(engine, queue)


@pytest.fixture
def queue() -> ModelQueue:
    return ModelQueue()


@pytest.fixture
def analyses(engine: Engine, queue: ModelQueue, monkeypatch: pytest.MonkeyPatch) -> Iterator[CountedAnalyses]:
    made = CountedAnalyses(engine, queue, monkeypatch)
    yield made
    made.gate.set()


@pytest.fixture
def prompt(clip_path: Path) -> Tensor:
    return read_audio(clip_path)[0]


def cuts(prompt: Tensor, count: int) -> list[CheckedPrompt]:
    return [cut_prompt(prompt, RATE, 0.1 * i, 1.5 + 0.1 * i) for i in range(count)]


def test_what_was_begun_is_what_the_engine_says_and_is_not_made_again(
    analyses: CountedAnalyses, prompt: Tensor, engine: Engine
) -> None:
    (part,) = cuts(prompt, 1)
    analyses.begin(part)
    analyses.begin(part)
    speech = analyses.speech(part)
    assert analyses.speech(part) is speech
    assert len(analyses.asked) == 1
    direct = engine.analyse_prompt(part)
    assert torch.equal(speech.latents, direct.latents)
    assert speech.frames_sha256 == direct.frames_sha256


def test_a_press_waits_for_what_is_under_way(analyses: CountedAnalyses, prompt: Tensor) -> None:
    (part,) = cuts(prompt, 1)
    analyses.gate.clear()
    analyses.begin(part)
    with ThreadPoolExecutor(1) as presses:
        press = presses.submit(analyses.speech, part)
        assert not press.done()
        analyses.gate.set()
        assert press.result(30).num_frames > 0
    assert len(analyses.asked) == 1


def test_while_a_cut_is_moved_only_the_first_and_the_last_place_are_analysed(
    analyses: CountedAnalyses, prompt: Tensor
) -> None:
    parts = cuts(prompt, 6)
    analyses.gate.clear()
    for part in parts:
        analyses.begin(part)
    analyses.gate.set()
    assert analyses.speech(parts[-1]).num_frames > 0
    assert analyses.asked in ([parts[0], parts[-1]], [parts[-1]])  # the second: the first had not begun
    assert analyses.speech(parts[2]).num_frames > 0, "one that gave way is made when it is asked for"


def test_nothing_is_analysed_ahead_while_somebody_uses_the_model(
    analyses: CountedAnalyses, queue: ModelQueue, prompt: Tensor
) -> None:
    (part,) = cuts(prompt, 1)
    with queue.turn("visitor", 1.0):
        analyses.begin(part)
        assert not analyses.asked
        assert analyses.speech(part).num_frames > 0


def test_an_opening_is_made_of_what_was_analysed_while_the_model_is_idle(
    analyses: CountedAnalyses, queue: ModelQueue, prompt: Tensor, engine: Engine
) -> None:
    (part,) = cuts(prompt, 1)
    settings = ContinuationSettings(1.0, 1, 3, Sampling(steps=2))
    assert analyses.opening(part, settings) is None, "not analysed"
    analyses.begin(part)
    with queue.turn("visitor", 1.0):
        assert analyses.opening(part, settings) is None
    sound = analyses.opening(part, settings)
    assert sound is not None
    take = engine.takes(analyses.speech(part), 1.0, settings.sampling, seed=3)[0]
    assert take.prompt_samples < len(sound) < len(take.audio)
    assert torch.equal(sound, take.audio[: len(sound)])
    assert len(analyses.asked) == 1


def test_a_failed_analysis_has_no_opening(
    analyses: CountedAnalyses, prompt: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(prompt: CheckedPrompt) -> Speech:
        raise MemoryError

    (part,) = cuts(prompt, 1)
    monkeypatch.setattr(analyses._engine, "analyse_prompt", fail)
    analyses.begin(part)
    assert analyses.opening(part, ContinuationSettings(1.0, 1, 3, Sampling())) is None


def test_a_failed_analysis_is_said_to_whoever_asks_and_is_tried_again(
    analyses: CountedAnalyses, prompt: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    (part,) = cuts(prompt, 1)
    analysis = analyses._engine.analyse_prompt

    def fail(prompt: CheckedPrompt) -> Speech:
        raise MemoryError

    monkeypatch.setattr(analyses._engine, "analyse_prompt", fail)
    analyses.begin(part)
    with pytest.raises(MemoryError):
        analyses.speech(part)
    monkeypatch.setattr(analyses._engine, "analyse_prompt", analysis)
    assert analyses.speech(part).num_frames > 0


def test_an_analysis_goes_with_its_prompt(analyses: CountedAnalyses, prompt: Tensor) -> None:
    (part,) = cuts(prompt, 1)
    analyses.speech(part)
    analyses.asked.clear()
    assert len(analyses._analyses) == 1
    del part
    gc.collect()
    assert len(analyses._analyses) == 0
