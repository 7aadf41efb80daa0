"""A resumed run against the recipe it was started with."""

import json
from pathlib import Path

import pytest

from tests.train.loop.test_checkpoints import trained
from tests.train.tiny_recipes import MODEL
from undertone.engine.errors import SettingsError
from undertone.train.loop.saved_recipe import describe_changes, save_recipe


def test_a_run_refuses_other_settings_by_name_and_takes_them_only_when_told(tmp_path: Path) -> None:
    recipe = MODEL.model_copy(update={"beta": 0.04})
    save_recipe(tmp_path, recipe, tokens="tokens-a")
    trained(tmp_path, 3)
    other = recipe.model_copy(update={"beta": 0.05, "seed": 3})
    with pytest.raises(
        SettingsError, match=r"beta was 0.04 and is 0.05 now, seed was 0 and is 3 now.*--accept-changes"
    ):
        save_recipe(tmp_path, other, tokens="tokens-a")
    with pytest.raises(SettingsError, match="tokens was tokens-a and is tokens-b now"):
        save_recipe(tmp_path, recipe, tokens="tokens-b")
    sizes = recipe.model.model_copy(update={"latent_dim": 8})
    with pytest.raises(SettingsError, match=r"model\.latent_dim was 4 and is 8 now"):
        save_recipe(tmp_path, recipe.model_copy(update={"model": sizes}), tokens="tokens-a")
    save_recipe(tmp_path, other, accept_changes=True, tokens="tokens-a")
    assert describe_changes(tmp_path) == "from step 3 on beta 0.05 instead of 0.04, seed 3 instead of 0"
    save_recipe(tmp_path, other, tokens="tokens-a")


def test_a_longer_budget_and_other_intervals_need_no_word(tmp_path: Path) -> None:
    save_recipe(tmp_path, MODEL)
    trained(tmp_path, 3)
    save_recipe(tmp_path, MODEL.model_copy(update={"steps": 40, "checkpoint_minutes": 1.0}))
    assert describe_changes(tmp_path) == ""


def test_a_run_that_has_nothing_to_resume_takes_any_recipe(tmp_path: Path) -> None:
    save_recipe(tmp_path, MODEL)
    save_recipe(tmp_path, MODEL.model_copy(update={"beta": 0.5}))
    assert json.loads((tmp_path / "inputs.json").read_text()) == {}
