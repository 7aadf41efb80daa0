"""Recipes: YAML files beside this one, read into the frozen model of their stage."""

from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from engine.errors import SettingsError
from train.tokenizer import TokenizerRecipe
from train.vae_gslm import ModelRecipe
from train.vocoder import VocoderRecipe

Recipe = Annotated[TokenizerRecipe | ModelRecipe | VocoderRecipe, Field(discriminator="stage")]
StageRecipe = TypeVar("StageRecipe", TokenizerRecipe, ModelRecipe, VocoderRecipe)
FOLDER = Path(__file__).parent


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_recipe(source: str | Path) -> TokenizerRecipe | ModelRecipe | VocoderRecipe:
    """A recipe by the name of one that comes along, or from a YAML file.

    Raises:
        SettingsError: no such recipe, or a key that its stage does not know.
    """
    path = FOLDER / f"{source}.yaml" if str(source) in recipe_names() else Path(source)
    if not path.is_file():
        raise SettingsError(
            f"there is no recipe {str(source)!r}; give a YAML file or one of {', '.join(recipe_names())}"
        )
    try:
        return TypeAdapter[TokenizerRecipe | ModelRecipe | VocoderRecipe](Recipe).validate_python(
            yaml.safe_load(path.read_text(encoding="utf-8"))
        )
    except (ValidationError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: {error}") from error


def load_recipe_of(kind: type[StageRecipe], source: str | Path) -> StageRecipe:
    """A recipe of one stage.

    Raises:
        SettingsError: as `load_recipe`, and when the recipe belongs to another stage.
    """
    recipe = load_recipe(source)
    if not isinstance(recipe, kind):
        expected = kind.model_fields["stage"].default
        raise SettingsError(
            f"{source} is a recipe of the stage {recipe.stage!r}; this command takes one of {expected!r}"
        )
    return recipe
