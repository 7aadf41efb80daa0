"""Takes of several requests at once: each is the take alone, whoever joins, ends, fails or is cancelled beside it."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.tiny_bundle import OTHER_SYSTEMS, make_tiny_bundle
from undertone.engine import (
    CallProgress,
    Cancelled,
    Chunk,
    Engine,
    Sampling,
    SettingsError,
    Take,
    TakeSettings,
    TakesRequest,
)
from undertone.engine.generation.take_settings import StepKind


@pytest.fixture(scope="module")
def engine(tiny_folder_with_end: Path) -> Engine:
    return Engine.from_pretrained(tiny_folder_with_end, device="cpu")


def requests_of(engine: Engine, prompt: Tensor, step: StepKind | None) -> list[TakesRequest]:
    """Requests that differ in everything; prompts of different lengths are at different frames of the cache."""
    cuts = [engine.analyse(prompt, 16_000, *cut) for cut in ((0.0, 1.0), (0.2, 1.9), (0.4, 1.6))]
    return [
        TakesRequest(cuts[0], 0.5, Sampling(steps=1), 3, 2, step),
        TakesRequest(cuts[1], 0.3, Sampling(steps=2, token_temperature=0.7), 9, 1, step),
        TakesRequest(cuts[2], 0.4, Sampling(steps=1, latent_temperature=0.5), 4, 3, step),
    ]


def alone(engine: Engine, request: TakesRequest) -> list[Take]:
    return engine.takes(
        request.speech, request.seconds, request.sampling, request.seed, request.num_takes, step=request.step
    )


def distance(made: list[Take], expected: list[Take]) -> float:
    """The largest between samples, which settings call drawn together where they need not be the same to the bit."""
    assert all(take.settings.together == (take.settings.step == "modules") for take in made)
    alone = [take.settings.model_copy(update={"together": False}) for take in made]
    assert alone == [take.settings for take in expected]
    assert [take.ended for take in made] == [take.ended for take in expected]
    return max(float((a.audio - b.audio).abs().max()) for a, b in zip(made, expected, strict=True))


@pytest.mark.parametrize(("step", "tolerance", "slots"), [("compiled", 0.0, 3), ("modules", 1e-3, 16)])
def test_takes_together_are_the_takes_alone(
    engine: Engine, prompt: Tensor, step: StepKind, tolerance: float, slots: int
) -> None:
    requests = requests_of(engine, prompt, step)
    for made, request in zip(engine.takes_together(requests, slots), requests, strict=True):
        assert distance(made, alone(engine, request)) <= tolerance


@pytest.mark.parametrize("system", ["Token-LM + Pitch", "Token-LM + Acoustic", "VAE-GSLM + joint head"])
def test_so_are_those_of_other_systems(tmp_path: Path, prompt: Tensor, system: str) -> None:
    engine = Engine.from_pretrained(make_tiny_bundle(tmp_path / "bundle", changes=OTHER_SYSTEMS[system]), device="cpu")
    requests = requests_of(engine, prompt, None)[:2]
    for made, request in zip(engine.takes_together(requests), requests, strict=True):
        assert distance(made, alone(engine, request)) <= 1e-3


def test_who_joins_later_leaves_early_or_fails_changes_nobody(engine: Engine, prompt: Tensor) -> None:
    first, cancelled, late = requests_of(engine, prompt, "compiled")
    pool = engine.take_pool(7, engine.compiled_step())
    is_cancelled = False
    events = pool.add(1, engine.check_request(cancelled), CallProgress(lambda: is_cancelled))
    events += pool.add(2, engine.check_request(first))
    for _ in range(5):
        events += pool.step()
    is_cancelled = True
    events += pool.step()
    events += pool.add(3, engine.check_request(late))

    def broken(done: int, total: int) -> None:
        if done > 90:  # of 85 + 15 frames
            raise RuntimeError("nobody listens any more")

    events += pool.add(4, engine.check_request(cancelled), CallProgress(report=broken))
    assert pool.num_free == 1
    while pool.num_free < 7:
        events += pool.step()
    outcomes = {event.key: event.outcome for event in events if event.is_last}
    assert isinstance(outcomes[1], Cancelled)
    assert str(outcomes[4]) == "nobody listens any more"
    for key, request in ((2, first), (3, late)):
        chunks = [event.outcome for event in events if event.key == key and isinstance(event.outcome, Chunk)]
        expected = alone(engine, request)
        assert distance(list(chunks[-1].takes), expected) == 0.0
        for row, take in enumerate(expected):
            assert torch.equal(torch.cat([chunk.of(row) for chunk in chunks]), take.audio)
    assert pool.step() == []


def test_a_frame_that_fails_ends_those_it_was_for_and_the_pool_goes_on(
    engine: Engine, prompt: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, other, _ = requests_of(engine, prompt, "modules")
    pool = engine.take_pool(4, None)
    pool.add(1, engine.check_request(broken))
    pool.add(2, engine.check_request(other))
    with monkeypatch.context() as patch:
        patch.setattr(pool._members[0].takes.drawing, "draw", lambda states: torch.multinomial(states[0] * -1.0, 1))
        failed = [event for event in pool.step() if event.is_last]
        assert [event.key for event in failed] == [1]
        patch.setattr(pool._cache, "advance", lambda frames: [][frames])  # as where no memory is left
        assert [(event.key, type(event.outcome)) for event in pool.step()] == [(2, IndexError)]
    assert pool.num_free == 4
    events = pool.add(3, engine.check_request(other))
    while pool.num_free < 4:
        events += pool.step()
    assert isinstance(events[-1].outcome, Chunk)
    assert distance(list(events[-1].outcome.takes), alone(engine, other)) <= 1e-3


def test_a_replay_of_a_take_drawn_together_is_the_take_to_rounding_and_says_so(
    engine: Engine, prompt: Tensor, caplog: pytest.LogCaptureFixture
) -> None:
    for step, tolerance in (("compiled", 0.0), ("modules", 1e-3)):
        requests = requests_of(engine, prompt, step)[:2]
        take = engine.takes_together(requests)[0][0]
        again = engine.replay(TakeSettings.parse(take.settings.model_dump_json()), prompt, 16_000)
        assert float((again.audio - take.audio).abs().max()) <= tolerance
        assert ("drawn together" in caplog.text) == (step == "modules")


def test_what_does_not_fit_is_refused(engine: Engine, prompt: Tensor) -> None:
    request = engine.check_request(requests_of(engine, prompt, "modules")[0])
    with pytest.raises(ValueError, match="2 takes need as many slots, 1 are free"):
        engine.take_pool(1, None).add(1, request)
    with pytest.raises(ValueError, match="another step"):
        engine.take_pool(4, engine.compiled_step()).add(1, request)
    mixed = [requests_of(engine, prompt, step)[0] for step in ("modules", "compiled")]
    with pytest.raises(SettingsError, match="step differs"):
        engine.takes_together(mixed)
    assert engine.takes_together([]) == []
