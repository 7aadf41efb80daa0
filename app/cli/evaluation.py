"""What `undertone evaluate` chooses before it measures."""

from pathlib import Path

from undertone.studies.measures.intelligibility import normalise_text
from undertone.studies.measures.language_models import (
    LanguageModel,
    PackagedNgrams,
    TransformersModel,
    WordNgrams,
)
from undertone.train.text.prose import HELD_OUT_BOOKS, book_sentences


def choose_language_model(name: str | None, prose: Path | None) -> LanguageModel:
    """Return the judge of transcripts: the model that was named, else n-grams of the prose, else the packaged ones.

    Args:
        name: of a model of `transformers`, or its folder.
        prose: folder of books.tsv.xz; the books that no voice is trained on are counted.
    Raises:
        MeasureError: no such model, or none of these books.
        CorpusError: no such folder of prose.
    """
    if name is not None:
        return TransformersModel.load(name)
    if prose is None:
        return PackagedNgrams()
    words = [
        word
        for book, sentence in book_sentences(prose)
        if book in HELD_OUT_BOOKS
        for word in normalise_text(sentence).split()
    ]
    return WordNgrams(f"word trigrams of {', '.join(HELD_OUT_BOOKS)}", words)
