"""`undertone sweep`: the ablations of the paper's tables 3, 4 and 7, trained alike, one bundle each.

OUT/VARIANT/run      training, which an interrupted call goes on with
OUT/VARIANT/bundle   the finished voice
"""

from dataclasses import dataclass
from pathlib import Path

from undertone.engine import SettingsError
from undertone.engine.bundle import CONFIG_FILE
from undertone.train.model.recipe import ModelRecipe
from undertone.train.recipes import load_recipe_of
from undertone.train.runs.bundle import StageFolders, write_bundle
from undertone.train.runs.dry_run import dry_run
from undertone.train.runs.stages import run_model

BASE = "librispeech-960"
# What each variant sets, over whatever recipe is the base. Over the paper's own they are the recipes librispeech-….
SWEEPS: dict[str, dict[str, tuple[str, ...]]] = {
    "librispeech-beta": {  # table 3
        "beta-0.03": ("beta=0.03",),
        "beta-0.04": ("beta=0.04",),
        "beta-0.05": ("beta=0.05",),
        "no-tokens": ("beta=0.04", "tokens=false", "model.num_tokens=1"),
    },
    "librispeech-gamma": {  # table 4, at beta 0.04
        "gamma-0.5": ("beta=0.04", "gamma=0.5"),
        "gamma-1": ("beta=0.04", "gamma=1.0"),
        "gamma-2": ("beta=0.04", "gamma=2.0"),
    },
    "librispeech-latent": {  # table 7
        "latent-4": ("model.latent_dim=4",),
        "latent-16": ("model.latent_dim=16",),
        "latent-64": ("model.latent_dim=64",),
    },
}


@dataclass(frozen=True)
class SweepInputs:
    """What every variant is trained with: folders of a prepared corpus and of finished stages, and the provenance."""

    prepared: Path
    tokenizer: Path
    vocoder: Path
    data: tuple[str, ...]
    licence: str


def sweep_recipes(sweep: str, base: str = BASE, changes: tuple[str, ...] = ()) -> dict[str, ModelRecipe]:
    """Return the recipe of every variant, in the order of the paper's table.

    Args:
        sweep: out of SWEEPS.
        base: recipe that they change, by name or file; a small one for small machines.
        changes: `key=value` for all of them; what a variant sets wins.
    Raises:
        SettingsError: no such sweep or recipe, or a key that it does not know.
    """
    if sweep not in SWEEPS:
        raise SettingsError(f"there is no sweep {sweep!r}; choose {', '.join(SWEEPS)}.")
    recipes = {}
    for name, own in SWEEPS[sweep].items():
        loaded = load_recipe_of(ModelRecipe, base, (*changes, *own))
        recipes[name] = loaded.model_copy(update={"name": f"{loaded.name}-{name}"})
    return recipes


def sweep_costs(recipes: dict[str, ModelRecipe], cpu: bool = False) -> list[str]:
    """Return what training takes on this machine, in lines: of every variant, and of all; nothing is written."""
    lines, hours = [], 0.0
    for name, recipe in recipes.items():
        cost = dry_run(recipe, cpu)
        steps = "" if cost.steps is None else f", {cost.steps:,} steps"
        known = "not timed: a step does not fit into the memory here" if cost.hours is None else f"{cost.hours:,.1f} h"
        lines.append(f"{name}: {sum(cost.parameters.values()):,} parameters{steps}, {known} on {cost.device}")
        hours += cost.hours or 0.0
    return [*lines, f"all {len(recipes)} of those timed: {hours:,.1f} h, one after the other"]


def train_sweep(
    recipes: dict[str, ModelRecipe], inputs: SweepInputs, out: Path, cpu: bool = False, workers: int = 2
) -> list[Path]:
    """Train every variant and return the folders of their bundles; what is finished is kept, the rest goes on.

    Raises:
        SettingsError: a run of other settings in `out`, or a tokenizer of another number of units.
        CorpusError: nothing usable in the prepared folder.
    """
    bundles = []
    for name, recipe in recipes.items():
        run, bundle = out / name / "run", out / name / "bundle"
        if not (bundle / CONFIG_FILE).is_file():
            run_model(recipe, inputs.prepared, inputs.tokenizer, run, cpu, workers=workers)
            stages = StageFolders(inputs.tokenizer, inputs.vocoder, run)
            write_bundle(stages, bundle, f"sweep-{name}", recipe.name, inputs.data, inputs.licence)
        bundles.append(bundle)
    return bundles
