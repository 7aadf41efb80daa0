"""The recordings of a corpus of any kind, listed and not read: a folder of any layout, or cuts that Lhotse wrote."""

from collections.abc import Iterator
from pathlib import Path

from undertone.train.corpora.layouts import is_cut_manifest, read_layout
from undertone.train.corpora.source import Source


def list_sources(corpus: Path, layout: str = "auto") -> Iterator[Source]:
    """List the recordings of a corpus, one at a time.

    Raises:
        CorpusError: nothing that any layout knows.
    """
    return _list_cuts(corpus) if is_cut_manifest(corpus) else read_layout(corpus, layout)


def _list_cuts(path: Path) -> Iterator[Source]:
    from undertone.train.corpora.cuts import read_cuts, speaker_of, split_of, text_of

    for cut in read_cuts(path):
        file = str(cut.recording.sources[0].source)
        yield Source(cut.id, file, speaker_of(cut), split_of(cut), text_of(cut), cut.start, cut.duration)
