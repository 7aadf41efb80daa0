"""A saved take replays to the same bytes, or says why it cannot."""

import json
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch
from torch import Tensor

from tests.tiny_bundle import make_tiny_bundle
from undertone.engine import Engine, Sampling, SettingsError, TakeSettings
from undertone.engine.generation.saved_sound import wav_bytes

RATE = 16_000


@pytest.fixture(scope="module")
def engine(tiny_folder: Path) -> Engine:
    return Engine.from_pretrained(tiny_folder, device="cpu")


@pytest.fixture
def saved(engine: Engine, prompt: Tensor, tmp_path: Path) -> tuple[Path, Path]:
    speech = engine.analyse(prompt, RATE, start_seconds=0.25, end_seconds=2.0)
    takes = engine.takes(speech, 1.5, Sampling(prompt_temperature=0.5, top_p=0.95), seed=11, num_takes=3)
    return takes[1].save(tmp_path / "out", "take-1")


def test_replay_gives_the_same_bytes(tiny_folder: Path, prompt: Tensor, saved: tuple[Path, Path]) -> None:
    fresh = Engine.from_pretrained(tiny_folder, device="cpu")
    take = fresh.replay(saved[1], prompt, RATE)
    again = take.save(saved[0].parent / "again", "take-1")
    assert again[0].read_bytes() == saved[0].read_bytes()
    assert again[1].read_bytes() == saved[1].read_bytes()


def test_the_wav_is_lossless_and_plain(saved: tuple[Path, Path]) -> None:
    samples, rate = soundfile.read(saved[0], dtype="float32")
    assert rate == RATE
    assert soundfile.info(saved[0]).subtype == "FLOAT"
    assert wav_bytes(torch.from_numpy(samples)) == saved[0].read_bytes()


def test_the_settings_say_everything(saved: tuple[Path, Path], tiny_folder: Path) -> None:
    settings = TakeSettings.read(saved[1])
    assert (settings.seed, settings.index, settings.num_takes) == (11, 1, 3)
    assert (settings.prompt_start_seconds, settings.prompt_end_seconds) == (0.25, 2.0)
    assert settings.sampling == Sampling(prompt_temperature=0.5, top_p=0.95)
    assert settings.bundle_sha256 == Engine.from_pretrained(tiny_folder).bundle.fingerprint
    assert json.loads(saved[1].read_text())["sampling"]["steps"] == Sampling().steps


def test_another_prompt_is_refused(engine: Engine, prompt: Tensor, saved: tuple[Path, Path]) -> None:
    with pytest.raises(SettingsError, match="another prompt"):
        engine.replay(saved[1], prompt * 0.9 + 0.01 * torch.sin(torch.arange(40_000)), RATE)


def test_another_bundle_is_refused(prompt: Tensor, saved: tuple[Path, Path], tmp_path: Path) -> None:
    other = Engine.from_pretrained(make_tiny_bundle(tmp_path / "other", seed=1))
    with pytest.raises(SettingsError, match=r"another bundle \(tiny\)"):
        other.replay(saved[1], prompt, RATE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"engine_version": 0}, "another engine version"),
        ({"torch_version": "1.0"}, "another torch version"),
        ({"dtype": "torch.bfloat16"}, "another dtype"),
        ({"format_version": 9}, "format_version is 9"),
        ({"sampling": {"top_p": 3}}, "sampling.top_p is 3"),
        ({"colour": 1}, "unknown key 'colour'; known keys: format_version"),
        ({"seed": None}, "seed is None"),
        ({"frames_sha256": "0"}, "another analysis of the prompt"),
    ],
)
def test_settings_that_do_not_fit_are_named(
    engine: Engine, prompt: Tensor, saved: tuple[Path, Path], change: dict[str, Any], message: str
) -> None:
    saved[1].write_text(json.dumps(json.loads(saved[1].read_text()) | change))
    with pytest.raises(SettingsError, match=message):
        engine.replay(saved[1], prompt, RATE)


def test_takes_of_the_first_engine_version_come_again_where_nothing_changed_since(
    engine: Engine, prompt: Tensor
) -> None:
    for step, same in (("modules", True), ("compiled", False)):
        take = engine.continue_(engine.analyse(prompt, RATE), 0.5, seed=3, step=step)
        old = take.settings.model_copy(update={"engine_version": 1})
        if same:
            assert torch.equal(engine.replay(old, prompt, RATE).audio, take.audio)
        else:
            with pytest.raises(SettingsError, match="another engine version"):
                engine.replay(old, prompt, RATE)


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_files_that_are_no_settings(engine: Engine, prompt: Tensor, tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"x\.json"):
        engine.replay(path, prompt, RATE)
    with pytest.raises(SettingsError, match="cannot be read"):
        engine.replay(tmp_path / "none.json", prompt, RATE)


def test_prompt_and_continuation_are_the_audio(engine: Engine, prompt: Tensor) -> None:
    take = engine.continue_(engine.analyse(prompt, RATE), 1.0, Sampling(end="never"), seed=0)
    assert torch.equal(torch.cat([take.prompt_audio, take.continuation_audio]), take.audio)
    assert take.prompt_audio.numel() == 40_000
