"""The tray of takes: a player, the downloads and a short description for each, and a blind comparison of two."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import soundfile

from app.blind import BlindPair, Choice
from app.controls import MAX_TAKES
from app.live_player import HUSH_JS
from app.visit import Visit
from app.widgets import QUIET, WAVEFORM, Note, step_heading
from engine import Take

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

    @property
    def outputs(self) -> list[Any]:
        return [self.box, self.title, self.player, self.wav, self.settings]


@dataclass(frozen=True)
class BlindTest:
    """The widgets of the comparison."""

    drawer: gr.Accordion
    first: gr.Dropdown
    second: gr.Dropdown
    start: gr.Button
    players: gr.Row
    x: gr.Audio
    y: gr.Audio
    answers: gr.Row
    prefer_x: gr.Button
    no_difference: gr.Button
    prefer_y: gr.Button
    note: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        return [self.drawer, self.first, self.second, self.players, self.x, self.y, self.answers, self.note]


@dataclass(frozen=True)
class Tray:
    """All of it; `outputs` are what `show_takes` fills."""

    section: gr.Column
    cards: tuple[TakeCard, ...]
    blind: BlindTest

    @property
    def outputs(self) -> list[Any]:
        return [self.section, *(part for card in self.cards for part in card.outputs), *self.blind.outputs]


def build_tray() -> Tray:
    """Lay the tray out; it stays hidden until there are takes."""
    with gr.Column(visible=False, elem_id="tray") as section:
        step_heading(3, "Listen")
        with gr.Row(elem_classes="take-grid"):
            cards = tuple(_build_card(index) for index in range(MAX_TAKES))
        blind = _build_blind_test()
    return Tray(section, cards, blind)


def bind_tray(tray: Tray, visit: gr.State) -> None:
    """The blind test's buttons; starting any player hushes the live one."""
    blind = tray.blind
    blind.start.click(
        start_blind_test,
        [blind.first, blind.second, visit],
        [blind.players, blind.x, blind.y, blind.answers, blind.note],
        **QUIET,
    )
    for button, choice in ((blind.prefer_x, "X"), (blind.no_difference, "none"), (blind.prefer_y, "Y")):
        button.click(_answer(choice), visit, [blind.answers, blind.note], **QUIET)  # type: ignore[arg-type]
    for player in [*(card.player for card in tray.cards), blind.x, blind.y]:
        player.play(None, None, None, js=HUSH_JS)


def show_takes(visit: Visit) -> list[Any]:
    """Fill the tray from the visit's takes: one update for each of `Tray.outputs`."""
    updates: list[Any] = [gr.update(visible=bool(visit.takes))]
    files = [take_files(visit, index) for index in range(len(visit.takes))]
    for index in range(MAX_TAKES):
        updates += _card_updates(visit.takes, index, files)
    return updates + _blind_updates(len(visit.takes))


@dataclass(frozen=True)
class TakeFiles:
    """A take in the visitor's own folder."""

    wav: Path  # lossless: what is saved, the same bytes for the same settings
    settings: Path
    heard: Path  # 16 bit: what every browser plays


def take_files(visit: Visit, index: int) -> TakeFiles:
    """The take's files, written on first use."""
    take = visit.takes[index]
    stem = f"undertone-seed{take.settings.seed}-take{index + 1}"
    files = TakeFiles(*(visit.folder / f"{stem}{ending}" for ending in (".wav", ".json", "-heard.wav")))
    if not files.heard.is_file():
        take.save(visit.folder, stem)
        soundfile.write(files.heard, take.audio.numpy(), 16_000, subtype="PCM_16")
    return files


