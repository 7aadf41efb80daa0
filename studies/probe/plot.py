"""Plot a probe: effects of the dimensions that change F0 and energy most, from -2 to +2 sigma."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from undertone.engine.probe import DimensionProbe, DirectionProbe, Effect, ProbeReport
from undertone.studies.errors import NotInstalledError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ATTRIBUTES = ("f0_mean", "energy")
FRAME_ATTRIBUTE = {"f0_mean": "f0", "energy": "energy"}
DIMENSION_COLOUR, DIRECTION_COLOUR, OTHER_COLOUR = "#1b6ca8", "#c8553d", "#b8b8b8"
INSTALL = "pip install matplotlib"


def write_plot(report: ProbeReport, path: Path) -> Path:
    """Write an SVG, PNG or PDF, by the name's ending.

    Raises:
        NotInstalledError: there is no matplotlib.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise NotInstalledError(f"the plot needs matplotlib; `{INSTALL}` installs it.") from error
    matplotlib.rcParams["svg.hashsalt"] = "undertone"  # the same report gives the same bytes
    figure = Figure(figsize=(9.6, 3.9), layout="constrained")
    for axes, attribute in zip(figure.subplots(1, len(ATTRIBUTES)), ATTRIBUTES, strict=True):
        _panel(axes, report, attribute)
    figure.suptitle(
        f"{report.bundle}: latents moved, words kept, {report.num_clips} held-out clips of {report.num_speakers} "
        f"speakers (mean and 95 % interval)",
        fontsize=10,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(path, dpi=160, metadata=metadata)
    return path


def _panel(axes: "Axes", report: ProbeReport, attribute: str) -> None:
    chosen = report.mover(attribute)
    label = f"change of {report.attributes[attribute].label}, {report.attributes[attribute].unit}"
    axes.set(xlabel="shift, sigma", ylabel=label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.axhline(0, color="black", linewidth=0.5)
    if chosen is None:
        axes.text(0.5, 0.5, "could not be measured", transform=axes.transAxes, ha="center")
        return
    for probe in report.dimensions:
        if probe.index != chosen.index and attribute in probe.effects:
            axes.plot(*_line(probe.effects[attribute]), color=OTHER_COLOUR, linewidth=0.9, zorder=1)
    _plot_effects(axes, chosen, attribute, f"dimension {chosen.index}: {chosen.name}", DIMENSION_COLOUR, "o-")
    for direction in report.directions:
        if direction.attribute == FRAME_ATTRIBUTE[attribute] and attribute in direction.effects:
            _plot_effects(axes, direction, attribute, f"measured direction: {direction.name}", DIRECTION_COLOUR, "s--")
    axes.plot([], [], color=OTHER_COLOUR, linewidth=0.9, label="other dimensions")
    axes.set_xticks(_line(chosen.effects[attribute])[0])
    axes.legend(frameon=False, fontsize=8)


def _plot_effects(
    axes: "Axes", probe: DimensionProbe | DirectionProbe, attribute: str, label: str, colour: str, style: str
) -> None:
    effects = probe.effects[attribute]
    sigmas, values = _line(effects)
    lows, highs = [e.low for e in effects], [e.high for e in effects]
    middle = len([e for e in effects if e.sigma < 0])
    lows.insert(middle, 0.0)
    highs.insert(middle, 0.0)
    axes.fill_between(sigmas, lows, highs, color=colour, alpha=0.18, linewidth=0)
    axes.plot(sigmas, values, style, color=colour, label=label, markersize=4, zorder=3)


def _line(effects: Sequence[Effect]) -> tuple[list[float], list[float]]:
    """Return sigmas and values, with the point of no shift and no change among them."""
    points = sorted([(0.0, 0.0), *((e.sigma, e.value) for e in effects)])
    return [sigma for sigma, _ in points], [value for _, value in points]
