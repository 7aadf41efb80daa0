"""Fast moves, undos and cancels on the Prosody page, in any order and with late answers, end in one consistent page."""

import copy
import inspect
import random
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
from gradio.blocks import BlockFunction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clips import SAMPLE_RATE_HZ, speechlike
from undertone.app.prosody.editing_session import EditingSession, Original
from undertone.app.prosody.measures import changes_html
from undertone.app.prosody.visit import ProsodyVisit
from undertone.app.shared.context import Context
from undertone.app.shared.live_player import samples_text
from undertone.app.site.application import PAGES, build_page
from undertone.engine import Engine, Sampling, Speech

PAGE = next(page for page in PAGES if page.path == "/prosody")
ACTIONS = ("move", "move", "move", "draft", "undo", "redo", "cancel", "audition", "range", "answer", "model", "model")
REST = [0.0, 1.0, 0.0]


class Browser:
    """What a browser does with the page: as cards.js and player.js, with answers that come in any order."""

    def __init__(self, blocks: gr.Blocks, visit: ProsodyVisit, seed: int) -> None:
        self.blocks, self.visit, self.random = blocks, visit, random.Random(seed)
        self.by_id = {block.elem_id: block for block in blocks.blocks.values() if getattr(block, "elem_id", None)}
        self.shown: dict[str, Any] = {}
        self.answers: list[tuple[BlockFunction, Any]] = []  # on their way here
        self.queue: list[BlockFunction] = []  # for the model
        self.working: Iterator[Any] | None = None
        self.values: dict[str, list[float]] = {}
        self.after: Any = None
        self.sequence = self.released = self.revision = self.serial = 0
        self.editing: int | None = None
        self.moving = False

    def press(self, widget: str, event: str = "click", **data: Any) -> None:
        """A quick step: the server does it now, its answer is on its way."""
        target = (self.by_id[widget]._id, event)
        for function in [found for found in self.blocks.fns.values() if target in found.targets]:
            if function.fn is not None:
                self.answers.append((function, self.call(function, gr.EventData(None, data))))

    def send(self, event: str, **data: Any) -> None:
        self.sequence += 1
        self.press("prosody-cards", event, session=self.editing, sequence=self.sequence, **data)

    def do(self, action: str, number: int) -> None:
        card, value = f"z{number % 4 + 1}", (number % 9 - 4) / 2
        if action in ("move", "draft"):
            self.values[card] = [value, *self.values.get(card, REST)[1:]]
        if action == "move":
            self.let_go()
        elif action == "draft":  # the slider is let go any time later
            self.moving = True
            self.send("input", values=self.values, morph=None, token=self.sequence)
        elif action in ("undo", "redo", "cancel"):
            self.press(action)
        elif action == "audition":
            self.send("select", audition=card, token=self.sequence)
        elif action == "range":
            self.press("range-apply")
        elif action == "answer" and self.answers:
            self.receive(*self.answers.pop(self.random.randrange(len(self.answers))))
        elif action == "model":
            self.step()

    def let_go(self) -> None:
        self.send("release", values=self.values, morph=None)
        self.moving, self.released = False, self.sequence

    def receive(self, function: BlockFunction, answer: Any) -> None:
        """An answer arrives; what follows it is asked for."""
        self.show(answer)
        for following in self.blocks.fns.values():
            if following.trigger_after == function._id and following.fn is not None:
                if following.queue:
                    self.queue.append(following)
                else:
                    for update in self.call(following):
                        self.show(update)

    def step(self) -> bool:
        """One report of the model's work; False where there is none left."""
        if self.working is None:
            if not self.queue:
                return False
            self.working = self.call(self.queue.pop(0))
        update = next(self.working, None)
        if update is None:
            self.working = None
        else:
            self.show(update)
        return True

    def calm(self) -> None:
        """Everything that is on its way arrives, in any order; whoever moves a slider lets it go."""
        if self.moving:
            self.let_go()
        while self.answers or self.queue or self.working is not None:
            if self.answers and self.random.random() < 0.4:
                self.receive(*self.answers.pop(self.random.randrange(len(self.answers))))
            else:
                self.step()

    def call(self, function: BlockFunction, data: gr.EventData | None = None) -> Any:
        assert function.fn is not None
        inputs = [self.visit if isinstance(block, gr.State) else self.input(block) for block in function.inputs]
        names = inspect.signature(function.fn).parameters
        arguments = [*inputs, data] if "event" in names else inputs
        return function.fn(*arguments)

    def input(self, block: Any) -> Any:
        return {"range-target": "z2", "range-start": 0.2, "range-end": 0.8, "range-kind": "shift"}.get(
            block.elem_id, block.value
        )

    def show(self, update: Any) -> None:
        if update == gr.skip():
            return
        for block, value in update.items():
            name = str(block.elem_id)
            if name == "prosody-cards":
                self.show_cards(value)
            elif name in ("channel-edited", "channel-draft"):
                if value["serial"] > self.serial:
                    self.serial, self.after = value["serial"], value.get("after", value.get("samples"))
            elif isinstance(value, dict) and value.get("__type__") == "update":
                self.shown[name] = {**self.shown.get(name, {}), **value}
            else:
                self.shown[name] = value

    def show_cards(self, value: dict[str, Any]) -> None:
        if value["revision"] <= self.revision:
            return
        self.revision, self.editing = value["revision"], value["session"]
        if value["sequence"] >= self.released and not self.moving:
            self.values = {card: list(values) for card, values in value["values"].items()}


