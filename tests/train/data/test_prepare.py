import json
from pathlib import Path

import pytest
import soundfile
import torch
import torchaudio
from lhotse.cut import Cut

from tests.speechlike import voice
from undertone.engine.audio.loudness import LOUDNESS_LUFS, to_loudness, trim_silence
from undertone.engine.audio.mel import LogMel
from undertone.engine.config import MelConfig
from undertone.engine.errors import AudioError
from undertone.train.corpora import read_layout
from undertone.train.corpora.source import CorpusError
from undertone.train.data.clean import CleanClip, CleanSettings, clean, clean_clips
from undertone.train.data.flat_corpus import PreparedCorpus, read_index
from undertone.train.data.prepare import prepare
from undertone.train.data.unit_ids import TokenFile
from undertone.train.model.pitch_targets import PitchFile, assign_pitch
from undertone.train.tokenizer.assign_tokens import assign_tokens
from undertone.train.tokenizer.load import load_tokenizer


def test_broken_files_are_reported_and_the_test_split_is_never_prepared(prepared: Path) -> None:
    rejected = [json.loads(line) for line in (prepared / "rejected.jsonl").read_text().splitlines()]
    assert [row["clip_id"] for row in rejected] == ["broken"]
    clips = read_index(prepared)
    assert len(clips) == 12
    assert {clip.split for clip in clips} == {"train", "dev"}


def test_stored_mels_are_the_mels_of_the_stored_audio(prepared: Path) -> None:
    corpus = PreparedCorpus(prepared, "train")
    for clip in corpus.clips:
        expected = LogMel()(corpus.audio(clip))
        assert len(expected) == clip.num_frames
        assert (corpus.mel(clip) - expected).abs().mean() < 0.02  # int16 and float16 rounding


def test_a_slice_of_a_clip_is_the_slice_of_the_whole(prepared: Path) -> None:
    corpus = PreparedCorpus(prepared, "train")
    clip = corpus.clips[1]
    assert torch.equal(corpus.audio(clip, 100, 50), corpus.audio(clip)[100:150])
    assert torch.equal(corpus.mel(clip, 10, 20), corpus.mel(clip)[10:30])


@pytest.mark.parametrize("gain", [0.05, 0.3])
def test_every_level_comes_out_at_one_loudness(gain: float) -> None:
    waveform = torch.from_numpy(voice(3.0, 120, 0)) * gain / 4
    loudness = torchaudio.functional.loudness(to_loudness(waveform, 16_000)[None], 16_000).item()
    assert loudness == pytest.approx(LOUDNESS_LUFS, abs=0.1)


def test_silence_at_the_ends_is_trimmed_but_for_a_short_rest() -> None:
    sound = torch.from_numpy(voice(2.0, 120, 0))
    padded = torch.cat([torch.zeros(16_000), sound, torch.zeros(24_000)])
    seconds = len(trim_silence(padded, 16_000)) / 16_000
    assert 2.0 <= seconds <= 2.5


@pytest.mark.parametrize(
    ("waveform", "words"),
    [
        (torch.zeros(32_000), "silent"),
        (torch.ones(4_000) * 0.1, "at least 1.0 s"),
        (torch.full((32_000,), torch.nan), "not finite"),
    ],
)
def test_unusable_recordings_say_why(waveform: torch.Tensor, words: str) -> None:
    with pytest.raises(AudioError, match=words):
        clean(waveform, 16_000, MelConfig())


def test_a_prepared_folder_is_not_prepared_again(corpus: Path, prepared: Path) -> None:
    before = (prepared / "audio.i16").stat().st_mtime_ns
    prepare(corpus, prepared, workers=1)
    assert (prepared / "audio.i16").stat().st_mtime_ns == before


