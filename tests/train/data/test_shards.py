"""Shards: the same clips as flat files, made once each by whoever comes, streamed in an order that integers decide."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from tests.train.tiny_recipes import MODEL, constant_schedule, weights_after
from undertone.train.corpora.source import CorpusError
from undertone.train.data.clean import CleanSettings
from undertone.train.data.flat_corpus import PreparedCorpus
from undertone.train.data.pool import load_pool, open_corpus, shard_numbers
from undertone.train.data.processes import WorkShare
from undertone.train.data.shard_stream import ShardStream, StreamSettings
from undertone.train.data.shards import prepare_shards, shard_file, unfinished
from undertone.train.data.unit_ids import TokenFile
from undertone.train.model.stage import ModelStage
from undertone.train.model.window_sources import window_source
from undertone.train.tokenizer.assign_tokens import assign_tokens
from undertone.train.tokenizer.load import load_tokenizer

MEL = CleanSettings().mel
SHARD_HOURS = 6.0 / 3600


@pytest.fixture(scope="session")
def sharded(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shards")
    prepare_shards(corpus, out, workers=1, shard_hours=SHARD_HOURS)
    return out


@pytest.fixture(scope="session")
def shard_tokens(sharded: Path, tokenizer_run: Path) -> Path:
    return assign_tokens(load_tokenizer(tokenizer_run), sharded, workers=1)


def test_shards_hold_the_clips_of_flat_files(sharded: Path, prepared: Path) -> None:
    flat = PreparedCorpus(prepared, "train")
    pool = load_pool(sharded, "train", shard_numbers(sharded, "train"), MEL, audio=True).corpus
    assert len(shard_numbers(sharded, "train")) > 2
    by_name = {clip.clip_id: clip for clip in pool.clips}
    assert by_name.keys() == {clip.clip_id for clip in flat.clips}
    for clip in flat.clips:
        other = by_name[clip.clip_id]
        assert (other.speaker, other.transcript) == (clip.speaker, clip.transcript)
        assert torch.equal(pool.audio(other), flat.audio(clip))
        assert torch.equal(pool.mel(other), flat.mel(clip))


def test_the_report_counts_hours_speakers_and_reasons(sharded: Path) -> None:
    report = json.loads((sharded / "report.json").read_text())
    assert report["splits"]["train"]["clips"] == 9
    assert report["splits"]["dev"]["speakers"] == 3
    assert report["rejected"] == 1
    assert "broken.flac" in (sharded / "rejected.jsonl").read_text()


def test_a_killed_run_makes_only_what_is_missing(corpus: Path, tmp_path: Path) -> None:
    prepare_shards(corpus, tmp_path, workers=1, shard_hours=SHARD_HOURS)
    kept = shard_file(tmp_path, "train", "mel", 0, ".tar")
    before = kept.stat().st_mtime_ns
    for field, suffix in (("shard", ".json"), ("mel", ".tar")):
        shard_file(tmp_path, "train", field, 1, suffix).unlink()
    (tmp_path / "shards.json").unlink()
    half_made = tmp_path / "train" / ".partial-000001"
    half_made.mkdir()
    (half_made / "mel.tar").write_bytes(b"half")
    prepare_shards(corpus, tmp_path, workers=1, shard_hours=SHARD_HOURS)
    assert shard_file(tmp_path, "train", "mel", 1, ".tar").is_file()
    assert kept.stat().st_mtime_ns == before
    assert not half_made.exists()


def test_processes_share_all_shards_and_none_twice(tmp_path: Path) -> None:
    work = [("train", number) for number in range(7)] + [("dev", number) for number in range(2)]
    shares = [unfinished(tmp_path, work, WorkShare(index, 3)) for index in range(3)]
    assert sorted(item for own in shares for item in own) == sorted(work)


def test_other_settings_are_refused_in_a_folder_that_was_begun(corpus: Path, tmp_path: Path) -> None:
    prepare_shards(corpus, tmp_path, workers=1)
    (tmp_path / "shards.json").unlink()
    with pytest.raises(CorpusError, match="begun with other settings"):
        prepare_shards(corpus, tmp_path, workers=1, settings=CleanSettings(trim=False))


def test_tokens_of_shards_are_those_of_flat_files(
    sharded: Path, shard_tokens: Path, prepared: Path, tokens: Path
) -> None:
    pool = load_pool(sharded, "dev", shard_numbers(sharded, "dev"), MEL, tokens=shard_tokens.name)
    flat, ids = {clip.clip_id: clip for clip in PreparedCorpus(prepared, "dev").clips}, TokenFile(tokens)
    assert pool.tokens is not None
    for clip in pool.corpus.clips:
        assert torch.equal(pool.tokens.tokens(clip), ids.tokens(flat[clip.clip_id]))


def plan(lengths: np.ndarray, random: np.random.Generator) -> list[np.ndarray]:
    return [np.array([index]) for index in random.permutation(len(lengths))]


def clip_ids(stream: ShardStream, count: int) -> list[str]:
    found = []
    for number in range(count):
        pool, (index,) = stream.batch(number)
        found.append(pool.corpus.clips[index].clip_id)
    return found


def pools_per_epoch(prepared: Path, stream: int, num_streams: int, pool_shards: int) -> int:
    """Return after how many pools a stream has read each of its shards once."""
    own = shard_numbers(prepared, "train")[stream::num_streams]
    return -(-len(own) // pool_shards)


def test_an_epoch_of_all_streams_holds_every_clip_once(sharded: Path) -> None:
    found: list[str] = []
    for index in range(2):
        stream = ShardStream(StreamSettings(sharded, "train", MEL, pool_shards=2), index, 2, plan)
        count = 0
        while stream.locate(count) is not None and stream.position < pools_per_epoch(sharded, index, 2, 2):
            count += 1
        found += clip_ids(stream, count)
    assert sorted(found) == sorted(clip.clip_id for clip in open_corpus(sharded, "train", MEL, 100.0).clips)


def test_a_batch_of_a_stream_follows_from_its_number_alone(sharded: Path) -> None:
    settings = StreamSettings(sharded, "train", MEL, pool_shards=2, seed=5)
    walked = clip_ids(ShardStream(settings, 0, 1, plan), 25)  # almost three epochs
    fresh = ShardStream(settings, 0, 1, plan)
    for number in (17, 4, 24):
        pool, (index,) = fresh.batch(number)
        assert pool.corpus.clips[index].clip_id == walked[number]
    assert walked[:9] != walked[9:18]


@pytest.mark.parametrize("frames_per_batch", [None, 200])
def test_one_process_with_two_parts_sees_what_two_processes_see(
    sharded: Path, shard_tokens: Path, frames_per_batch: int | None
) -> None:
    recipe = MODEL.model_copy(update={"frames_per_batch": frames_per_batch})
    one = window_source(recipe, sharded, shard_tokens, parts=2)
    two = [window_source(recipe, sharded, shard_tokens, parts=2) for _ in range(2)]
    for step in range(3):
        for part in range(2):
            ours, theirs = one.windows(step, part), two[part].windows(step, part)
            assert torch.equal(ours.mel, theirs.mel)
            assert torch.equal(ours.tokens, theirs.tokens)
            if frames_per_batch:
                assert ours.mel.shape[0] * ours.mel.shape[1] <= frames_per_batch


def test_three_steps_and_three_resumed_are_six_in_the_middle_of_an_epoch_of_shards(
    sharded: Path, shard_tokens: Path, tmp_path: Path
) -> None:
    recipe = constant_schedule(MODEL).model_copy(update={"batch_size": 1, "pool_shards": 2})

    def make(accelerator: Accelerator) -> ModelStage:
        return ModelStage(recipe, sharded, shard_tokens, accelerator)

    whole = weights_after(make, tmp_path / "whole", [6])
    resumed = weights_after(make, tmp_path / "resumed", [3, 6])
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


GROWTH = """
import sys
from pathlib import Path
import numpy as np
from undertone.engine.config import MelConfig
from tests.train.peak import peak_bytes
from tests.train.data.test_shards import lazy_cuts, index_of_hours, plan, pools_per_epoch
from undertone.train.corpora.manifest import write_manifest, Manifest
from undertone.train.data.shard_stream import ShardStream, StreamSettings

