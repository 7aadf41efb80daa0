"""A tracker of runs beside metrics.jsonl and TensorBoard: trackio or Weights & Biases, by accelerate's classes."""

import json
import logging
import secrets
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from accelerate.tracking import GeneralTracker, TrackioTracker, WandBTracker

from undertone.engine import SettingsError
from undertone.engine.files.atomic_files import write_whole

PROJECT = "undertone"
IDENTITY = "tracker.json"  # in the run's folder, so that a resumed run goes on in the same curves
TRACKERS: dict[str, type[GeneralTracker]] = {"trackio": TrackioTracker, "wandb": WandBTracker}
ADVICE = {
    "trackio": "Its database lies in the folder of TRACKIO_DIR.",
    "wandb": "Log in with `wandb login`, or set WANDB_MODE=offline and send the run later with `wandb sync`.",
}

log = logging.getLogger(__name__)


class RunTracker:
    """A run in a tracker; what fails there after the start is logged once and never ends a training run.

    Args:
        name: of the tracker, see TRACKERS.
        out: folder of the run.
        run: what the run is called there; digits of its own are put behind it.
        settings: of the recipe, shown beside the curves.
        stack: closes it.
    Raises:
        SettingsError: the tracker cannot be opened; what to do.
        ModuleNotFoundError: its package is missing.
    """

    def __init__(self, name: str, out: Path, run: str, settings: dict[str, Any], stack: ExitStack) -> None:
        self._name, self._failed = name, False
        identity = _identity(out, run)
        own = {"id": identity, "dir": str(out)} if name == "wandb" else {}
        try:
            self._tracker = TRACKERS[name](PROJECT, name=identity, resume="allow", **own)
            self._tracker.start()
            self._tracker.store_init_configuration(settings)
        except ModuleNotFoundError:
            raise
        except Exception as error:  # a tracker's errors are of its own and of its network
            raise SettingsError(
                f"the run cannot be logged to {name}: {str(error).rstrip('.')}. {ADVICE[name]}"
            ) from error
        stack.callback(self._guarded, "finish")

    def log(self, values: dict[str, float], step: int) -> None:
        """Send values of a step."""
        self._guarded("log", values, step=step)

    def _guarded(self, method: str, *arguments: Any, **named: Any) -> None:
        try:
            getattr(self._tracker, method)(*arguments, **named)
        except Exception as error:
            if not self._failed:
                log.warning(
                    "%s does not take this run's numbers any more (%s); metrics.jsonl has all", self._name, error
                )
            self._failed = True


def _identity(out: Path, run: str) -> str:
    """Return the name that a run has in a tracker, the same one when it is resumed."""
    path = out / IDENTITY
    if path.is_file():
        return str(json.loads(path.read_text())["run"])
    identity = f"{run}-{secrets.token_hex(4)}"
    write_whole(path, json.dumps({"run": identity}) + "\n")
    return identity
