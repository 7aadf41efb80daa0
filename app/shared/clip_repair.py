"""The hum of the mains taken away from the chosen part of a clip, when the visitor asks; the clip itself comes back."""

import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import torch
from torch import Tensor

from undertone.app.shared.prompt_check import CutCheck
from undertone.app.shared.prompt_clip import RepairedClip
from undertone.app.shared.visitor import ClipHolder
from undertone.app.shared.widgets import QUIET
from undertone.engine import AudioError
from undertone.engine.audio.hum import remove_hum
from undertone.engine.audio.reading import cut, resample
from undertone.engine.audio.wav import float_wav
from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.engine.generation.saved_sound import sample_bytes

AROUND_SECONDS = 1.0  # of the clip before and after the part, in which a filter settles
GONE = "the clip as it was is not here any more. Choose it again."


@dataclass(frozen=True)
class ClipRepair:
    """The widgets: what takes the hum away, what brings the clip back, and the repaired clip to save."""

    repair: gr.Button
    back: gr.Button
    save: gr.DownloadButton

    @property
    def outputs(self) -> list[Any]:
        return [self.repair, self.back, self.save]


def build_clip_repair(prefix: str) -> ClipRepair:
    """Lay the buttons out, each hidden until there is something for it to do."""
    with gr.Row(elem_classes="clip-repair"):
        repair = gr.Button("Take the hum away", size="sm", visible=False, elem_id=f"{prefix}clip-repair", min_width=140)
        back = gr.Button(
            "Use the clip as it was", size="sm", visible=False, elem_id=f"{prefix}clip-back", min_width=140
        )
        save = gr.DownloadButton(
            "Save the repaired clip", size="sm", visible=False, elem_id=f"{prefix}clip-save", min_width=140
        )
    return ClipRepair(repair, back, save)


def show_clip_repair(holder: ClipHolder, check: CutCheck | None) -> list[Any]:
    """Return one update for each of `ClipRepair.outputs`.

    Args:
        check: of the part that is chosen; None without a clip.
    """
    repaired = holder.repaired
    path = None if repaired is None else repaired.path
    return [
        gr.update(visible=check is not None and hums(check)),
        gr.update(visible=repaired is not None),
        gr.update(visible=repaired is not None, value=path),
    ]


def hums(check: CutCheck) -> bool:
    """Return whether a part of a clip that may be a prompt has the hum of the mains in it."""
    return check.prompt is not None and check.background.hum_hz is not None


def bind_clip_repair(
    widgets: ClipRepair,
    clip: gr.Audio,
    cut_inputs: list[Any],
    visit: gr.State,
    holder_of: Callable[[Any], ClipHolder],
    check: Callable[[float, float, ClipHolder], CutCheck | None],
) -> None:
    """Bind the buttons: each puts another clip into the widget, which is read as any clip is.

    Args:
        cut_inputs: the sliders with start and length in seconds.
    """

    def repair(start: float, length: float, visit: Any) -> Any:
        holder = holder_of(visit)
        found = check(start, length, holder)
        if found is None or not hums(found):
            return gr.skip()  # another clip came meanwhile
        return repair_clip(holder, found, visit.folder).path

    def bring_back(visit: Any) -> Any:
        return original_clip(holder_of(visit))

    widgets.repair.click(repair, [*cut_inputs, visit], clip, queue=False, show_progress="minimal")
    widgets.back.click(bring_back, visit, clip, **QUIET)


def repair_clip(holder: ClipHolder, check: CutCheck, folder: Path) -> RepairedClip:
    """Write the checked part of a clip without its hum, and note it as the clip that comes next.

    Args:
        folder: of the visit.
    """
    before = holder.repaired
    original = holder.clip_path if before is None else before.original
    mains_hz = check.background.hum_hz
    assert original is not None
    assert mains_hz is not None
    samples = part_without_hum(check, mains_hz)
    path = folder / f"repaired-{secrets.token_hex(4)}" / "repaired-clip.wav"
    path.parent.mkdir()
    path.write_bytes(float_wav(sample_bytes(samples)))
    start, length = check.start_seconds, check.end_seconds - check.start_seconds
    cut_before = (start, length) if before is None else (before.cut[0] + start, length)
    holder.repaired = RepairedClip(
        str(path), original, cut_before, (*check.clip.repairs, f"hum of {mains_hz:.0f} Hz, which was taken away")
    )
    holder.saved_cut = (0.0, len(samples) / SAMPLE_RATE_HZ)
    if before is not None:
        shutil.rmtree(Path(before.path).parent, ignore_errors=True)
    return holder.repaired


def original_clip(holder: ClipHolder) -> Any:
    """Return the path of the clip as it was before any repair, and let it be cut as it was.

    Raises:
        AudioError: its file has gone.
    """
    repaired = holder.repaired
    if repaired is None:
        return gr.skip()
    if not Path(repaired.original).is_file():
        raise AudioError(GONE)
    holder.saved_cut = repaired.cut
    return repaired.original


def part_without_hum(check: CutCheck, mains_hz: float) -> Tensor:
    """Return the checked part of a clip without its hum, [samples] at 16 kHz."""
    clip, start, end = check.clip, check.start_seconds, min(check.end_seconds, check.clip.seconds)
    first, last = max(0.0, start - AROUND_SECONDS), min(clip.seconds, end + AROUND_SECONDS)
    wide = resample(cut(clip.waveform, clip.sample_rate_hz, first, last), clip.sample_rate_hz)
    before = round((start - first) * SAMPLE_RATE_HZ)
    part = remove_hum(wide, mains_hz)[before : before + round((end - start) * SAMPLE_RATE_HZ)]
    return torch.clamp(part, -1.0, 1.0)
