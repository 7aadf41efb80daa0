"""The vocoder stage: its data, losses and discriminators, that it learns, and that it resumes exactly."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import nn

from undertone.engine.audio.mel import LogMel
from undertone.engine.config import MelConfig, VocosConfig
from undertone.train.data.prepare import Clip, PreparedCorpus
from undertone.train.loop.run import checkpoints
from undertone.train.vocoder.discriminators import Discriminators, PeriodDiscriminator, ResolutionDiscriminator
from undertone.train.vocoder.losses import MelLoss, SpectralLoss, feature_matching_loss, log_spectral_distance
from undertone.train.vocoder.recipe import DiscriminatorConfig, VocoderRecipe, load_vocoder_recipe
from undertone.train.vocoder.segments import RandomSegments
from undertone.train.vocoder.stage import VocoderStage, balanced_gradient, newest_vocoder, train_vocoder

TINY = VocoderRecipe(
    generator=VocosConfig(channels=32, hidden_channels=64, num_layers=2),
    discriminators=DiscriminatorConfig(periods=(2, 5), period_width=2, n_ffts=(256,), resolution_width=2),
    steps=8,
    segment_frames=12,
    batch=2,
    warmup_steps=1,
    learning_rate=2e-3,
    adversarial_from=0.5,
    evaluation_clips=1,
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared folder of three buzzing clips, one of them shorter than a segment."""
    folder = tmp_path_factory.mktemp("prepared")
    random = np.random.default_rng(0)
    audio, mels, clips = [], [], []
    samples_written = frames_written = 0
    for number, (seconds, split) in enumerate([(1.5, "train"), (0.2, "train"), (1.2, "dev")]):
        time = np.arange(int(16_000 * seconds)) / 16_000
        pitch_hz = 120 + 40 * number
        tones = sum(np.sin(2 * np.pi * pitch_hz * k * time) / k for k in range(1, 8))
        wave = (0.1 * tones + 0.01 * random.standard_normal(len(time))).astype(np.float32)
        mel = LogMel()(torch.from_numpy(wave)).half().numpy()
        clips.append(Clip(str(number), "a", split, "", samples_written, len(wave), frames_written, len(mel)))
        audio.append((wave * 32767).round().astype(np.int16))
        mels.append(mel)
        samples_written += len(wave)
        frames_written += len(mel)
    np.concatenate(audio).tofile(folder / "audio.i16")
    np.concatenate(mels).tofile(folder / "mel.f16")
    (folder / "index.jsonl").write_text("".join(json.dumps(asdict(clip)) + "\n" for clip in clips))
    return folder


def _segments(
    prepared: Path, frames: int = 12, gain_db: tuple[float, float] = (0.0, 0.0), seed: int = 0
) -> RandomSegments:
    return RandomSegments(PreparedCorpus(prepared, "train"), MelConfig(), frames, gain_db, seed)


def test_a_batch_follows_from_seed_step_and_part(prepared: Path) -> None:
    segments = _segments(prepared)
    batch = segments.batch(3, 2)
    assert batch.log_mel.shape == (2, 12, 80)
    assert batch.waveform.shape == (2, 12 * 320)
    assert torch.equal(batch.waveform, _segments(prepared).batch(3, 2).waveform)
    for other in (segments.batch(4, 2), segments.batch(3, 2, part=1), _segments(prepared, seed=1).batch(3, 2)):
        assert not torch.equal(batch.waveform, other.waveform)


def test_a_segment_has_the_mel_of_its_place_in_the_clip(prepared: Path) -> None:
    """Inner frames equal the mel of the segment alone: mel and waveform are aligned."""
    batch = _segments(prepared).batch(0, 8)
    alone = LogMel()(batch.waveform)
    torch.testing.assert_close(batch.log_mel[:, 3:-3], alone[:, 3:-3], atol=1e-4, rtol=1e-4)


def test_a_clip_shorter_than_a_segment_is_padded_with_silence(prepared: Path) -> None:
    batch = _segments(prepared).batch(0, 64)
    ends = batch.waveform[:, -640:].abs().amax(1)
    assert (ends == 0).any()
    assert (ends > 0).any()


def test_gain_changes_the_level_and_never_clips(prepared: Path) -> None:
    louder = _segments(prepared, gain_db=(60.0, 60.0)).batch(0, 4).waveform
    assert 0.5 < louder.abs().max() <= 1.0


@pytest.mark.parametrize(
    "make", [lambda: PeriodDiscriminator(5, 2), lambda: ResolutionDiscriminator(256, 2)], ids=["period", "resolution"]
)
def test_a_discriminator_scores_every_waveform_and_shows_its_hidden_layers(make) -> None:  # type: ignore[no-untyped-def]
    discriminator: nn.Module = make()
    score, hidden = discriminator(torch.randn(3, 3840))
    assert score.shape[:2] == (3, 1)
    assert score.numel() > 3
    assert len(hidden) == len(list(discriminator.layers)) - 1  # type: ignore[arg-type]
    assert all(layer.shape[0] == 3 for layer in hidden)


