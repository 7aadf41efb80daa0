"""The vocoder stage: its data, losses and discriminators, that it learns, and that it resumes exactly."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from undertone.engine.audio.mel import LogMel
from undertone.engine.config import MelConfig, VocosConfig
from undertone.train.data.flat_corpus import PreparedCorpus
from undertone.train.data.flat_files import Clip
from undertone.train.loop.checkpoints import checkpoints
from undertone.train.loop.stage_export import WEIGHTS, trained_numbers
from undertone.train.recipes import load_recipe_of
from undertone.train.runs.stages import run_vocoder
from undertone.train.vocoder.recipe import DiscriminatorConfig, VocoderRecipe
from undertone.train.vocoder.segments import RandomSegments
from undertone.train.vocoder.stage import VocoderStage, balance_gradients

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


def test_each_loss_gets_its_share_of_the_gradient() -> None:
    torch.manual_seed(0)
    generated = torch.randn(1, 64, requires_grad=True)
    first, second = (generated[:, :32] ** 2).sum(), 1000 * (generated[:, 32:] ** 2).sum()
    gradient = balance_gradients({"a": (1.0, first), "b": (3.0, second)}, generated)
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
    run_vocoder(TINY, prepared, tmp_path / "whole", cpu=True)
    _stop_after(6, prepared, tmp_path / "parts")
    assert checkpoints(tmp_path / "parts")[-1].name == "step-6"
    run_vocoder(TINY, prepared, tmp_path / "parts", cpu=True)
    assert trained_numbers(tmp_path / "whole")["steps"] == trained_numbers(tmp_path / "parts")["steps"] == 8
    whole, parts = (load_file(tmp_path / name / WEIGHTS) for name in ("whole", "parts"))
    for key, value in whole.items():
        assert torch.equal(value, parts[key]), key


def _stop_after(steps: int, prepared: Path, out: Path) -> None:
    """The first steps of the run, checkpointed, as an interruption leaves it."""
    from undertone.train.loop.budget import Clock
    from undertone.train.loop.checkpoints import save_checkpoint
    from undertone.train.loop.run import step_seed

    out.mkdir()
    accelerator, clock = Accelerator(cpu=True), Clock()
    stage = VocoderStage(TINY, prepared, accelerator)
    accelerator.register_for_checkpointing(clock)
    for step in range(steps):
        torch.manual_seed(step_seed(TINY.seed, step, 0))
        stage.step(step, step / 8)
    clock.step = steps
    save_checkpoint(accelerator, out, clock)


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[3] / "train" / "recipes").glob("*vocoder*.yaml")))
def test_every_vocoder_recipe_loads(path: Path) -> None:
    recipe = load_recipe_of(VocoderRecipe, path)
    assert recipe.name
    assert recipe.steps or recipe.minutes
