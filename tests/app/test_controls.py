"""The controls: presets, and every limit checked again on the server."""

import json
from typing import Any

import pytest

from app.controls import CUSTOM, PRESET_JS, control_values, draw_seed, matching_preset, read_settings
from engine import PRESETS, Sampling, SettingsError

GOOD: dict[str, Any] = {
    "preset": CUSTOM,
    "seconds": 10,
    "takes": 2,
    "seed": 7,
    "token_temperature": Sampling().token_temperature,
    "top_p": 1.0,
    "latent_temperature": Sampling().latent_temperature,
    "steps": 12,
    "end": "auto",
}


def test_the_controls_become_settings() -> None:
    settings = read_settings(None, **GOOD)
    assert (settings.seconds, settings.num_takes, settings.seed) == (10.0, 2, 7)
    assert settings.sampling == Sampling()


def test_what_has_no_control_comes_from_the_saved_take_or_the_preset() -> None:
    saved = Sampling(top_k=5, solver="ddim", eta=0.1)
    sampling = read_settings(saved, **GOOD).sampling
    assert (sampling.top_k, sampling.solver, sampling.eta) == (5, "ddim", 0.1)
    assert read_settings(saved, **{**GOOD, "preset": "balanced"}).sampling == PRESETS["balanced"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("takes", 5),
        ("takes", 0),
        ("seed", None),
        ("seed", -1),
        ("seed", 1.5),
        ("seed", 2**31),
        ("token_temperature", 9.0),
        ("top_p", 0.0),
        ("latent_temperature", float("nan")),
        ("steps", 100_000),
        ("end", "whenever"),
    ],
)
def test_a_setting_out_of_its_range_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=key):
        read_settings(None, **{**GOOD, key: value})


def test_presets_move_the_sliders_and_are_recognised() -> None:
    for name, sampling in PRESETS.items():
        assert f'"{name}": {json.dumps(control_values(sampling))}' in PRESET_JS
        assert matching_preset(sampling) == name
    assert matching_preset(Sampling(token_temperature=0.123)) == CUSTOM


def test_seeds_are_short_and_differ() -> None:
    seeds = {draw_seed() for _ in range(50)}
    assert len(seeds) > 40
    assert all(len(str(seed)) == 6 for seed in seeds)
