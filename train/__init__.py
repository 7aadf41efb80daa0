"""Corpora to bundles: prepared data, objectives, the training loop, recipes. Imports engine, never app or studies.

`prepare` and `prepare_shards` read a corpus, `load_recipe` a recipe; `run_tokenizer`, `run_vocoder` and `run_model`
train a stage from folder to folder, `write_bundle` assembles what they made, `train_demo` does all of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from undertone.train.corpora.source import CorpusError
    from undertone.train.data.clean import CleanSettings
    from undertone.train.data.corpus_report import corpus_summary, read_report
    from undertone.train.data.prepare import prepare
    from undertone.train.data.shards import prepare_shards
    from undertone.train.loop.divergence import TrainingError
    from undertone.train.model.recipe import ModelRecipe
    from undertone.train.recipes import load_recipe, load_recipe_of, recipe_names
    from undertone.train.runs.bundle import StageFolders, write_bundle
    from undertone.train.runs.demo_bundle import DemoRecipes, train_demo
    from undertone.train.runs.dry_run import dry_run
    from undertone.train.runs.finetune import finetune
    from undertone.train.runs.replace_parts import replace_parts
    from undertone.train.runs.stages import run_any_tokenizer, run_model, run_tokenizer, run_tokens, run_vocoder
    from undertone.train.runs.student import run_student
    from undertone.train.runs.systems import train_systems
    from undertone.train.student.recipe import StudentRecipe
    from undertone.train.tokenizer.hubert_units import HubertRecipe
    from undertone.train.tokenizer.recipe import TokenizerRecipe, WhisperRecipe
    from undertone.train.vocoder.recipe import VocoderRecipe

__all__ = [
    "CleanSettings",
    "CorpusError",
    "DemoRecipes",
    "HubertRecipe",
    "ModelRecipe",
    "StageFolders",
    "StudentRecipe",
    "TokenizerRecipe",
    "TrainingError",
    "VocoderRecipe",
    "WhisperRecipe",
    "corpus_summary",
    "dry_run",
    "finetune",
    "load_recipe",
    "load_recipe_of",
    "prepare",
    "prepare_shards",
    "read_report",
    "recipe_names",
    "replace_parts",
    "run_any_tokenizer",
    "run_model",
    "run_student",
    "run_tokenizer",
    "run_tokens",
    "run_vocoder",
    "train_demo",
    "train_systems",
    "write_bundle",
]

# Where each name lives. It is imported on first use, since torch and Lhotse take seconds.
_HOMES = {
    "undertone.train.corpora.source": ("CorpusError",),
    "undertone.train.data.clean": ("CleanSettings",),
    "undertone.train.data.corpus_report": ("corpus_summary", "read_report"),
    "undertone.train.data.prepare": ("prepare",),
    "undertone.train.data.shards": ("prepare_shards",),
    "undertone.train.loop.divergence": ("TrainingError",),
    "undertone.train.model.recipe": ("ModelRecipe",),
    "undertone.train.recipes": ("load_recipe", "load_recipe_of", "recipe_names"),
    "undertone.train.runs.bundle": ("StageFolders", "write_bundle"),
    "undertone.train.runs.demo_bundle": ("DemoRecipes", "train_demo"),
    "undertone.train.runs.dry_run": ("dry_run",),
    "undertone.train.runs.finetune": ("finetune",),
    "undertone.train.runs.replace_parts": ("replace_parts",),
    "undertone.train.runs.stages": (
        "run_any_tokenizer",
        "run_model",
        "run_tokenizer",
        "run_tokens",
        "run_vocoder",
    ),
    "undertone.train.runs.student": ("run_student",),
    "undertone.train.runs.systems": ("train_systems",),
    "undertone.train.student.recipe": ("StudentRecipe",),
    "undertone.train.tokenizer.hubert_units": ("HubertRecipe",),
    "undertone.train.tokenizer.recipe": ("TokenizerRecipe", "WhisperRecipe"),
    "undertone.train.vocoder.recipe": ("VocoderRecipe",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Return a public name from its module, which is imported now."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
