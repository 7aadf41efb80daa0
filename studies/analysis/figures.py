"""Figures of the report as small inline SVG: no script, sharp in print, readable on a phone, colours of the page.

Plotly's script alone weighs three times a whole report, and its pictures need a browser to make. Places along the
axis are percentages and places across it pixels, so that a figure fits any width without its text shrinking.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

ROW = 44  # px between two rows
TOP, BOTTOM = 8, 34  # px around the rows
LEFT, RIGHT = 3.0, 97.0  # percent of the width that the axis spans
LONG_LABEL = 18  # characters; beside longer ones there is no room for numbers on a phone
SHADES = ("#b3401f", "#e39a6f", "#cfd4da", "#6fb5aa", "#0f766e")  # from the worst answer to the best


@dataclass(frozen=True)
class Interval:
    """One row of an interval figure; the inner interval is drawn thick, the outer thin."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    inner_low: float | None = None
    inner_high: float | None = None
    strong: bool = True  # filled dot


def interval_figure(rows: Sequence[Interval], title: str, low: float, high: float, zero: float | None = None) -> str:
    """Draw dots with intervals on one axis.

    Args:
        rows: from top to bottom.
        title: for people who cannot see it.
        low: left end of the axis.
        high: right end.
        zero: where a dashed line stands.
    """
    axis = _Axis(low, high)
    parts = [] if zero is None else [_line(axis(zero), TOP, axis(zero), TOP + ROW * len(rows), "zero")]
    for number, row in enumerate(rows):
        y = TOP + ROW * number + 28
        parts.append(f'<text x="{LEFT}%" y="{y - 14}" class="label">{escape(row.label)}</text>')
        parts.append(f'<text x="{RIGHT}%" y="{y - 14}" class="value" text-anchor="end">{_value(row)}</text>')
        parts.append(_line(LEFT, y, RIGHT, y, "track"))
        if row.low is not None and row.high is not None:
            parts.append(_line(axis(row.low), y, axis(row.high), y, "outer"))
        if row.inner_low is not None and row.inner_high is not None:
            parts.append(_line(axis(row.inner_low), y, axis(row.inner_high), y, "inner"))
        kind = "dot" if row.strong else "dot open"
        parts.append(f'<circle cx="{axis(row.value):.2f}%" cy="{y}" r="5" class="{kind}"/>')
    kind = "figure long" if max((len(row.label) for row in rows), default=0) > LONG_LABEL else "figure"
    return _svg("".join(parts) + axis.ticks(TOP + ROW * len(rows)), len(rows), title, kind)


def distribution_figure(rows: Sequence[tuple[str, dict[float, int]]], title: str) -> str:
    """Draw a bar for each system, split by answer from the worst to the best."""
    values = sorted({value for _, counts in rows for value in counts})
    parts = []
    for number, (label, counts) in enumerate(rows):
        y = TOP + ROW * number + 20
        total = sum(counts.values())
        parts.append(f'<text x="{LEFT}%" y="{y - 6}" class="label">{escape(label)}</text>')
        start = LEFT
        for value in values:
            width = (RIGHT - LEFT) * counts.get(value, 0) / total if total else 0.0
            share = f"{counts.get(value, 0) / total:.0%}" if total else ""
            parts.append(
                f'<rect x="{start:.2f}%" y="{y}" width="{width:.2f}%" height="16" fill="{shade(value, values)}">'
                f"<title>{escape(label)}: {value:g} by {share} ({counts.get(value, 0)})</title></rect>"
            )
            start += width
    width = (RIGHT - LEFT) / max(1, len(values))
    y = TOP + ROW * len(rows) + 6
    for number, value in enumerate(values):
        x = LEFT + width * number
        parts.append(f'<rect x="{x:.2f}%" y="{y}" width="12" height="12" fill="{shade(value, values)}"/>')
        parts.append(f'<svg x="{x:.2f}%" y="{y}" overflow="visible"><text x="17" y="11">{value:g}</text></svg>')
    return _svg("".join(parts), len(rows), title)


