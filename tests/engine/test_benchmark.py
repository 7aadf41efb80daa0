"""The bench fills in every number, and its synthetic voice is a prompt."""

from dataclasses import asdict
from pathlib import Path
from typing import Literal

import pytest

from undertone.engine import Engine, Sampling
from undertone.engine.benchmark import Rival, benchmark, benchmark_batch, benchmark_load, synthetic_voice


def test_every_number_is_measured(tiny_folder: Path) -> None:
    engine = Engine.from_pretrained(tiny_folder, device="cpu")
    rival = Rival("more steps", Sampling(solver="ddim", steps=20, end="never"), "modules", is_published_loop=True)
    result = benchmark(engine, prompt_seconds=2.0, seconds=0.5, rival=rival)
    for key, value in (asdict(result) | {"joules_per_second": result.joules_per_second or 1}).items():
        assert isinstance(value, str) or value > 0, key
    assert (result.step, result.decoder, result.against) == ("compiled", "dpm++, 12 steps", "more steps")
    assert result.frames_per_second * result.step_milliseconds == pytest.approx(1000)
    assert result.against_real_time_factor == pytest.approx(result.times_faster * result.real_time_factor)
    assert result.against_frames_per_second == pytest.approx(result.frames_per_second / result.frames_times_faster)
    assert result.against_decoder_seconds == pytest.approx(result.decoder_seconds * result.decoder_times_faster)
    assert result.decoder_times_less_cpu > 1
    alone = benchmark(engine, prompt_seconds=2.0, seconds=0.2, step="modules")
    assert (alone.step, alone.against, alone.times_faster) == ("modules", None, None)
    assert result.first_audio_seconds <= result.first_continuation_seconds
    assert {"real_time_factor", "step_milliseconds", "first_audio_seconds", "memory_bandwidth_fraction"} <= set(
        asdict(result)
    )


@pytest.mark.parametrize("step", [None, "modules"])
def test_visitors_who_come_at_once_wait_in_turn_or_are_served_together(
    tiny_folder: Path, step: Literal["modules"] | None
) -> None:
    engine = Engine.from_pretrained(tiny_folder, device="cpu")
    in_turn, together = benchmark_load(engine, 5, 0.6, Sampling(steps=2, end="never"), step, prompt_seconds=1.5)
    for one in (in_turn, together):
        assert one.visitors == 5
        assert 0 < one.first_audio_p50_seconds < one.first_audio_p95_seconds <= one.finish_p95_seconds
        assert one.first_audio_p50_seconds < one.finish_p50_seconds < one.finish_p95_seconds
    assert (in_turn.policy, together.policy) == ("in turn", "together")
    alone = benchmark_load(engine, 1, 0.2, Sampling(steps=2, end="never"), step, prompt_seconds=1.5)
    assert all(one.finish_p50_seconds == one.finish_p95_seconds for one in alone)


def test_takes_that_are_drawn_together_make_more_frames_in_all(tiny_folder: Path) -> None:
    engine = Engine.from_pretrained(tiny_folder, device="cpu")
    one, eight = (benchmark_batch(engine, size, 1.0, prompt_seconds=1.5) for size in (1, 8))
    assert (one.batch, eight.batch) == (1, 8)
    for measured in (one, eight):
        assert measured.frames_per_second * measured.step_milliseconds == pytest.approx(1000 * measured.batch)
        assert measured.step_milliseconds > 0
        assert measured.step_p95_milliseconds > 0
    assert eight.frames_per_second > one.frames_per_second


def test_the_synthetic_voice_has_its_length() -> None:
    assert synthetic_voice(1.5).shape == (24_000,)
