"""The widgets that a run of the Continue page reports to."""

from collections.abc import Iterator

import gradio as gr
import pytest

from undertone.app.continue_page.figure import FigurePanel, build_figure_panel
from undertone.app.continue_page.run_widgets import RunPanel, build_run_panel
from undertone.app.continue_page.takes import TakeCards, build_take_cards
from undertone.app.shared.context import Context


@pytest.fixture
def parts(context: Context) -> Iterator[tuple[RunPanel, TakeCards, FigurePanel]]:
    """What a run reports to, as keys of its updates."""
    with gr.Blocks():
        yield build_run_panel(), build_take_cards(context), build_figure_panel()
