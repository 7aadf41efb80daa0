"""HTML of the Ladder page: every number and token of the result, escaped."""

from pathlib import Path

from tests.app.ladder.shown_ladder import ladder_folder
from undertone.app.ladder.page import read_sentences
from undertone.app.ladder.views import HEARD, KINDS, differences_html, result_html, sentence_html, statements_html
from undertone.engine.ladder import RUNGS
from undertone.studies.ladder.judgement import read_result


def test_every_rung_is_described_and_every_sounding_one_is_explained() -> None:
    assert list(KINDS) == list(RUNGS)
    assert list(HEARD) == [rung for rung in RUNGS if not rung.startswith("text")]


def test_numbers_statements_and_tokens_are_all_there(tmp_path: Path) -> None:
    result = read_result(ladder_folder(tmp_path))
    numbers = result_html(result)
    assert all(rung.rung in numbers for rung in result.rungs)
    assert "80.0 [" in numbers
    said = statements_html(result.statements)
    assert all(one.name in said and one.verdict in said for one in result.statements)
    assert "text-raw to phone-raw, words: -20.0 points" in differences_html(result)
    sentences = read_sentences(tmp_path)
    assert sentences is not None
    shown = sentence_html(sentences.sentences[0])
    assert "<code>AH<sub>3</sub></code><code>T</code>" in shown
    assert "&lt;" in shown
    assert "7 tokens" in shown
