"""The bench fills in every number, and its synthetic voice is a prompt."""

from dataclasses import asdict
from pathlib import Path

from undertone.engine import Engine
from undertone.engine.benchmark import benchmark, synthetic_voice


def test_every_number_is_measured(tiny_folder: Path) -> None:
    result = benchmark(Engine.from_pretrained(tiny_folder, device="cpu"), prompt_seconds=2.0, seconds=0.5)
    for key, value in asdict(result).items():
        assert isinstance(value, str) or value > 0, key
    assert result.first_audio_seconds <= result.first_continuation_seconds
    assert {"real_time_factor", "step_milliseconds", "first_audio_seconds", "memory_bandwidth_fraction"} <= set(
        asdict(result)
    )


def test_the_synthetic_voice_has_its_length() -> None:
    assert synthetic_voice(1.5).shape == (24_000,)
