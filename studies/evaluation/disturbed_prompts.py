"""Prompts that are no clean speech of a grown-up: does the voice answer them without breaking?

Each is made of a clean prompt, so that what differs is the disturbance alone. [samples] at the model's rate.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torchaudio
from torch import Tensor

from undertone.engine import AudioError, Take
from undertone.engine.audio.acoustics import level
from undertone.engine.audio.disturbances import (
    add_reverberation,
    as_loud_as,
    coloured_noise,
    hum,
    level_below,
    limit_band,
)
from undertone.engine.audio.loudness import integrated_loudness
from undertone.studies.evaluation.context import EvaluationContext
from undertone.studies.evaluation.continuations import PROMPT_SECONDS
from undertone.studies.evaluation.results import DisturbedPrompts
from undertone.studies.measures.heldout import HeldOut, read_trimmed

CHILD = 1.3  # times the pitch and the formants
ENVELOPE_QUEFRENCIES = 32  # of a whisper: what is finer is the pitch


@dataclass(frozen=True)
class Ingredients:
    """What disturbed prompts are made of."""

    speech: Tensor  # longer than a prompt by `CHILD`, where the recording is
    other: Tensor  # of another speaker
    rate_hz: int

    @property
    def prompt(self) -> Tensor:
        return self.speech[: round(PROMPT_SECONDS * self.rate_hz)]


def _noisy(given: Ingredients) -> Tensor:
    prompt = given.prompt
    return prompt + coloured_noise(len(prompt), -3.0, given.rate_hz) * level_below(prompt, 5.0)


def _humming(given: Ingredients) -> Tensor:
    prompt = given.prompt
    return prompt + hum(len(prompt), given.rate_hz) * level_below(prompt, 5.0)


def _reverberant(given: Ingredients) -> Tensor:
    return add_reverberation(given.prompt, 0.7, 1.0, given.rate_hz)


def _music(given: Ingredients) -> Tensor:
    """Return three chords of four tones with six harmonics each, as loud as the prompt."""
    prompt = given.prompt
    time = torch.arange(len(prompt)) / given.rate_hz
    chords = ((0, 4, 7, 12), (5, 9, 12, 17), (7, 11, 14, 19))  # semitones above 220 Hz
    parts = []
    for number, times in enumerate(time.tensor_split(len(chords))):
        hz = [220.0 * 2 ** (semitones / 12) for semitones in chords[number]]
        tones = [torch.sin(2 * math.pi * h * tone * times) / h for tone in hz for h in range(1, 7)]
        parts.append(torch.stack(tones).sum(0) * torch.exp(-1.5 * (times - times[0])))
    sound = torch.cat(parts)
    return as_loud_as(sound, prompt)


def _whispered(given: Ingredients) -> Tensor:
    """Return the prompt with its envelope of the spectrum, filled with noise instead of a voice."""
    prompt, size = given.prompt, 512
    window = torch.hann_window(size)
    spectrum = torch.stft(prompt, size, size // 4, window=window, return_complex=True)
    cepstrum = torch.fft.irfft((spectrum.abs() + 1e-5).log(), dim=0)
    cepstrum[ENVELOPE_QUEFRENCIES : size - ENVELOPE_QUEFRENCIES + 1] = 0.0
    envelope = torch.fft.rfft(cepstrum, dim=0).real.exp()
    noise = torch.stft(torch.randn(len(prompt)), size, size // 4, window=window, return_complex=True)
    sound = torch.istft(envelope * noise, size, size // 4, window=window, length=len(prompt))
    return as_loud_as(sound, prompt)


def _child(given: Ingredients) -> Tensor:
    """Return speech played faster: pitch and formants are higher."""
    fast = torchaudio.functional.resample(given.speech, round(given.rate_hz * CHILD), given.rate_hz)
    return fast[: len(given.prompt)]


def _two_speakers(given: Ingredients) -> Tensor:
    prompt, other = given.prompt, given.other[: len(given.prompt)]
    both = prompt.clone()
    both[: len(other)] += as_loud_as(other, prompt)
    return both


# Speech played backwards stands for a language that nobody speaks: its sounds are of voices, and no word is known.
DISTURBANCES: dict[str, Callable[[Ingredients], Tensor]] = {
    "clean speech": lambda given: given.prompt,
    "noise, 5 dB below the speech": _noisy,
    "hum, 5 dB below the speech": _humming,
    "a room with an echo of 0.7 s": _reverberant,
    "a telephone line, 300 to 3400 Hz": lambda given: limit_band(given.prompt, 300.0, 3400.0, given.rate_hz),
    "30 dB softer": lambda given: given.prompt * 10 ** (-30 / 20),
    "overdriven by 20 dB": lambda given: (10 * given.prompt).clamp(-1.0, 1.0),
    "whispering": _whispered,
    "a child's voice": _child,
    "two speakers at once": _two_speakers,
    "speech played backwards": lambda given: given.prompt.flip(0),
    "music": _music,
    "noise alone": lambda given: 0.05 * torch.randn(len(given.prompt)),
}


def disturbed_prompts(
    measuring: EvaluationContext, clips: list[HeldOut], seconds: float
) -> Iterator[tuple[str, DisturbedPrompts]]:
    """Yield each disturbance with what is answered to prompts of these clips; nothing where there are no clips.

    Args:
        clips: whose first seconds are disturbed.
        seconds: of each continuation, at most.
    """
    rate = measuring.engine.sample_rate_hz
    longest = round(PROMPT_SECONDS * CHILD * rate)
    voices = [read_trimmed(measuring.engine, clip)[:longest] for clip in clips]
    for name, disturb in DISTURBANCES.items() if clips else ():
        takes: list[Take] = []
        for index, speech in enumerate(voices):
            seed = measuring.seed + index
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                sound = disturb(Ingredients(speech, voices[index - 1], rate))
            try:
                prompt = measuring.engine.analyse(sound.clamp(-1.0, 1.0), rate)
                takes.append(measuring.engine.continue_(prompt, seconds, measuring.sampling, seed))
            except AudioError:
                continue
        yield name, _answers(takes, len(clips), rate)


def _answers(takes: list[Take], num_prompts: int, rate_hz: int) -> DisturbedPrompts:
    refused = num_prompts - len(takes)
    if not takes:
        return DisturbedPrompts(prompts=num_prompts, refused=refused)
    sounds = [take.continuation_audio for take in takes]
    loudness = [lufs for sound in sounds if (lufs := integrated_loudness(sound, rate_hz)) is not None]
    return DisturbedPrompts(
        prompts=num_prompts,
        refused=refused,
        peak=max(float(sound.abs().max()) for sound in sounds),
        loudness_lufs=sum(loudness) / len(loudness) if loudness else None,
        loudest_lufs=max(loudness, default=None),
        silent=sum(level(sound, rate_hz).silent_fraction for sound in sounds) / len(sounds),
        ended=sum(take.ended != "limit" for take in takes) / len(takes),
    )
