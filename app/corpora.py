"""Corpora of every layout that `prepare` reads, listed for what measures on them; `studies` knows no layouts."""

from collections.abc import Iterator
from pathlib import Path

from studies.heldout import HeldOut, Recordings
from train.corpora.layouts import is_cut_manifest, read_layout
from train.corpora.source import Source

TEST, DEV = "test", "dev"


def recordings(corpus: Path, layout: str = "auto") -> Recordings:
    """List a corpus folder, or cuts that Lhotse wrote, by its splits.

    Raises:
        CorpusError: nothing that any layout knows.
    """
    found: dict[str, list[HeldOut]] = {}
    for source in _cuts(corpus) if is_cut_manifest(corpus) else read_layout(corpus, layout):
        clip = HeldOut(
            source.clip_id, Path(source.path), source.speaker, source.transcript, source.start_seconds, source.seconds
        )
        found.setdefault(source.split, []).append(clip)
    return Recordings(corpus, {split: tuple(clips) for split, clips in found.items()})


def split_to_measure(listed: Recordings, asked: str | None) -> str:
    """The split that was asked for; else test, or dev where a corpus names no test split."""
    if asked is not None:
        return asked
    return TEST if listed.splits.get(TEST) else DEV


def _cuts(path: Path) -> Iterator[Source]:
    from train.corpora.cuts import read_cuts, speaker_of, split_of, text_of  # needs Lhotse, which layouts do not

    for cut in read_cuts(path):
        file = str(cut.recording.sources[0].source)
        yield Source(cut.id, file, speaker_of(cut), split_of(cut), text_of(cut), cut.start, cut.duration)
