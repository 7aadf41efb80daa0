"""The controls: presets, and every limit checked again on the server."""

import json
from typing import Any

import gradio as gr
import pytest

from undertone.app.continue_page.controls import (
    CUSTOM,
    build_controls,
    control_values,
    draw_seed,
    matching_preset,
    preset_js,
    read_settings,
)
from undertone.engine import PRESETS, Sampling, SettingsError

GOOD: dict[str, Any] = {
    "preset": CUSTOM,
    "seconds": 10,
    "takes": 2,
    "seed": 7,
    "token_temperature": Sampling().token_temperature,
    "top_p": 1.0,
    "latent_temperature": Sampling().latent_temperature,
    "guidance": 2,
    "steps": 12,
    "end": "auto",
    "min_seconds": Sampling().min_seconds,
}
OWN = 2.0  # guidance of the model


def test_the_controls_become_settings() -> None:
    settings = read_settings(None, OWN, **GOOD)
    assert (settings.seconds, settings.num_takes, settings.seed) == (10.0, 2, 7)
    assert settings.sampling == Sampling()


def test_what_has_no_control_comes_from_the_saved_take_or_the_preset() -> None:
    saved = Sampling(top_k=5, solver="ddim", eta=0.1)
    sampling = read_settings(saved, OWN, **GOOD).sampling
    assert (sampling.top_k, sampling.solver, sampling.eta) == (5, "ddim", 0.1)
    assert read_settings(saved, OWN, **{**GOOD, "preset": "balanced"}).sampling == PRESETS["balanced"]


@pytest.mark.parametrize(("own", "shown"), [(1.0, False), (2.5, True)])
def test_guidance_can_be_chosen_where_the_model_has_it(own: float, shown: bool) -> None:
    with gr.Blocks():
        slider = build_controls(10.0, own).guidance
    assert (slider.visible, slider.value) == (shown, own)


def test_how_long_a_take_lasts_at_least_can_be_chosen_and_is_saved() -> None:
    chosen = read_settings(None, OWN, **{**GOOD, "min_seconds": 4.5}).sampling
    assert chosen.min_seconds == control_values(chosen, OWN)[-1] == 4.5


def test_the_models_own_guidance_is_not_written_down_and_another_is() -> None:
    assert read_settings(None, OWN, **GOOD).sampling.guidance is None
    chosen = read_settings(None, OWN, **{**GOOD, "guidance": 1.5}).sampling
    assert chosen.guidance == 1.5
    assert control_values(chosen, OWN)[3] == 1.5
    assert control_values(Sampling(), OWN)[3] == OWN


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
        ("guidance", 0.5),
        ("guidance", 50.0),
        ("steps", 100_000),
        ("end", "whenever"),
        ("min_seconds", 11.0),
        ("min_seconds", float("nan")),
    ],
)
def test_a_setting_out_of_its_range_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=key):
        read_settings(None, OWN, **{**GOOD, key: value})


def test_presets_move_the_sliders_and_are_recognised() -> None:
    for name, sampling in PRESETS.items():
        assert f'"{name}": {json.dumps(control_values(sampling, OWN))}' in preset_js(OWN)
        assert matching_preset(sampling) == name
    assert matching_preset(Sampling(token_temperature=0.123)) == CUSTOM


def test_seeds_are_short_and_differ() -> None:
    seeds = {draw_seed() for _ in range(50)}
    assert len(seeds) > 40
    assert all(len(str(seed)) == 6 for seed in seeds)
