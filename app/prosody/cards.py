"""The cards: one for each latent dimension and measured direction, with a name, the evidence for it and a range.

Z latent dims, T frames at 50 Hz.
"""

from dataclasses import dataclass
from typing import Any

from undertone.app.prosody.card_words import Expectation, expectation, readable_evidence, readable_name
from undertone.app.prosody.clip_evidence import ClipEvidence
from undertone.engine.prosody import (
    DimensionEdit,
    DirectionEdit,
    DirectionProbe,
    LatentEdit,
    LatentStatistics,
    ProbeReport,
)
from undertone.studies.probe.names import NAMES

TOGETHER = "all z together"
PREFERRED = {"f0": "f0_mean", "energy": "energy", "tilt": "tilt", "voicing": "voicing"}  # a direction's own attribute
ATTRIBUTES = {name: attribute for attribute, name in NAMES.items()}
LEAST_REACH = 2.0  # every slider goes to -2 and +2 sigma, which the cards play side by side
OUTER_PERCENTILES = (0.5, 99.5)  # where the sliders end
INNER_PERCENTILES = (2.5, 97.5)  # where most real speech lies: shown on the slider


@dataclass(frozen=True)
class Move:
    """The positions of a card's sliders."""

    shift: float = 0.0  # sigmas
    scale: float = 1.0  # around the utterance's mean
    smoothing_seconds: float = 0.0

    @property
    def is_identity(self) -> bool:
        return self == Move()


@dataclass(frozen=True)
class Card:
    """A slider of the page.

    Attributes:
        id: "z3", or "pitch height" of a direction.
        tag: the dimension in short, or that all of them move together.
        plain: one line for everybody.
        expected: what other clips showed; None where nothing was measured.
        basis: what the evidence was measured on.
        importance: cards are sorted by it, within their kind.
        low, high: ends of the slider in sigmas.
        band: in sigmas, where most real speech lies.
    """

    id: str
    name: str
    tag: str
    evidence: str
    basis: str
    importance: float
    low: float
    high: float
    band: tuple[float, float]
    dimension: int | None = None
    direction: DirectionProbe | None = None
    plain: str = ""
    expected: Expectation | None = None

    @property
    def title(self) -> str:
        """Return the title for lists: "Loudness (z3)"."""
        return f"{self.name} ({self.tag})" if self.name != self.tag else self.name

    def edit(
        self,
        move: Move,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
        flatten: bool = False,
    ) -> DimensionEdit | DirectionEdit:
        """Return the move as an edit of latents.

        Raises:
            SettingsError: a value out of its range.
        """
        values: dict[str, Any] = {
            "shift": move.shift,
            "scale": move.scale,
            "smoothing_seconds": move.smoothing_seconds,
            "flatten": flatten,
            "start_seconds": start_seconds,
            "end_seconds": end_seconds,
        }
        if self.direction is None:
            values |= {"kind": "dimension", "dimension": self.dimension}
        else:
            found = self.direction
            values |= {"kind": "direction", "name": found.name, "vector": found.vector, "readout": found.readout}
        return LatentEdit.of(edits=(values,)).edits[0]

    def matches(self, edit: DimensionEdit | DirectionEdit) -> bool:
        """Return whether an edit is of this card's dimension or direction."""
        if isinstance(edit, DimensionEdit):
            return edit.dimension == self.dimension
        return self.direction is not None and (edit.vector, edit.readout) == (
            self.direction.vector,
            self.direction.readout,
        )


def cards_of_report(report: ProbeReport) -> tuple[Card, ...]:
    """Return the cards in the order in which edits are applied: dimensions by index, then directions."""
    basis = f"Measured on {report.num_clips} clips of {report.num_speakers} speakers"
    dimensions = [
        _dimension_card(
            probe.index, probe.name, probe.evidence, basis, probe.importance, report.statistics,
            expectation(probe.effects, ATTRIBUTES.get(readable_name(probe.name).lower())),
        )
        for probe in sorted(report.dimensions, key=lambda probe: probe.index)
    ]  # fmt: skip
    directions = [
        Card(
            id=probe.name,
            name=readable_name(probe.name),
            tag=TOGETHER,
            evidence=readable_evidence(probe.evidence),
            plain=_plain(expectation(probe.effects, PREFERRED.get(probe.attribute))),
            expected=expectation(probe.effects, PREFERRED.get(probe.attribute)),
            basis=basis,
            importance=probe.importance,
            low=_tenth_below(min(1.4 * probe.slider_low, -LEAST_REACH)),
            high=_tenth_above(max(1.4 * probe.slider_high, LEAST_REACH)),
            band=(probe.slider_low, probe.slider_high),
            direction=probe,
        )
        for probe in report.directions
    ]
    return (*dimensions, *directions)


def cards_of_clip(evidence: tuple[ClipEvidence, ...], statistics: LatentStatistics) -> tuple[Card, ...]:
    """Return the cards for a bundle that was never probed, with what this clip shows."""
    basis = "Measured on this clip alone; `undertone probe` measures on many"
    return tuple(
        _dimension_card(index, item.name, item.text, basis, item.importance, statistics, None)
        for index, item in enumerate(evidence)
    )


def sorted_cards(cards: tuple[Card, ...]) -> list[Card]:
    """Return the cards as they are shown: directions first, then dimensions, each by how much they matter."""
    return sorted(cards, key=lambda card: (card.direction is None, -card.importance))


def _dimension_card(
    index: int,
    name: str,
    evidence: str,
    basis: str,
    importance: float,
    statistics: LatentStatistics,
    expected: Expectation | None,
) -> Card:
    low, high = statistics.slider_range(index, *OUTER_PERCENTILES)
    return Card(
        id=f"z{index + 1}",
        name=readable_name(name) or f"z{index + 1}",
        tag=f"z{index + 1}",
        evidence=readable_evidence(evidence),
        plain=_plain(expected),
        expected=expected,
        basis=basis,
        importance=importance,
        low=_tenth_below(min(low, -LEAST_REACH)),
        high=_tenth_above(max(high, LEAST_REACH)),
        band=statistics.slider_range(index, *INNER_PERCENTILES),
        dimension=index,
    )


def _plain(expected: Expectation | None) -> str:
    return "Hear what it does: play it at both ends." if expected is None else expected.plain


def _tenth_below(value: float) -> float:
    return int(10 * value - 0.999) / 10


def _tenth_above(value: float) -> float:
    return int(10 * value + 0.999) / 10
