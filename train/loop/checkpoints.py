"""Checkpoints of a run: whole or not there, checked when they are read, the one before where the newest is damaged."""

import json
import logging
import shutil
import zlib
from pathlib import Path

import torch
from accelerate import Accelerator

from undertone.train.loop.budget import Clock
from undertone.train.loop.divergence import TrainingError

CHECKPOINTS_KEPT = 2
CHECKSUMS = "checksums.json"
BLOCK_BYTES = 2**24

log = logging.getLogger(__name__)


def checkpoints(out: Path) -> list[Path]:
    """Return the complete checkpoints of a run, oldest first."""
    found = (folder for folder in (out / "checkpoints").glob("step-*") if folder.name[5:].isdecimal())
    return sorted(found, key=lambda folder: int(folder.name[5:]))


def save_checkpoint(accelerator: Accelerator, out: Path, clock: Clock, kept: int = CHECKPOINTS_KEPT) -> Path:
    """Write a checkpoint beside the others and rename it into place, so that a crash leaves only whole ones.

    Args:
        kept: how many of the newest stay.
    Raises:
        TrainingError: it could not be written, for example on a full disk; nothing of it is left.
    """
    folder = out / "checkpoints" / f"step-{clock.step}"
    partial = out / "checkpoints" / f".partial-{clock.step}"
    if accelerator.is_main_process:
        _remove_partial(out)
    accelerator.wait_for_everyone()
    try:
        accelerator.save_state(str(partial), safe_serialization=True)
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            (partial / CHECKSUMS).write_text(json.dumps(_checksums(partial)))
    except (OSError, RuntimeError) as error:  # torch says of a full disk that its writer failed, a RuntimeError
        shutil.rmtree(partial, ignore_errors=True)
        raise TrainingError(_write_error_text(out, clock, error)) from error
    except Exception as error:  # safetensors' own error class is bare
        shutil.rmtree(partial, ignore_errors=True)
        if type(error).__module__.startswith("safetensors"):
            raise TrainingError(_write_error_text(out, clock, error)) from error
        raise
    if accelerator.is_main_process:
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
        for old in checkpoints(out)[:-kept]:
            shutil.rmtree(old)
    accelerator.wait_for_everyone()
    return folder


def load_newest(accelerator: Accelerator, out: Path) -> Path | None:
    """Load the newest checkpoint that can be read, and set damaged ones behind it aside; None where there are none.

    Raises:
        TrainingError: there are checkpoints and none fits, with the reason of each.
    """
    reasons: dict[Path, str] = {}
    for folder in reversed(checkpoints(out)):
        reason = _load(accelerator, folder)
        if not _any_process(accelerator, reason is not None):
            for damaged, why in reasons.items():
                log.warning("%s cannot be used (%s); the run goes on from %s", damaged, why, folder.name)
                if accelerator.is_main_process:
                    shutil.rmtree(damaged.with_name(f"damaged-{damaged.name}"), ignore_errors=True)
                    damaged.rename(damaged.with_name(f"damaged-{damaged.name}"))
            accelerator.wait_for_everyone()
            return folder
        reasons[folder] = reason or "another process could not read it"
    if not reasons:
        return None
    listed = "; ".join(f"{folder.name}: {reason}" for folder, reason in reasons.items())
    raise TrainingError(
        f"no checkpoint of {out} can be used. {listed}. Give the recipe that the run was begun with, or begin anew "
        "with another --out."
    )


def _load(accelerator: Accelerator, folder: Path) -> str | None:
    """Load a checkpoint; return why that failed, None where it did not."""
    try:
        sums = folder / CHECKSUMS
        if sums.is_file():  # checkpoints of earlier versions have none
            expected, found = json.loads(sums.read_text()), _checksums(folder)
            if wrong := [name for name, facts in expected.items() if found.get(name) != facts]:
                return f"it is damaged: {', '.join(wrong)} is missing or not what was written"
        accelerator.load_state(str(folder))
    except Exception as error:  # of a damaged file the readers raise whatever they meet in it
        return " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return None


def _any_process(accelerator: Accelerator, failed: bool) -> bool:
    if accelerator.num_processes == 1:
        return failed
    return bool(accelerator.reduce(torch.tensor(float(failed), device=accelerator.device), "sum") > 0)


def _checksums(folder: Path) -> dict[str, list[int]]:
    """Return the size and CRC-32 of every file of a checkpoint."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.name == CHECKSUMS or not path.is_file():
            continue
        crc = 0
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                crc = zlib.crc32(block, crc)
        found[path.name] = [path.stat().st_size, crc]
    return found


def _remove_partial(out: Path) -> None:
    """Remove unfinished checkpoints of killed processes."""
    for partial in (out / "checkpoints").glob(".partial-*"):
        shutil.rmtree(partial)


def _write_error_text(out: Path, clock: Clock, error: Exception) -> str:
    last = checkpoints(out)
    free = shutil.disk_usage(out).free / 2**30
    return (
        f"the checkpoint of step {clock.step} could not be written into {out} ({error}); {free:.2f} GiB are free. "
        f"{f'The last good checkpoint is {last[-1]}' if last else 'There is no checkpoint yet'}. "
        "Make room and give the same command again."
    )
