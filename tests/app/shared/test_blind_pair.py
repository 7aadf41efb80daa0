"""The blind comparison: no clue before the choice, both orders occur, the truth afterwards."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from undertone.app.shared.blind_pair import BlindPair


@pytest.fixture
def sounds(tmp_path: Path) -> list[tuple[str, Path]]:
    paths = [tmp_path / "undertone-seed7-take1.wav", tmp_path / "undertone-seed7-take3.wav"]
    for index, path in enumerate(paths):
        soundfile.write(path, np.full(1600, (index + 1) * 1000, np.int16), 16_000, subtype="PCM_16")
    return [("take 1", paths[0]), ("take 3", paths[1])]


def test_the_browser_is_given_samples_without_a_clue(sounds: list[tuple[str, Path]], tmp_path: Path) -> None:
    pair = BlindPair.draw(sounds[0], sounds[1])
    value = pair.value()
    assert set(value) == {"round", "sounds"}
    assert not any(word in json.dumps(value) for word in ("take", "seed", ".wav", str(tmp_path)))
    level = {"take 1": 1000, "take 3": 2000}
    heard = [np.frombuffer(base64.b64decode(sound), "<i2") for sound in value["sounds"]]
    assert [len(sound) for sound in heard] == [1600, 1600]
    for name, sound in zip(pair.names, heard, strict=True):
        np.testing.assert_allclose(sound, level[name], atol=1)


def test_every_comparison_is_a_round_of_its_own(sounds: list[tuple[str, Path]]) -> None:
    assert len({BlindPair.draw(*sounds).round for _ in range(20)}) == 20


def test_both_orders_occur(sounds: list[tuple[str, Path]]) -> None:
    orders = {BlindPair.draw(*sounds).names for _ in range(40)}
    assert orders == {("take 1", "take 3"), ("take 3", "take 1")}


def test_the_choice_reveals_what_was_what(tmp_path: Path) -> None:
    pair = BlindPair(("take 3", "take 1"), (tmp_path, tmp_path))
    assert pair.reveal("Y") == "You preferred Y: take 1. X was take 3, Y was take 1."
    assert pair.reveal("X") == "You preferred X: take 3. X was take 3, Y was take 1."
    assert "no difference" in pair.reveal("none")
