"""Checkpoints of a run: whole or not there."""

import shutil
from pathlib import Path

from accelerate import Accelerator

from train.clock import Clock

CHECKPOINTS_KEPT = 2


def checkpoints(out: Path) -> list[Path]:
    """Complete checkpoints of a run, oldest first."""
    return sorted((out / "checkpoints").glob("step-*"), key=lambda folder: int(folder.name.split("-")[1]))


def save_checkpoint(accelerator: Accelerator, out: Path, clock: Clock) -> Path:
    """Write a checkpoint beside the others and rename it into place, so that a crash leaves only whole ones."""
    folder = out / "checkpoints" / f"step-{clock.step}"
    partial = out / "checkpoints" / f".partial-{clock.step}"
    if accelerator.is_main_process and partial.exists():
        shutil.rmtree(partial)
    accelerator.wait_for_everyone()
    accelerator.save_state(str(partial), safe_serialization=True)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
        for old in checkpoints(out)[:-CHECKPOINTS_KEPT]:
            shutil.rmtree(old)
    accelerator.wait_for_everyone()
    return folder