for hours in (10, 1000):
    out = Path(sys.argv[1]) / str(hours)
    write_manifest(lazy_cuts(hours), out, "lazy", ("train",), shard_hours=0.5)
    manifest = Manifest(out)
    assert sum(1 for _ in manifest.shard("train", manifest.shards["train"] // 2)) > 0
    index_of_hours(out, hours)
    settings = StreamSettings(out, "train", MelConfig())
    stream = ShardStream(settings, 0, 1, plan)
    number = 0
    while stream.position < pools_per_epoch(out, 0, 1, settings.pool_shards) - 1:
        number += len(stream.locate(number)) * 50
    print(peak_bytes())
"""
CUT_SECONDS = 120.0


def lazy_cuts(hours: int):  # type: ignore[no-untyped-def]
    """Cuts of a corpus of so many hours, made one at a time."""
    from lhotse import AudioSource, MonoCut, Recording, SupervisionSegment

    for number in range(int(hours * 3600 / CUT_SECONDS)):
        name = f"speaker-{number % 997}/chapter-{number}"
        speaker = str(number % 997)
        source = [AudioSource("file", [0], f"/nowhere/{name}.flac")]
        recording = Recording(name, source, 16_000, int(CUT_SECONDS * 16_000), CUT_SECONDS)
        text = SupervisionSegment(name, name, 0.0, CUT_SECONDS, text="the cat sat on the mat", speaker=speaker)
        yield MonoCut(name, 0.0, CUT_SECONDS, 0, [text], recording=recording, custom={"split": "train"})


def index_of_hours(out: Path, hours: int) -> None:
    """What a finished folder of shards says of its clips' lengths, half an hour a shard, in clips of twelve seconds."""
    (out / "train").mkdir()
    for number in range(2 * hours):
        np.save(shard_file(out, "train", "lengths", number, ".npy"), np.full((150, 2), (600, 192_000)))
    (out / "shards.json").write_text(json.dumps({"train": {"clips": [150] * (2 * hours), "frames": []}}))


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    """A manifest of 1,000 hours, its shards and an epoch's walk over them, after those of 10 hours: within 16 MB."""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", GROWTH, str(tmp_path)], cwd=root, capture_output=True, text=True, check=True
    )
    peaks = [int(line) / 2**20 for line in done.stdout.splitlines()]
    assert len(peaks) == 2
    print(f"peak memory in MB: {peaks}")
    assert peaks[1] - peaks[0] < 16, f"peak memory in MB: {peaks}"


def test_a_split_joins_shards_that_stay_as_they_are(corpus: Path, sharded: Path, tmp_path: Path) -> None:
    prepare_shards(corpus, tmp_path, ("train",), workers=1, shard_hours=SHARD_HOURS)
    kept = shard_file(tmp_path, "train", "mel", 0, ".tar")
    before = kept.stat().st_mtime_ns
    report = prepare_shards(corpus, tmp_path, ("train", "dev"), workers=1, shard_hours=SHARD_HOURS)
    assert kept.stat().st_mtime_ns == before
    assert report == json.loads((sharded / "report.json").read_text())
    assert (tmp_path / "shards.json").read_text() == (sharded / "shards.json").read_text()
    one, other = (load_pool(out, "dev", shard_numbers(out, "dev"), MEL).corpus for out in (tmp_path, sharded))
    assert [clip.clip_id for clip in one.clips] == [clip.clip_id for clip in other.clips]
    assert all(torch.equal(one.mel(a), other.mel(b)) for a, b in zip(one.clips, other.clips, strict=True))
