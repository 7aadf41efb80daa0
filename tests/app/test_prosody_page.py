"""The Prosody page without a browser: what is heavy waits, takes come with a ticket, visitors are apart."""

import copy
import gc
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from tests.clips import SAMPLE_RATE_HZ, speechlike
from undertone.app.prosody import page as page_module
from undertone.app.prosody import tasks as runs
from undertone.app.prosody.cards import cards_of_report, sorted_cards
from undertone.app.prosody.comparison_figure import overlay_figure
from undertone.app.prosody.controller import PageController
from undertone.app.prosody.delivery_events import transferred
from undertone.app.prosody.editing_session import EditingSession, Original
from undertone.app.prosody.editor_widgets import cards_value
from undertone.app.prosody.page import build_prosody_page, lay_out
from undertone.app.prosody.range_tool import stroke
from undertone.app.prosody.visit import ProsodyVisit
from undertone.app.shared.context import MODEL_QUEUE, Context
from undertone.app.shared.visitor import Run
from undertone.app.site.application import PAGES, build_page
from undertone.engine import Engine, Sampling, SettingsError, Take
from undertone.engine.prosody import Cancelled, DimensionProbe, DirectionProbe, LatentStatistics, ProbeReport

PAGE = next(page for page in PAGES if page.path == "/prosody")
PROSODY = Path(page_module.__file__).parent


@pytest.fixture(scope="module")
def take(engine: Engine) -> Take:
    speech = engine.analyse(speechlike(2.0), SAMPLE_RATE_HZ, 0.0, 1.5)
    return engine.continue_(speech, 0.5, Sampling(steps=2, end="never"), seed=11)


@pytest.fixture(scope="module")
def editing(engine: Engine, take: Take) -> EditingSession:
    settings = take.settings
    return EditingSession.open(engine, Original("take", take), settings.sampling, settings.seed + settings.index)


def test_heavy_events_share_the_models_queue(context: Context) -> None:
    blocks = build_page(context, PAGE, PAGES)
    heavy = [fn for fn in blocks.fns.values() if fn.concurrency_id == MODEL_QUEUE]
    assert len(heavy) >= 8
    assert {fn.concurrency_limit for fn in heavy} == {context.concurrency}
    leaving = {fn for fn in blocks.fns.values() if any(event == "unload" for _, event in fn.targets)}
    waiting = [fn for fn in blocks.fns.values() if fn.queue and fn.fn is not None and fn not in leaving]
    assert {id(fn) for fn in waiting} == {id(fn) for fn in heavy}


def test_every_widget_has_an_id_of_its_own(context: Context) -> None:
    with gr.Blocks() as blocks:
        build_prosody_page(context)
    ids = [block.elem_id for block in blocks.blocks.values() if getattr(block, "elem_id", None)]
    assert sorted(ids) == sorted(set(ids))


def test_a_take_is_handed_over_with_a_ticket_of_its_own(context: Context, take: Take) -> None:
    here, there = context.new_visit(), context.new_visit()
    ticket = context.handovers.offer(here.offers, take, "Take 1")
    other = context.handovers.offer(there.offers, take, "Take 1")
    assert ticket != other
    assert context.handovers.offer(here.offers, take, "Take 1") == ticket
    handed = context.handovers.pick_up(ticket)
    assert handed is not None
    assert handed.take is take
    assert context.handovers.pick_up("guessed") is None


def test_a_ticket_ends_with_the_visit_that_gave_it(context: Context, take: Take) -> None:
    visit = context.new_visit()
    ticket = context.handovers.offer(visit.offers, take, "Take 1")
    visit.close()
    gc.collect()
    assert context.handovers.pick_up(ticket) is None


def test_a_take_on_the_bench_sounds_as_it_did(editing: EditingSession, take: Take) -> None:
    assert editing.before.audio.equal(take.audio)
    assert editing.original.recording is None
    assert [name for name, _ in editing.named_sounds()] == ["before", "after"]


def test_each_visitor_begins_with_an_empty_bench(context: Context, editing: EditingSession) -> None:
    visit = ProsodyVisit(context.folder)
    visit.put(editing)
    fresh = copy.deepcopy(visit)
    assert fresh.editing is None
    assert fresh.task is None
    assert fresh.source is not visit.source
    assert fresh.root == visit.root


