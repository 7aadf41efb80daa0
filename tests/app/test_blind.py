"""The blind comparison: no clue before the choice, both orders occur, the truth afterwards."""

from pathlib import Path

import pytest

from app.blind import BlindPair


@pytest.fixture
def sounds(tmp_path: Path) -> list[tuple[str, Path]]:
    paths = [tmp_path / "undertone-seed7-take1.wav", tmp_path / "undertone-seed7-take3.wav"]
    for index, path in enumerate(paths):
        path.write_bytes(bytes([index]) * 10)
    return [("take 1", paths[0]), ("take 3", paths[1])]


def test_files_are_the_takes_under_names_without_a_clue(sounds: list[tuple[str, Path]], tmp_path: Path) -> None:
    pair = BlindPair.draw(tmp_path, sounds[0], sounds[1])
    assert [path.name for path in pair.paths] == ["x.wav", "y.wav"]
    assert "take" not in str(pair.paths[0].relative_to(tmp_path))
    content = {name: path.read_bytes() for name, path in sounds}
    assert [path.read_bytes() for path in pair.paths] == [content[name] for name in pair.names]


def test_both_orders_occur(sounds: list[tuple[str, Path]], tmp_path: Path) -> None:
    orders = {BlindPair.draw(tmp_path, sounds[0], sounds[1]).names for _ in range(40)}
    assert orders == {("take 1", "take 3"), ("take 3", "take 1")}


def test_the_choice_reveals_what_was_what(tmp_path: Path) -> None:
    pair = BlindPair(("take 3", "take 1"), (tmp_path, tmp_path))
    assert pair.reveal("Y") == "You preferred Y: take 1. X was take 3, Y was take 1."
    assert pair.reveal("X") == "You preferred X: take 3. X was take 3, Y was take 1."
    assert "no difference" in pair.reveal("none")
