"""A whole evaluation: tiny random bundle, synthetic voices, no recogniser, no encoder, and every row on disk."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests.speechlike import voice
from tests.tiny_bundle import NUM_TOKENS, make_tiny_bundle
from undertone.engine import Engine, Sampling, load_bundle
from undertone.engine.audio.mel import normalise
from undertone.engine.bundle import BundleConfig, read_config
from undertone.engine.network import losses
from undertone.engine.noise import SeededNoise
from undertone.studies.errors import MeasureError
from undertone.studies.evaluation import evaluate as module
from undertone.studies.evaluation.disturbed_prompts import DISTURBANCES
from undertone.studies.evaluation.evaluate import evaluate, evaluate_bundle
from undertone.studies.evaluation.jobs import InstalledMeasures
from undertone.studies.evaluation.model_card import evaluation_of
from undertone.studies.evaluation.other_systems import OtherSystem
from undertone.studies.evaluation.results import Evaluation
from undertone.studies.evaluation.systems import SYSTEMS
from undertone.studies.measures.heldout import DurationRange, held_out_clips, other_recordings
from undertone.studies.measures.likelihood import clip_likelihood

DEAF = InstalledMeasures(
    words=False, voices=False, missing={"words": "no recogniser here", "voices": "no encoder here"}
)
FAST = Sampling(steps=2)
ONE = ("reconstruction",)  # where it does not matter how many there are
HEADER = "utt_id\tfile\tspeaker\tsplit\ttranscript\n"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three speakers with two clips each in the test split, one clip to train on, one that is too short."""
    folder = tmp_path_factory.mktemp("corpus")
    lines = [HEADER]
    for speaker, f0_hz in (("low", 100), ("middle", 150), ("high", 220)):
        for number in range(2):
            name = f"{speaker}-{number}"
            soundfile.write(folder / f"{name}.wav", 0.5 * voice(5.0, f0_hz, seed=len(lines)), 16_000)
            lines.append(f"{name}\t{name}.wav\t{speaker}\ttest\tthese are words\n")
    soundfile.write(folder / "short.wav", 0.5 * voice(1.0, 120, seed=1), 16_000)
    lines.append("part\tlow-1.wav\tother\ttest\t[part 1/2 of] these are words and more\n")
    lines.append("short\tshort.wav\tlow\ttest\tshort\n")
    lines.append("low-0-train\tlow-0.wav\tlow\ttrain\tthese are words\n")
    (folder / "manifest.tsv").write_text("".join(lines))
    return folder


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture(scope="module")
def engine(tiny_folder: Path) -> Engine:
    return Engine.from_pretrained(tiny_folder, device="cpu")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONTINUATION_SECONDS", 1.5)


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch, short: None) -> None:
    monkeypatch.setattr(module.InstalledMeasures, "installed", lambda whisper=None: DEAF)


