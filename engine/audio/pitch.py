"""Pitch (F0) of a waveform on the model's 50 Hz frames, by CREPE.

T frames at 50 Hz, N pitch bins of 20 cents. Frame t is centred on sample t * 320, as the mel spectrogram's frames are.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from undertone.engine.audio.crepe import WINDOW_SAMPLES, crepe
from undertone.engine.config import HOP_SAMPLES, SAMPLE_RATE_HZ

MIN_HZ, MAX_HZ = 50.0, 550.0  # speaking voices; torchcrepe's own upper default (2006 Hz) lets overtones win
VOICED_PERIODICITY = 0.21  # the paper's evaluation: periodicity above this, after a median over 3 frames ...
SILENT_LOUDNESS_DB = -60.0  # ... and A-weighted loudness above this
CENTS_PER_BIN = 20
CENTS_OF_BIN_0 = 1997.3794084376191  # CREPE's grid, in cents above 10 Hz
MAX_JUMP_BINS = 12  # Viterbi transition: a triangle of this half-width, as torchcrepe's
FRAMES_PER_BATCH = 64  # fits the cache: a third faster than one large batch


@dataclass(frozen=True)
class Pitch:
    """F0 of an utterance.

    Attributes:
        hz: [T] fundamental frequency, NaN where unvoiced.
        periodicity: [T] CREPE's confidence in [0, 1] after the median filter, 0 in silence.
    """

    hz: Tensor
    periodicity: Tensor

    @property
    def voiced(self) -> Tensor:
        """Return bool [T], True where the frame has a pitch."""
        return ~self.hz.isnan()


def num_frames(num_samples: int) -> int:
    """Return the frames of a waveform: ceil(samples / 320), as many as its mel spectrogram has."""
    return math.ceil(num_samples / HOP_SAMPLES)


@torch.inference_mode()
def pitch(waveform: Tensor) -> Pitch:
    """Return F0 by CREPE "tiny" (arXiv 1802.06182) and Viterbi, voiced as in the paper's reconstruction metrics.

    Deterministic, unlike torchcrepe.predict, which dithers its result with the global random state.

    Args:
        waveform: [samples] float32 at 16 kHz.
    """
    frames = num_frames(len(waveform))
    if frames == 0:
        return Pitch(torch.zeros(0), torch.zeros(0))
    probabilities = _pitch_probabilities(waveform)[:frames]  # [T, N]
    bins = _viterbi(probabilities.clamp_min(0))
    periodicity = _median_of_3(probabilities.gather(1, bins[:, None])[:, 0])
    periodicity = torch.where(_a_weighted_db(waveform)[:frames] < SILENT_LOUDNESS_DB, 0.0, periodicity)
    hz = torch.where(periodicity > VOICED_PERIODICITY, _refined_hz(probabilities, bins), torch.nan)
    return Pitch(hz, periodicity)


def pitch_contour(hz: Tensor) -> Tensor:
    """Return the pitch as a model reads it: ln(1 + F0) less its mean over the voiced frames, 0 where unvoiced.

    Args:
        hz: [T], 0 or NaN where unvoiced.
    """
    voiced = hz > 0
    log_hz = torch.where(voiced, hz, 0.0).log1p()
    mean = log_hz.sum() / voiced.sum().clamp_min(1)
    return torch.where(voiced, log_hz - mean, 0.0)


def _pitch_probabilities(waveform: Tensor) -> Tensor:
    """Return the probability of each pitch bin, [T or T + 1, N], -inf outside the range of speaking voices."""
    network = crepe()
    padded = F.pad(waveform.float(), (WINDOW_SAMPLES // 2, WINDOW_SAMPLES // 2))
    windows = padded.unfold(0, WINDOW_SAMPLES, HOP_SAMPLES)
    windows = windows - windows.mean(dim=1, keepdim=True)
    windows = windows / windows.std(dim=1, keepdim=True).clamp_min(1e-10)
    probabilities = torch.cat([network(batch) for batch in windows.split(FRAMES_PER_BATCH)])
    cents = CENTS_OF_BIN_0 + CENTS_PER_BIN * torch.arange(probabilities.shape[1])
    hz = 10 * 2 ** (cents / 1200)
    return probabilities.masked_fill((hz < MIN_HZ) | (hz > MAX_HZ), -torch.inf)


def _viterbi(probabilities: Tensor) -> Tensor:
    """Return the likeliest path of bins [T], a step's probability falling off linearly over 12 bins (240 cents)."""
    emission = torch.where(probabilities > 0, probabilities, -torch.inf).softmax(dim=1).clamp_min(1e-30).log()
    num_bins = emission.shape[1]
    reach = MAX_JUMP_BINS - 1
    offsets = torch.arange(-reach, reach + 1)
    step = (MAX_JUMP_BINS - offsets.abs()).float().log()  # [2 * reach + 1]
    score, choices = emission[0], []
    for frame in emission[1:]:
        reachable = F.pad(score, (reach, reach), value=-torch.inf).unfold(0, len(offsets), 1) + step
        best, choice = reachable.max(dim=1)
        choices.append(choice)
        score = best + frame
    path = [int(score.argmax())]
    for choice in reversed(choices):
        path.append(min(num_bins - 1, max(0, path[-1] + int(offsets[choice[path[-1]]]))))
    return torch.tensor(path[::-1])


def _refined_hz(probabilities: Tensor, bins: Tensor) -> Tensor:
    """Return the frequency between the bins [T]: the average of nine bins around the path, weighted by probability."""
    near = (bins[:, None] + torch.arange(-4, 5)).clamp(0, probabilities.shape[1] - 1)
    weights = probabilities.gather(1, near).clamp_min(1e-9)
    cents = ((CENTS_OF_BIN_0 + CENTS_PER_BIN * near) * weights).sum(dim=1) / weights.sum(dim=1)
    return 10 * 2 ** (cents / 1200)


def _median_of_3(values: Tensor) -> Tensor:
    padded = F.pad(values[None], (1, 1), mode="replicate")[0]
    return padded.unfold(0, 3, 1).median(dim=-1).values


def _a_weighted_db(waveform: Tensor) -> Tensor:
    """Return the A-weighted loudness [T or T + 1] on torchcrepe's scale: weighted dB - 20, mean over frequencies."""
    spectrum = torch.stft(
        waveform.float(),
        WINDOW_SAMPLES,
        HOP_SAMPLES,
        window=torch.hann_window(WINDOW_SAMPLES),
        center=True,
        pad_mode="constant",
        return_complex=True,
    ).abs()
    decibels = 20 * spectrum.clamp_min(1e-5).log10()
    decibels = decibels.clamp_min(float(decibels.max()) - 80)  # librosa's default dynamic range
    return (decibels + _a_weights()[:, None] - 20).clamp_min(-100).mean(dim=0)


@lru_cache(maxsize=1)
def _a_weights() -> Tensor:
    """Return the IEC 61672 A-weighting [513] in dB of the loudness window's frequencies, at least -80."""
    square = torch.linspace(0, SAMPLE_RATE_HZ / 2, WINDOW_SAMPLES // 2 + 1).double().square().clamp_min(1e-12)
    c = [pole**2 for pole in (12194.217, 20.598997, 107.65265, 737.86223)]
    gain = c[0] * square**2 / ((square + c[0]) * (square + c[1]) * ((square + c[2]) * (square + c[3])).sqrt())
    return (20 * gain.log10() + 2.0).clamp_min(-80).float()
