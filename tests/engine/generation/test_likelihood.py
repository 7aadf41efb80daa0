"""Log-likelihood of recordings: independent of neighbours, and the same as the measure of held-out speech."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.tiny_bundle import OTHER_SYSTEMS, make_tiny_bundle
from undertone.engine import AudioError, Engine, SettingsError
from undertone.engine.generation.likelihood import SpeechLikelihood
from undertone.studies.measures.likelihood import clip_likelihood


@pytest.fixture(scope="module")
def engine(tiny_folder: Path) -> Engine:
    return Engine.from_pretrained(tiny_folder, device="cpu")


def test_a_recording_scores_the_same_alone_and_in_any_company(engine: Engine, prompt: Tensor) -> None:
    waves = [prompt, prompt[:20_000], prompt[None, 8_000:]]
    together = engine.log_likelihood(waves)
    assert together.tolist() == [float(engine.log_likelihood([wave])) for wave in waves]
    assert len(set(together.tolist())) == len(waves)


def test_it_is_what_held_out_speech_is_measured_by(engine: Engine, prompt: Tensor) -> None:
    found = engine.likelihoods([prompt], seed=3)[0]
    measured = clip_likelihood(engine, engine.analyse(prompt, 16_000), seed=3)
    assert found.num_frames == measured.cross_entropy.count
    assert found.tokens == pytest.approx(-measured.cross_entropy.total, rel=1e-5)
    assert found.latents == pytest.approx(-sum(measured.kl_per_dim), rel=1e-4)


def test_streams_add_up_and_means_are_sums_over_frames(engine: Engine, prompt: Tensor) -> None:
    tokens, latents, both = (engine.log_likelihood([prompt], of=of) for of in ("tokens", "latents", "both"))
    assert torch.allclose(tokens + latents, both)
    assert torch.allclose(engine.log_likelihood([prompt], per_frame=True) * 125, both)


@pytest.mark.parametrize(("samples", "frames"), [(3_200, 10), (7_999, 25), (8_000, 25), (320, 1)])
def test_short_words_are_scored_on_their_own_frames(engine: Engine, prompt: Tensor, samples: int, frames: int) -> None:
    assert engine.likelihoods([prompt[2_000 : 2_000 + samples]])[0].num_frames == frames


def test_what_cannot_be_scored_is_refused(engine: Engine, prompt: Tensor) -> None:
    with pytest.raises(AudioError, match="no samples"):
        engine.log_likelihood([prompt[:0]])
    with pytest.raises(AudioError, match="positions"):
        engine.log_likelihood([prompt.repeat(1 + int(engine.max_seconds / 2.5))])
    with pytest.raises(SettingsError, match="no density"):
        SpeechLikelihood(-1.0, None, 3).of("both")


@pytest.mark.parametrize("system", OTHER_SYSTEMS)
def test_other_systems_have_a_likelihood_of_what_has_a_density(system: str, prompt: Tensor, tmp_path: Path) -> None:
    engine = Engine.from_pretrained(make_tiny_bundle(tmp_path / "bundle", changes=OTHER_SYSTEMS[system]), device="cpu")
    found = engine.likelihoods([prompt, prompt[:4_000]])
    measured = clip_likelihood(engine, engine.analyse(prompt, 16_000))
    assert found[0].tokens == pytest.approx(-measured.cross_entropy.total, rel=1e-5)
    has_density = OTHER_SYSTEMS[system].get("beside") not in ("nothing", "pitch")
    assert all((one.latents is not None) == has_density for one in found)
    assert engine.log_likelihood([prompt], of="tokens").isfinite().all()
