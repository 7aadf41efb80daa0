"""Figures as the browser gets them, and those of fixed axes as `gr.Plot` takes them."""

import json
from typing import Any

import plotly.graph_objects as go
from gradio.components.plot import PlotData


def figure_text(figure: go.Figure, **config: Any) -> str:
    """Return a figure and Plotly's configuration as JSON: no tool bar, and no zoom by scrolling."""
    config = {"displayModeBar": False, "scrollZoom": False, **config}
    return str(figure.to_json()).removesuffix("}") + f',"config":{json.dumps(config)}}}'


def to_plot(figure: go.Figure) -> PlotData:
    """Prepare a figure for `gr.Plot`, as wide as its page."""
    return PlotData(type="plotly", plot=figure_text(figure, responsive=True))
