"""Layouts of corpora: the same recordings, speakers and texts as Lhotse's own recipes find; broken files are named."""

import json
from pathlib import Path

import pytest
import soundfile
from lhotse import CutSet
from lhotse.recipes import prepare_librilight, prepare_librispeech, prepare_ljspeech

from tests.speechlike import voice
from undertone.train.corpora import CorpusError, Source, layout_of, read_layout
from undertone.train.corpora.cuts import cut_of, read_cuts, samples_of, speaker_of, split_of, text_of
from undertone.train.corpora.librivox import joined_stretches
from undertone.train.corpora.manifest import Manifest, cuts_of_corpus, write_manifest

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


def test_librispeech_is_read_as_lhotse_reads_it(tmp_path: Path) -> None:
    folder = librispeech(tmp_path)
    ours = {source.clip_id: source for source in read_layout(folder)}
    theirs = prepare_librispeech(folder)
    supervisions = [s for part in theirs.values() for s in part["supervisions"]]
    assert {s.recording_id: (s.speaker, s.text) for s in supervisions} == {
        name: (source.speaker, source.transcript) for name, source in ours.items()
    }
    assert [source.split for source in ours.values()] == ["dev", "dev", "test", "test", "train", "train"]


def test_ljspeech_is_read_as_lhotse_reads_it(tmp_path: Path) -> None:
    folder = ljspeech(tmp_path)
    theirs = {s.id: s.custom["normalized_text"] for s in prepare_ljspeech(folder)["supervisions"]}
    assert theirs == {source.clip_id: source.transcript for source in read_layout(folder)}


def test_libri_light_is_cut_at_its_own_pauses(tmp_path: Path) -> None:
    folder = librilight(tmp_path)
    theirs = prepare_librilight(folder)  # ends with an error unless all three sizes are there
    sources = list(read_layout(folder))
    assert {s.speaker for part in theirs.values() for s in part["supervisions"]} == {s.speaker for s in sources}
    assert [(source.start_seconds, source.seconds) for source in sources] == [(0.1, pytest.approx(2.8))] * 3
    assert len(samples_of(cut_of(sources[0]))) == pytest.approx(2.8 * RATE_HZ, abs=2)


def test_stretches_are_joined_up_to_a_length() -> None:
    stretches = [[0.0, 20.0], [21.0, 50.0], [52.0, 70.0], [71.0, 200.0], [201.0, 210.0]]
    assert joined_stretches(stretches, 60.0) == [(0.0, 50.0), (52.0, 70.0), (71.0, 200.0), (201.0, 210.0)]


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


def test_a_cut_keeps_who_what_and_split_and_mixes_channels(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", channels=2)
    cut = cut_of(Source("a", str(tmp_path / "a.wav"), "anna", "dev", "the cat"))
    assert (speaker_of(cut), split_of(cut), text_of(cut)) == ("anna", "dev", "the cat")
    assert samples_of(cut).shape == (RATE_HZ,)


def test_cuts_that_lhotse_wrote_are_a_corpus(tmp_path: Path) -> None:
    write(tmp_path / "a.wav")
    cut = cut_of(Source("a", str(tmp_path / "a.wav"), "anna", "dev", "the cat"))
    CutSet.from_cuts([cut]).to_file(tmp_path / "cuts.jsonl.gz")
    (read,) = read_cuts(tmp_path / "cuts.jsonl.gz")
    assert (read.id, speaker_of(read), split_of(read)) == ("a", "anna", "dev")


def test_a_manifest_lists_every_clip_once_and_names_what_is_broken(tmp_path: Path) -> None:
    folder = librispeech(tmp_path / "corpus")
    (folder / "train-clean-100" / "19" / "1" / "19-1-0001.flac").write_bytes(b"no audio")
    out = tmp_path / "out"
    write_manifest(cuts_of_corpus(folder, "auto"), out, "corpus", ("train", "dev"), shard_hours=1.0 / 3600)
    manifest = Manifest(out)
    assert [row["clip_id"] for row in manifest.rejected()] == ["19-1-0001"]
    assert manifest.clips == {"train": 1, "dev": 2}
    assert manifest.shards["dev"] == 2
    in_shards = [cut.id for number in range(2) for cut in manifest.shard("dev", number)]
    assert sorted(in_shards) == ["84-1-0000", "84-1-0001"]
    assert {cut.id for cut in manifest.cuts()} == {"19-1-0000", *in_shards}


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
