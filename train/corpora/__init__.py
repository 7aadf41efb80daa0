"""Corpora as they lie on disk, read one recording at a time, and the Lhotse manifest that every later stage reads."""

from undertone.train.corpora.layouts import LAYOUTS, layout_of, read_layout
from undertone.train.corpora.source import CorpusError, Notes, Source

__all__ = ["LAYOUTS", "CorpusError", "Notes", "Source", "layout_of", "read_layout"]
