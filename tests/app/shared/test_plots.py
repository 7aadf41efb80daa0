"""The figure: small enough to send, everything on one time axis, and true to its data."""

import base64
import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from undertone.app.shared.plots import (
    PANELS,
    Picture,
    envelope,
    figure_json,
    mel_decibels,
    token_colours,
    utterance_figure,
)


def picture(seconds: float = 13.0, latent_dim: int = 4, prompt_seconds: float = 3.0) -> Picture:
    rng = np.random.default_rng(0)
    frames = round(seconds * 50)
    pitch_hz = rng.uniform(80, 300, frames).astype(np.float32)
    pitch_hz[::3] = np.nan
    return Picture(
        audio=rng.normal(0, 0.1, frames * 320).astype(np.float32),
        mel=rng.normal(-3, 2, (frames, 80)).astype(np.float32),
        tokens=rng.integers(0, 200, frames),
        latents=rng.normal(size=(frames, latent_dim)).astype(np.float32),
        pitch_hz=pitch_hz,
        energy_db=rng.uniform(-60, -10, frames).astype(np.float32),
        prompt_seconds=prompt_seconds,
        unit_names=[str(unit) for unit in range(200)],
    )


def sent(example: Picture) -> dict[str, Any]:
    return json.loads(figure_json(utterance_figure(example)))


def decoded(array: dict[str, Any]) -> np.ndarray:
    kinds = {"i1": np.int8, "u1": np.uint8, "u2": np.uint16, "f4": np.float32}
    values = np.frombuffer(base64.b64decode(array["bdata"]), kinds[array["dtype"]])
    return values.reshape([int(n) for n in array["shape"].split(",")]) if "shape" in array else values


def test_thirteen_seconds_stay_under_300_kilobytes() -> None:
    assert len(figure_json(utterance_figure(picture()))) < 200_000
    assert len(figure_json(utterance_figure(picture(latent_dim=16)))) < 300_000


def test_every_panel_hangs_on_one_time_axis() -> None:
    figure = sent(picture())
    assert {trace.get("xaxis", "x") for trace in figure["data"]} == {"x"}
    assert {trace["yaxis"] for trace in figure["data"]} == {panel.axis for panel in PANELS}
    assert [key for key in figure["layout"] if key.startswith("xaxis")] == ["xaxis"]


def test_panels_do_not_overlap() -> None:
    for above, below in itertools.pairwise(PANELS):
        assert below.bottom < below.top < above.bottom < above.top <= 1


def test_curves_arrive_as_they_were_measured() -> None:
    example = picture()
    traces = {trace["name"]: trace for trace in sent(example)["data"]}
    np.testing.assert_array_equal(decoded(traces["F0"]["y"]), example.pitch_hz)
    np.testing.assert_array_equal(decoded(traces["z3"]["y"]), example.latents[:, 2])
    np.testing.assert_array_equal(decoded(traces["tokens"]["z"])[0], example.tokens)
    assert traces["token"]["customdata"] == [example.unit_names[token] for token in example.tokens]
    assert traces["F0"]["dx"] == traces["mel"]["dx"] == 0.02


def test_the_mel_is_whole_decibels_below_its_loudest_cell() -> None:
    mel = np.log(np.array([[1.0, 0.1], [0.01, 1e-9]], dtype=np.float32))
    assert mel_decibels(mel).tolist() == [[0, -40], [-20, -80]]


def test_the_boundary_stands_where_the_prompt_ends() -> None:
    lines = [shape for shape in sent(picture(prompt_seconds=2.5))["layout"]["shapes"] if shape["type"] == "line"]
    assert [line["x0"] for line in lines] == [2.5]
    assert not sent(picture(prompt_seconds=0.0))["layout"].get("shapes")


def test_the_envelope_keeps_the_extremes() -> None:
    audio = np.zeros(100_001, dtype=np.float32)
    audio[77_777], audio[11_111] = 0.9, -0.8
    values, step = envelope(audio)
    assert (values.max(), values.min()) == (pytest.approx(0.9), pytest.approx(-0.8))
    assert len(values) <= 2 * 1600
    assert np.argmax(values) * step == pytest.approx(77_777 / 16_000, abs=2 * step)


def test_unvoiced_speech_and_a_single_frame_are_drawn_too() -> None:
    example = picture(seconds=0.02, prompt_seconds=0.02)
    example.pitch_hz[:] = np.nan
    assert sent(example)["data"]


def test_each_unit_has_one_step_of_the_colour_scale() -> None:
    scale = token_colours([str(unit) for unit in range(200)])
    assert len(scale) == 400
    assert [position for position, _ in scale] == sorted(position for position, _ in scale)
    assert (scale[0][0], scale[-1][0]) == (0.0, 1.0)


def test_tokens_of_one_name_share_a_colour_and_neighbouring_names_do_not() -> None:
    names = ("silence", "silence", "AA", "AA", "B", "B")
    colours = [colour for _, colour in token_colours(names)][::2]
    assert colours[0] == colours[1] != colours[2] == colours[3] != colours[4] == colours[5]
    edges = [edge for edge, _ in token_colours(names)]
    assert edges == sorted(edges)
    assert (edges[0], edges[-1]) == (0, 1)


def test_words_have_a_strip_of_their_own_with_room_between_the_others() -> None:
    words = [("the", 0.1, 0.3), ("room", 0.3, 0.72)]
    figure = sent(replace(picture(), words=words))
    (strip,) = (trace for trace in figure["data"] if trace["type"] == "bar")
    assert strip["text"] == ["the", "room"]
    assert strip["base"] == [0.1, 0.3]
    assert strip["x"] == pytest.approx([0.2, 0.42])
    domains = sorted(axis["domain"] for key, axis in figure["layout"].items() if key.startswith("yaxis"))
    assert len(domains) == len(PANELS) + 1
    assert all(below[1] + 0.02 < above[0] for below, above in itertools.pairwise(domains))
