"""The Ladder page: accuracy by rung, the statements judged, and sentences to look at and to hear rung by rung."""

from collections import defaultdict
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from undertone.app.ladder import views
from undertone.app.ladder.voice import LadderVoice
from undertone.app.shared.context import MODEL_QUEUE, Context
from undertone.app.shared.example_sounds import build_example_sounds
from undertone.app.shared.model_queue import MAX_WAITING
from undertone.app.shared.plot_data import to_plot
from undertone.app.shared.widgets import Note, step_heading
from undertone.engine import CallProgress, UndertoneError
from undertone.engine.ladder import SENTENCES, LadderSentence, LadderSentences, Rung
from undertone.studies.errors import MeasureError
from undertone.studies.ladder.judgement import RESULT, LadderResult, read_result
from undertone.studies.ladder.report import ladder_figure

HERO = (
    '<div class="hero"><h1>From text to speech, rung by rung.</h1><p>Models of speech know fewer words, less grammar '
    "and less of a topic than models of text. Which step takes it away? The same text as several streams of tokens, "
    "one small language model of each.</p></div>"
)
STYLE = Path(__file__).with_name("ladder.css")


def build_ladder_page(context: Context) -> None:
    """Build everything below the page's header, inside an open Blocks."""
    gr.HTML(f"<style>{STYLE.read_text(encoding='utf-8')}</style>", padding=False)
    gr.HTML(HERO)
    folder = context.ladder
    if folder is None or not (folder / RESULT).is_file():
        gr.HTML(views.HOW_TO, elem_id="ladder-how-to")
        return
    try:
        result, sentences = read_result(folder), read_sentences(folder)
    except MeasureError as error:
        gr.HTML(Note("problem", str(error)).html() + views.HOW_TO, elem_id="ladder-how-to")
        return
    _build_result(result)
    if sentences is not None:
        _build_sentences(context, sentences)


def read_sentences(folder: Path) -> LadderSentences | None:
    """Return the sentences of a ladder's folder, None where it has none. Raises MeasureError."""
    path = folder / SENTENCES
    if not path.is_file():
        return None
    try:
        return LadderSentences.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise MeasureError(f"{path} is none of this version; make it again.") from error


def _build_result(result: LadderResult) -> None:
    with gr.Column(elem_classes="card", elem_id="ladder-result"):
        step_heading(1, "How much does each model know?")
        gr.Plot(to_plot(ladder_figure(result)), show_label=False, label="Accuracy by rung", elem_id="ladder-figure")
        gr.HTML(views.result_html(result) + views.differences_html(result), elem_id="ladder-numbers")
    with gr.Column(elem_classes="card", elem_id="ladder-statements"):
        step_heading(2, "Statements written down before, and what became of them")
        gr.HTML(views.statements_html(result.statements))


def _build_sentences(context: Context, sentences: LadderSentences) -> None:
    voice = LadderVoice(context)
    heard = voice.can_say(sentences.phones)
    with gr.Column(elem_classes="card", elem_id="ladder-sentences"):
        step_heading(3, "The same sentence on every rung")
        gr.HTML(f'<p class="hint">{_how_heard(context, heard)}</p>')
        with gr.Tabs():
            for number, sentence in enumerate(sentences.sentences):
                with gr.Tab(f"Sentence {number + 1}"):
                    note = gr.HTML("", elem_id=f"ladder-note-{number}")
                    if heard:
                        _build_sounds(context, voice, sentence, number, note)
                    gr.HTML(views.sentence_html(sentence), elem_id=f"ladder-sentence-{number}")


def _how_heard(context: Context, heard: bool) -> str:
    """Return what is heard, or why nothing is."""
    name = context.model_name
    if not heard:
        return escape(f"{name} has other units than the ladder was made with, so they are not heard here.")
    rungs: dict[str, list[str]] = defaultdict(list)
    for rung, how in views.HEARD.items():
        rungs[how].append(rung)
    listed = "; ".join(f"{', '.join(names)}: {how}" for how, names in rungs.items())
    return escape(
        f"{name} says the tokens themselves, in the timbre of an example clip and with the prosody that it expects of "
        f"them. Letters have no sound. {listed}."
    )


def _build_sounds(context: Context, voice: LadderVoice, sentence: LadderSentence, number: int, note: gr.HTML) -> None:
    """Build the buttons of one sentence's rungs; a rung is said when it is asked for, in its turn of the model."""
    rungs: list[Rung] = [rung for rung, tokens in sentence.rungs.items() if tokens.units]
    sounds = build_example_sounds(rungs, f"ladder-sounds-{number}")

    def say(request: gr.Request, event: gr.EventData) -> Iterator[tuple[Any, Any]]:
        place = getattr(event, "place", None)
        if not isinstance(place, int) or place not in range(len(rungs)):
            return
        units = sentence.rungs[rungs[place]].units
        try:
            if (sound := voice.kept(units)) is None:
                with context.queue.turn(request.session_hash, voice.seconds(units)) as turn:
                    for waiting in turn.places(CallProgress()):
                        yield gr.skip(), Note("quiet", waiting.text).html()
                    sound = voice.say(units)
        except UndertoneError as error:
            yield gr.skip(), Note("problem", str(error)).html()
            return
        yield {"names": rungs, "place": place, "sound": sound}, ""

    sounds.select(
        say,
        None,
        [sounds, note],
        concurrency_id=MODEL_QUEUE,
        concurrency_limit=MAX_WAITING,
        show_progress="hidden",
        trigger_mode="multiple",
    )
