"""The check of a cut before anything runs: whether it can be a prompt, and its level, clipping and silence in words."""

from dataclasses import dataclass, field, replace

from torch import Tensor

from undertone.app.shared.noise import BackgroundNoise, background_noise
from undertone.app.shared.prompt_clip import PromptClip
from undertone.app.shared.widgets import Note
from undertone.engine import AudioError, AudioLimits
from undertone.engine.audio.acoustics import level
from undertone.engine.audio.reading import CheckedPrompt, cut, cut_prompt
from undertone.engine.audio.repairs import remove_offset

QUIET_DB = -38.0  # of the frames with speech; the model was trained near -26 dB
CLIPPED_FRACTION = 0.0005
SILENT_FRACTION = 0.6


@dataclass(frozen=True)
class CutCheck:
    """The check of a part of a clip.

    Attributes:
        clip: the whole recording.
        start_seconds, end_seconds: the part that was asked for.
        note: what to say of it.
        prompt: what the engine analyses; None where the part cannot be a prompt.
        background: what lies under the voice.
    """

    clip: PromptClip
    start_seconds: float
    end_seconds: float
    note: Note
    prompt: CheckedPrompt | None
    background: BackgroundNoise = field(default_factory=BackgroundNoise)

    def is_of(self, clip: PromptClip, start: float, end: float | None) -> bool:
        """Return whether this is the check of a clip's part between two times."""
        return self.clip is clip and (self.start_seconds, self.end_seconds) == (start, end)


def check_cut(clip: PromptClip, start: float, length: float, limits: AudioLimits) -> CutCheck:
    """Cut, check and resample the part of a clip that would become the prompt."""
    end = start + length
    try:
        prompt = cut_prompt(clip.waveform, clip.sample_rate_hz, start, end, limits)
    except AudioError as error:
        return CutCheck(clip, start, end, Note("problem", str(error)), None)
    part = remove_offset(cut(clip.waveform, clip.sample_rate_hz, start, end))
    noise = background_noise(prompt.samples)
    note = describe(part, clip.sample_rate_hz, noise)
    if clip.repairs:
        note = replace(note, text=f"{note.text} The clip had {', and '.join(clip.repairs)}.")
    return CutCheck(clip, start, end, note, prompt, noise)


def describe(part: Tensor, sample_rate_hz: int, noise: BackgroundNoise) -> Note:
    """Return a note on the level, the clipping, the silence and the background noise of a prompt.

    Args:
        part: [samples] at the recording's own rate, where clipping is seen.
        noise: of the same part.
    """
    measured = level(part, sample_rate_hz)
    if measured.clipped_fraction > CLIPPED_FRACTION:
        share = 100 * measured.clipped_fraction
        return Note("warning", f"{share:.1f} % of the samples are clipped. It will work; a lower level is better.")
    if measured.silent_fraction > SILENT_FRACTION:
        share = 100 * measured.silent_fraction
        return Note("warning", f"{share:.0f} % of this part is silence. Move the cut to where you speak.")
    if measured.rms_db < QUIET_DB:
        return Note("warning", f"Quiet: speech at {measured.rms_db:.0f} dB. A closer microphone is better.")
    if noise.hum_db is not None:
        return Note(
            "warning",
            f"Hum of {noise.hum_hz:.0f} Hz at {noise.hum_db:.0f} dB, from the mains. The model may take it for a part "
            "of the voice: take it away here, or move cables and power supplies away.",
        )
    if noise.noise_db is not None:
        return Note(
            "warning",
            f"Noise at {noise.noise_db:.0f} dB under the speech. The model may take it for a part of the voice: a "
            "quieter room or a closer microphone is better.",
        )
    clipping = ", no clipping" if measured.clipped_fraction == 0 else ""
    speech, peak = round(measured.rms_db), round(measured.peak_db)  # integers: there is no -0
    return Note("good", f"Good level: speech at {speech} dB, loudest sample at {peak} dB{clipping}.")
