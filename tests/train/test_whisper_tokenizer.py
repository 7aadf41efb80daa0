"""A tokenizer on Whisper's encoder: what it learns of a clip with an unknown word, what stays frozen, resume, units."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import save_file
from torch import Tensor

from tests.clips import speechlike
from tests.train.tiny_recipes import weights_after
from undertone.engine.config import PhonePartsConfig, WhisperConfig
from undertone.engine.errors import SettingsError
from undertone.engine.tokenizers import PARTS_OF_PHONE
from undertone.engine.tokenizers.whisper import WhisperTokenizer
from undertone.engine.tokenizers.whisper_encoder import WhisperEncoder
from undertone.train.alignment.ctc_loss import ctc_with_unknown
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.data.augmentation import (
    AugmentationConfig,
    add_reverberation,
    augment_waveform,
    coloured_noise,
    hum,
    limit_band,
)
from undertone.train.data.flat_corpus import read_index
from undertone.train.data.unit_ids import TokenFile
from undertone.train.loop.divergence import TrainingError
from undertone.train.loop.stage_export import trained_numbers
from undertone.train.runs.stages import run_any_tokenizer
from undertone.train.text.align_corpus import align_corpus
from undertone.train.tokenizer.assign_tokens import assign_tokens
from undertone.train.tokenizer.load import load_tokenizer
from undertone.train.tokenizer.recipe import WhisperRecipe
from undertone.train.tokenizer.whisper_stage import WhisperStage

SIZES = WhisperConfig(dim=64, num_layers=2, num_heads=1, feedforward_dim=32, max_frames=200)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("whisper")
    encoder = WhisperEncoder(SIZES)
    positions = {"embed_positions.weight": encoder.positions.clone()}
    save_file({**encoder.state_dict(), **positions}, str(folder / "model.safetensors"))
    return folder


@pytest.fixture
def recipe(weights: Path, lexicon: Lexicon) -> WhisperRecipe:
    num_parts = PARTS_OF_PHONE * (len(lexicon.inventory) + 1)
    return WhisperRecipe(
        whisper=str(weights),
        model=WhisperConfig(num_units=num_parts, classifier_dim=16, phone_parts=PhonePartsConfig(dim=8)),
        steps=4,
        frames_per_step=400,
        trained_layers=1,
        frozen_share=0.0,
        unit_frames=900,
        bf16=False,
        evaluation_clips=2,
    )


def test_what_is_said_in_an_unknown_word_costs_nothing_and_what_is_around_it_does() -> None:
    """Phones 1 and 2 are known, then comes an unknown word in which 3 and 1 are heard."""
    heard = torch.tensor([1, 1, 0, 2, 2, 0, 3, 3, 1, 1])
    log_probs = (12.0 * torch.eye(4)[heard])[None].log_softmax(-1)

    def loss(*classes: int) -> float:
        one = torch.tensor
        return float(ctc_with_unknown(log_probs, one([10]), one(list(classes)), one([len(classes)])))

    assert loss(1, 2, 4) < 0.05
    assert loss(1, 2, 3, 1) < 0.05
    assert loss(1, 3, 4) > 1.0
    assert loss(1, 2) > 1.0


def test_only_the_upper_layers_and_the_classifier_change(
    recipe: WhisperRecipe, prepared: Path, lexicon: Lexicon
) -> None:
    stage = WhisperStage(recipe, prepared, lexicon, Accelerator(cpu=True))
    before = {name: value.clone() for name, value in stage.network.state_dict().items()}
    for step in range(3):
        assert stage.step(step, 0.5)["loss"] > 0
    after = stage.network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {"classifier.output.weight", "encoder.layers.1.fc1.weight", "encoder.layer_norm.weight"} <= changed
    assert not [name for name in changed if name.startswith(("encoder.conv", "encoder.layers.0"))]


def test_the_encoder_waits_for_its_share_of_the_budget(recipe: WhisperRecipe, prepared: Path, lexicon: Lexicon) -> None:
    waiting = recipe.model_copy(update={"frozen_share": 0.5})
    stage = WhisperStage(waiting, prepared, lexicon, Accelerator(cpu=True))
    before = stage.network.state_dict()["encoder.layers.1.fc1.weight"].clone()
    stage.step(0, 0.4)
    assert torch.equal(stage.network.state_dict()["encoder.layers.1.fc1.weight"], before)
    stage.step(1, 0.9)
    assert not torch.equal(stage.network.state_dict()["encoder.layers.1.fc1.weight"], before)


def test_a_resumed_run_is_an_uninterrupted_one(
    recipe: WhisperRecipe, prepared: Path, lexicon: Lexicon, tmp_path: Path
) -> None:
    class ConstantRate(WhisperStage):
        def step(self, step: int, progress: float) -> dict[str, float]:
            return super().step(step, 0.5)

    make: Callable[[Accelerator], WhisperStage] = lambda accelerator: ConstantRate(  # noqa: E731
        recipe, prepared, lexicon, accelerator
    )
    whole = weights_after(make, tmp_path / "whole", [4])
    resumed = weights_after(make, tmp_path / "resumed", [2, 4])
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_the_whole_stage_makes_units_aligns_and_assigns(
    recipe: WhisperRecipe, prepared: Path, lexicon_folder: Path, weights: Path, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="--lexicon"):
        run_any_tokenizer(recipe, prepared, None, None, tmp_path / "none", cpu=True)
    named = recipe.model_copy(update={"whisper": "no/such-repository"})
    with pytest.raises(TrainingError, match="has learnt nothing"):  # in four steps on noise; it is written all the same
        run_any_tokenizer(named, prepared, lexicon_folder, None, tmp_path / "run", True, whisper=str(weights))
    numbers = trained_numbers(tmp_path / "run")
    assert numbers["steps"] == 4
    assert "phone_error_rate" in numbers
    tokenizer = load_tokenizer(tmp_path / "run")
    assert isinstance(tokenizer, WhisperTokenizer)
    assert (tokenizer.config.dim, tokenizer.config.num_layers, tokenizer.config.max_frames) == (64, 2, 200)
    ids = TokenFile(assign_tokens(tokenizer, prepared, workers=1))
    for clip in read_index(prepared):
        assert ids.count(clip) == clip.num_frames
    aligned = align_corpus(tmp_path / "run", prepared, Lexicon(lexicon_folder), tmp_path / "aligned", workers=1)
    assert len(aligned.read_text().splitlines()) > 1


SOUND = 0.5 * speechlike(1.0)


@pytest.mark.parametrize("seed", range(12))
def test_a_disturbed_clip_has_its_length_and_its_range(seed: int) -> None:
    torch.manual_seed(seed)
    worst = AugmentationConfig(clean_share=0.0, noise_probability=1, hum_probability=1, reverberation_probability=1)
    for config in (AugmentationConfig(), worst):
        made = augment_waveform(SOUND, config)
        assert made.shape == SOUND.shape
        assert torch.isfinite(made).all()
        assert made.abs().max() <= 1.0
    assert torch.isfinite(augment_waveform(torch.zeros(8000), worst)).all()


def test_clean_clips_stay_as_they_are_and_the_seed_decides() -> None:
    assert torch.equal(augment_waveform(SOUND, AugmentationConfig(clean_share=1.0)), SOUND)

    def drawn(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return augment_waveform(SOUND, AugmentationConfig(clean_share=0.0))

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


def test_each_disturbance_is_what_it_is_called() -> None:
    torch.manual_seed(0)
    spectrum = torch.fft.rfft(limit_band(torch.randn(16_000), 300.0, 3000.0, 16_000)).abs()
    assert spectrum[500:2500].mean() > 20 * max(spectrum[:200].mean(), spectrum[4000:].mean())
    noise = coloured_noise(16_000, -6.0, 16_000)
    assert float(noise.square().mean()) == pytest.approx(1.0, rel=1e-3)
    level = torch.fft.rfft(noise).abs().square()
    assert float((level[400:800].mean() / level[800:1600].mean()).log10() * 10) == pytest.approx(6.0, abs=1.5)
    mains = torch.fft.rfft(hum(16_000, 16_000)).abs()
    assert int(mains.argmax()) % 50 in (0, 10, 20, 30, 40)
    click = torch.zeros(8000)
    click[100] = 1.0
    tail = add_reverberation(click, 0.3, 0.5, 16_000)
    assert float(tail[100]) == pytest.approx(1.0)
    assert float(tail[101:1000].square().sum()) > 100 * float(tail[4000:4900].square().sum())
