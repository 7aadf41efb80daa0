"""`undertone batch`: every prompt is made once, what fails ends nothing, and no take goes over another."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from filelock import FileLock
from typer.testing import CliRunner, Result

from tests.speechlike import voice
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.cli.batch.run import LOCK
from undertone.app.cli.main import app
from undertone.engine import Engine, SettingsError, TakeSettings, UndertoneError, read_audio

ROOT = Path(__file__).parents[3]
Batch = Callable[..., Result]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


def write_voice(path: Path, hz: float, rate: int = 16_000) -> None:
    soundfile.write(path, 0.5 * voice(2.0, hz, seed=0, rate=rate), rate)


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """Two recordings of one name in different folders, and what is no recording."""
    folder = tmp_path / "prompts"
    for place, hz in (("a", 140), ("b", 180)):
        (folder / place).mkdir(parents=True)
        write_voice(folder / place / "x.flac", hz, 22_050)
    (folder / "notes.md").write_text("no recording")
    return folder


@pytest.fixture
def batch(bundle: Path, tmp_path: Path) -> Batch:
    def run(*words: object, out: str = "out") -> Result:
        settings = ("--seconds", "0.5", "--out", tmp_path / out, "--bundle", bundle)
        return CliRunner().invoke(app, ["batch", *map(str, settings), *map(str, words)])

    return run


def lines(tmp_path: Path, out: str = "out") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / out / "results.jsonl").read_text().splitlines()]


def sounds(folder: Path) -> list[Path]:
    """Every finished wav below a folder."""
    return [path for path in folder.rglob("*.wav") if ".unfinished-" not in str(path)]


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every visible file but the results, with its time of writing, by its path in the folder."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in ("results.jsonl", LOCK))
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in found}


def test_same_names_in_two_folders_are_two_takes(batch: Batch, prompts: Path, tmp_path: Path) -> None:
    done = batch(prompts)
    assert done.exit_code == 0, done.output
    assert [line["prompt"] for line in lines(tmp_path)] == ["a/x.flac", "b/x.flac"]
    for line in lines(tmp_path):
        assert line["status"] == "made"
        assert line["sound"].startswith(line["prompt"].removesuffix("x.flac") + f"x-{line['seed']}")
        waveform, rate = soundfile.read(tmp_path / "out" / line["sound"], dtype="float32")
        assert (rate, len(waveform) / rate) == (16_000, pytest.approx(line["seconds"], abs=1e-3))
        assert line["settings"] == json.loads((tmp_path / "out" / line["settings_file"]).read_text())
    assert len({line["seed"] for line in lines(tmp_path)}) == 2
    assert len(files(tmp_path / "out")) == 4


def test_a_second_call_writes_nothing(batch: Batch, prompts: Path, tmp_path: Path) -> None:
    batch(prompts, "--takes", 2)
    before, said = files(tmp_path / "out"), lines(tmp_path)
    again = batch(prompts, "--takes", 2)
    assert "0 prompts made, 2 made before" in again.output
    assert files(tmp_path / "out") == before
    assert lines(tmp_path) == said


@pytest.mark.parametrize("lost", ["sound", "settings", "results"])
def test_what_is_missing_is_made_again_to_the_same_bytes(
    batch: Batch, prompts: Path, tmp_path: Path, lost: str
) -> None:
    batch(prompts)
    before, said = files(tmp_path / "out"), lines(tmp_path)
    first = said[0]
    if lost == "sound":
        (tmp_path / "out" / first["sound"]).unlink()
    elif lost == "settings":  # a sound with nothing beside it is somebody's: it stays, and the take gets another name
        (tmp_path / "out" / first["settings_file"]).unlink()
    else:
        (tmp_path / "out" / "results.jsonl").write_text(json.dumps(said[1]) + "\n" + json.dumps(first)[:40])
    again = batch(prompts)
    assert "1 prompts made, 1 made before" in again.output
    after = files(tmp_path / "out")
    if lost == "settings":
        other = first["sound"].replace(".wav", "-2.wav")
        assert after[other][0] == before[first["sound"]][0]
        assert after[first["sound"]] == before[first["sound"]]
    else:
        assert {name: data for name, (data, _) in after.items()} == {name: data for name, (data, _) in before.items()}
        assert sorted(map(str, lines(tmp_path))) == sorted(map(str, said))
    second = said[1]["sound"]
    assert after[second] == before[second], "what was whole is not written again"


def test_other_settings_in_one_folder_go_beside_and_stay_resumable(batch: Batch, prompts: Path, tmp_path: Path) -> None:
    row = prompts / "one.jsonl"
    row.write_text(json.dumps({"path": "a/x.flac", "seed": 7}))
    batch(row)
    first = files(tmp_path / "out")
    batch(row, "--token-temperature", 0.3)
    assert "1 made before" in batch(row, "--token-temperature", 0.3).output
    assert "1 made before" in batch(row).output
    write_voice(prompts / "a" / "x.flac", 150)  # another recording of the same name
    batch(row)
    after = files(tmp_path / "out")
    assert {name for name in after if name.endswith(".wav")} == {f"a/x-7{n}.wav" for n in ("", "-2", "-3")}
    assert all(after[name] == data for name, data in first.items())
    assert "1 made before" in batch(row).output
    assert len(lines(tmp_path)) == 3


def test_what_fails_is_said_and_ends_nothing(batch: Batch, prompts: Path, tmp_path: Path) -> None:
    (prompts / "b" / "broken.wav").write_bytes(b"RIFF")
    soundfile.write(prompts / "b" / "silent.wav", np.zeros(32_000), 16_000)
    (prompts / "b" / "empty.ogg").touch()
    done = batch(prompts)
    assert done.exit_code == 103
    assert "2 prompts made, 0 made before, 3 failed" in done.output
    failed = {line["prompt"]: line for line in lines(tmp_path) if line["status"] == "failed"}
    assert set(failed) == {"b/broken.wav", "b/silent.wav", "b/empty.ogg"}
    assert "silen" in failed["b/silent.wav"]["error"]
    assert "0 bytes" in failed["b/empty.ogg"]["error"]
    write_voice(prompts / "b" / "silent.wav", 100)
    assert batch(prompts).exit_code == 102
    assert {line["prompt"] for line in lines(tmp_path) if line["status"] == "failed"} == {"b/broken.wav", "b/empty.ogg"}
    assert len(lines(tmp_path)) == 5, "a line of a failure goes when the prompt is tried again"


def test_more_prompts_change_no_take(batch: Batch, prompts: Path, tmp_path: Path) -> None:
    batch(prompts / "a", out="alone")
    write_voice(prompts / "a" / "0-before.wav", 100)
    batch(prompts / "a", out="both")
    alone, both = files(tmp_path / "alone"), files(tmp_path / "both")
    assert len(both) == 4
    assert all(both[name][0] == data for name, (data, _) in alone.items())
    assert batch(prompts / "a", "--seed", 1, out="other").exit_code == 0
    assert not set(files(tmp_path / "other")) & set(both)


def test_workers_make_the_same_bytes(batch: Batch, prompts: Path, tmp_path: Path) -> None:
    batch(prompts, out="one")
    done = batch(prompts, "--workers", 2, out="two")
    assert done.exit_code == 0, done.output
    one, two = files(tmp_path / "one"), files(tmp_path / "two")
    assert {name: data for name, (data, _) in one.items()} == {name: data for name, (data, _) in two.items()}


@pytest.mark.parametrize(
    ("kind", "rate", "container"),
    [("wav", 48_000, "WAV"), ("flac", 24_000, "FLAC"), ("mp3", 16_000, "MP3"), ("ogg", 48_000, "OGG")],
)
def test_a_take_in_another_format_is_replayed_by_its_samples(
    batch: Batch, bundle: Path, prompts: Path, tmp_path: Path, kind: str, rate: int, container: str
) -> None:
    done = batch(prompts / "a", "--format", kind, "--rate", rate)
    assert done.exit_code == 0, done.output
    (line,) = lines(tmp_path)
    sound, text = tmp_path / "out" / line["sound"], tmp_path / "out" / line["settings_file"]
    info = soundfile.info(sound)
    assert (info.format, info.samplerate, info.channels) == (container, rate, 1)
    assert info.duration == pytest.approx(line["seconds"], abs=0.1)  # mp3 has whole frames
    saved = TakeSettings.read(text)
    assert saved.written is not None
    assert (saved.written.format, saved.written.sample_rate_hz, saved.written.encoding) == (kind, rate, info.subtype)
    take = Engine.from_pretrained(bundle).replay(saved, *read_audio(prompts / "a" / "x.flac"))
    kept, _ = read_audio(sound)
    assert kept.square().mean().sqrt() == pytest.approx(take.audio.square().mean().sqrt().item(), rel=0.2)

    words = ["continue", prompts / "a" / "x.flac", "--replay", text, "--out", tmp_path / "again", "--bundle", bundle]
    assert CliRunner().invoke(app, list(map(str, words))).exit_code == 0
    again = files(tmp_path / "again")
    assert again[f"take-{line['seed']}.json"][0] == text.read_bytes()
    if kind != "ogg":  # whose stream has a random number
        assert again[f"take-{line['seed']}.{kind}"][0] == sound.read_bytes()
    changed = json.loads(text.read_text())
    changed["written"]["samples_sha256"] = "0" * 64
    text.write_text(json.dumps(changed))
    refused = CliRunner().invoke(app, list(map(str, words)))
    assert isinstance(refused.exception, SettingsError)
    assert "samples" in str(refused.exception)


def test_formats_of_one_prompt_lie_beside_each_other(batch: Batch, prompts: Path, tmp_path: Path) -> None:
    batch(prompts / "a", "--format", "mp3")
    before = files(tmp_path / "out")
    batch(prompts / "a", "--format", "flac")
    assert all(files(tmp_path / "out")[name] == data for name, data in before.items())
    assert "1 made before" in batch(prompts / "a", "--format", "flac").output
    assert "1 made before" in batch(prompts / "a", "--format", "mp3").output
    assert len(lines(tmp_path)) == 2


def test_takes_in_a_folder_of_prompts_are_no_prompts(batch: Batch, prompts: Path) -> None:
    for _ in range(2):
        batch(prompts, "--out", prompts / "takes")
    results = (prompts / "takes" / "results.jsonl").read_text().splitlines()
    assert [json.loads(line)["prompt"] for line in results] == ["a/x.flac", "b/x.flac"]


def test_a_killed_call_leaves_whole_files_and_the_next_one_ends_it(
    bundle: Path, prompts: Path, tmp_path: Path, batch: Batch
) -> None:
    for number in range(6):
        write_voice(prompts / f"{number}.wav", 100 + number)
    out = tmp_path / "out"
    words = ("batch", prompts, "--seconds", "0.5", "--out", out, "--bundle", bundle)
    process = subprocess.Popen(
        [sys.executable, "-m", "undertone", *map(str, words)], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    while not sounds(out) and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert sounds(out)
    for path in sounds(out):
        assert soundfile.info(path).frames > 0
        TakeSettings.read(path.with_suffix(".json"))
    done = batch(prompts)
    assert done.exit_code == 0, done.output
    assert len(sounds(out)) == len(lines(tmp_path)) == 8
    batch(prompts, out="whole")
    whole = files(tmp_path / "whole")
    assert all((out / name).read_bytes() == data for name, (data, _) in whole.items())


def test_two_calls_at_once_are_refused(batch: Batch, prompts: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with FileLock(tmp_path / "out" / LOCK):
        refused = batch(prompts)
    assert isinstance(refused.exception, UndertoneError)
    assert "another call" in str(refused.exception)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--format", "aac"), "--format is 'aac'"),
        (("--rate", 44_100), "--rate is 44100"),
        (("--seconds", 0), "seconds is 0"),
        (("--top-p", 3), "top_p is 3"),
        (("--bundle", "no-such-folder"), "no-such-folder"),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_made(
    batch: Batch, prompts: Path, tmp_path: Path, words: tuple[object, ...], told: str
) -> None:
    refused = batch(prompts, *words)
    assert isinstance(refused.exception, UndertoneError)
    assert told in str(refused.exception)
    assert not (tmp_path / "out").exists()


def test_results_of_something_else_are_left_alone(batch: Batch, prompts: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.jsonl").write_text('{"accuracy": 0.9}\n')
    assert isinstance(batch(prompts).exception, SettingsError)
    assert (tmp_path / "out" / "results.jsonl").read_text() == '{"accuracy": 0.9}\n'


def test_help_names_what_a_row_may_have() -> None:
    shown = re.sub(r"\x1b\[[0-9;]*m", "", CliRunner().invoke(app, ["batch", "--help"]).output)
    for word in ("audio_filepath", "prompt_start", "prompt_seconds", "no_end", "repeated_units", "--format", "--rate"):
        assert word in shown
