"""The Ladder page: a result with its sentences, what it says without one, and sounds only of the site's own rungs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from tests.app.ladder.shown_ladder import ladder_folder
from undertone.app.ladder.page import build_ladder_page
from undertone.app.ladder.voice import LadderVoice
from undertone.app.shared.context import MODEL_QUEUE, Context
from undertone.engine import UndertoneError


def built(context: Context) -> gr.Blocks:
    with gr.Blocks() as blocks:
        build_ladder_page(context)
    return blocks


def shown(blocks: gr.Blocks) -> str:
    return " ".join(str(block.value) for block in blocks.blocks.values() if isinstance(block, gr.HTML) and block.value)


def test_without_a_result_the_page_says_how_to_make_one(context: Context, tmp_path: Path) -> None:
    for folder in (None, tmp_path / "nowhere"):
        said = shown(built(replace(context, ladder=folder)))
        assert "undertone ladder --text" in said
        assert "undertone serve --ladder" in said


def test_a_result_of_another_version_is_a_problem_and_not_an_empty_page(context: Context, tmp_path: Path) -> None:
    (tmp_path / "ladder.json").write_text("{}")
    assert "make it again" in shown(built(replace(context, ladder=tmp_path)))


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    asked: list[tuple[int, ...]] = []

    def say(_: LadderVoice, units: tuple[int, ...]) -> str:
        if asked:
            raise UndertoneError("the model is away")
        asked.append(units)
        return "data:audio/wav;base64,AAAA"

    monkeypatch.setattr(LadderVoice, "can_say", lambda *_: True)
    monkeypatch.setattr(LadderVoice, "say", say)
    return asked


def test_a_rung_is_said_in_its_turn_and_refusals_are_shown(
    context: Context, tmp_path: Path, said: list[tuple[int, ...]]
) -> None:
    blocks = built(replace(context, ladder=ladder_folder(tmp_path)))
    assert all(word in shown(blocks) for word in ("M0", "M6", "A, at.", "byte-pair") if word != "byte-pair")
    (event,) = [fn for fn in blocks.fns.values() if fn.concurrency_id == MODEL_QUEUE]

    def press(place: Any) -> list[Any]:
        assert event.fn is not None
        answers: Iterator[Any] = event.fn(SimpleNamespace(session_hash="visitor"), SimpleNamespace(place=place))
        return list(answers)

    assert press(7) == press("0") == press(None) == []
    value, note = press(0)[-1]
    assert (value["place"], value["names"], note) == (0, ["phone-repeat"], "")
    assert said == [(0, 2, 3, 4, 5, 6, 1)]
    assert "The model is away" in press(0)[-1][1]
    assert context.queue.num_working == 0
