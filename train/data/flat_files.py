"""The flat files of a prepared folder while they are made: block by block, so that an interrupted run goes on.

`audio.i16` and `mel.f16` grow by a block of recordings at a time; then one line of `journal.jsonl` says what the block
held. What a killed process wrote behind the last whole line is cut away, and its recordings are done again.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from undertone.engine.files.atomic_files import whole_file
from undertone.train.data.clean import CleanClip

AUDIO, MEL, JOURNAL = "audio.i16", "mel.f16", "journal.jsonl"
INDEX = "index.jsonl"  # one clip a line; written last


@dataclass(frozen=True)
class Clip:
    """One prepared clip: where its samples and frames lie in the flat files."""

    clip_id: str
    speaker: str
    split: str
    transcript: str
    sample_offset: int
    num_samples: int
    frame_offset: int
    num_frames: int


@dataclass
class FlatWriter:
    """Open flat files of a folder, and what is in them.

    Attributes:
        recordings: how many are done, in the order of the corpus.
        rejected: what was left out of them, and why.
    """

    audio: BinaryIO
    mel: BinaryIO
    journal: BinaryIO
    recordings: int = 0
    clips: list[Clip] = field(default_factory=list)
    rejected: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def open(cls, folder: Path, num_mels: int) -> "FlatWriter":
        """Open the files of a folder where the last whole block ends; new ones where there are none."""
        audio, mel, journal = ((folder / name).open("ab+") for name in (AUDIO, MEL, JOURNAL))
        writer = cls(audio, mel, journal)
        journal.seek(0)
        whole = 0
        for line in journal:
            if not line.endswith(b"\n"):
                break
            writer._count(json.loads(line))
            whole += len(line)
        journal.truncate(whole)
        samples, frames = writer._ends()
        audio.truncate(2 * samples)
        mel.truncate(2 * num_mels * frames)
        return writer

    @staticmethod
    def reopen(folder: Path, recordings: int, clips: Sequence[Clip], rejected: list[dict[str, str]]) -> None:
        """Give a finished folder a journal again, behind which more recordings can be added.

        Args:
            recordings: how many the folder was made of.
            clips: its index.
            rejected: what was left out of these recordings.
        """
        block = {"recordings": recordings, "clips": [list(astuple(clip)) for clip in clips], "rejected": rejected}
        with whole_file(folder / JOURNAL) as unfinished, unfinished.open("wb") as file:
            file.write(json.dumps(block).encode() + b"\n")
            _to_disk(file)

    def add(self, recordings: int, cleaned: Sequence[CleanClip], rejected: list[dict[str, str]]) -> None:
        """Append the clips of so many recordings; they count once all of them are on the disk."""
        sample, frame = self._ends()
        rows = []
        for clip in cleaned:
            num_samples, num_frames = len(clip.samples), len(clip.mel)
            self.audio.write(clip.samples.tobytes())
            self.mel.write(clip.mel.tobytes())
            named = clip.clip_id, clip.speaker, clip.split, clip.transcript
            rows.append([*named, sample, num_samples, frame, num_frames])
            sample, frame = sample + num_samples, frame + num_frames
        for file in (self.audio, self.mel):
            _to_disk(file)
        block = {"recordings": recordings, "clips": rows, "rejected": rejected}
        self.journal.write(json.dumps(block).encode() + b"\n")
        _to_disk(self.journal)
        self._count(block)

    def close(self) -> None:
        """Close the files, finished or not."""
        for file in (self.audio, self.mel, self.journal):
            file.close()

    def _count(self, block: dict[str, Any]) -> None:
        self.recordings += block["recordings"]
        self.clips += [Clip(*row) for row in block["clips"]]
        self.rejected += block["rejected"]

    def _ends(self) -> tuple[int, int]:
        """Return the samples and frames so far."""
        if not self.clips:
            return 0, 0
        last = self.clips[-1]
        return last.sample_offset + last.num_samples, last.frame_offset + last.num_frames


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
