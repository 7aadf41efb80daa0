"""Layouts of corpora: the same recordings, speakers and texts as Lhotse's own recipes find; broken files are named."""

import json
from pathlib import Path

import pytest
import soundfile
from lhotse.recipes import prepare_ljspeech

from tests.speechlike import voice
from undertone.train.corpora import CorpusError, layout_of, read_layout
from undertone.train.corpora.manifest import cuts_of_corpus

RATE_HZ = 16_000


def write(path: Path, seconds: float = 1.0, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mono = voice(seconds, 120, len(path.name))
    soundfile.write(path, mono if channels == 1 else mono[:, None].repeat(channels, 1), RATE_HZ)


def librispeech(folder: Path) -> Path:
    for part, speaker in (("train-clean-100", "19"), ("dev-clean", "84"), ("test-other", "367")):
        chapter = folder / part / speaker / "1"
        for number in range(2):
            write(chapter / f"{speaker}-1-000{number}.flac")
        lines = [f"{speaker}-1-000{number} WORD NUMBER {number}\n" for number in range(2)]
        (chapter / f"{speaker}-1.trans.txt").write_text("".join(lines))
    return folder


def librilight(folder: Path) -> Path:
    for size, speaker in (("small", "12"), ("medium", "34"), ("large", "56")):
        path = folder / size / speaker / "book_a" / "chapter_01.flac"
        write(path, 3.0)
        told = {"speaker": speaker, "voice_activity": [[0.1, 0.9], [1.2, 2.0], [2.2, 2.9]]}
        path.with_suffix(".json").write_text(json.dumps(told))
    return folder


def ljspeech(folder: Path) -> Path:
    lines = []
    for number in range(3):
        write(folder / "wavs" / f"LJ001-000{number}.wav")
        lines.append(f"LJ001-000{number}|No. {number}|Number {number}\n")
    (folder / "metadata.csv").write_text("".join(lines))
    return folder


def test_ljspeech_is_read_as_lhotse_reads_it(tmp_path: Path) -> None:
    folder = ljspeech(tmp_path)
    theirs = {s.id: s.custom["normalized_text"] for s in prepare_ljspeech(folder)["supervisions"]}
    assert theirs == {source.clip_id: source.transcript for source in read_layout(folder)}


@pytest.mark.parametrize(
    ("make", "layout"), [(librispeech, "librispeech"), (librilight, "librilight"), (ljspeech, "ljspeech")]
)
def test_a_layout_is_known_by_what_lies_in_it(make, layout: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert layout_of(make(tmp_path)) == layout


def test_an_unknown_layout_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="librilight"):
        read_layout(tmp_path, "librivox")
    with pytest.raises(CorpusError, match="is no folder"):
        layout_of(tmp_path / "nowhere")


OTHER = '{"sound": "a.wav", "length": 1.0}\n'


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("manifest.jsonl", OTHER.encode(), "a list of something else: its first line holds sound, length"),
        ("manifest.json", OTHER.encode(), "a JSON file"),
        ("data.parquet", b"PAR1", r"a table \(.parquet\)"),
        ("shard-000.tar", b"", r"an archive \(.tar\).*Unpack it"),
        ("wav.scp", b"a a.wav\n", "a Kaldi list"),
        ("one.wav", b"RIFF", "a single recording.*the folder that it lies in"),
        ("list", b"a.wav\n", "unknown kind"),
        ("broken.jsonl", b"{a cut", "cannot be read as JSON"),
        ("broken.jsonl.gz", b"not gzip", "cannot be read as JSON"),
        ("empty.jsonl", b"", "holds nothing"),
    ],
)
def test_a_file_that_is_no_corpus_is_told_as_what_it_is(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=words):
        next(iter(cuts_of_corpus(tmp_path / name, "auto")))
