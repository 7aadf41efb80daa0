"""Recipes: YAML files beside this one, read into the frozen model of their stage.

A recipe may extend another, by name or by a path beside its own file, and then says only what differs:

    extends: librispeech-960
    beta: 0.03
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from undertone.engine import SettingsError
from undertone.engine.files.validation import validate_values
from undertone.engine.files.yaml_text import parse_yaml, read_yaml
from undertone.train.loop.divergence import TrainingError
from undertone.train.loop.settings import RunSettings
from undertone.train.model.recipe import ModelRecipe
from undertone.train.student.recipe import StudentRecipe
from undertone.train.tokenizer.hubert_units import HubertRecipe
from undertone.train.tokenizer.recipe import TokenizerRecipe, WhisperRecipe
from undertone.train.vocoder.recipe import VocoderRecipe

AnyRecipe = TokenizerRecipe | WhisperRecipe | HubertRecipe | ModelRecipe | StudentRecipe | VocoderRecipe
StageRecipe = TypeVar(
    "StageRecipe", TokenizerRecipe, WhisperRecipe, HubertRecipe, ModelRecipe, StudentRecipe, VocoderRecipe
)
Settings = TypeVar("Settings", bound=RunSettings)
FOLDER = Path(__file__).parent
BUDGETS = ("steps", "minutes", "frames")


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(path.name.removesuffix(".yaml") for path in FOLDER.glob("*.yaml"))


def load_recipe(source: str | Path, overrides: Sequence[str] = ()) -> AnyRecipe:
    """Load a recipe by the name of one that comes along, or from a YAML file.

    Args:
        overrides: `key=value` with a YAML value, as `--set` takes them: `model.transformer.num_layers=2`.
    Raises:
        SettingsError: no such recipe, a key that its stage does not know, or an override without a value.
    """
    path = _path_of(str(source), Path())
    values = _extended(path, ())
    for override in overrides:
        values = merge_settings(values, _nested(override))
    return _checked(values, path)


def _checked(values: dict[str, Any], path: Path) -> AnyRecipe:
    """Return values as the recipe of their stage; errors name the file, the key, the value and the keys there are."""
    stage = values.get("stage")
    kind = next((kind for kind in get_args(AnyRecipe) if kind.model_fields["stage"].default == stage), None)
    if kind is None:
        stages = ", ".join(repr(kind.model_fields["stage"].default) for kind in get_args(AnyRecipe))
        raise SettingsError(
            f"{path} is of the stage {stage!r}; a recipe has `stage:` with one of {stages}, or extends one"
        )
    recipe: AnyRecipe = validate_values(kind, values, str(path), SettingsError)
    if isinstance(recipe, RunSettings):
        try:
            recipe.budget.progress(0, 0.0)
        except TrainingError as error:
            raise SettingsError(f"{path}: {error}") from error
    return recipe


def load_recipe_of(kind: type[StageRecipe], source: str | Path, overrides: Sequence[str] = ()) -> StageRecipe:
    """Load a recipe of one stage.

    Raises:
        SettingsError: as `load_recipe`, and when the recipe belongs to another stage.
    """
    recipe = load_recipe(source, overrides)
    if not isinstance(recipe, kind):
        expected = kind.model_fields["stage"].default
        raise SettingsError(
            f"{source} is a recipe of the stage {recipe.stage!r}; this command takes one of {expected!r}"
        )
    return recipe


def with_overrides(settings: Settings, overrides: Sequence[str]) -> Settings:
    """Return settings with those that `--set` changes.

    Raises:
        SettingsError: a key that they do not have, a value out of its range, or an override without a value.
    """
    values = settings.model_dump()
    for override in overrides:
        values = merge_settings(values, _nested(override))
    return validate_values(type(settings), values, "--set", SettingsError)


def merge_settings(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with the changes, key by key down to the leaves; a budget replaces whatever budget there was."""
    kept = dict(base)
    if any(changes.get(key) is not None for key in BUDGETS):
        kept |= {key: None for key in BUDGETS if key in kept}
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(kept.get(key), dict)
        kept[key] = merge_settings(kept[key], value) if both else value
    return kept


def _path_of(source: str, beside: Path) -> Path:
    if source in recipe_names():
        return FOLDER / f"{source}.yaml"
    path = beside / source
    if not path.is_file():
        raise SettingsError(f"there is no recipe {source!r}; give a YAML file or one of {', '.join(recipe_names())}")
    return path


def _extended(path: Path, below: tuple[Path, ...]) -> dict[str, Any]:
    """Return the values of a file over those of the recipe that it extends; its name is its own or the file's."""
    if path in below:
        raise SettingsError(f"{path} extends itself through {' -> '.join(str(step) for step in below)}")
    values = read_yaml(path) or {}
    if not isinstance(values, dict):
        raise SettingsError(f"{path} holds no settings; expected `key: value` lines")
    if "extends" not in values:
        return values
    base = _extended(_path_of(str(values.pop("extends")), path.parent), (*below, path))
    return merge_settings(base, {"name": path.name.removesuffix(".yaml")} | values)


def _nested(override: str) -> dict[str, Any]:
    """Return `a.b=1` as {"a": {"b": 1}}."""
    keys, equals, value = override.partition("=")
    if not equals or not keys:
        raise SettingsError(f"--set takes key=value, for example model.transformer.num_layers=2; got {override!r}")
    nested: Any = parse_yaml(value, f"--set {keys}")
    for key in reversed(keys.split(".")):
        nested = {key: nested}
    return dict(nested)
