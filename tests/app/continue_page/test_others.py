"""Other systems go on from a take's prompt: the same prompt, seed and settings, beside the voice's own take."""

from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from tests.tiny_bundle import make_tiny_bundle, make_tiny_system
from undertone.app.continue_page.figure import build_figure_panel
from undertone.app.continue_page.kept_runs import kept_takes
from undertone.app.continue_page.others import MOST_OTHERS, build_others
from undertone.app.continue_page.run_events import other_updates, result_updates, run_updates
from undertone.app.continue_page.run_widgets import build_run_panel
from undertone.app.continue_page.takes import build_take_cards
from undertone.app.shared.compared_systems import ComparedSystem, systems_beside
from undertone.app.shared.context import Context
from undertone.app.shared.visitor import Visit
from undertone.engine import Engine
from undertone.engine.bundle import bundles_sharing

VALUES = ("custom", 1.0, 2, 7, 0.85, 1.0, 0.85, 1.0, 2, "never", 2.0)
SYSTEMS = ("Token-LM", "Token-LM + Acoustic")


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle beside which two others share its parts, and a third does not."""
    folder = tmp_path_factory.mktemp("systems")
    voice = make_tiny_bundle(folder / "voice")
    for name in SYSTEMS:
        make_tiny_system(voice, folder / name, name)
    make_tiny_bundle(folder / "alone")
    (folder / "broken").mkdir()
    (folder / "broken" / "bundle.json").write_text("{")
    return voice


@pytest.fixture
def compared(voice: Path, tmp_path: Path) -> Context:
    engine = Engine.from_pretrained(voice, device="cpu")
    return Context(engine, tmp_path / "visits", others=systems_beside(voice, engine, bundles_sharing(voice)))


@pytest.fixture
def parts(compared: Context) -> tuple[Any, Any, Any]:
    with gr.Blocks():
        return build_run_panel(), build_take_cards(compared), build_figure_panel()


@pytest.fixture
def visit(compared: Context, clip_path: Path) -> Visit:
    visit = compared.new_visit()
    visit.load(str(clip_path))
    return visit


def go_on(context: Context, visit: Visit, parts: tuple[Any, Any, Any]) -> list[dict[Any, Any]]:
    visit.begin()
    reports = list(other_updates(context, visit, parts[0]))
    return reports + list(result_updates(context, visit, *parts))


def test_the_systems_beside_a_voice_share_its_parts_in_memory(compared: Context) -> None:
    assert tuple(system.name for system in compared.others) == SYSTEMS
    for system in compared.others:
        engine = system.engine()
        assert engine is system.engine()
        assert engine.bundle.tokenizer is compared.engine.bundle.tokenizer
        assert engine.bundle.vocoder is compared.engine.bundle.vocoder
        assert engine.bundle.config.model.system == system.name


def test_the_others_make_a_run_beside_the_take_of_the_voice(
    compared: Context, visit: Visit, parts: tuple[Any, Any, Any]
) -> None:
    visit.begin()
    list(run_updates(compared, visit, 0.5, 1.5, VALUES, parts[0]))
    first = visit.takes[0]
    last = go_on(compared, visit, parts)[-1]
    assert "3 systems went on" in last[parts[0].note]
    run = visit.shown
    assert run is not None
    assert run.systems == ("VAE-GSLM", *SYSTEMS)
    assert run.takes[0] is first
    for take, system in zip(run.takes[1:], compared.others, strict=True):
        assert take.settings.bundle_sha256 == system.engine().bundle.fingerprint
        for same in ("prompt_sha256", "seed", "seconds", "sampling"):
            assert getattr(take.settings, same) == getattr(first.settings, same), same
        assert take.settings.num_takes == 1
    assert [name for _, _, name in kept_takes(visit)] == [
        "run 1, take 1", "run 1, take 2", *(f"run 2, {name}" for name in run.systems)
    ]  # fmt: skip
    again = go_on(compared, visit, parts)[-1]
    assert "no take" in again[parts[0].note], "their run is no voice's run to compare with"
    assert visit.shown is run


def test_a_run_of_the_others_that_is_cancelled_changes_nothing(
    compared: Context, visit: Visit, parts: tuple[Any, Any, Any]
) -> None:
    assert "no take" in go_on(compared, visit, parts)[-1][parts[0].note]
    visit.begin()
    list(run_updates(compared, visit, 0.5, 1.5, VALUES, parts[0]))
    shown = visit.shown
    visit.begin()
    said = []
    for updates in other_updates(compared, visit, parts[0]):
        said.append(updates[parts[0].note])
        visit.cancel()
    assert "Cancelled" in said[-1]
    assert visit.shown is shown
    assert visit.run is None


def test_a_page_with_one_system_offers_no_others_and_one_with_many_as_many_as_it_shows(
    context: Context, compared: Context
) -> None:
    with gr.Blocks():
        assert build_others(context) is None
        many = Context(
            compared.engine,
            compared.folder,
            others=tuple(ComparedSystem(f"S{n}", Path(), (Path(), compared.engine)) for n in range(9)),
        )
        hints = [block.value for block in _built(many) if isinstance(block, gr.HTML)]
    assert sum(f"S{n}" in hints[0] for n in range(9)) == MOST_OTHERS


def _built(context: Context) -> list[Any]:
    with gr.Column() as column:
        build_others(context)
    return list(column.children)