def start_blind_test(first: int, second: int, visit: Visit) -> list[Any]:
    """Draw the order and show the two players."""
    numbers = range(1, len(visit.takes) + 1)
    if first not in numbers or second not in numbers or first == second:
        hidden = gr.update(visible=False)
        note = Note("problem", "Choose two different takes to compare.")
        return [hidden, None, None, hidden, note.html()]
    chosen = [(number - 1, take_files(visit, number - 1).heard) for number in (first, second)]
    visit.blind = BlindPair.draw(visit.folder, chosen[0], chosen[1])
    x, y = visit.blind.paths
    note = Note("quiet", "Listen to both, then choose. Which is which stays hidden until then.")
    return [gr.update(visible=True), str(x), str(y), gr.update(visible=True), note.html()]


def answer_blind_test(choice: Choice, visit: Visit) -> list[Any]:
    """Reveal the order; the answer buttons go away."""
    if visit.blind is None:
        return [gr.update(visible=False), Note("problem", "Start a comparison first.").html()]
    text = visit.blind.reveal(choice)
    visit.blind = None
    return [gr.update(visible=False), Note("good", text).html()]


def _answer(choice: Choice) -> Any:
    def answer(visit: Visit) -> list[Any]:
        return answer_blind_test(choice, visit)

    return answer


def _build_card(index: int) -> TakeCard:
    number = index + 1
    with gr.Column(visible=False, elem_classes="take-card", elem_id=f"take-{number}", min_width=300) as box:
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
    return TakeCard(box, title, player, wav, settings)


def _build_blind_test() -> BlindTest:
    numbers = [(f"Take {number}", number) for number in range(1, MAX_TAKES + 1)]
    with gr.Accordion("Compare two takes without knowing which is which", open=False, elem_id="blind") as drawer:
        with gr.Row(equal_height=True):
            first = gr.Dropdown(numbers, value=1, label="One", min_width=120, elem_id="blind-first")
            second = gr.Dropdown(numbers, value=2, label="The other", min_width=120, elem_id="blind-second")
            start = gr.Button("Shuffle and listen", elem_id="blind-start", min_width=160, size="md")
        with gr.Row(visible=False) as players:
            x, y = (
                gr.Audio(
                    interactive=False,
                    label=name,
                    buttons=[],
                    elem_id=f"blind-{name.lower()}",
                    waveform_options=WAVEFORM,
                )
                for name in ("X", "Y")
            )
        with gr.Row(visible=False) as answers:
            prefer_x = gr.Button("X is better", elem_id="prefer-x", min_width=80, size="md")
            no_difference = gr.Button("No difference", elem_id="prefer-none", min_width=80, size="md")
            prefer_y = gr.Button("Y is better", elem_id="prefer-y", min_width=80, size="md")
        note = gr.HTML(elem_id="blind-note")
    return BlindTest(drawer, first, second, start, players, x, y, answers, prefer_x, no_difference, prefer_y, note)


def _card_updates(takes: Sequence[Take], index: int, files: Sequence[TakeFiles]) -> list[Any]:
    if index >= len(takes):
        return [gr.update(visible=False), "", None, None, None]
    title = _title_html(takes[index], index + 1)
    heard, wav, settings = (str(path) for path in (files[index].heard, files[index].wav, files[index].settings))
    return [gr.update(visible=True), title, heard, gr.update(value=wav), gr.update(value=settings)]


def _title_html(take: Take, number: int) -> str:
    prompt, total = (samples / 16_000 for samples in (take.prompt_samples, len(take.audio)))
    ended = escape(ENDED.get(take.ended, take.ended))
    seed = take.settings.seed
    return (
        f"<h3>Take {number}</h3>"
        f'<p class="take-facts">{prompt:.1f} s prompt and {total - prompt:.1f} s after it, {ended} '
        f'<span class="seed">seed {seed}</span></p>'
    )


def _blind_updates(num_takes: int) -> list[Any]:
    numbers = [(f"Take {number}", number) for number in range(1, num_takes + 1)]
    hidden = gr.update(visible=False)
    return [
        gr.update(visible=num_takes > 1),
        gr.update(choices=numbers, value=1),
        gr.update(choices=numbers, value=min(2, max(1, num_takes))),
        hidden,
        None,
        None,
        hidden,
        "",
    ]
