"""Datasets whose recordings are cells of Parquet or Arrow files, in a folder and on the Hub."""

import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from huggingface_hub import HfApi

from tests.hub_stand_in import TOKEN, Hub, Repository, hub_stand_in
from tests.speechlike import voice
from undertone.train.corpora import CorpusError, layout_of, read_layout
from undertone.train.corpora.hub_datasets import fetch_dataset, is_hub_dataset
from undertone.train.corpora.packed import METADATA, unpack_tables
from undertone.train.corpora.source import Notes
from undertone.train.data.corpus_report import corpus_summary, read_report
from undertone.train.data.prepare import prepare

BOTH = ("train", "dev")


def recording(seconds: float = 1.2) -> bytes:
    data = io.BytesIO()
    soundfile.write(data, voice(seconds, 120, 3), 16_000, format="FLAC")
    return data.getvalue()


def table(*texts: str, path: str = "a.flac", **columns: Any) -> pa.Table:
    rows = [
        {"audio": {"bytes": recording(), "path": path}, "sentence": text, "speaker_id": 7, **columns} for text in texts
    ]
    return pa.Table.from_pylist(rows)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    data = tmp_path / "dataset" / "data"
    data.mkdir(parents=True)
    pq.write_table(table("hello one", "hello two"), data / "train-00000-of-00001.parquet")
    pq.write_table(table("hello dev"), data / "validation-00000-of-00001.parquet")
    pq.write_table(table("never asked for"), data / "test-00000-of-00001.parquet")
    return data.parent


def test_tables_are_prepared_as_recordings_of_their_splits(dataset: Path, tmp_path: Path) -> None:
    assert layout_of(dataset) == "parquet"
    clips = prepare(dataset, tmp_path / "out", workers=1)
    assert {(clip.split, clip.transcript, clip.speaker) for clip in clips} == {
        ("train", "hello one", "7"), ("train", "hello two", "7"), ("dev", "hello dev", "7"),
    }  # fmt: skip
    summary = "\n".join(corpus_summary(read_report(tmp_path / "out")))
    assert "layout: parquet, known by tables (.parquet or .arrow); --layout says another" in summary
    assert not list((tmp_path / "out").rglob("test-*"))
    more = prepare(dataset, tmp_path / "out", (*BOTH, "test"), workers=1)
    assert more[:3] == clips
    assert more[3].transcript == "never asked for"


