"""Early stopping: a run ends where the dev split has not improved for some measurements."""

import math

import torch
from accelerate import Accelerator

from undertone.train.loop.budget import Clock
from undertone.train.loop.divergence import TrainingError
from undertone.train.loop.settings import RunSettings


def is_stalled(clock: Clock, settings: RunSettings) -> bool:
    """Return whether the last `stop_patience` measurements were all no better than one before them."""
    return settings.stop_patience is not None and clock.unimproved >= settings.stop_patience


def count_measurement(
    clock: Clock, measured: dict[str, float], settings: RunSettings, accelerator: Accelerator
) -> None:
    """Count a measurement of the dev split; the main process' one holds in all, so that all end at the same step.

    Raises:
        TrainingError: the stage does not measure `stop_metric`.
    """
    if settings.stop_patience is None:
        return
    if settings.stop_metric not in measured:
        raise TrainingError(
            f"stop_metric is {settings.stop_metric!r}, which this stage does not measure; "
            f"choose one of {', '.join(sorted(measured)) or 'nothing'}, or leave stop_patience out"
        )
    value = _of_main_process(measured[settings.stop_metric], accelerator)
    if math.isfinite(value) and (clock.best is None or value < clock.best):
        clock.best, clock.unimproved = value, 0
    else:
        clock.unimproved += 1


def _of_main_process(value: float, accelerator: Accelerator) -> float:
    if accelerator.num_processes == 1:
        return value
    own = torch.tensor([value], dtype=torch.float64, device=accelerator.device)
    return float(accelerator.gather(own)[0])
