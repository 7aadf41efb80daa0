"""What `undertone evaluate` chooses before it measures, and how a suite is shown."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from undertone.studies.evaluation.evaluate import NUM_CLIPS, NUM_CONTINUATIONS, QUICK_SIZE
from undertone.studies.measures.intelligibility import normalise_text
from undertone.studies.measures.language_models import (
    LanguageModel,
    PackagedNgrams,
    TransformersModel,
    WordNgrams,
)
from undertone.studies.suite.run import SUITE, TABLES, SuitePlan, run_suite
from undertone.studies.suite.tables import suite_tables
from undertone.train.text.prose import HELD_OUT_BOOKS, book_sentences


def evaluation_size(quick: bool, clips: int | None, prompts: int | None) -> tuple[int, int]:
    """Return the numbers of clips and of prompts that were asked for, the rest by whether it is to be quick."""
    usual = QUICK_SIZE if quick else (NUM_CLIPS, NUM_CONTINUATIONS)
    return usual[0] if clips is None else clips, usual[1] if prompts is None else prompts


def paper_suite(bundles: Sequence[str], plan: SuitePlan, out: Path) -> Iterator[str]:
    """Measure systems for the paper's comparison; yields its tables and where the numbers are.

    Raises:
        MeasureError: see `run_suite`.
    """
    for block in suite_tables(run_suite(bundles, plan, out)):
        yield f"{block}\n"
    yield f"The numbers are in {out / SUITE}, these tables in {out / TABLES}."


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