@pytest.fixture(scope="module")
def speech(engine: Engine) -> Speech:
    return engine.analyse(speechlike(2.0), SAMPLE_RATE_HZ, 0.0, 1.1)


@pytest.fixture(scope="module")
def site(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Context:
    return Context(engine, tmp_path_factory.mktemp("visits"))


@pytest.fixture(scope="module")
def blocks(site: Context) -> gr.Blocks:
    return build_page(site, PAGE, PAGES)


def arrived(blocks: gr.Blocks, site: Context, speech: Speech, seed: int) -> Browser:
    """A visitor whose clip has just been analysed."""
    visit = ProsodyVisit(site.folder)
    visit.open(EditingSession.open(site.engine, Original("clip", speech), Sampling(steps=1), seed=1))
    browser = Browser(blocks, visit, seed)
    assert visit.editing is not None
    visit.is_source_sent, browser.editing = True, visit.editing.number
    return browser


def assert_consistent(browser: Browser) -> None:
    """Cards, history, numbers, figure, sound and files are of one edit state, and nothing is under way."""
    visit, shown = browser.visit, browser.shown
    editing = visit.editing
    assert editing is not None
    assert not visit.is_busy
    assert visit.run is None or visit.run.stop.is_set()
    assert "<progress" not in shown["prosody-note"]
    assert shown["cancel"]["visible"] is False
    assert editing.now == editing.shown == visit.picture_state == visit.sound_state
    moves = {card.id: editing.now.move(card) for card in editing.cards}
    expected = {name: [move.shift, move.scale, move.smoothing_seconds] for name, move in moves.items()}
    assert browser.values == expected
    assert shown["undo"]["interactive"] == editing.history.can_undo
    assert shown["redo"]["interactive"] == editing.history.can_redo
    rendering = editing.rendered[editing.now]
    assert browser.after == samples_text(rendering.audio)
    assert shown["prosody-numbers"] == changes_html(
        editing.measures(editing.history.states[0]), editing.measures(editing.now)
    )
    assert shown["save-wav"]["value"] == str(visit.save(rendering)[0])


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 35)), min_size=3, max_size=25),
    seed=st.integers(0, 9),
)
def test_any_order_of_steps_ends_in_one_consistent_page(
    blocks: gr.Blocks, site: Context, speech: Speech, steps: list[tuple[str, int]], seed: int
) -> None:
    browser = arrived(blocks, site, speech, seed)
    browser.do("move", 0)  # so that there is a sound, a picture and a note to agree with
    browser.calm()
    for action, number in steps:
        browser.do(action, number)
    browser.calm()
    assert_consistent(browser)


def test_three_values_typed_while_the_model_works_end_with_the_third(
    blocks: gr.Blocks, site: Context, speech: Speech
) -> None:
    browser = arrived(blocks, site, speech, 0)
    for number in (4 + 4, 4 + 8, 4 + 12):
        browser.do("move", number)
        browser.do("answer", 0)
        browser.do("model", 0)
    wanted = {name: list(values) for name, values in browser.values.items()}
    browser.calm()
    assert_consistent(browser)
    assert {name: browser.values[name] for name in wanted} == wanted


def test_cancel_takes_the_cards_back_to_what_is_heard(blocks: gr.Blocks, site: Context, speech: Speech) -> None:
    browser = arrived(blocks, site, speech, 0)
    browser.do("move", 0)
    browser.calm()
    heard, values = browser.after, copy.deepcopy(browser.values)
    browser.do("move", 9)
    browser.do("answer", 0)
    browser.press("cancel")
    browser.calm()
    assert_consistent(browser)
    assert (browser.after, browser.values) == (heard, values)
    assert "Cancelled" in browser.shown["prosody-note"]
    browser.press("redo")  # what was cancelled is not lost
    browser.calm()
    assert_consistent(browser)
    assert browser.values != values
