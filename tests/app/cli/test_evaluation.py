"""Which language model judges transcripts."""

import lzma
from pathlib import Path

import pytest

from undertone.app.cli.evaluation import choose_language_model
from undertone.studies.errors import MeasureError
from undertone.studies.measures.language_models import PackagedNgrams, WordNgrams
from undertone.train.corpora.source import CorpusError
from undertone.train.text.prose import HELD_OUT_BOOKS


def write_books(folder: Path, *books: str) -> Path:
    lines = ["book\tsentence", *(f'{book}\tThe {book} said, "So it is."' for book in books)]
    (folder / "books.tsv.xz").write_bytes(lzma.compress("\n".join(lines).encode()))
    return folder


def test_prose_makes_n_grams_of_the_books_that_no_voice_reads(tmp_path: Path) -> None:
    model = choose_language_model(None, write_books(tmp_path, "emma", *HELD_OUT_BOOKS))
    assert isinstance(model, WordNgrams)
    assert "said" in model.vocabulary
    assert model.probability("it", ["said", "so"]) > model.probability("it", ["it", "is"])
    assert HELD_OUT_BOOKS[0] in model.name
    assert model.probability("emma") == model.probability("zebra")  # not counted


def test_without_prose_the_packaged_n_grams_judge() -> None:
    assert isinstance(choose_language_model(None, None), PackagedNgrams)


def test_prose_without_held_out_books_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"books\.tsv\.xz does not exist"):
        choose_language_model(None, tmp_path)
    with pytest.raises(MeasureError, match="no text"):
        choose_language_model(None, write_books(tmp_path, "emma"))
