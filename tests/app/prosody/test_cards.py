"""The cards: where they come from, how they are sorted, and how far their sliders reach."""

import torch

from undertone.app.prosody.cards import cards_of_clip, cards_of_report, sorted_cards
from undertone.app.prosody.clip_evidence import ClipEvidence
from undertone.app.prosody.editing_session import EditingSession
from undertone.engine.prosody import DimensionProbe, DirectionProbe, LatentStatistics, ProbeReport

STATISTICS = LatentStatistics.of(torch.randn(400, 4, generator=torch.Generator().manual_seed(0)))


CARDS = cards_of_clip(tuple(ClipEvidence("", f"spread {i}", float(i)) for i in range(4)), STATISTICS)


def test_every_slider_reaches_two_sigma_and_the_likely_band() -> None:
    for card in CARDS:
        assert card.low <= -2
        assert card.high >= 2
        assert card.low <= card.band[0] < card.band[1] <= card.high


def test_cards_are_sorted_by_how_much_they_matter() -> None:
    assert [card.id for card in sorted_cards(CARDS)] == ["z4", "z3", "z2", "z1"]


def test_cards_come_from_the_report_where_there_is_one(edited_take: EditingSession) -> None:
    report = probe_report(edited_take.original.speech.latents.shape[1])
    shown = sorted_cards(cards_of_report(report))
    assert [card.name for card in shown] == ["Pitch height", "Loudness", "Dimension 1", "Dimension 0", "Dimension 3"]
    assert [card.tag for card in shown] == ["all z together", "z3", "z2", "z1", "z4"]
    assert all("40 clips of 8 speakers" in card.basis for card in shown)
    assert shown[0].edit(edited_take.now.move(shown[0])).kind == "direction"


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