def scatter_figure(points: Sequence[tuple[float, float, int, str]], title: str, low: float, high: float) -> str:
    """Draw the clips' means on two scales in a square.

    Args:
        points: across, up, number of the group for its colour, what it is.
        title: for people who cannot see it.
        low: of both axes.
        high: of both axes.
    """
    size = 300
    axis = _Axis(low, high, 8.0, 98.0)

    def up(value: float) -> float:
        return size - (axis(value) / 100) * size

    parts = [f'<line x1="{axis(low)}%" y1="{up(low)}" x2="{axis(high)}%" y2="{up(high)}" class="zero"/>']
    for tick in axis.places:
        parts.append(_line(axis(tick), up(low), axis(tick), up(high), "track"))
        parts.append(_line(axis(low), up(tick), axis(high), up(tick), "track"))
        parts.append(f'<text x="{axis(low) - 1.5:.2f}%" y="{up(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
        parts.append(f'<text x="{axis(tick):.2f}%" y="{size - 4}" text-anchor="middle">{tick:g}</text>')
    for x, y, group, label in points:
        parts.append(
            f'<circle cx="{axis(x):.2f}%" cy="{up(y):.1f}" r="3.5" class="point" fill="{colour(group)}">'
            f"<title>{escape(label)}: {x:.2f}, {y:.2f}</title></circle>"
        )
    head = f'<svg class="figure square" width="100%" height="{size}" role="img" aria-label="{escape(title)}">'
    return f"{head}{''.join(parts)}</svg>"


def colour(group: int) -> str:
    """Return the colour of a group of points: hues that stay apart for people who see red and green alike."""
    return ("#0f766e", "#d97706", "#4f46e5", "#b3401f", "#0284c7", "#7c3aed", "#65758b")[group % 7]


def shade(value: float, values: Sequence[float]) -> str:
    """Return the colour of an answer: from rust at the worst to teal at the best."""
    if len(values) < 2:
        return SHADES[2]
    place = (value - values[0]) / (values[-1] - values[0]) * (len(SHADES) - 1)
    below = min(int(place), len(SHADES) - 2)
    ends = [np.array([int(SHADES[below + step][i : i + 2], 16) for i in (1, 3, 5)]) for step in (0, 1)]
    red, green, blue = np.rint(ends[0] + (ends[1] - ends[0]) * (place - below)).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


class _Axis:
    """Percent of the width at a value."""

    def __init__(self, low: float, high: float, left: float = LEFT, right: float = RIGHT) -> None:
        self.low, self.high, self.left, self.right = low, high, left, right
        span = high - low
        step = next(
            step for step in (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 25, 50, 100) if span / step <= 8 or step == 100
        )
        first = np.ceil(low / step - 1e-9)
        self.places = [float(step * n) for n in np.arange(first, np.floor(high / step + 1e-9) + 1)]

    def __call__(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.left + (self.right - self.left) * share, 2)

    def ticks(self, y: float) -> str:
        """Draw the numbers below the rows."""
        return "".join(
            _line(self(place), y, self(place), y + 5, "tick")
            + f'<text x="{self(place)}%" y="{y + 19}" text-anchor="middle">{place:g}</text>'
            for place in self.places
        )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.2f}%" y1="{y1:.1f}" x2="{x2:.2f}%" y2="{y2:.1f}" class="{kind}"/>'


def _svg(content: str, rows: int, title: str, kind: str = "figure") -> str:
    height = TOP + ROW * rows + BOTTOM
    return f'<svg class="{kind}" width="100%" height="{height}" role="img" aria-label="{escape(title)}">{content}</svg>'


def _value(row: Interval) -> str:
    if row.low is None or row.high is None:
        return two_digits(row.value)
    return f"{two_digits(row.value)} [{two_digits(row.low)}, {two_digits(row.high)}]"


def two_digits(value: float) -> str:
    """Format a number with two digits, a true minus sign, and no minus nought."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")
