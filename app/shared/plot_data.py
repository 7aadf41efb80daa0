"""Figures of fixed axes as `gr.Plot` takes them."""

import json

import plotly.graph_objects as go
from gradio.components.plot import PlotData


def to_plot(figure: go.Figure) -> PlotData:
    """Prepare a figure for `gr.Plot`: no tool bar, and a page that scrolls under a finger."""
    config = {"displayModeBar": False, "scrollZoom": False, "responsive": True}
    text = str(figure.to_json()).removesuffix("}") + f',"config":{json.dumps(config)}}}'
    return PlotData(type="plotly", plot=text)
