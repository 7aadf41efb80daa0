"""The tray of takes: a player, the downloads and a short description for each, and a blind comparison of two."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import soundfile

from undertone.app.continue_page.controls import MAX_TAKES
from undertone.app.continue_page.quick_rating import QuickRating, bind_quick_rating, build_quick_rating
from undertone.app.shared.blind_comparison import (
    BlindComparison,
    bind_blind_comparison,
    blind_updates,
    build_blind_comparison,
)
from undertone.app.shared.context import Context
from undertone.app.shared.live_player import HUSH_JS
from undertone.app.shared.study_maker import StudyMaker, bind_study_maker, build_study_maker
from undertone.app.shared.visitor import Visit
from undertone.app.shared.widgets import AWAY, WAVEFORM, shown, step_heading
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
    """One place in the tray."""

    box: gr.Column
    title: gr.HTML
    player: gr.Audio
    wav: gr.DownloadButton
    settings: gr.DownloadButton
    rating: QuickRating | None

    @property
    def outputs(self) -> list[Any]:
        rated = self.rating.outputs if self.rating else []
        return [self.box, self.title, self.player, self.wav, self.settings, *rated]


@dataclass(frozen=True)
class TakeCards:
    """All of it; `outputs` are what `show_takes` fills."""

    section: gr.Column
    cards: tuple[TakeCard, ...]
    blind: BlindComparison
    study: StudyMaker | None

    @property
    def outputs(self) -> list[Any]:
        return [self.section, *(part for card in self.cards for part in card.outputs), *self.blind.outputs]


def build_take_cards(context: Context) -> TakeCards:
    """Lay the tray out; it stays hidden until there are takes. Opinions are asked where there is a laboratory."""
    asks = context.feedback is not None
    with gr.Column(elem_id="tray", elem_classes=AWAY) as section:
        step_heading(3, "Listen")
        with gr.Row(elem_classes="take-grid"):
            cards = tuple(_build_card(index, asks) for index in range(MAX_TAKES))
        blind = build_blind_comparison(_names(MAX_TAKES), "Compare two takes without knowing which is which")
        study = build_study_maker() if asks else None
    return TakeCards(section, cards, blind, study)


def bind_take_cards(context: Context, take_cards: TakeCards, visit: gr.State) -> None:
    """Bind the blind test and the quick rating; starting any player pauses the live one."""
    bind_blind_comparison(take_cards.blind, visit, take_sounds)
    for index, card in enumerate(take_cards.cards):
        card.player.play(None, None, None, js=HUSH_JS)
        if card.rating:
            bind_quick_rating(context, visit, card.rating, index)
    if take_cards.study:
        bind_study_maker(context, visit, take_cards.study)


def take_sounds(visit: Visit) -> list[tuple[str, Path]]:
    """Return what can be compared."""
    return [(name, take_files(visit, index).heard) for index, name in enumerate(_names(len(visit.takes)))]


def show_takes(take_cards: TakeCards, visit: Visit) -> list[Any]:
    """Fill the tray from the visit's takes: one update for each of `TakeCards.outputs`."""
    updates: list[Any] = [shown(bool(visit.takes))]
    files = [take_files(visit, index) for index in range(len(visit.takes))]
    for index, card in enumerate(take_cards.cards):
        updates += _card_updates(visit.takes, index, files)
        updates += card.rating.cleared() if card.rating else []
    return updates + blind_updates(_names(len(visit.takes)))


@dataclass(frozen=True)
class TakeFiles:
    """A take in the visitor's own folder."""

    wav: Path  # lossless: what is saved, the same bytes for the same settings
    settings: Path
    heard: Path  # 16 bit: what every browser plays


def take_files(visit: Visit, index: int) -> TakeFiles:
    """Return the take's files, written on first use."""
    take = visit.takes[index]
    stem = f"undertone-seed{take.settings.seed}-take{index + 1}"
    files = TakeFiles(*(visit.folder / f"{stem}{ending}" for ending in (".wav", ".json", "-heard.wav")))
    if not files.heard.is_file():
        take.save(visit.folder, stem)
        soundfile.write(files.heard, take.audio.numpy(), SAMPLE_RATE_HZ, subtype="PCM_16")
    return files


def _names(num_takes: int) -> list[str]:
    return [f"take {number}" for number in range(1, num_takes + 1)]


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
        with gr.Row(elem_classes="take-buttons"):
            wav = gr.DownloadButton("Save the sound", size="sm", elem_id=f"take-{number}-wav", min_width=120)
            settings = gr.DownloadButton("Save the settings", size="sm", elem_id=f"take-{number}-json", min_width=120)
        rating = build_quick_rating(number) if asks else None
    return TakeCard(box, title, player, wav, settings, rating)


def _card_updates(takes: Sequence[Take], index: int, files: Sequence[TakeFiles]) -> list[Any]:
    if index >= len(takes):
        return [shown(False, CARD), "", None, None, None]
    title = _title_html(takes[index], index + 1)
    heard, wav, settings = (str(path) for path in (files[index].heard, files[index].wav, files[index].settings))
    return [shown(True, CARD), title, heard, gr.update(value=wav), gr.update(value=settings)]


def _title_html(take: Take, number: int) -> str:
    prompt, total = (samples / SAMPLE_RATE_HZ for samples in (take.prompt_samples, len(take.audio)))
    ended = escape(ENDED.get(take.ended, take.ended))
    seed = take.settings.seed + take.settings.index  # the first take of a run with this seed sounds the same
    return (
        f"<h3>Take {number}</h3>"
        f'<p class="take-facts">{prompt:.1f} s prompt and {total - prompt:.1f} s after it, {ended} '
        f'<span class="seed">seed {seed}</span></p>'
    )