def test_cards_come_from_the_report_where_there_is_one(editing: EditingSession) -> None:
    report = probe_report(editing.original.speech.latents.shape[1])
    shown = sorted_cards(cards_of_report(report))
    assert [card.name for card in shown] == ["Pitch height", "Loudness", "Dimension 1", "Dimension 0", "Dimension 3"]
    assert [card.tag for card in shown] == ["all z together", "z3", "z2", "z1", "z4"]
    assert all("40 clips of 8 speakers" in card.basis for card in shown)
    assert shown[0].edit(editing.now.move(shown[0])).kind == "direction"


def test_the_desk_shows_where_the_history_stands(editing: EditingSession) -> None:
    value = cards_value(editing, 3)
    assert value["revision"] == 3
    assert {card["id"] for card in value["cards"]} == {"z1", "z2", "z3", "z4"}
    assert set(map(tuple, value["values"].values())) == {(0.0, 1.0, 0.0)}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (("", 0.1, 0.5, "shift", 1.0), "what to change"),
        (("z1", None, None, "shift", 1.0), "time range first"),
        (("z1", 0.5, 0.5, "shift", 1.0), "time range first"),
        (("z1", 90.0, 91.0, "shift", 1.0), "begins at 90 s"),
        (("z1", 0.1, 0.5, "shift", 99.0), "shift is 99"),
        (("z1", 0.1, 0.5, "melt", 1.0), "melt"),
    ],
)
def test_a_range_that_is_none_is_refused_with_what_to_do(editing: EditingSession, values: Any, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        stroke(editing, *values)


def test_a_range_ends_where_the_sound_ends(editing: EditingSession) -> None:
    edit = stroke(editing, "z1", 0.5, 99.0, "flatten", 0.0)
    assert edit.flatten
    assert edit.end_seconds == pytest.approx(editing.after.speech.seconds)


def test_nothing_is_borrowed_without_a_second_recording(editing: EditingSession) -> None:
    for whose, voice in (("transferred", "own"), ("morphed", "own"), ("own", "other")):
        with pytest.raises(SettingsError, match="second recording"):
            transferred(editing, whose, "first", voice)
    assert transferred(editing, "own", "first", "own") == editing.now


def test_the_figure_draws_each_latent_in_a_panel_of_its_own(editing: EditingSession) -> None:
    from undertone.app.prosody.edit_state import EditState
    from undertone.app.prosody.editor_widgets import _side

    side = _side(editing.before, editing.measures(EditState()))
    figure, axes = overlay_figure(side, side, [(0, "z1", "z1"), (2, "z3", "z3")], [str(unit) for unit in range(24)])
    assert list(axes.values()) == ["pitch height", "loudness", "z1", "z3"]
    names = [trace.name for trace in figure.data]
    assert names.count("z1") == names.count("z3") == 1
    assert {trace.xaxis or "x" for trace in figure.data} == {"x"}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Cancelled(), "Cancelled"),
        (SettingsError("seed is 3; expected 4."), "Seed is 3"),
        (ZeroDivisionError("/a/path/of/the/server"), "went wrong on the server"),
    ],
)
def test_work_that_fails_ends_the_run_and_says_why(controller: PageController, error: Exception, words: str) -> None:
    visit = ProsodyVisit(controller.context.folder)
    visit.start("render")
    task = visit.taken("render")
    assert task is not None
    shown = list(runs.guard_task(controller, visit, task, failing(error)))
    assert task.run.stop.is_set()
    assert visit.run is None
    assert [words in update[controller.status.note] for update in shown] == [True]
    assert "/a/path" not in str(shown)


def test_work_that_was_replaced_says_nothing(controller: PageController) -> None:
    visit = ProsodyVisit(controller.context.folder)
    visit.start("render")
    task = visit.taken("render")
    assert task is not None
    work = runs.guard_task(controller, visit, task, waiting(task.run))
    next(work)
    visit.start("draft")
    assert list(work) == []
    assert visit.taken("draft") is not None