@pytest.mark.usefixtures("deaf")
def test_an_evaluation_measures_every_system_and_writes_every_row(
    engine: Engine, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DISTURBED_EVERY", 2)
    found = evaluate(engine, corpus, num_clips=2, num_continuations=2, out=tmp_path, sampling=FAST, workers=0)
    assert not found.skipped
    assert (found.num_clips, found.num_speakers, found.num_continuations, found.cluster) == (2, 2, 2, "clip")
    assert list(found.systems) == list(SYSTEMS)
    for system in set(SYSTEMS) - {"ground_truth"}:
        assert {"mel_distance_nats", "log_spectral_distance_db", "voicing_error"} <= set(found.systems[system])
    assert found.systems["copy_synthesis"]["mel_distance_nats"].value > 0
    assert len(found.likelihood.kl_nats_per_dim) == 4
    assert found.likelihood.perplexity.value == pytest.approx(np.exp(found.likelihood.cross_entropy_nats.value))
    assert 0 <= found.likelihood.unigram_entropy_nats.value <= np.log(NUM_TOKENS)
    assert 0 <= found.continuations["ended_itself"].value <= 1
    assert found.not_measured == DEAF.missing
    assert found.disturbed.keys() == DISTURBANCES.keys()
    assert {each.prompts for each in found.disturbed.values()} == {1}

    rows = [json.loads(line) for line in (tmp_path / "clips.jsonl").read_text().splitlines()]
    assert len(rows) == 2 * len(SYSTEMS)
    parts = [row["measures"]["mel_distance_nats"] for row in rows if row["system"] == "reconstruction"]
    pooled = sum(part["total"] for part in parts) / sum(part["count"] for part in parts)
    assert found.systems["reconstruction"]["mel_distance_nats"].value == pytest.approx(pooled)
    assert len((tmp_path / "continuations.jsonl").read_text().splitlines()) == 2
    assert Evaluation.model_validate_json((tmp_path / "evaluation.json").read_text()) == found


@pytest.mark.usefixtures("short")
def test_other_systems_are_heard_by_the_same_judges(
    engine: Engine, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening = replace(DEAF, quality=True)
    monkeypatch.setattr(module.InstalledMeasures, "installed", lambda whisper=None: listening)
    folder = tmp_path / "theirs"
    folder.mkdir()
    soundfile.write(folder / "one.wav", 0.1 * voice(2.0, 120, seed=8), 22_050)
    soundfile.write(folder / "mute.flac", np.zeros(32_000), 16_000)
    also = [OtherSystem.parse(f"theirs={folder}")]
    found = evaluate(
        engine,
        corpus,
        num_clips=1,
        num_continuations=0,
        sampling=FAST,
        workers=0,
        also=also,
        out=tmp_path,
        renderings=("copy_synthesis",),
    )
    assert found.others["theirs"]["dnsmos"].clips == 1
    assert 1 <= found.systems["copy_synthesis"]["dnsmos"].value <= 5
    assert "silent" in found.skipped["theirs/mute.flac"]
    assert [json.loads(line)["system"] for line in (tmp_path / "others.jsonl").read_text().splitlines()] == ["theirs"]


@pytest.mark.parametrize("text", ["theirs", "=folder", "theirs=", "theirs=/does/not/exist"])
def test_an_other_system_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(MeasureError):
        OtherSystem.parse(text)


@pytest.mark.usefixtures("deaf")
def test_measuring_twice_gives_the_same_numbers(engine: Engine, corpus: Path) -> None:
    first, second = (
        evaluate(engine, corpus, num_clips=1, num_continuations=1, sampling=FAST, workers=0, renderings=ONE)
        for _ in range(2)
    )
    assert first.model_copy(update={"speed": second.speed}) == second


@pytest.mark.usefixtures("deaf")
def test_a_bundle_carries_its_numbers_and_keeps_what_training_wrote(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "evaluate", partial(evaluate, sampling=FAST, workers=0, renderings=ONE))
    folder = make_tiny_bundle(tmp_path / "tiny")
    weights = (folder / "model.safetensors").read_bytes()
    lines = list(evaluate_bundle(folder, corpus, size=(2, 1), out=tmp_path / "rows"))
    config = read_config(folder)
    assert config.measured["note"] == "random weights"
    carried = evaluation_of(config)
    assert carried is not None
    assert carried.num_clips == 2
    assert (folder / "model.safetensors").read_bytes() == weights
    assert (folder / "README.md").read_text().startswith("---\n")
    assert any("cross-entropy" in line for line in lines)
    assert load_bundle(folder).config == config  # the engine still reads it


def test_likelihood_is_the_training_objective(engine: Engine, corpus: Path) -> None:
    speech = engine.analyse(torch.from_numpy(voice(3.0, 120, seed=3)), 16_000)
    found = clip_likelihood(engine, speech, seed=11)
    model = engine.bundle.model
    mel = normalise(speech.mel, model.config.mel)[None]
    lengths = torch.tensor([speech.num_frames])
    with torch.inference_mode():
        terms = losses(model(speech.tokens[None], mel, lengths, mel, lengths, SeededNoise([11])))
    assert found.cross_entropy.total == pytest.approx(float(terms.cross_entropy), rel=1e-4)
    assert found.kl_per_dim == pytest.approx(terms.kl_per_dim.tolist(), rel=1e-3, abs=1e-2)
    assert sum(found.token_counts) == found.cross_entropy.count == speech.num_frames


def test_clips_go_round_the_speakers_and_do_not_change(corpus: Path) -> None:
    lengths = DurationRange(4.5, 12.0)
    clips = held_out_clips(corpus, "test", 4, lengths, seed=3)
    assert len({clip.speaker for clip in clips[:3]}) == 3
    assert clips == held_out_clips(corpus, "test", 4, lengths, seed=3)
    assert not {"short", "part"} & {clip.clip_id for clip in held_out_clips(corpus, "test", 99, lengths)}
    others = other_recordings(corpus, "test", clips[:3], lengths)
    assert set(others) == {"low", "middle", "high"}
    assert not {clip.clip_id for clip in others.values()} & {clip.clip_id for clip in clips[:3]}


def test_a_corpus_that_cannot_be_measured_says_why(corpus: Path, tmp_path: Path) -> None:
    lengths = DurationRange(4.5, 12.0)
    with pytest.raises(MeasureError, match=r"manifest\.tsv does not exist"):
        held_out_clips(tmp_path, "test", 1, lengths)
    with pytest.raises(MeasureError, match="its splits: test, train"):
        held_out_clips(corpus, "dev", 1, lengths)
    with pytest.raises(MeasureError, match="60 to 90 s long"):
        held_out_clips(corpus, "test", 1, DurationRange(60, 90))
    (tmp_path / "manifest.tsv").write_text("utt_id\tfile\na\ta.wav\n")
    with pytest.raises(MeasureError, match="lacks the columns speaker, split, transcript"):
        held_out_clips(tmp_path, "test", 1, lengths)
    with pytest.raises(MeasureError, match="no bundle folder"):
        list(evaluate_bundle(tmp_path, corpus))


@pytest.mark.usefixtures("deaf")
def test_a_clip_that_cannot_be_used_is_skipped_with_its_reason(engine: Engine, corpus: Path, tmp_path: Path) -> None:
    for path in corpus.glob("low-*.wav"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    soundfile.write(tmp_path / "mute.wav", np.zeros(80_000), 16_000)
    rows = [f"{name}\t{name}.wav\tlow\ttest\twords\n" for name in ("low-0", "low-1", "mute")]
    (tmp_path / "manifest.tsv").write_text(HEADER + "".join(rows))
    found = evaluate(engine, tmp_path, num_clips=3, num_continuations=0, sampling=FAST, workers=0, renderings=ONE)
    assert list(found.systems) == ["ground_truth", *ONE]
    assert found.num_clips == 2
    assert "silent" in found.skipped["mute"]
    assert found.continuations == {}


def test_the_measured_numbers_fit_the_bundles_schema(tiny_folder: Path) -> None:
    config = read_config(tiny_folder)
    assert evaluation_of(config) is None
    assert isinstance(config, BundleConfig)
