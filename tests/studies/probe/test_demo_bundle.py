"""What the latents of the embedded voice do: measured here in small, and as its stored report says."""

from pathlib import Path

import pytest
import torch

from undertone.engine import Engine, read_audio
from undertone.engine.audio.acoustics import energy_db
from undertone.engine.probe import effect_range, is_monotone
from undertone.engine.prosody import (
    DimensionEdit,
    LatentEdit,
    LatentStatistics,
    apply_edit,
    draft,
    reference_statistics,
)
from undertone.studies.probe.sweep import render_sweep

ASSETS = Path(__file__).parents[3] / "assets"
DEMO = ASSETS / "demo"
SIGMAS = (-2.0, -1.0, 0.0, 1.0, 2.0)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.from_pretrained(DEMO, device="cpu")


def energies(engine: Engine, clip: Path, dimension: int, statistics: LatentStatistics) -> torch.Tensor:
    """[sigmas] mean energy in dB of the frames that are heard without a shift."""
    speech = engine.analyse(*read_audio(clip), 0.0, 2.0)
    edits = [LatentEdit(edits=(DimensionEdit(dimension=dimension, shift=sigma),)) for sigma in SIGMAS]
    variants = [apply_edit(speech.latents, edit, statistics) for edit in edits]
    tracks = torch.stack([energy_db(sound) for sound in render_sweep(engine, speech, variants, draft(), seed=0)])
    plain = tracks[SIGMAS.index(0.0)]
    return tracks[:, plain > plain.max() - 35].mean(1)


def test_some_dimension_of_the_embedded_voice_moves_energy_all_the_way_in_two_examples(engine: Engine) -> None:
    clips = sorted((ASSETS / "examples").glob("*.wav"))[:2]
    speech = engine.analyse(*read_audio(clips[0]))
    statistics = reference_statistics(engine, speech)
    movers = []
    for dimension in range(statistics.num_dimensions):
        found = torch.stack([energies(engine, clip, dimension, statistics) for clip in clips])
        steps = found.diff(dim=1)
        if ((steps > 0).all() or (steps < 0).all()) and (found[:, -1] - found[:, 0]).abs().min() > 2:
            movers.append(dimension)
    assert movers


@pytest.mark.skipif(not (DEMO / "probe.json").is_file(), reason="the embedded voice has no report yet")
def test_the_stored_report_is_of_these_weights_and_shows_what_moves_pitch_and_energy(engine: Engine) -> None:
    report = engine.bundle.probe
    assert report is not None, "probe.json is of other weights: run `undertone probe assets/demo --data CORPUS`"
    assert report.num_clips >= 20
    for attribute in ("energy", "f0_mean"):
        mover = report.mover(attribute)
        ways = [] if mover is None else [mover.effects[attribute]]
        ways += [direction.effects[attribute] for direction in report.directions if attribute in direction.effects]
        noticeable = report.attributes[attribute].noticeable
        assert any(is_monotone(effects) and abs(effect_range(effects)) >= noticeable for effects in ways), attribute
