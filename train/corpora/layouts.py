"""Layouts of corpora: each reads the recordings of one lazily, so that no corpus is too large to list.

Lhotse has recipes for some of them too; they build the whole manifest in memory and end at the first broken file,
so ours only list files (a test holds them to the same ids, speakers and texts). A corpus that only Lhotse knows is
read from the cuts that `lhotse prepare` and `lhotse cut simple` write.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from undertone.engine.audio.reading import SUFFIXES
from undertone.train.corpora.folders import folder, is_audio, walk
from undertone.train.corpora.laboratory import is_timit, kaldi, kaldi_folders, timit, vctk, vctk_audio
from undertone.train.corpora.librivox import is_librilight, librilight, librispeech, librispeech_parts
from undertone.train.corpora.packed import packed, packed_files
from undertone.train.corpora.source import CorpusError, Notes, Source
from undertone.train.corpora.tables import (
    audio_folder,
    audio_folder_tables,
    common_voice,
    is_nemo,
    ljspeech,
    manifest,
    nemo,
    nemo_tables,
)
from undertone.train.corpora.unsupported import check_cuts_file

LAYOUTS: dict[str, Callable[[Path, Notes], Iterator[Source]]] = {
    "manifest": manifest,
    "kaldi": kaldi,
    "ljspeech": ljspeech,
    "audiofolder": audio_folder,
    "commonvoice": common_voice,
    "vctk": vctk,
    "librilight": librilight,
    "librispeech": librispeech,
    "timit": timit,
    "nemo": nemo,
    "parquet": packed,
    "folder": folder,
}

# By what each layout is known, in words for the summary.
SIGNS = {
    "manifest": "a manifest.tsv",
    "kaldi": "a wav.scp",
    "audiofolder": "a metadata file that names files in a column file_name",
    "ljspeech": "metadata.csv and wavs",
    "commonvoice": "clips and tables (.tsv)",
    "vctk": "txt and wav48 or the like",
    "librilight": "small, medium or large with folders of speakers and books",
    "librispeech": "parts such as train-clean-100 with .trans.txt files",
    "timit": "dialect regions (DR1 to DR8)",
    "nemo": "JSON lines with audio_filepath",
    "parquet": "tables (.parquet or .arrow)",
    "folder": "sound files and no other layout's files",
}

# What lies in a folder of each layout; the first that fits is taken.
_RECOGNISERS: dict[str, Callable[[Path], object]] = {
    "manifest": lambda path: (path / "manifest.tsv").is_file(),
    "kaldi": kaldi_folders,
    "audiofolder": audio_folder_tables,
    "ljspeech": lambda path: (path / "metadata.csv").is_file() and (path / "wavs").is_dir(),
    "commonvoice": lambda path: (path / "clips").is_dir() and list(path.glob("*.tsv")),
    "vctk": vctk_audio,
    "librilight": is_librilight,
    "librispeech": librispeech_parts,
    "timit": is_timit,
    "nemo": nemo_tables,
    "parquet": packed_files,
    "folder": lambda path: any(is_audio(file) for file in walk(path)),
}


def layout_of(corpus: Path) -> str:
    """Return the layout that a corpus has, by what lies in it.

    Raises:
        CorpusError: no such folder, or nothing in it that any layout knows.
    """
    if corpus.is_file():
        if is_nemo(corpus):
            return "nemo"
        check_cuts_file(corpus)
        raise CorpusError(f"{corpus} holds cuts of Lhotse, which have no layout; leave --layout out")
    if not corpus.is_dir():
        raise CorpusError(
            f"{corpus} is no folder; give a corpus folder, Lhotse cuts as .jsonl or .jsonl.gz, or OWNER/NAME of the Hub"
        )
    found = next((layout for layout, fits in _RECOGNISERS.items() if fits(corpus)), None)
    if found is None:
        raise CorpusError(f"{corpus} has no manifest.tsv and no audio files ({', '.join(SUFFIXES)})")
    return found


def read_layout(corpus: Path, layout: str = "auto", notes: Notes | None = None) -> Iterator[Source]:
    """Return the recordings of a corpus, in the order in which it lists them.

    Args:
        corpus: folder, or a NeMo manifest.
        layout: one of LAYOUTS, or "auto" for the one that fits.
        notes: what is noticed is written here.
    Raises:
        CorpusError: an unknown layout, or a corpus that the layout does not fit.
    """
    notes = Notes() if notes is None else notes
    if layout != "auto" and layout not in LAYOUTS:
        raise CorpusError(f"there is no layout {layout!r}; choose auto or one of {', '.join(LAYOUTS)}")
    notes.guessed = notes.guessed or layout == "auto"
    notes.layout = layout_of(corpus) if layout == "auto" else layout
    notes.sign = SIGNS[notes.layout] if notes.guessed else ""
    if layout not in ("auto", "parquet") and corpus.is_dir() and not _RECOGNISERS[layout](corpus):
        raise CorpusError(f"{corpus} does not look like the layout {layout!r}; leave --layout out to have it guessed")
    return LAYOUTS[notes.layout](corpus, notes)


def is_cut_manifest(path: Path) -> bool:
    """Return whether a file may hold Lhotse's cuts."""
    return path.is_file() and path.name.endswith((".jsonl", ".jsonl.gz")) and not is_nemo(path)
