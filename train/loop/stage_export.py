"""What a finished stage leaves in its folder: weights as safetensors, configuration and numbers as JSON.

OUT/export.safetensors   weights of the exported network
OUT/export.json          its configuration
OUT/trained.json         steps, minutes and what was measured; written last
"""

import json
from pathlib import Path

from safetensors.torch import save_file
from torch import nn

from undertone.engine.config import Config
from undertone.train.corpora.source import CorpusError
from undertone.train.loop.budget import Clock

WEIGHTS, CONFIG, TRAINED = "export.safetensors", "export.json", "trained.json"


def export_stage(module: nn.Module, config: Config, clock: Clock, out: Path, numbers: dict[str, float]) -> None:
    """Write a network's weights, its configuration, and the steps, minutes and numbers of its training."""
    save_file({key: value.contiguous() for key, value in module.state_dict().items()}, str(out / WEIGHTS))
    (out / CONFIG).write_text(config.model_dump_json(indent=2) + "\n")
    trained = {"steps": clock.step, "minutes": round(clock.seconds / 60, 1), **numbers}
    (out / TRAINED).write_text(json.dumps(trained, indent=2) + "\n")


def is_exported(out: Path) -> bool:
    """Return whether the stage of this folder has finished."""
    return (out / TRAINED).is_file()


def trained_numbers(out: Path) -> dict[str, float]:
    """Return the steps, minutes and measured numbers of a finished stage.

    Raises:
        CorpusError: the stage has not finished.
    """
    if not is_exported(out):
        raise CorpusError(f"{out} holds no finished stage (no {TRAINED}); run or resume it first")
    numbers: dict[str, float] = json.loads((out / TRAINED).read_text())
    return numbers