def test_discriminators_judge_each_waveform_by_itself() -> None:
    torch.manual_seed(0)
    judges = Discriminators((2, 3), 2, (256, 512), 2)
    waveforms = torch.randn(2, 3840)
    together, _ = judges(waveforms)
    alone, _ = judges(waveforms[1:])
    assert len(together) == 4
    for batch_score, single_score in zip(together, alone, strict=True):
        torch.testing.assert_close(batch_score[1:], single_score, atol=1e-5, rtol=1e-4)


def test_losses_are_zero_for_the_same_waveform_and_grow_with_noise() -> None:
    torch.manual_seed(0)
    real = 0.1 * torch.randn(2, 8000)
    for distance in (SpectralLoss(), MelLoss(MelConfig()), log_spectral_distance):
        values = [float(distance(real + noise * torch.randn_like(real), real)) for noise in (0.0, 0.01, 0.1)]
        assert values[0] == pytest.approx(0.0, abs=1e-6)
        assert values[0] < values[1] < values[2]


def test_spectral_losses_have_finite_gradients_in_silence() -> None:
    generated = torch.zeros(1, 8000, requires_grad=True)
    (SpectralLoss()(generated, torch.zeros(1, 8000)) + MelLoss(MelConfig())(generated, torch.zeros(1, 8000))).backward()
    assert generated.grad is not None
    assert torch.isfinite(generated.grad).all()


def test_feature_matching_does_not_depend_on_the_scale_of_the_layers() -> None:
    torch.manual_seed(0)
    real, generated = torch.randn(2, 4, 9), torch.randn(2, 4, 9)
    one, hundred = (feature_matching_loss([[real * k]], [[generated * k]]) for k in (1.0, 100.0))
    torch.testing.assert_close(one, hundred)


def test_each_loss_gets_its_share_of_the_gradient() -> None:
    torch.manual_seed(0)
    generated = torch.randn(1, 64, requires_grad=True)
    first, second = (generated[:, :32] ** 2).sum(), 1000 * (generated[:, 32:] ** 2).sum()
    gradient = balanced_gradient({"a": (1.0, first), "b": (3.0, second)}, generated)
    assert float(gradient[:, :32].norm()) == pytest.approx(0.25, rel=1e-4)
    assert float(gradient[:, 32:].norm()) == pytest.approx(0.75, rel=1e-4)


def test_a_few_steps_lower_the_spectral_loss(prepared: Path) -> None:
    stage = VocoderStage(TINY.model_copy(update={"steps": 40}), prepared, Accelerator(cpu=True))
    losses = [stage.step(step, 0.0)["loss"] for step in range(12)]
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])


def test_adversarial_steps_train_both_sides(prepared: Path) -> None:
    stage = VocoderStage(TINY, prepared, Accelerator(cpu=True))
    before = [parameter.clone() for parameter in stage.discriminators.parameters()]
    spectral_only = stage.step(0, 0.0)
    assert "discriminator" not in spectral_only
    assert all(torch.equal(a, b) for a, b in zip(before, stage.discriminators.parameters(), strict=True))
    assert {"discriminator", "adversarial", "features"} <= stage.step(1, 0.9).keys()
    assert not any(torch.equal(a, b) for a, b in zip(before, stage.discriminators.parameters(), strict=True))


def test_a_resumed_run_equals_an_uninterrupted_one(prepared: Path, tmp_path: Path) -> None:
    """Eight steps are eight steps, also when the process is stopped in the middle of the adversarial phase."""
    train_vocoder(TINY, prepared, tmp_path / "whole", cpu=True)
    _stop_after(6, prepared, tmp_path / "parts")
    assert checkpoints(tmp_path / "parts")[-1].name == "step-6"
    train_vocoder(TINY, prepared, tmp_path / "parts", cpu=True)
    whole, parts = newest_vocoder(tmp_path / "whole"), newest_vocoder(tmp_path / "parts")
    assert whole[1] == parts[1] == 8
    for key, value in whole[0].state_dict().items():
        assert torch.equal(value, parts[0].state_dict()[key]), key
    assert (tmp_path / "parts" / "vocoder.safetensors").is_file()


def _stop_after(steps: int, prepared: Path, out: Path) -> None:
    """The first steps of the run, checkpointed, as an interruption leaves it."""
    from undertone.train.loop.run import Clock, save_checkpoint, step_seed

    out.mkdir()
    accelerator, clock = Accelerator(cpu=True), Clock()
    stage = VocoderStage(TINY, prepared, accelerator)
    accelerator.register_for_checkpointing(clock)
    for step in range(steps):
        torch.manual_seed(step_seed(TINY.seed, step, 0))
        stage.step(step, step / 8)
    clock.step = steps
    save_checkpoint(accelerator, out, clock)


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "train" / "recipes").glob("*vocoder*.yaml")))
def test_every_vocoder_recipe_loads(path: Path) -> None:
    recipe = load_vocoder_recipe(path)
    assert recipe.name
    assert recipe.steps or recipe.minutes
