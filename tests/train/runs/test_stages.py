"""The tokenizer and the model stage on a tiny corpus: resume, units, windows, export."""

from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from tests.train.tiny_recipes import MODEL, TOKENIZER, constant_schedule, weights_after
from undertone.engine.tokenizers import nearest_centroid
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.loop.checkpoints import checkpoints
from undertone.train.loop.divergence import TrainingError
from undertone.train.loop.stage_export import trained_numbers
from undertone.train.model.stage import ModelStage
from undertone.train.model.windows import WindowSampler
from undertone.train.runs.stages import run_any_tokenizer, train_and_export
from undertone.train.tokenizer.load import load_tokenizer
from undertone.train.tokenizer.stage import TokenizerStage


def test_ten_steps_and_ten_resumed_are_twenty_for_the_model(prepared: Path, tokens: Path, tmp_path: Path) -> None:
    recipe = constant_schedule(MODEL)

    def make(accelerator: Accelerator) -> ModelStage:
        return ModelStage(recipe, prepared, tokens, accelerator)

    whole = weights_after(make, tmp_path / "whole", [20])
    resumed = weights_after(make, tmp_path / "resumed", [10, 20])
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_resume_in_the_middle_of_an_epoch_repeats_the_tokenizer(
    prepared: Path, lexicon: Lexicon, tmp_path: Path
) -> None:
    recipe = TOKENIZER.model_copy(update={"bf16": False})
    learning_rate = recipe.learning_rate

    class ConstantRate(TokenizerStage):
        def step(self, step: int, progress: float) -> dict[str, float]:
            assert self.optimizer.param_groups[0]["lr"] <= learning_rate
            return super().step(step, 0.04)

    def make(accelerator: Accelerator) -> TokenizerStage:
        return ConstantRate(recipe, prepared, lexicon, accelerator)

    whole = weights_after(make, tmp_path / "whole", [7])
    resumed = weights_after(make, tmp_path / "resumed", [4, 7])
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_units_cover_the_inventory_and_the_clip(tokenizer_run: Path, prepared: Path, tokens: Path) -> None:
    numbers = trained_numbers(tokenizer_run)
    assert numbers["steps"] == 6
    assert numbers["units_in_use"] > 0.5
    sampler = WindowSampler(prepared, "train", tokens, MODEL.model, 64)
    for clip in sampler.corpus.clips:
        ids = sampler.token_file.tokens(clip)
        assert len(ids) == clip.num_frames
        assert 0 <= int(ids.min()) <= int(ids.max()) < 12


def test_stored_tokens_are_those_of_the_clip_alone(tokenizer_run: Path, prepared: Path, tokens: Path) -> None:
    tokenizer = load_tokenizer(tokenizer_run)
    sampler = WindowSampler(prepared, "train", tokens, MODEL.model, 64)
    clip = sampler.corpus.clips[0]
    mel = sampler.corpus.mel(clip)
    alone = tokenizer.features_batch(mel[None], torch.tensor([len(mel)]))[0]
    assert torch.equal(nearest_centroid(alone, tokenizer.centroids), sampler.token_file.tokens(clip))


def test_a_tokenizer_that_has_learnt_nothing_says_so_and_is_an_error_though_it_is_written(
    prepared: Path, lexicon_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=r"learnt nothing: its phone error rate on the dev split is \d"):
        run_any_tokenizer(TOKENIZER, prepared, lexicon_folder, None, tmp_path, cpu=True)
    assert trained_numbers(tmp_path)["phone_error_rate"] >= 0.95


def test_the_settings_of_a_stage_decide_how_often_checkpoints_are_written(
    prepared: Path, tokens: Path, tmp_path: Path
) -> None:
    recipe = MODEL.model_copy(update={"steps": 4, "checkpoint_minutes": 1e-9, "checkpoints_kept": 3})
    train_and_export(ModelStage(recipe, prepared, tokens, Accelerator(cpu=True)), prepared, tmp_path)
    assert [folder.name for folder in checkpoints(tmp_path)] == ["step-2", "step-3", "step-4"]
