"""No event of any page can wipe what it shows: nothing to say means that the page stays as it is."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import pytest
from gradio.blocks import BlockFunction
from gradio.state_holder import SessionState
from starlette.requests import Request as HttpRequest

from undertone.app.prosody.visit import ProsodyVisit
from undertone.app.shared.context import Context
from undertone.app.shared.events import guard_event
from undertone.app.shared.visitor import Visitor
from undertone.app.site.application import PAGES, RESULTS, Page, ResultsContext, build_page
from undertone.app.site.studies_site import StudiesSite
from undertone.engine import Engine
from undertone.studies.store import Database, StorageLocations, migrate

# Without a result the Ladder page has no events, and with one those of no visit: tests/app/ladder.
ALL = (*(page for page in PAGES if page.path != "/ladder"), RESULTS)
# A person takes the clip away and its picture goes, or the example's mark goes with another clip.
EMPTYING = {f"{prefix}{name}" for prefix in ("", "second-") for name in ("clip", "cut-view", "examples")}
DATA = {
    "values": {}, "morph": None, "token": 1, "sequence": 1, "session": 0, "label": "", "audition": "z1",
    "start": 0.5, "end": 1.0, "card": None, "length": 1.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def site(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    folder = tmp_path_factory.mktemp("site")
    places = StorageLocations.at(folder / "data")
    db = Database(places.url, places.events)
    migrate(db)
    yield Context(engine, folder / "visits", feedback=StudiesSite.open(db, places, folder / "downloads"))
    db.close()


@pytest.fixture(scope="module")
def built(site: Context) -> dict[str, gr.Blocks]:
    """Every page by its title; each event is given a state of its own."""
    assert isinstance(site.feedback, StudiesSite)
    results = ResultsContext(site.feedback)  # it is served by a process without an engine
    return {page.title: build_page(results if page is RESULTS else site, page, ALL) for page in ALL}


def new(visit: Visitor) -> None:
    """Nothing has been done yet."""


def cancelled_while_waiting(visit: Visitor) -> None:
    if isinstance(visit, ProsodyVisit):
        visit.start("render")
    else:
        visit.begin()
    visit.cancel()


def replaced_while_waiting(visit: Visitor) -> None:
    if isinstance(visit, ProsodyVisit):
        visit.start("continue")
    else:
        visit.finish(visit.begin())


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.title)
@pytest.mark.parametrize("condition", [new, cancelled_while_waiting, replaced_while_waiting])
def test_no_event_of_any_page_wipes_its_outputs(
    built: dict[str, gr.Blocks], page: Page, condition: Callable[[Visitor], None]
) -> None:
    blocks = built[page.title]
    events = [event for event in blocks.fns.values() if event.fn is not None and event.outputs]
    assert len(events) > 10
    wiped = {}
    for event in events:
        gone = wiped_by(blocks, event, condition)
        if gone:
            wiped[event.name] = gone
    assert wiped == {}


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.title)
def test_every_event_that_yields_nothing_is_guarded(built: dict[str, gr.Blocks], page: Page) -> None:
    """Whatever happens inside: the work of each generator is replaced by one that ends at once."""
    for event in built[page.title].fns.values():
        if event.fn is None or not event.outputs:
            continue
        assert event.fn is guard_event(event.fn) or hasattr(event.fn, "__wrapped__"), f"{event.name} is not guarded"
        assert not asyncio.iscoroutinefunction(event.fn)


def test_a_generator_without_a_word_skips_and_another_says_what_it_said() -> None:
    def silent(say: bool) -> Iterator[dict[str, Any]]:
        if say:
            yield {"a": 1}
            yield {}

    assert list(guard_event(silent)(False)) == [gr.skip()]
    assert list(guard_event(silent)(True)) == [{"a": 1}, gr.skip()]


def test_a_page_that_is_closed_while_it_works_closes_the_work() -> None:
    closed = []

    def work() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    updates = guard_event(work)()
    next(updates)
    updates.close()  # type: ignore[attr-defined]
    assert closed == [True]


def wiped_by(blocks: gr.Blocks, event: BlockFunction, condition: Callable[[Visitor], None]) -> list[str]:
    """Ids of the outputs that an event sets to null, from its first update to its last."""
    state = SessionState(blocks)
    for block in blocks.blocks.values():
        if isinstance(block, gr.State) and isinstance(block.value, Visitor):
            condition(state[block._id])
    return sorted(set(asyncio.run(_wiped(blocks, event, state))))


async def _wiped(blocks: gr.Blocks, event: BlockFunction, state: SessionState) -> list[str]:
    blocks.run_startup_events()
    inputs = [None if isinstance(block, gr.State) else block.get_config().get("value") for block in event.inputs]
    request = gr.Request(
        HttpRequest({"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}),
        session_hash="somebody",
    )
    data = gr.EventData(None, dict(DATA))
    iterator, gone = None, []
    while True:
        try:
            answer = await blocks.process_api(
                event, inputs, state, request, iterator, "somebody", "event", data, explicit_call=True
            )
        except Exception as error:  # the page would say so, and stay as it is
            return [*gone, f"{event.name} failed: {error!r}"]
        if iterator is not None and answer["iterator"] is None:
            return gone  # Gradio repeats the update before, and drops this one
        for block, value in zip(event.outputs, answer["data"], strict=True):
            if value is None and not isinstance(block, gr.State) and block.elem_id not in EMPTYING:
                gone.append(str(block.elem_id))
        iterator = answer["iterator"]
        if iterator is None:
            return gone
