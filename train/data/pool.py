"""A few shards in memory: a small flat corpus, so that whatever samples a prepared folder samples shards too."""

import gzip
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from lhotse import CutSet
from lhotse.cut import Cut

from undertone.engine.config import MelConfig
from undertone.train.corpora.cuts import speaker_of, text_of
from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_corpus import FlatCorpus, PreparedCorpus
from undertone.train.data.flat_files import Clip
from undertone.train.data.shards import INDEX, shard_file
from undertone.train.data.unit_ids import MISSING, UnitIds


@dataclass(frozen=True)
class Pool:
    """Clips of some shards: what was asked for of audio, mels and tokens."""

    corpus: FlatCorpus
    tokens: UnitIds | None


def is_sharded(prepared: Path) -> bool:
    """Return whether a prepared folder holds shards rather than flat files."""
    return (prepared / INDEX).is_file()


def read_shard(prepared: Path, split: str, number: int, fields: Sequence[str]) -> list[Cut]:
    """Return the cuts of one shard with their data in memory; fields beside `cuts` are tars: recording, mel, tokens."""
    paths = {"cuts": [str(shard_file(prepared, split, "cuts", number, ".jsonl.gz"))]}
    paths |= {field: [str(shard_file(prepared, split, field, number, ".tar"))] for field in fields}
    for path in (path for files in paths.values() for path in files):
        if not Path(path).is_file():
            raise CorpusError(f"{path} is missing; run the stage that writes it again, it makes only what is not there")
    return list(CutSet.from_shar(fields=paths))


def shard_names(prepared: Path, split: str, number: int) -> list[str]:
    """Return the ids of the clips of a shard, in its order, from its manifest alone."""
    with gzip.open(shard_file(prepared, split, "cuts", number, ".jsonl.gz"), "rt", encoding="utf-8") as lines:
        return [json.loads(line)["id"] for line in lines]


def shard_lengths(prepared: Path, split: str, number: int) -> np.ndarray:
    """Return the frames and samples of every clip of a shard, int64 [clips, 2]."""
    lengths: np.ndarray = np.load(shard_file(prepared, split, "lengths", number, ".npy"))
    return lengths


def load_pool(
    prepared: Path, split: str, numbers: Sequence[int], mel: MelConfig, audio: bool = False, tokens: str | None = None
) -> Pool:
    """Read shards into memory, in this order.

    Args:
        prepared: folder of shards.
        numbers: which shards of the split.
        audio: whether samples are needed too; without them `corpus.audio` has nothing to give.
        tokens: field of the tokens, None for none.
    """
    lengths = [shard_lengths(prepared, split, number) for number in numbers]
    num_frames, num_samples = np.concatenate(lengths).sum(0).tolist()
    mels = np.empty((num_frames, mel.num_mels), dtype=np.float16)
    samples = np.empty(num_samples if audio else 0, dtype=np.int16)
    ids = np.full(num_frames if tokens else 0, MISSING, dtype=np.uint16)
    fields = ["mel", *(["recording"] if audio else []), *([tokens] if tokens else [])]
    clips: list[Clip] = []
    frame = sample = 0
    for number, shard in zip(numbers, lengths, strict=True):
        cuts = read_shard(prepared, split, number, fields) if len(shard) else []
        for cut, (frames, count) in zip(cuts, shard.tolist(), strict=True):
            mels[frame : frame + frames] = cut.load_custom("mel")
            if audio:
                samples[sample : sample + count] = samples_in_memory(cut)
            if tokens:
                units = cut.load_custom(tokens)
                ids[frame : frame + len(units)] = units
            clips.append(Clip(cut.id, speaker_of(cut), split, text_of(cut), sample, count, frame, frames))
            frame, sample = frame + frames, sample + count
    if not clips:
        raise CorpusError(f"{prepared} has no clips of the split {split!r} in its shards {list(numbers)[:8]}")
    return Pool(FlatCorpus(clips, samples, mels), UnitIds(ids) if tokens else None)


def shard_numbers(prepared: Path, split: str) -> list[int]:
    """Return the shards of a split that hold clips.

    Raises:
        CorpusError: not finished, or no such split.
    """
    path = prepared / INDEX
    if not path.is_file():
        raise CorpusError(f"{prepared} holds no finished shards. Run `undertone prepare --shards` first, or resume it.")
    found = json.loads(path.read_text()).get(split, {"clips": []})
    numbers = [number for number, clips in enumerate(found["clips"]) if clips]
    if not numbers:
        raise CorpusError(f"{prepared} has no clips of the split {split!r}")
    return numbers


def open_corpus(prepared: Path, split: str, mel: MelConfig, max_hours: float, audio: bool = False) -> FlatCorpus:
    """Open a split of flat files, or as many of its shards as `max_hours` allow; shards hold random clips."""
    if not is_sharded(prepared):
        return PreparedCorpus(prepared, split, mel)
    numbers: list[int] = []
    hours = 0.0
    for number in shard_numbers(prepared, split):
        hours += shard_lengths(prepared, split, number)[:, 1].sum() / mel.sample_rate_hz / 3600
        if numbers and hours > max_hours:
            break
        numbers.append(number)
    return load_pool(prepared, split, numbers, mel, audio).corpus


def samples_in_memory(cut: Cut) -> np.ndarray:
    """Return int16 [samples] of a cut whose FLAC file Shar's reader has put into memory: no rounding on the way."""
    data: np.ndarray = soundfile.read(io.BytesIO(cut.recording.sources[0].source), dtype="int16")[0]
    return data
