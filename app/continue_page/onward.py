"""A take whose end becomes the next prompt: "Go on from here"."""

import math
import secrets
import shutil

from undertone.app.continue_page.takes import run_files
from undertone.app.shared.visitor import OnwardPrompt, Visit
from undertone.engine import Engine, SettingsError, Take, TakeSettings
from undertone.engine.config import SAMPLE_RATE_HZ

MOST_LINKS = 16  # takes of a chain: the settings of each hold those of all before it


def onward_prompt(visit: Visit, index: int, seconds: float, engine: Engine) -> OnwardPrompt | None:
    """Return the end of a take as the prompt of the next, as long as the model's positions allow; None without a take.

    The sound is the take's lossless wav, so that a replay with the saved sound finds the same prompt.

    Args:
        seconds: of continuation that must fit behind it.
    Raises:
        SettingsError: the chain is too long.
    """
    run = visit.shown
    if run is None or index not in range(len(run.takes)):
        return None
    take = run.takes[index]
    if chain_length(take.settings) >= MOST_LINKS:
        raise SettingsError(
            f"this take is the {MOST_LINKS}th of a chain; a chain has at most {MOST_LINKS}. "
            "Save its sound and choose it as a clip to go on."
        )
    total = len(take.audio) / SAMPLE_RATE_HZ
    longest = min(total, max(engine.limits.min_seconds, engine.max_seconds - seconds), engine.limits.max_seconds)
    start = math.ceil(100 * (total - longest) - 1e-6) / 100
    wav = run_files(visit, run, index).wav
    folder = visit.folder / f"onward-{secrets.token_hex(4)}"  # a copy: the run may go while its take is the clip
    folder.mkdir()
    path = folder / wav.name
    shutil.copyfile(wav, path)
    before, visit.onward = visit.onward, OnwardPrompt(str(path), start, round(total - start, 2), take.settings)
    if before is not None:
        shutil.rmtree(visit.folder / before.folder_name, ignore_errors=True)
    return visit.onward


def with_prompt_take(takes: tuple[Take, ...], visit: Visit, path: str | None) -> list[Take]:
    """Return the takes; where the prompt is the sound of another take, their settings say of which.

    Args:
        path: of the clip that the prompt was cut from.
    """
    parent = visit.onward.settings if visit.onward is not None and visit.onward.path == path else None
    saved = visit.saved
    if parent is None and saved is not None and saved.prompt_sha256 == takes[0].settings.prompt_sha256:
        parent = saved.prompt_take  # the saved prompt again
    if parent is None:
        return list(takes)
    return [take.with_settings(prompt_take=parent) for take in takes]


def chain_length(settings: TakeSettings) -> int:
    """Return how many takes made a take, with itself: 1 where its prompt was a recording."""
    length = 1
    while settings.prompt_take is not None:
        settings, length = settings.prompt_take, length + 1
    return length
