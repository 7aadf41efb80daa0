"""Prompts that are no clean speech: each is what it is called, and what a voice answers is counted."""

from pathlib import Path

import pytest
import soundfile
import torch
from torch import Tensor

from tests.speechlike import voice
from tests.tiny_bundle import make_tiny_bundle
from undertone.engine import AudioError, Engine, Sampling
from undertone.engine.audio.pitch import pitch
from undertone.studies.evaluation.context import EvaluationContext
from undertone.studies.evaluation.disturbed_prompts import DISTURBANCES, Ingredients, disturbed_prompts
from undertone.studies.evaluation.jobs import InstalledMeasures
from undertone.studies.measures.heldout import HeldOut

RATE = 16_000


def spoken(seconds: float, hz: float) -> Tensor:
    return 0.5 * torch.from_numpy(voice(seconds, hz, seed=int(hz))).float()


GIVEN = Ingredients(spoken(4.0, 110), spoken(4.0, 210), RATE)


def disturbed(name: str) -> Tensor:
    torch.manual_seed(0)
    return DISTURBANCES[name](GIVEN)


@pytest.mark.parametrize("name", DISTURBANCES)
def test_a_disturbed_prompt_is_as_long_as_the_clean_one_and_no_other(name: str) -> None:
    sound = disturbed(name)
    assert sound.shape == GIVEN.prompt.shape
    assert torch.isfinite(sound).all()
    assert torch.equal(sound, GIVEN.prompt) is (name == "clean speech")


def test_a_whisper_has_no_pitch_and_a_child_a_higher_one() -> None:
    def voiced_hz(name: str) -> Tensor:
        found = pitch(disturbed(name))
        return found.hz[found.hz > 0]

    clean = voiced_hz("clean speech")
    assert len(clean) > 50
    assert len(voiced_hz("whispering")) < 0.3 * len(clean)
    assert float(voiced_hz("a child's voice").median() / clean.median()) == pytest.approx(1.3, rel=0.05)


def test_levels_are_as_said() -> None:
    clean = GIVEN.prompt
    added = disturbed("noise, 5 dB below the speech") - clean
    assert float(10 * (clean.square().mean() / added.square().mean()).log10()) == pytest.approx(5.0, abs=0.1)
    softer = disturbed("30 dB softer")
    assert float(20 * (clean.abs().max() / softer.abs().max()).log10()) == pytest.approx(30.0, abs=0.1)
    assert disturbed("overdriven by 20 dB").abs().max() == 1.0


@pytest.fixture(scope="module")
def measuring(tmp_path_factory: pytest.TempPathFactory) -> EvaluationContext:
    engine = Engine.from_pretrained(make_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny"), device="cpu")
    deaf = InstalledMeasures(words=False, voices=False, missing={})
    return EvaluationContext(engine, Sampling(steps=2, end="never"), 5, deaf, 0)


def clip(folder: Path, name: str, hz: float) -> HeldOut:
    soundfile.write(folder / f"{name}.wav", spoken(4.5, hz).numpy(), RATE)
    return HeldOut(name, folder / f"{name}.wav", name, "these are words")


def test_every_kind_is_answered_and_counted_the_same_at_every_call(
    measuring: EvaluationContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [clip(tmp_path, "low", 110), clip(tmp_path, "high", 210)]
    found = dict(disturbed_prompts(measuring, clips, 0.5))
    assert found.keys() == DISTURBANCES.keys()
    for name, answered in found.items():
        if name == "overdriven by 20 dB":  # too much of it is clipped for a prompt
            assert (answered.refused, answered.peak) == (2, None)
            continue
        assert (answered.prompts, answered.refused, answered.ended) == (2, 0, 0.0)
        assert answered.peak is not None
        assert answered.silent is not None
        assert 0 <= answered.silent <= 1
    assert dict(disturbed_prompts(measuring, clips[:2], 0.5)) == found
    assert not list(disturbed_prompts(measuring, [], 0.5))

    def refuse(*_: object, **__: object) -> None:
        raise AudioError("too soft")

    monkeypatch.setattr(measuring.engine, "analyse", refuse)
    refused = dict(disturbed_prompts(measuring, clips, 0.5))
    assert all((each.refused, each.peak) == (2, None) for each in refused.values())
