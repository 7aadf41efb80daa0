"""Links to takes: opened, with the prompt where it was shared; shared after the visitor agreed, and withdrawn."""

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import torch
from torch import Tensor

from undertone.app.continue_page.takes import TakeCards, show_boundary
from undertone.app.shared.context import Context
from undertone.app.shared.shared_prompts import KEPT_DAYS
from undertone.app.shared.visitor import FinishedRun, Visit
from undertone.app.shared.widgets import QUIET
from undertone.engine import AudioError, AudioLimits, UndertoneError, check_prompt
from undertone.engine.audio.wav import float_wav
from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.engine.generation.saved_sound import sample_bytes

MOST_SHARED = 32  # prompts of one visit
GONE = f"The prompt of this link is gone: it was kept for {KEPT_DAYS} days, or withdrawn. Choose the same clip."


def bind_take_links(
    context: Context,
    visit: gr.State,
    library: gr.HTML,
    cards: TakeCards,
    outputs: list[Any],
    show_link: Callable[[Visit, str, str], list[Any]],
) -> None:
    """Bind the opening of links, the sharing of prompts, and its withdrawal.

    Args:
        outputs: what `show_link` updates for the settings, JSON text, and the name of the prompt, or "".
    """

    def open_link(visit: Visit, event: gr.EventData) -> list[Any]:
        return show_link(visit, event_text(event, "settings"), event_text(event, "prompt"))

    def withdraw(visit: Visit, event: gr.EventData) -> dict[str, str]:
        return withdraw_prompt(context, visit, event_text(event, "key"))

    library.select(open_link, visit, outputs, **QUIET)
    library.delete(withdraw, visit, library, **QUIET)
    for index, card in enumerate(cards.cards):

        def share(visit: Visit, event: gr.EventData, index: int = index) -> Any:
            return share_prompt(context, visit, index, event_text(event, "take"))

        card.boundary.input(share, visit, card.boundary, **QUIET)


def event_text(event: gr.EventData, name: str) -> str:
    """Return a text that a page's script sent with an event; "" where it sent none, or something else."""
    try:
        value = getattr(event, name, "")
    except TypeError:  # the event came without anything
        return ""
    return value if isinstance(value, str) else ""


def open_linked_prompt(context: Context, visit: Visit, name: str) -> str | None:
    """Return the path of a shared prompt in the visitor's own folder; None where it is not there any more.

    The one that was opened before is deleted.

    Raises:
        UndertoneError: whoever keeps it does not answer.
    """
    samples = None if context.shared_prompts is None else context.shared_prompts.fetch_prompt(name)
    if samples is None:
        return None
    folder = visit.folder / f"linked-{secrets.token_hex(4)}"
    folder.mkdir()
    path = folder / "shared-prompt.wav"
    path.write_bytes(float_wav(samples))
    before, visit.linked_path = visit.linked_path, str(path)
    if before is not None:
        shutil.rmtree(Path(before).parent, ignore_errors=True)
    return visit.linked_path


def share_prompt(context: Context, visit: Visit, index: int, take: str) -> Any:
    """Keep the prompt of a shown take for others; return the update of its boundary, with the key or what hindered it.

    Args:
        take: its name, as the page knows it.
    """
    run = visit.shown
    if run is None or index not in range(len(run.takes)) or take != visit.take_name(index):
        return gr.skip()  # another run is shown by now
    problem = ""
    try:
        with visit.sharing:  # two takes of a run have one prompt, and it has one key
            if run.number not in visit.shared_keys:
                visit.shared_keys[run.number] = _shared_key(context, visit, run)
    except UndertoneError as error:
        problem = str(error)
    return show_boundary(context, visit, index, problem)


def _shared_key(context: Context, visit: Visit, run: FinishedRun) -> str:
    if context.shared_prompts is None or run.prompt is None:
        raise UndertoneError("this site keeps no prompts. Share the settings alone.")
    if len(visit.shared_keys) >= MOST_SHARED:
        raise UndertoneError(f"{MOST_SHARED} prompts were shared from this page. Reload it to share more.")
    check_readable(run.prompt.samples, context.limits)
    return context.shared_prompts.share_prompt(sample_bytes(run.prompt.samples))


def check_readable(prompt: Tensor, limits: AudioLimits) -> None:
    """Check that a prompt [samples] at 16 kHz is the same, bit for bit, when it is read as a clip.

    Raises:
        UndertoneError: it lies so near to a limit that a check of it decides otherwise than the check of its recording.
    """
    try:
        is_same = torch.equal(check_prompt(prompt, SAMPLE_RATE_HZ, limits), prompt)
    except AudioError:
        is_same = False
    if not is_same:
        raise UndertoneError("this prompt would not be heard as the same one again. Share the settings alone.")


def withdraw_prompt(context: Context, visit: Visit, key: str) -> dict[str, str]:
    """Delete a shared prompt, of this visit or an earlier one in the same browser.

    Returns:
        The value of the library: the key that is done with, "" where nothing could be deleted, and what to say.
    """
    try:
        was_kept = context.shared_prompts is not None and context.shared_prompts.withdraw_prompt(key)
    except UndertoneError as error:
        return {"key": "", "said": str(error)}
    with visit.sharing:
        visit.shared_keys = {run: shared for run, shared in visit.shared_keys.items() if shared != key}
    deleted, gone = "The prompt is deleted. Its link has the settings alone.", "The prompt was not there any more."
    return {"key": key, "said": deleted if was_kept else gone}
