"""The takes of a run: a player, the downloads and a short description of each, and a blind comparison of two."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from undertone.app.continue_page.controls import MAX_TAKES
from undertone.app.continue_page.kept_runs import KeptRuns, build_kept_runs, kept_takes, show_kept_runs
from undertone.app.continue_page.others import build_others, show_others
from undertone.app.continue_page.quick_rating import QuickRating, bind_quick_rating, build_quick_rating
from undertone.app.continue_page.take_player import LinkedPrompt, boundary_value, build_boundary
from undertone.app.shared.blind_comparison import (
    BlindComparison,
    bind_blind_comparison,
    blind_updates,
    build_blind_comparison,
)
from undertone.app.shared.context import Context
from undertone.app.shared.live_player import PAUSE_JS
from undertone.app.shared.playback import write_playback
from undertone.app.shared.study_maker import StudyMaker, bind_study_maker, build_study_maker
from undertone.app.shared.visitor import FinishedRun, Visit, VisitError
from undertone.app.shared.widgets import AWAY, WAVEFORM, show_container, step_heading
from undertone.app.shared.words_line import WordLine, split_words, words_line, words_value
from undertone.engine import Take
from undertone.engine.config import SAMPLE_RATE_HZ

CARD = "take-card"
ENDED = {
    "learned": "ended by itself",
    "voice": "ended where the voice ended",
    "limit": "ran to the full length",
}


@dataclass(frozen=True)
class TakeCard:
    """The widgets of one take."""

    box: gr.Column
    title: gr.HTML
    player: gr.Audio
    boundary: gr.HTML
    words: gr.HTML
    wav: gr.DownloadButton
    settings: gr.DownloadButton
    onward: gr.Button
    rating: QuickRating | None

    @property
    def outputs(self) -> list[Any]:
        rated = self.rating.outputs if self.rating else []
        return [self.box, self.title, self.player, self.boundary, self.words, self.wav, self.settings, *rated]


@dataclass(frozen=True)
class TakeCards:
    """The widgets of all takes; `outputs` are what `show_takes` fills."""

    section: gr.Column
    runs: KeptRuns
    cards: tuple[TakeCard, ...]
    others: gr.Button | None
    blind: BlindComparison
    study: StudyMaker | None

    @property
    def outputs(self) -> list[Any]:
        return [
            self.section,
            *self.runs.outputs,
            *([self.others] if self.others is not None else []),
            *(part for card in self.cards for part in card.outputs),
            *self.blind.outputs,
        ]


def build_take_cards(context: Context) -> TakeCards:
    """Lay the takes out; hidden until there are some. Ratings and studies are offered where the site has them."""
    asks = context.feedback is not None
    with gr.Column(elem_id="take-cards", elem_classes=AWAY) as section:
        step_heading(3, "Listen")
        runs = build_kept_runs()
        with gr.Row(elem_classes="take-grid"):
            cards = tuple(_build_card(index, asks) for index in range(MAX_TAKES))
        others = build_others(context)
        blind = build_blind_comparison(
            [f"take {number}" for number in range(1, MAX_TAKES + 1)], "Compare two takes without knowing which is which"
        )
        study = build_study_maker() if asks else None
    return TakeCards(section, runs, cards, others, blind, study)


def bind_take_cards(context: Context, take_cards: TakeCards, visit: gr.State) -> None:
    """Bind the blind comparison, the quick ratings and the study; starting any player pauses the live one."""
    bind_blind_comparison(take_cards.blind, visit, take_sounds)
    for index, card in enumerate(take_cards.cards):
        card.player.play(None, None, None, js=PAUSE_JS)
        if card.rating:
            bind_quick_rating(context, visit, card.rating, index)
    if take_cards.study:
        bind_study_maker(context, visit, take_cards.study)


def take_sounds(visit: Visit) -> list[tuple[str, Path]]:
    """Return the name and the 16-bit wav file of each take that is kept, the oldest first."""
    return [(name, run_files(visit, run, index).playback) for run, index, name in kept_takes(visit)]


def show_takes(context: Context, take_cards: TakeCards, visit: Visit) -> list[Any]:
    """Return one update for each of `TakeCards.outputs`, which show the visit's takes."""
    updates: list[Any] = [show_container(bool(visit.takes)), *show_kept_runs(visit)]
    if take_cards.others is not None:
        updates.append(show_others(visit))
    files = [take_files(visit, index) for index in range(len(visit.takes))]
    for index, card in enumerate(take_cards.cards):
        updates += _card_updates(context, visit, index, files)
        updates += card.rating.clear() if card.rating else []
    places = [place for place, (run, _, _) in enumerate(kept_takes(visit)) if run is visit.shown]
    return updates + blind_updates([name for _, _, name in kept_takes(visit)], places[0] if places else 0)


