"""The prompts that folders and manifests list: settings row by row, and names that stay where they belong."""

import json
from pathlib import Path

import pytest

from undertone.app.cli.batch.prompts import BadRow, Prompt, PromptSettings, list_prompts, prompt_seed
from undertone.engine import UndertoneError

DEFAULTS = PromptSettings(seconds=6.0)


def listed(source: Path, base_seed: int = 0) -> list[Prompt | BadRow]:
    return list(list_prompts([source], DEFAULTS, base_seed, source.parent / "out"))


def prompts(source: Path) -> list[Prompt]:
    found = listed(source)
    assert not [item for item in found if isinstance(item, BadRow)], found
    return [item for item in found if isinstance(item, Prompt)]


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("name", "text", "encoding"),
    [
        ("rows.jsonl", '{"path": "a.wav", "seconds": 2, "seed": 7}\n\n{"path": "b.mp3", "text": "x"}\n', "utf-8"),
        (
            "nemo.json",
            '{"audio_filepath": "a.wav", "seconds": 2, "seed": 7}\n{"audio_filepath": "b.mp3", "text": "x"}',
            "utf-8",
        ),
        ("rows.csv", "file_name,seconds,seed,text\r\na.wav,2,7,\r\nb.mp3,,,x\r\n", "utf-8-sig"),
        ("excel.csv", "path;seconds;seed;text\r\na.wav;2;7;\r\nb.mp3;;;x\r\n", "utf-16"),
        ("rows.tsv", "path\tseconds\tseed\ttext\na.wav\t2\t7\t\nb.mp3\t\t\tx\n", "utf-8"),
    ],
)
def test_every_kind_of_manifest_gives_the_same_prompts(tmp_path: Path, name: str, text: str, encoding: str) -> None:
    first, second = prompts(written(tmp_path / name, text, encoding))
    assert (first.path, first.name, first.seed, first.settings.seconds) == (tmp_path / "a.wav", "a", 7, 2.0)
    assert (second.path, second.name, second.settings.seconds) == (tmp_path / "b.mp3", "b", DEFAULTS.seconds)
    assert second.seed == prompt_seed(0, "b.mp3")
    assert (first.columns, second.columns) == ({}, {"text": "x"})


def test_a_list_of_paths_is_a_manifest(tmp_path: Path) -> None:
    first, second = prompts(written(tmp_path / "list.txt", "a/x.wav\n\nb/x.wav\n"))
    assert (first.name, second.name) == ("a/x", "b/x")
    assert first.seed != second.seed


def test_a_row_has_its_own_settings(tmp_path: Path) -> None:
    row = {"path": "a.wav", "name": "first", "offset": 1.5, "prompt_seconds": 2, "takes": 3, "token_temperature": 0.5}
    (prompt,) = prompts(written(tmp_path / "rows.jsonl", json.dumps(row)))
    assert prompt.name == "first"
    assert prompt.settings == PromptSettings(
        seconds=6.0, prompt_start=1.5, prompt_seconds=2.0, takes=3, token_temperature=0.5
    )
    assert prompt.settings.sampling.token_temperature == 0.5


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ('{"path": "a.wav", "seconds": -1}', "seconds"),
        ('{"path": "a.wav", "seconds": "long"}', "seconds"),
        ('{"path": "a.wav", "seed": 2.5}', "seed"),
        ('{"path": "a.wav", "takes": 17}', "takes"),
        ('{"path": "a.wav", "top_p": 3}', "top_p"),
        ('{"path": "a.wav", "seconds": NaN}', "NaN"),
        ('{"path": "a.wav", "prompt_start": 1e999}', "prompt_start"),
        ('{"path": "a\\u0000.wav"}', "no file"),
        ('{"path": "a.wav", "name": ".."}', "name"),
        ('{"seconds": 1}', "path"),
        ("[1]", "list"),
        ('{"path": ', "JSON"),
    ],
)
def test_a_bad_row_is_said_and_the_others_stay(tmp_path: Path, row: str, told: str) -> None:
    good = '{"path": "good.wav"}'
    before, bad, after = listed(written(tmp_path / "rows.jsonl", f'{good}\n{row}\n{{"path": "later.wav"}}\n'))
    assert isinstance(before, Prompt)
    assert isinstance(after, Prompt)
    assert isinstance(bad, BadRow)
    assert told in bad.error


def test_a_row_of_too_many_cells_is_bad(tmp_path: Path) -> None:
    good, bad = listed(written(tmp_path / "rows.csv", "path,seed\na.wav,1\nb.wav,2,3\n"))
    assert isinstance(good, Prompt)
    assert isinstance(bad, BadRow)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("/data/speech/x.wav", "x"),
        ("..\\x.wav", "x"),
        ("a/./x.wav", "a/x"),
        ("clip.v2", "clip.v2"),
        ("Zoë 1.flac", "Zoë 1"),
    ],
)
def test_takes_stay_below_their_folder(tmp_path: Path, name: str, kept: str) -> None:
    (prompt,) = prompts(written(tmp_path / "rows.jsonl", json.dumps({"path": "a.wav", "name": name})))
    assert prompt.name == kept


def test_a_long_name_is_shortened_and_stays_its_own(tmp_path: Path) -> None:
    rows = "".join(f"{'ä' * 200}{number}.wav\n" for number in range(2))
    first, second = prompts(written(tmp_path / "list.txt", rows))
    assert first.name != second.name
    assert max(len(prompt.name.encode()) for prompt in (first, second)) <= 150


def test_the_same_row_twice_is_made_once(tmp_path: Path) -> None:
    once, again, other = listed(written(tmp_path / "rows.csv", "path,seed\na.wav,1\na.wav,1\na.wav,2\n"))
    assert isinstance(once, Prompt)
    assert isinstance(again, BadRow)
    assert isinstance(other, Prompt)


def test_seeds_depend_on_name_and_base_alone() -> None:
    assert prompt_seed(0, "a/x.wav") == prompt_seed(0, "a/x.wav") == 714_759_099
    assert len({prompt_seed(base, name) for base in range(20) for name in ("a", "b", "c")}) == 60


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [("rows.csv", "a,b\n1,2\n", "columns a, b"), ("rows.jsonl", "\n", "no rows"), ("rows.tsv", "", "columns none")],
)
def test_a_manifest_of_nothing_is_refused(tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(UndertoneError, match=told):
        listed(written(tmp_path / name, text))


def test_sources_without_recordings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UndertoneError, match="holds no recording"):
        listed(tmp_path / "empty")
    with pytest.raises(UndertoneError, match="neither a folder nor a file"):
        listed(tmp_path / "nothing")
