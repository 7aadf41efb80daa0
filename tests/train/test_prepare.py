import json
from pathlib import Path

import pytest
import soundfile
import torch
import torchaudio
from lhotse.cut import Cut

from engine.config import MelConfig
from engine.errors import AudioError
from engine.loudness import LOUDNESS_LUFS, to_loudness, trim_silence
from engine.mel import LogMel
from tests.speechlike import voice
from train.clean import CleanClip, CleanSettings, clean, clean_clips
from train.prepare import CorpusError, PreparedCorpus, prepare, read_corpus, read_index


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


def test_an_interrupted_preparation_goes_on_and_ends_with_the_same_files(
    corpus: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaned: list[str] = []

    def interrupted(cut: Cut, settings: CleanSettings) -> tuple[list[CleanClip], list[str]]:
        if len(cleaned) == 7:
            raise KeyboardInterrupt
        cleaned.append(cut.id)
        return clean_clips(cut, settings)

    monkeypatch.setattr("train.prepare.CUTS_AT_ONCE", 3)
    monkeypatch.setattr("train.prepare.clean_clips", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare(corpus, tmp_path, workers=1)
    for name in ("audio.i16", "mel.f16", "journal.jsonl"):
        with (tmp_path / name).open("ab") as file:
            file.write(b"half a block that a killed process left")
    cleaned.clear()
    monkeypatch.setattr(
        "train.prepare.clean_clips", lambda cut, settings: (cleaned.append(cut.id), clean_clips(cut, settings))[1]
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
    sources = read_corpus(tmp_path)
    assert [source.speaker for source in sources] == ["anna"] * 3
    assert [source.transcript for source in sources] == ["", "the cat", ""]


def test_an_empty_folder_and_a_manifest_without_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no manifest\.tsv and no audio files"):
        read_corpus(tmp_path)
    (tmp_path / "manifest.tsv").write_text("file\tspeaker\na.wav\tx\n")
    with pytest.raises(CorpusError, match="lacks the columns"):
        read_corpus(tmp_path)
