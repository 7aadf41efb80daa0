"""A tokenizer on Whisper's encoder: what it learns of a clip with an unknown word, what stays frozen, resume, units."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import save_file

from tests.train.tiny_recipes import weights_after
from undertone.engine.config import PhonePartsConfig, WhisperConfig
from undertone.engine.errors import SettingsError
from undertone.engine.tokenizers import PARTS_OF_PHONE
from undertone.engine.tokenizers.whisper import WhisperTokenizer
from undertone.engine.tokenizers.whisper_encoder import WhisperEncoder
from undertone.train.alignment.lexicon import Lexicon
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


def test_stored_frozen_layers_are_what_the_whole_encoder_hears(
    recipe: WhisperRecipe, prepared: Path, lexicon: Lexicon
) -> None:
    stored = recipe.model_copy(update={"frozen_copies": 2})
    there = set(prepared.glob("frozen-*"))  # of other tests
    stage = WhisperStage(stored, prepared, lexicon, Accelerator(cpu=True))
    fresh = WhisperStage(recipe, prepared, lexicon, Accelerator(cpu=True))
    with torch.inference_mode():
        for index in range(2):
            frames, log_mels = stage.dev_set.batch(np.array([index])), fresh.dev_set.batch(np.array([index]))
            assert torch.equal(frames.lengths, log_mels.lengths)
            found, wanted = stage.logits(stage.network.eval(), frames), fresh.logits(fresh.network.eval(), log_mels)
            torch.testing.assert_close(found, wanted, atol=5e-3, rtol=0)  # float16 on disk
    made = set(prepared.glob("frozen-*")) - there
    first, second = (np.fromfile(path, np.uint16) for path in sorted(made))
    assert len(first) == len(second)
    assert (first != second).any()  # the second copy is disturbed
    changed = stage.network.state_dict()["encoder.layers.1.fc1.weight"].clone()
    assert np.isfinite(stage.step(0, 0.5)["loss"])
    assert not torch.equal(stage.network.state_dict()["encoder.layers.1.fc1.weight"], changed)
    WhisperStage(stored, prepared, lexicon, Accelerator(cpu=True))  # nothing is computed again
    assert set(prepared.glob("frozen-*")) == there | made


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


@pytest.mark.usefixtures("roughly_fitted_points")
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