def test_two_processes_prepare_what_one_does(
    corpus: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("undertone.train.data.prepare.CUTS_OF_A_WORKER", 3)
    prepare(corpus, tmp_path, workers=2)
    for name in ("audio.i16", "mel.f16", "index.jsonl", "rejected.jsonl"):
        assert (tmp_path / name).read_bytes() == (prepared / name).read_bytes(), name


def test_an_interrupted_preparation_goes_on_and_ends_with_the_same_files(
    corpus: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaned: list[str] = []

    def interrupted(cut: Cut, settings: CleanSettings) -> tuple[list[CleanClip], list[str]]:
        if len(cleaned) == 7:
            raise KeyboardInterrupt
        cleaned.append(cut.id)
        return clean_clips(cut, settings)

    monkeypatch.setattr("undertone.train.data.prepare.CUTS_AT_ONCE", 3)
    monkeypatch.setattr("undertone.train.data.prepare.clean_clips", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare(corpus, tmp_path, workers=1)
    for name in ("audio.i16", "mel.f16", "journal.jsonl"):
        with (tmp_path / name).open("ab") as file:
            file.write(b"half a block that a killed process left")
    cleaned.clear()
    monkeypatch.setattr(
        "undertone.train.data.prepare.clean_clips",
        lambda cut, settings: (cleaned.append(cut.id), clean_clips(cut, settings))[1],
    )
    prepare(corpus, tmp_path, workers=1)
    assert len(cleaned) == 12 - 6  # two blocks of three were whole
    for name in ("audio.i16", "mel.f16", "index.jsonl", "rejected.jsonl"):
        assert (tmp_path / name).read_bytes() == (prepared / name).read_bytes(), name
    assert not (tmp_path / "journal.jsonl").exists()


def test_a_plain_folder_of_recordings_is_a_corpus(tmp_path: Path) -> None:
    (tmp_path / "anna").mkdir()
    for number in range(3):
        soundfile.write(tmp_path / "anna" / f"{number}.wav", voice(1.5, 200, number), 16_000)
    (tmp_path / "anna" / "1.txt").write_text("the cat\n")
    sources = list(read_layout(tmp_path))
    assert [source.speaker for source in sources] == ["anna"] * 3
    assert [source.transcript for source in sources] == ["", "the cat", ""]


def test_an_empty_folder_and_a_manifest_without_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no manifest\.tsv and no audio files"):
        list(read_layout(tmp_path))
    (tmp_path / "manifest.tsv").write_text("file\tspeaker\na.wav\tx\n")
    with pytest.raises(CorpusError, match="lacks the columns"):
        list(read_layout(tmp_path))


def rows_of_split(folder: Path, split: str) -> list[tuple[str, str, str, bytes, bytes]]:
    """Content of every clip of a split, in its order: id, speaker, transcript, samples and mel."""
    corpus = PreparedCorpus(folder, split)
    return [
        (
            clip.clip_id,
            clip.speaker,
            clip.transcript,
            corpus.audio(clip).numpy().tobytes(),
            corpus.mel(clip).numpy().tobytes(),
        )
        for clip in corpus.clips
    ]


def test_a_split_that_is_added_leaves_what_preparing_both_at_once_leaves(
    corpus: Path, prepared: Path, tmp_path: Path
) -> None:
    before = prepare(corpus, tmp_path, ("train",), workers=1)
    prepare(corpus, tmp_path, ("train", "dev"), workers=1)
    assert read_index(tmp_path)[: len(before)] == before  # old clips keep their offsets
    for split in ("train", "dev"):
        assert rows_of_split(tmp_path, split) == rows_of_split(prepared, split)
    reports = [json.loads((folder / "report.json").read_text()) for folder in (tmp_path, prepared)]
    assert reports[0] == reports[1]
    assert (tmp_path / "rejected.jsonl").read_text() == (prepared / "rejected.jsonl").read_text()
    assert not (tmp_path / "journal.jsonl").exists()
    again = (tmp_path / "audio.i16").stat().st_mtime_ns
    prepare(corpus, tmp_path, ("train", "dev"), workers=1)
    assert (tmp_path / "audio.i16").stat().st_mtime_ns == again


@pytest.mark.parametrize("where", ["added_splits._append_lines", "added_splits.write_facts", "manifest.write_facts"])
def test_adding_a_split_that_is_killed_while_listing_goes_on(
    corpus: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    before = prepare(corpus, tmp_path, ("train",), workers=1)

    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"undertone.train.corpora.{where}", killed)
        with pytest.raises(KeyboardInterrupt):
            prepare(corpus, tmp_path, ("train", "dev"), workers=1)
    assert read_index(tmp_path) == before
    assert prepare(corpus, tmp_path, ("train",), workers=1) == before
    prepare(corpus, tmp_path, ("train", "dev"), workers=1)
    assert rows_of_split(tmp_path, "dev") == rows_of_split(prepared, "dev")


def test_adding_a_split_that_is_killed_while_cleaning_goes_on(
    corpus: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(corpus, tmp_path, ("train",), workers=1)

    def killed(cut: Cut, settings: CleanSettings) -> tuple[list[CleanClip], list[str]]:
        if cut.id == "u7":
            raise KeyboardInterrupt
        return clean_clips(cut, settings)

    with monkeypatch.context() as patch:
        patch.setattr("undertone.train.data.prepare.CUTS_AT_ONCE", 1)
        patch.setattr("undertone.train.data.prepare.clean_clips", killed)
        with pytest.raises(KeyboardInterrupt):
            prepare(corpus, tmp_path, ("train", "dev"), workers=1)
    with pytest.raises(CorpusError, match="Run `undertone prepare` first"):
        read_index(tmp_path)
    prepare(corpus, tmp_path, ("train", "dev"), workers=1)
    for split in ("train", "dev"):
        assert rows_of_split(tmp_path, split) == rows_of_split(prepared, split)


def test_a_split_that_the_corpus_lacks_is_refused_and_the_folder_stays(corpus: Path, tmp_path: Path) -> None:
    before = prepare(corpus, tmp_path, ("train",), workers=1)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(CorpusError, match=r"no usable recording .*nowhere"):
        prepare(corpus, tmp_path, ("train", "nowhere"), workers=1)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == files
    assert prepare(corpus, tmp_path, ("train",), workers=1) == before


def test_fewer_splits_than_a_folder_has_are_refused(corpus: Path, prepared: Path) -> None:
    with pytest.raises(CorpusError, match="was prepared with splits dev, train, now train is asked for"):
        prepare(corpus, prepared, ("train",), workers=1)


def test_files_of_every_frame_grow_with_the_splits_or_are_refused(
    corpus: Path, prepared: Path, tokens: Path, tokenizer_run: Path, tmp_path: Path
) -> None:
    prepare(corpus, tmp_path, ("train",), workers=1)
    tokenizer = load_tokenizer(tokenizer_run)
    assign_tokens(tokenizer, tmp_path, workers=1)
    assign_pitch(tmp_path, workers=1)
    prepare(corpus, tmp_path, ("train", "dev"), workers=1)
    added, whole = PreparedCorpus(tmp_path, "dev").clips, PreparedCorpus(prepared, "dev").clips
    for short in (TokenFile(tmp_path / tokens.name).tokens, PitchFile(tmp_path / "pitch.f16").hz):
        with pytest.raises(CorpusError, match="clips were added to the prepared folder since"):
            short(added[0])
    grown = TokenFile(assign_tokens(tokenizer, tmp_path, workers=1))
    for one, other in zip(added, whole, strict=True):
        assert torch.equal(grown.tokens(one), TokenFile(tokens).tokens(other))
    assert not PitchFile(assign_pitch(tmp_path, workers=1)).hz(added[-1]).isnan().any()
