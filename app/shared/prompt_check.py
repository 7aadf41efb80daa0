"""Says before anything runs whether a cut will do as a prompt: its level, clipping and silence, in words."""

from undertone.app.shared.noise import background_noise
from undertone.app.shared.visitor import PromptClip
from undertone.app.shared.widgets import Note
from undertone.engine import AudioError, AudioLimits, check_prompt
from undertone.engine.audio.acoustics import level
from undertone.engine.audio.repairs import remove_offset

QUIET_DB = -38.0  # of the frames with speech; the model was trained near -26 dB
CLIPPED_FRACTION = 0.0005
SILENT_FRACTION = 0.6


def check_cut(clip: PromptClip, start: float, length: float, limits: AudioLimits) -> Note:
    """Judge the part of a clip that would become the prompt."""
    try:
        part = clip.cut(start, length)
        check_prompt(part, clip.sample_rate_hz, limits)
    except AudioError as error:
        return Note("problem", str(error))
    part = remove_offset(part)
    measured = level(part, clip.sample_rate_hz)
    if measured.clipped_fraction > CLIPPED_FRACTION:
        share = 100 * measured.clipped_fraction
        return Note("warning", f"{share:.1f} % of the samples are clipped. It will work; a lower level is better.")
    if measured.silent_fraction > SILENT_FRACTION:
        share = 100 * measured.silent_fraction
        return Note("warning", f"{share:.0f} % of this part is silence. Move the cut to where you speak.")
    if measured.rms_db < QUIET_DB:
        return Note("warning", f"Quiet: speech at {measured.rms_db:.0f} dB. A closer microphone is better.")
    heard = background_noise(part, clip.sample_rate_hz)
    if heard.hum_db is not None:
        return Note(
            "warning",
            f"Hum of {heard.hum_hz:.0f} Hz at {heard.hum_db:.0f} dB, from the mains. The model may take it for a part "
            "of the voice: move cables and power supplies away, or use another microphone.",
        )
    if heard.noise_db is not None:
        return Note(
            "warning",
            f"Noise at {heard.noise_db:.0f} dB under the speech. The model may take it for a part of the voice: a "
            "quieter room or a closer microphone is better.",
        )
    clipping = ", no clipping" if measured.clipped_fraction == 0 else ""
    speech, peak = round(measured.rms_db), round(measured.peak_db)  # integers: there is no -0
    return Note("good", f"Good level: speech at {speech} dB, loudest sample at {peak} dB{clipping}.")