def test_datasets_saved_to_disk_are_read(tmp_path: Path) -> None:
    rows = table("hello")
    for split, new in (("train", pa.ipc.new_stream), ("test", pa.ipc.new_file)):
        (tmp_path / "saved" / split).mkdir(parents=True)
        with new(tmp_path / "saved" / split / "data-00000-of-00001.arrow", rows.schema) as writer:
            writer.write_table(rows)
    (tmp_path / "saved" / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    root = unpack_tables(tmp_path / "saved", tmp_path, ("train", "test"), Notes())
    assert [(source.split, source.transcript) for source in read_layout(root)] == [
        ("test", "hello"),
        ("train", "hello"),
    ]


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/shadow.flac", "a\0b.flac", "a/b.exe", ""])
def test_a_path_in_a_table_leads_nowhere(path: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    pq.write_table(table("hello", path=path), tmp_path / "in" / "train.parquet")
    root = unpack_tables(tmp_path / "in", tmp_path / "out", BOTH, Notes())
    assert {file.stem for file in root.rglob("*") if file.is_file()} == {"source", "facts", "metadata", "0000000"}
    (source,) = read_layout(root)
    assert Path(source.path).suffix in (".flac", ".audio")
    assert soundfile.info(source.path).samplerate == 16_000


def test_rows_without_a_recording_are_counted(tmp_path: Path) -> None:
    rows = [{"audio": {"bytes": data, "path": "x.wav"}, "text": "hello"} for data in (None, b"", recording())]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "all.parquet")
    notes = Notes()
    root = unpack_tables(tmp_path, tmp_path / "out", BOTH, notes)
    assert notes.ignored == {"rows without a recording in the table": 2}
    assert len(list(read_layout(root))) == 1


def test_an_unfinished_table_is_unpacked_again_and_a_finished_one_is_not(dataset: Path, tmp_path: Path) -> None:
    root = unpack_tables(dataset, tmp_path, BOTH, Notes())
    train, dev = (next(root.glob(f"{split}-*")) for split in ("train", "dev"))
    (train / METADATA).unlink()
    before = (dev / METADATA).stat().st_mtime_ns
    assert unpack_tables(dataset, tmp_path, BOTH, Notes()) == root
    assert (train / METADATA).is_file()
    assert (dev / METADATA).stat().st_mtime_ns == before


def test_what_cannot_be_read_says_what_to_do(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="prepare` unpacks them"):
        list(read_layout(dataset))
    with pytest.raises(CorpusError, match="of the splits dev, test, train alone"):
        unpack_tables(dataset, tmp_path / "a", ("eval-clean",), Notes())
    unpack_tables(dataset, tmp_path / "a", BOTH, Notes())
    pq.write_table(pa.table({"file": ["a.wav"], "text": ["hello"]}), dataset / "data" / "train-00000-of-00001.parquet")
    with pytest.raises(CorpusError, match="unpacked from other tables"):
        unpack_tables(dataset, tmp_path / "a", BOTH, Notes())
    with pytest.raises(CorpusError, match=r"no column of recordings among file, text.*metadata\.csv"):
        unpack_tables(dataset, tmp_path / "b", BOTH, Notes())
    (dataset / "data" / "train-00000-of-00001.parquet").write_bytes(b"PAR1 and nothing")
    with pytest.raises(CorpusError, match="cannot be read"):
        unpack_tables(dataset, tmp_path / "c", BOTH, Notes())


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # the stand-in has LFS alone
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with hub_stand_in() as hub:
        monkeypatch.setattr("huggingface_hub.HfApi", partial(HfApi, endpoint=hub.url, token=TOKEN))
        yield hub


def test_a_dataset_of_the_hub_is_fetched_without_the_splits_that_nobody_asked_for(hub: Hub, dataset: Path) -> None:
    files = {str(path.relative_to(dataset)): path.read_bytes() for path in dataset.rglob("*.parquet")}
    hub.repositories["datasets/ada/speech"] = Repository(files={**files, "speech.py": b"print('never run')"})
    out = dataset.parent / "out"
    assert len(prepare(Path("ada/speech"), out, workers=1)) == 3
    fetched = {path.name for path in (dataset.parent / "cache").rglob("*") if path.is_symlink() or path.is_file()}
    assert "train-00000-of-00001.parquet" in fetched
    assert not {"test-00000-of-00001.parquet", "speech.py"} & fetched


def test_parts_of_a_dataset_are_asked_for_by_name_and_scripts_are_never_run(hub: Hub) -> None:
    hub.repositories["datasets/ada/many"] = Repository(
        files={f"{language}/train-0.parquet": b"PAR1" for language in ("de", "en")}
    )
    with pytest.raises(CorpusError, match="has the parts de, en; give ada/many/de"):
        fetch_dataset("ada/many", BOTH)
    folder = fetch_dataset("ada/many/de", BOTH)
    assert [path.name for path in folder.iterdir()] == ["train-0.parquet"]
    hub.repositories["datasets/ada/script"] = Repository(files={"script.py": b"", "data.zip": b""})
    with pytest.raises(CorpusError, match=r"but \.py, \.zip\. Scripts are never run"):
        fetch_dataset("ada/script", BOTH)
    with pytest.raises(CorpusError, match="could not be fetched from the Hub"):
        fetch_dataset("ada/nothing", BOTH)


def test_a_path_is_never_taken_for_a_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recordings").mkdir()
    assert is_hub_dataset(Path("ada/speech"))
    assert is_hub_dataset(Path("ada/speech/de@main"))
    for name in ("recordings/missing", "/ada/speech", "../ada", "speech", "~/speech", "ada/../speech"):
        assert not is_hub_dataset(Path(name))
