"""The console script as a person uses it, on a bundle of random weights: two calls in processes, the others here."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from tests.speechlike import voice
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.cli.main import main
from undertone.engine import Engine, TakesRequest, read_audio

ROOT = Path(__file__).parents[3]
Undertone = Callable[..., subprocess.CompletedProcess[str]]
VERBS = (
    "batch", "bench", "bundle", "continue", "demo-bundle", "evaluate", "import", "lexical", "prepare", "probe",
    "replace-vocoder", "replicas", "serve", "study", "sweep", "text", "tokenizer", "tokens", "train", "vocoder",
)  # fmt: skip


def in_a_process(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "undertone", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250)


@pytest.fixture
def undertone(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Undertone:
    monkeypatch.chdir(ROOT)

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["undertone", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        status = ended.value.code if isinstance(ended.value.code, int) else 0
        return subprocess.CompletedProcess(sys.argv, status, said.out, said.err)

    return run


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture(scope="module")
def prompt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prompt") / "prompt.flac"
    soundfile.write(path, voice(4.0, 140, 0, rate=44_100), 44_100)
    return path


def test_help_lists_every_verb(undertone: Undertone) -> None:
    shown = undertone("--help")
    assert shown.returncode == 0
    for verb in VERBS:
        assert re.search(rf"\b{verb}\b", shown.stdout), verb


def test_takes_are_written_and_replayed_to_the_same_bytes(bundle: Path, prompt: Path, tmp_path: Path) -> None:
    made = in_a_process(
        "continue", prompt, "--seconds", 1, "--takes", 2, "--seed", 7, "--out", tmp_path / "a", "--bundle", bundle
    )
    assert made.returncode == 0, made.stderr
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["take-7.json", "take-7.wav", "take-8.json", "take-8.wav"]
    assert json.loads((tmp_path / "a" / "take-8.json").read_text())["index"] == 1
    settings = tmp_path / "a" / "take-8.json"
    again = in_a_process("continue", prompt, "--replay", settings, "--out", tmp_path / "b", "--bundle", bundle)
    assert again.returncode == 0, again.stderr
    for suffix in ("wav", "json"):
        name = f"take-8.{suffix}"
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_another_take_of_the_same_name_is_never_overwritten(
    undertone: Undertone, bundle: Path, prompt: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.wav"
    soundfile.write(other, voice(4.0, 180, 1), 16_000)
    settings = ("--seconds", 1, "--seed", 7, "--out", tmp_path / "out", "--bundle", bundle)
    undertone("continue", prompt, *settings)
    first = (tmp_path / "out" / "take-7.wav").read_bytes()
    made = undertone("continue", other, *settings)
    assert "take-7-2.wav" in made.stdout
    undertone("continue", prompt, *settings)
    assert (tmp_path / "out" / "take-7.wav").read_bytes() == first
    assert len(list((tmp_path / "out").glob("*.wav"))) == 2


def test_replay_of_another_recording_is_refused(
    undertone: Undertone, bundle: Path, prompt: Path, tmp_path: Path
) -> None:
    undertone("continue", prompt, "--seconds", 1, "--seed", 1, "--out", tmp_path, "--bundle", bundle)
    other = tmp_path / "other.wav"
    soundfile.write(other, voice(4.0, 180, 1), 16_000)
    refused = undertone("continue", other, "--replay", tmp_path / "take-1.json", "--out", tmp_path, "--bundle", bundle)
    assert refused.returncode == 2
    assert "prompt" in refused.stderr


def test_a_take_drawn_together_with_others_is_replayed_to_rounding(
    undertone: Undertone, bundle: Path, prompt: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine.from_pretrained(bundle, device="cpu")
    speech = engine.analyse(*read_audio(prompt), 0.0, 2.0)
    requests = [TakesRequest(speech, 0.6, seed=seed, step="modules") for seed in (1, 2)]
    take = engine.takes_together(requests)[1][0]
    _, settings = take.save(tmp_path, "together")
    again = undertone("continue", prompt, "--replay", settings, "--out", tmp_path, "--bundle", bundle)
    assert again.returncode == 0, again.stderr
    assert "drawn together with others" in caplog.text
    samples, _ = soundfile.read(tmp_path / "take-2.wav", dtype="float32")
    assert abs(samples - take.audio.numpy()).max() <= 1e-3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["continue", "nothing.wav"], "nothing.wav"),
        (["continue", "README.md"], "README.md"),
        (["serve", "--bundle", "no-such-folder", "--port", "0"], "no-such-folder"),
        (["serve", "--bundle", "assets/examples", "--port", "0"], "assets/examples"),
        (["serve", "--trusted-proxy", "proxy.example"], "trusted proxy 'proxy.example' is no address"),
        (["serve", "--engine", "http://models:8000"], "expected ray://HOST:PORT"),
        (["replicas", "--replicas", "3", "--most", "2"], "--replicas is 3 and --most 2"),
        (["replicas", "--slots", "0"], "--slots is 0"),
        (["replicas", "--bundle", "no-such-folder"], "no-such-folder"),
        (["train", "no-such-recipe", "--prepared", "x", "--tokenizer", "y", "--out", "z"], "no-such-recipe"),
        (["train", "vocoder-cpu", "--prepared", "x", "--tokenizer", "y", "--out", "z"], "stage 'vocoder'"),
        (["text", "prepare-split", "no-such-corpus", "build/never"], "no-such-corpus"),
        (["lexical", "run", "tests", "README.md", "tests", "README.md"], "no exported model"),
        (["replace-vocoder", "no-such-folder", "--vocoder", "x", "--out", "y"], "no-such-folder"),
        (["study", "simulate", "--prompts", "5", "--trials", "6"], "trials_per_rater is 6"),
        (["prepare", "--corpus", "no-such-corpus", "--out", "build/never"], "no-such-corpus"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(undertone: Undertone, words: list[str], told: str) -> None:
    failed = undertone(*words)
    assert failed.returncode == 2
    assert told in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_bench_takes_its_bundle_with_or_without_the_option(undertone: Undertone, bundle: Path) -> None:
    for words in ([bundle], ["--bundle", bundle]):
        measured = undertone("bench", *words, "--seconds", "0.5", "--json")
        assert json.loads(measured.stdout.splitlines()[-1])["bundle"] == "tiny"
    for both in ([bundle, "--bundle", bundle], [bundle, "--published-size"]):
        refused = undertone("bench", *both)
        assert refused.returncode == 2
        assert "not both" in refused.stderr