def show_words(context: Context, take_cards: TakeCards, visit: Visit) -> dict[Any, Any]:
    """Return the updates that show the words of the visit's takes, which are read now; none without a reader."""
    run, decoder = visit.shown, context.words
    if run is None or decoder is None:
        return {}
    for index, take in enumerate(run.takes):
        if index not in run.words:
            run.words[index] = decoder.words(take.speech.tokens)
    cards = take_cards.cards[: len(run.takes)]
    return {card.words: words_of_take(context, visit, index) for index, card in enumerate(cards)}


def words_of_take(context: Context, visit: Visit, index: int) -> dict[str, Any] | None:
    """Return the value of a take's words; None before they were read."""
    run, decoder = visit.shown, context.words
    if run is None or decoder is None or index not in run.words:
        return None
    heard, said = split_words(run.words[index], run.takes[index].prompt_frames)
    lines = [WordLine("Prompt", heard), WordLine("Continuation", said)]
    return words_value(visit.take_name(index), lines, decoder.phone_names)


def show_boundary(context: Context, visit: Visit, index: int, problem: str = "") -> dict[str, Any]:
    """Return the value of a shown take's boundary, with what a link to it may have."""
    run = visit.shown
    assert run is not None
    prompt = None
    if context.shared_prompts is not None and run.prompt is not None:
        prompt = LinkedPrompt(len(run.prompt.samples), visit.shared_keys.get(run.number))
    return boundary_value(run.takes[index], visit.take_name(index), prompt, problem)


@dataclass(frozen=True)
class TakeFiles:
    """The files of a take in the visitor's own folder."""

    wav: Path  # lossless: what is saved, the same bytes for the same settings
    settings: Path
    playback: Path  # 16 bit: what every browser plays


def take_files(visit: Visit, index: int) -> TakeFiles:
    """Return the take's files, written on first use."""
    run = visit.shown
    if run is None:
        raise VisitError("there are no takes yet. Press Continue first.")
    return run_files(visit, run, index)


def run_files(visit: Visit, run: FinishedRun, index: int) -> TakeFiles:
    """Return the files of a take of a kept run, written on first use."""
    take = run.takes[index]
    stem = f"undertone-seed{take.settings.seed}-take{index + 1}"
    files = TakeFiles(*(run.folder / f"{stem}{ending}" for ending in (".wav", ".json", "-playback.wav")))
    if not files.playback.is_file():
        folder = visit.folder  # raises where the visitor has left: then nothing is written any more
        assert run.folder.is_relative_to(folder)
        run.folder.mkdir(parents=True, exist_ok=True)
        take.save(run.folder, stem)
        write_playback(files.playback, take.audio)
    return files


def _build_card(index: int, asks: bool) -> TakeCard:
    number = index + 1
    with gr.Column(elem_classes=[CARD, AWAY], elem_id=f"take-{number}", min_width=300) as box:
        title = gr.HTML(elem_classes="take-title")
        player = gr.Audio(
            interactive=False,
            label=f"Take {number}",
            show_label=False,
            buttons=[],
            elem_id=f"take-{number}-player",
            waveform_options=WAVEFORM,
        )
        boundary = build_boundary(number)
        words = words_line(f"take-{number}-words")
        with gr.Row(elem_classes="take-buttons"):
            wav = gr.DownloadButton("Save the sound", size="sm", elem_id=f"take-{number}-wav", min_width=120)
            settings = gr.DownloadButton("Save the settings", size="sm", elem_id=f"take-{number}-json", min_width=120)
        onward = gr.Button("Go on from here", size="sm", elem_id=f"take-{number}-onward", elem_classes="take-onward")
        rating = build_quick_rating(number) if asks else None
    return TakeCard(box, title, player, boundary, words, wav, settings, onward, rating)


def _card_updates(context: Context, visit: Visit, index: int, files: Sequence[TakeFiles]) -> list[Any]:
    if index >= len(files):
        return [show_container(False, CARD), "", None, None, None, None, None]
    take = visit.takes[index]
    name = visit.shown.name_of(index) if visit.shown is not None else f"Take {index + 1}"
    title, boundary = _title_html(take, name), show_boundary(context, visit, index)
    playback, wav, settings = (str(path) for path in (files[index].playback, files[index].wav, files[index].settings))
    files_updates = gr.update(value=wav), gr.update(value=settings)
    return [show_container(True, CARD), title, playback, boundary, words_of_take(context, visit, index), *files_updates]


def _title_html(take: Take, name: str) -> str:
    parent = take.settings.prompt_take
    chain = ""
    if parent is not None:
        chain = (
            f'<p class="hint">The prompt is the end of take {parent.index + 1} with seed {parent.seed}. '
            "To make this take again, save that take's sound too, and choose it as the clip.</p>"
        )
    prompt, total = (samples / SAMPLE_RATE_HZ for samples in (take.prompt_samples, len(take.audio)))
    ended = escape(ENDED.get(take.ended, take.ended))
    seed = take.settings.seed + take.settings.index  # the first take of a run with this seed sounds the same
    return (
        f"<h3>{escape(name)}</h3>"
        f'<p class="take-facts">{prompt:.1f} s prompt and {total - prompt:.1f} s after it, {ended} '
        f'<span class="seed">seed {seed}</span></p>{chain}'
    )
