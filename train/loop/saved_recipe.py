"""The saved recipe of a run; when the run is resumed, the given recipe is compared with it.

OUT/recipe.yaml            the recipe as it is run
OUT/inputs.json            what else the run depends on: the tokens it reads
OUT/recipe_changes.jsonl   settings that were changed on the way, with the step
"""

import json
import logging
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from undertone.engine import SettingsError
from undertone.engine.config import Config
from undertone.engine.files.atomic_files import write_whole
from undertone.engine.files.yaml_text import YamlError, read_yaml
from undertone.train.loop.checkpoints import checkpoints

RECIPE, INPUTS, CHANGES = "recipe.yaml", "inputs.json", "recipe_changes.jsonl"
FINISHED = "trained.json"
MISSING = "not set"
# Settings that decide how long a run takes and what it writes down, not what is trained at a step of it.
CHANGEABLE = frozenset(
    {
        *("name", "steps", "minutes", "frames", "compile"),
        *("checkpoint_minutes", "checkpoints_kept", "evaluate_minutes", "log_steps", "dev_batches", "evaluation_clips"),
        *("stop_patience", "stop_metric", "log_with", "shard_optimiser"),
    }
)

log = logging.getLogger(__name__)


def save_recipe(out: Path, recipe: Config, accept_changes: bool = False, main: bool = True, **inputs: str) -> None:
    """Save a run's recipe, or compare it with the one that the run was started with.

    Args:
        accept_changes: go on with settings that differ; they are written down with the step.
        main: whether this is the process that writes.
        inputs: what else decides the run, by name.
    Raises:
        SettingsError: the run was begun with other settings, with the name, the old and the new value of each.
    """
    changes = compare_recipe(out, recipe, accept_changes, **inputs)
    if changes:
        log.warning("%s goes on with other settings: %s", out, list_changes(changes))
    if not main:
        return
    out.mkdir(parents=True, exist_ok=True)
    if changes:
        row = {"step": _step(out), "changes": changes}
        with (out / CHANGES).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row) + "\n")
    write_whole(out / RECIPE, yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))
    write_whole(out / INPUTS, json.dumps(inputs, indent=2) + "\n")


def compare_recipe(out: Path, recipe: Config, accept_changes: bool = False, **inputs: str) -> dict[str, list[Any]]:
    """Return the settings that differ from those a run was started with, by name: old and new value.

    Raises:
        SettingsError: settings that decide what is trained differ, and that is not accepted.
    """
    changes = find_changes(out, recipe, inputs) if is_started(out) else {}
    bound = {key: values for key, values in changes.items() if key not in CHANGEABLE}
    if bound and not accept_changes:
        raise SettingsError(
            f"{out} was begun with other settings: {list_changes(bound)}. Give those it was begun with, or another "
            "folder, or --accept-changes to go on with the new ones (sizes of a network cannot change)."
        )
    return changes


def is_started(out: Path) -> bool:
    """Return whether there is something to resume, or a finished run."""
    return bool(checkpoints(out)) or (out / FINISHED).is_file()


def find_changes(out: Path, recipe: Config, inputs: dict[str, str]) -> dict[str, list[Any]]:
    """Return the settings that differ from a started run's, by dotted name: old and new value; none if unknown."""
    path = out / RECIPE
    if not path.is_file():
        log.info("%s was begun by a version that kept no recipe; its settings cannot be compared", out)
        return {}
    try:
        begun = type(recipe).model_validate(read_yaml(path))
    except (ValidationError, YamlError) as error:
        raise SettingsError(
            f"{path} is no recipe of this stage ({type(recipe).__name__}); give another --out"
        ) from error
    old, new = (_flat(model.model_dump(mode="json")) for model in (begun, recipe))
    stored = out / INPUTS
    if stored.is_file():
        known = json.loads(stored.read_text())
        old, new = old | {key: known[key] for key in inputs if key in known}, new | inputs
    keys = [key for key in dict.fromkeys([*old, *new]) if old.get(key, MISSING) != new.get(key, MISSING)]
    return {key: [old.get(key, MISSING), new.get(key, MISSING)] for key in keys}


def list_changes(changes: dict[str, list[Any]]) -> str:
    """Return changes as text: `beta was 0.04 and is 0.05 now`."""
    return ", ".join(f"{key} was {old} and is {new} now" for key, (old, new) in changes.items())


def describe_changes(out: Path) -> str:
    """Return what was changed in the course of a run as text for its provenance; empty where nothing was."""
    path = out / CHANGES
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []
    bound = [
        (row["step"], {key: pair for key, pair in row["changes"].items() if key not in CHANGEABLE}) for row in rows
    ]
    return "; ".join(
        f"from step {step:,} on {', '.join(f'{key} {new} instead of {old}' for key, (old, new) in changes.items())}"
        for step, changes in bound
        if changes
    )


def _flat(values: Any, name: str = "") -> dict[str, Any]:
    """Return the leaves of nested settings by their dotted names."""
    if not isinstance(values, dict) or not values:
        return {name: values}
    return {
        key: leaf
        for part, inner in values.items()
        for key, leaf in _flat(inner, f"{name}.{part}" if name else part).items()
    }


def _step(out: Path) -> int:
    found = checkpoints(out)
    if found:
        return int(found[-1].name.split("-")[1])
    return int(json.loads((out / FINISHED).read_text()).get("steps", 0))
