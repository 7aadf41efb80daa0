"""Evaluation on every layout that `prepare` reads, and what is checked before anything is trained for it."""

from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner

from tests.speechlike import voice
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.cli.main import app
from undertone.engine import Engine, Sampling, load_bundle
from undertone.studies.errors import MeasureError
from undertone.studies.evaluation import evaluate as module
from undertone.studies.evaluation.evaluate import check_corpus
from undertone.studies.evaluation.jobs import InstalledMeasures
from undertone.studies.measures.heldout import DurationRange, ListedCorpus, held_out_clips, read_trimmed
from undertone.train.corpora.listing import list_sources


def recordings(corpus: Path) -> ListedCorpus:
    return ListedCorpus.from_list(corpus, list_sources(corpus))


DEAF = InstalledMeasures(
    words=False, voices=False, missing={"words": "no recogniser here", "voices": "no encoder here"}
)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two speakers with transcripts beside their recordings, and no word of splits."""
    folder = tmp_path_factory.mktemp("plain")
    for speaker, f0_hz in (("anna", 180), ("bob", 110)):
        (folder / speaker).mkdir()
        for number in range(2):
            soundfile.write(folder / speaker / f"{number}.wav", 0.5 * voice(5.0, f0_hz, seed=number), 16_000)
            (folder / speaker / f"{number}.txt").write_text("the cat sat on the mat\n")
    return folder


def librispeech(folder: Path) -> Path:
    for part, speaker in (("train-clean-100", "19"), ("test-clean", "61")):
        chapter = folder / part / speaker / "1"
        chapter.mkdir(parents=True)
        soundfile.write(chapter / f"{speaker}-1-0000.flac", 0.5 * voice(5.0, 120, seed=3), 16_000)
        (chapter / f"{speaker}-1.trans.txt").write_text(f"{speaker}-1-0000 THE CAT SAT\n")
    return folder


def test_a_bundle_is_measured_on_a_plain_folder(plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.InstalledMeasures, "installed", lambda whisper=None: DEAF)
    monkeypatch.setattr(module, "CONTINUATION_SECONDS", 0.5)
    bundle = make_tiny_bundle(tmp_path / "tiny")
    found = module.evaluate(
        bundle, recordings(plain), "all", 1, 0, sampling=Sampling(steps=2), workers=0, renderings=()
    )
    assert not found.skipped
    assert (found.corpus, found.split, found.num_clips) == (plain.name, "all", 1)


def test_librispeech_is_measured_on_its_test_part_alone(tmp_path: Path) -> None:
    listed = recordings(librispeech(tmp_path))
    assert listed.split_to_measure() == "test"
    clips = held_out_clips(listed, "test", 9, DurationRange(1.0, 9.0))
    assert [clip.speaker for clip in clips] == ["61"]
    assert {clip.speaker for clip in held_out_clips(listed, "all", 9, DurationRange(1.0, 9.0))} == {"19", "61"}


def test_a_corpus_without_a_test_split_is_measured_on_dev_and_an_empty_split_names_those_there_are(plain: Path) -> None:
    listed = recordings(plain)
    assert listed.split_to_measure() == "dev"
    with pytest.raises(MeasureError, match=r"split 'test'; its splits: dev .1 rec.*train .3 rec.*--split"):
        check_corpus(listed, "test")


def test_a_piece_of_a_recording_is_that_piece(plain: Path, tmp_path: Path) -> None:
    engine = Engine(load_bundle(make_tiny_bundle(tmp_path / "tiny")))
    clip = recordings(plain).of("all")[0]
    whole = read_trimmed(engine, clip)
    piece = read_trimmed(engine, type(clip)(clip.clip_id, clip.path, clip.speaker, clip.transcript, 1.0, 2.0))
    assert len(piece) <= 2 * 16_000 < len(whole)


def test_demo_bundle_says_before_any_training_that_nothing_can_be_measured(tmp_path: Path) -> None:
    silent = tmp_path / "without-transcripts"
    silent.mkdir()
    soundfile.write(silent / "0.wav", 0.5 * voice(5.0, 120, seed=1), 16_000)
    words = ["demo-bundle", "--corpus", str(silent), "--lexicon", str(tmp_path), "--work", str(tmp_path / "work")]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, MeasureError)
    assert "--no-evaluate" in str(done.exception)
    assert not (tmp_path / "work").exists()


def test_listed_recordings_know_their_folder(plain: Path) -> None:
    assert isinstance(recordings(plain), ListedCorpus)
    assert recordings(plain).folder == plain