def test_work_that_comes_too_late_leaves_the_newer_task_alone(controller: PageController) -> None:
    """A draft that waited for the model while the slider was let go must not end the rendering that followed."""
    visit = ProsodyVisit(controller.context.folder)
    visit.start("draft")
    visit.start("render")
    assert list(runs.run_task(controller, visit, "draft", lambda visit, task: failing(SettingsError("never")))) == []
    assert visit.taken("render") is not None
    assert list(runs.run_task(controller, visit, "render", lambda visit, task: iter([{}]))) == [{}]
    assert visit.taken("render") is None


def test_work_that_finds_nothing_to_do_says_that_nothing_is_under_way(controller: PageController) -> None:
    """Else "Speaking" would stay, where the answer that says so came after the work had ended."""
    visit = ProsodyVisit(controller.context.folder)
    visit.start("render")
    visit.cancel()
    (update,) = runs.run_task(controller, visit, "render", lambda visit, task: failing(SettingsError("never")))
    assert update[controller.status.note] == ""
    assert update[controller.status.cancel]["visible"] is False


@pytest.fixture
def controller(context: Context) -> PageController:
    with gr.Blocks():
        return lay_out(context)[1]


def failing(error: Exception) -> Iterator[dict[Any, Any]]:
    raise error
    yield {}


def waiting(run: Run) -> Iterator[dict[Any, Any]]:
    yield {}
    assert run.stop.is_set()
    raise Cancelled


def probe_report(num_dimensions: int) -> ProbeReport:
    """A report that says z3 is loudness, and that there is a direction for pitch."""
    unit = tuple(1.0 if index == 0 else 0.0 for index in range(num_dimensions))
    rows = tuple((-2.6, -2.0, -1.0, 0.0, 1.0, 2.0, 2.6) for _ in range(num_dimensions))
    statistics = LatentStatistics(mean=(0.0,) * num_dimensions, std=(1.0,) * num_dimensions, percentiles=rows)
    dimensions = tuple(
        DimensionProbe(
            index=index,
            name="loudness" if index == 2 else f"dimension {index}",
            evidence="measured",
            importance=(0.5, 1.0, 4.0, 0.1)[index % 4],
            kl_nats=1.0,
            slider_low=-2.0,
            slider_high=2.0,
            effects={},
            correlations={},
            r2={},
        )
        for index in range(num_dimensions)
    )
    values = {
        "bundle": "tiny", "bundle_sha256": "0", "created": "2026-01-01", "corpus": "none", "split": "test", "seed": 0,
        "num_clips": 40, "num_speakers": 8, "num_frames": 9000, "cluster": "speaker", "solver": "dpm++", "steps": 12,
        "attributes": {}, "frame_attributes": {}, "statistics": statistics, "dimensions": dimensions,
        "directions": (DirectionProbe.model_construct(
            name="pitch height", attribute="f0", vector=unit, readout=unit, r2=0.5, evidence="measured",
            importance=3.0, slider_low=-2.0, slider_high=2.0, effects={},
        ),),
        "r2": {}, "r2_within_clips": {}, "skipped": {},
    }  # fmt: skip
    return ProbeReport.model_construct(**values)


def test_the_cards_script_sends_what_the_server_reads_and_reads_what_it_sends(editing: EditingSession) -> None:
    """A renamed key of an event would leave every slider dead, and no other test but a browser's sees it."""
    script = (PROSODY / "cards.js").read_text(encoding="utf-8")
    handlers = (PROSODY / "editor_events.py").read_text(encoding="utf-8")
    read = set(re.findall(r"\bevent\.(\w+)", handlers))
    sent = {name for data in re.findall(r"(?:trigger|send)\(.*", script) for name in re.findall(r"\b\w+\b", data)}
    sent |= {"values", "morph"} if "current = () => ({ values: state.values, morph: state.morph })" in script else set()
    sent |= {"start", "end", "card"}  # of range.js
    assert {"session", "sequence", "values", "morph", "token", "audition", "label"} <= read
    assert read <= sent
    shown = set(cards_value(editing, 1))
    assert shown <= set(re.findall(r"\bvalue\.(\w+)", script))
