"""Corpora as people have them: transcripts, splits and speakers of every layout, and what cannot be read is said."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from tests.speechlike import voice
from undertone.train.corpora import CorpusError, Notes, Source, layout_of, read_layout
from undertone.train.corpora.cuts import cut_of, samples_of
from undertone.train.corpora.manifest import Manifest, cuts_of_corpus, write_manifest
from undertone.train.data.corpus_report import corpus_summary, read_report
from undertone.train.data.prepare import prepare

RATE_HZ = 16_000


def sound(path: Path, seconds: float = 1.2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, voice(seconds, 120, len(path.name)), RATE_HZ)
    return path


def m4a(path: Path, seconds: float = 1.2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = voice(seconds, 120, 3).astype(np.float32)[None]
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = RATE_HZ
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return path


def vctk(root: Path) -> None:
    for name in ("p225_001_mic1.flac", "p225_001_mic2.flac", "p225_002_mic2.flac"):
        sound(root / "wav48_silence_trimmed" / "p225" / name)
    for number in (1, 2):
        text = root / "txt" / "p225" / f"p225_00{number}.txt"
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text(f"Sentence {number}.\n")


def common_voice(root: Path) -> None:
    for split in ("train", "dev", "test"):
        sound(root / "clips" / f"{split}_1.wav")
        (root / f"{split}.tsv").write_text(f"client_id\tpath\tsentence\nada\t{split}_1.wav\tHello {split}\n")
    (root / "validated.tsv").write_text("client_id\tpath\tsentence\nada\ttrain_1.wav\tHello\n")


def audio_folder(root: Path) -> None:
    for split in ("train", "validation", "test"):
        sound(root / split / "one.wav")
        (root / split / "metadata.csv").write_text(f"file_name,transcription\none.wav,hello {split}\n")


def audio_folder_jsonl(root: Path) -> None:
    for split in ("train", "validation", "test"):
        sound(root / split / "one.wav")
    rows = [{"file_name": f"{s}/one.wav", "text": f"hello {s}"} for s in ("train", "validation", "test")]
    (root / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def kaldi(root: Path) -> None:
    for split in ("train", "dev", "test"):
        place = root / split
        sound(place / "a.wav")
        (place / "wav.scp").write_text(f"{split}-1 {place / 'a.wav'}\n")
        (place / "text").write_text(f"{split}-1 hello {split}\n")
        (place / "utt2spk").write_text(f"{split}-1 ada\n")


def nemo(root: Path) -> None:
    for split in ("train", "dev", "test"):
        sound(root / "wav" / f"{split}.wav")
        row = {"audio_filepath": f"wav/{split}.wav", "duration": 1.2, "text": f"hello {split}"}
        (root / f"{split}_manifest.json").write_text(json.dumps(row) + "\n")


def timit(root: Path) -> None:
    for part in ("TRAIN", "TEST"):
        place = root / part / "DR1" / "FCJF0"
        sound(place / "SA1.WAV")
        (place / "SA1.TXT").write_text("0 46797 She had your dark suit.\n")


def librispeech_parent(root: Path) -> None:
    for part in ("train-clean-5", "dev-clean-2", "test-clean"):
        chapter = root / "LibriSpeech" / part / "19" / "1"
        sound(chapter / f"19-1-{part}.flac")
        (chapter / "19-1.trans.txt").write_text(f"19-1-{part} HELLO\n")


FAMILIES = {
    "vctk": (vctk, {"train", "dev"}),
    "commonvoice": (common_voice, {"train", "dev", "test"}),
    "audiofolder": (audio_folder, {"train", "dev", "test"}),
    "kaldi": (kaldi, {"train", "dev", "test"}),
    "nemo": (nemo, {"train", "dev", "test"}),
    "timit": (timit, {"train", "test"}),
    "librispeech": (librispeech_parent, {"train", "dev", "test"}),
}


@pytest.mark.parametrize("layout", FAMILIES)
def test_every_layout_is_known_and_keeps_texts_splits_and_speakers(layout: str, tmp_path: Path) -> None:
    make, splits = FAMILIES[layout]
    make(tmp_path)
    assert layout_of(tmp_path) == layout
    sources = list(read_layout(tmp_path))
    assert {source.split for source in sources} <= splits
    if layout != "vctk":
        assert {source.split for source in sources} == splits
    assert all((source.transcript and source.speaker) or layout == "audiofolder" for source in sources)
    assert all(Path(source.path).is_file() for source in sources)
    assert len({source.clip_id for source in sources}) == len(sources)


def test_one_table_of_a_whole_audio_folder_names_its_splits_by_folders(tmp_path: Path) -> None:
    audio_folder_jsonl(tmp_path)
    assert [source.split for source in read_layout(tmp_path)] == ["train", "dev", "test"]


def test_of_two_microphones_one_is_read(tmp_path: Path) -> None:
    vctk(tmp_path)
    notes = Notes()
    sources = list(read_layout(tmp_path, notes=notes))
    assert [Path(source.path).name for source in sources] == ["p225_001_mic1.flac", "p225_002_mic2.flac"]
    assert sum(notes.ignored.values()) == 1


def test_timits_times_are_no_words(tmp_path: Path) -> None:
    timit(tmp_path)
    assert {source.transcript for source in read_layout(tmp_path)} == {"She had your dark suit."}


@pytest.mark.parametrize("name", ["one.txt", "one.TXT", "one.lab", "one.LAB"])
def test_a_text_beside_a_recording_is_its_transcript_however_it_is_called(name: str, tmp_path: Path) -> None:
    sound(tmp_path / "ada" / "one.wav")
    (tmp_path / "ada" / name).write_text("the cat\n")
    (source,) = read_layout(tmp_path)
    assert source.transcript == "the cat"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_text_in_the_encodings_people_use_is_read(encoding: str, tmp_path: Path) -> None:
    sound(tmp_path / "ada" / "one.wav")
    (tmp_path / "ada" / "one.txt").write_bytes("don’t café".encode(encoding))
    notes = Notes()
    (source,) = read_layout(tmp_path, notes=notes)
    assert source.transcript == "don’t café"
    assert bool(notes.recoded) == (encoding not in ("utf-8", "utf-8-sig"))


def test_sessions_of_two_speakers_stay_two_speakers(tmp_path: Path) -> None:
    for speaker in ("alice", "bob"):
        sound(tmp_path / speaker / "session1" / "one.wav")
    assert [source.speaker for source in read_layout(tmp_path)] == ["alice", "bob"]


def test_folders_called_like_splits_are_splits_and_no_speakers(tmp_path: Path) -> None:
    for split in ("train", "Validation", "test"):
        sound(tmp_path / split / "ada" / f"{split}.wav")
    assert {source.split for source in read_layout(tmp_path)} == {"train", "dev", "test"}
    assert {source.speaker for source in read_layout(tmp_path)} == {"ada"}


@pytest.mark.parametrize("name", ["large", "test-anna", "dev-tools", "small"])
def test_the_name_of_a_folder_alone_makes_no_layout(name: str, tmp_path: Path) -> None:
    sound(tmp_path / name / "one.wav")
    assert layout_of(tmp_path) == "folder"


def test_linked_folders_are_read_once_and_a_loop_ends(tmp_path: Path) -> None:
    sound(tmp_path / "elsewhere" / "one.wav")
    root = tmp_path / "corpus"
    root.mkdir()
    (root / "ada").symlink_to(tmp_path / "elsewhere")
    (root / "ada" / "loop").symlink_to(root)
    assert [source.clip_id for source in read_layout(root)] == ["ada/one"]


def test_what_phones_record_is_read(tmp_path: Path) -> None:
    m4a(tmp_path / "ada" / "one.m4a")
    (source,) = read_layout(tmp_path)
    samples = samples_of(cut_of(source))
    assert len(samples) == pytest.approx(1.2 * RATE_HZ, abs=2_200)  # a frame or two of AAC at each end
    assert np.abs(samples).max() > 0.05


def test_a_file_that_nothing_reads_is_rejected_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "one.m4a").write_bytes(b"no sound at all")
    (listed,) = cuts_of_corpus(tmp_path, "auto")
    assert isinstance(listed, tuple)


def manifest_of(folder: Path, rows: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.tsv").write_bytes(rows.encode())
    return folder


HEAD = "utt_id\tfile\tspeaker\tsplit\ttranscript\n"


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    (source,) = read_layout(manifest_of(tmp_path, "\ufeff" + HEAD + "a\ta.wav\tada\ttrain\tthe cat\n"))
    assert source.clip_id == "a"


def test_a_row_with_too_few_cells_is_named_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"line 3, has 1 cells; expected 5"):
        list(read_layout(manifest_of(tmp_path, HEAD + "a\ta.wav\tada\ttrain\tthe cat\nlonely\n")))


def test_a_row_without_a_split_is_kept_and_counted(tmp_path: Path) -> None:
    notes = Notes()
    (source,) = read_layout(manifest_of(tmp_path, HEAD + "a\ta.wav\tada\t\tthe cat\n"), notes=notes)
    assert source.split in ("train", "dev")
    assert notes.without_split == 1


def test_an_id_that_comes_twice_is_taken_once_and_listed(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    for name in ("a", "b", "c"):
        sound(corpus / f"{name}.wav")
    manifest_of(
        corpus, HEAD + "".join(f"{i}\t{f}.wav\tada\ttrain\t{f}\n" for i, f in (("x", "a"), ("y", "b"), ("x", "c")))
    )
    write_manifest(cuts_of_corpus(corpus, "auto"), tmp_path / "out", "corpus", ("train",), 1.0)
    manifest = Manifest(tmp_path / "out")
    assert [cut.recording.sources[0].source[-5:] for cut in manifest.cuts()] == ["a.wav", "b.wav"]
    assert {cut.id for cut in manifest.shard("train", 0)} == {"x", "y"}
    assert "another recording had before" in manifest.rejected()[0]["reason"]
    assert manifest.facts["duplicates"] == 1


def test_the_speaker_column_of_ljspeech_is_read(tmp_path: Path) -> None:
    for name in ("one", "two"):
        sound(tmp_path / "wavs" / f"{name}.wav")
    (tmp_path / "metadata.csv").write_text("one|No. 1|Number one|ada\ntwo|Two|Two\n")
    assert [(s.speaker, s.transcript) for s in read_layout(tmp_path)] == [("ada", "Number one"), ("ljspeech", "Two")]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.tar", "an archive"),
        ("a.parquet", "a table"),
        ("a.wav", "a single recording"),
        ("a.xyz", "a file"),
    ],
)
def test_what_is_no_corpus_is_refused_in_words(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\0" * 64)
    with pytest.raises(CorpusError, match=words):
        layout_of(tmp_path / name)


def test_commands_of_a_kaldi_folder_are_never_run(tmp_path: Path) -> None:
    (tmp_path / "wav.scp").write_text(f"a touch {tmp_path / 'ran'} |\n")
    (tmp_path / "text").write_text("a hello\n")
    with pytest.raises(CorpusError, match="holds a command, which is not run"):
        list(read_layout(tmp_path))
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    corpus = tmp_path / "corpus"
    for name in ("a", "b"):
        sound(corpus / f"{name}.wav", 1.5)
    (corpus / "notes.docx").write_bytes(b"x")
    manifest_of(corpus, HEAD + "a\ta.wav\tada\ttrain\tthe cat\nb\tb.wav\tbob\tdev\t\n")
    return corpus


def test_the_summary_says_layout_texts_and_splits(spoken: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare(spoken, out, splits=("train",), workers=1)
    lines = "\n".join(corpus_summary(read_report(out)))
    assert "layout: manifest, known by a manifest.tsv; --layout says another" in lines
    assert "recordings with a transcript: 1" in lines
    assert "1 of 'dev'; --split keeps them" in lines


def test_a_second_preparation_of_something_else_is_refused(spoken: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare(spoken, out, splits=("train",), workers=1)
    assert len(prepare(spoken, out, splits=("train",), workers=1)) == 1
    for corpus, splits, words in ((spoken, ("dev",), "with splits"), (tmp_path, ("train",), "with corpus")):
        with pytest.raises(CorpusError, match=words):
            prepare(corpus, out, splits=splits, workers=1)


def test_a_recording_of_an_unknown_split_is_named_when_nothing_else_is_there(spoken: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="it has 1 of 'train', 1 of 'dev'"):
        prepare(spoken, tmp_path / "out", splits=("valid",), workers=1)


def test_a_source_of_a_part_is_that_part(tmp_path: Path) -> None:
    m4a(tmp_path / "one.m4a", 2.0)
    cut = cut_of(Source("a", str(tmp_path / "one.m4a"), "ada", "train", "", 0.5, 1.0))
    assert len(samples_of(cut)) == pytest.approx(RATE_HZ, abs=2)
