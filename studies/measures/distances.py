"""Distances between two recordings of the same words and length: spectrum, pitch, energy.

No time warping: what the model makes has the frames of what it was made from. T frames at 50 Hz, K frequency bins.
"""

import torch
from torch import Tensor

from undertone.engine.audio.acoustics import Pitch, energy_db, pitch
from undertone.engine.audio.mel import LogMel
from undertone.engine.config import MelConfig
from undertone.studies.measures.intervals import ShareEstimate
from undertone.studies.measures.mel_cepstrum import mel_cepstra, mel_cepstral_distances

MIN_VOICED_FRAMES = 10  # fewer say nothing about a correlation
SPECTRUM_RANGE_DB = 60.0  # below the clip's loudest bin, differences are not heard


class Reference:
    """The recording that every rendering of a clip is compared with, analysed once.

    Args:
        waveform: float32 [samples] at 16 kHz.
    """

    def __init__(self, waveform: Tensor, mel: MelConfig = MelConfig()) -> None:
        self.waveform = waveform
        self._log_mel = LogMel(mel)
        self.mel: Tensor = self._log_mel(waveform)
        self.decibels = _decibels(waveform, mel)
        self.floor_db = float(self.decibels.max()) - SPECTRUM_RANGE_DB
        self.pitch = pitch(waveform)
        self.energy_db = energy_db(waveform)
        self._config = mel
        self._cepstra = mel_cepstra(waveform.numpy())

    def compare(self, waveform: Tensor) -> dict[str, ShareEstimate]:
        """Return the distances of a rendering at least as long as the reference; what is longer is ignored."""
        waveform = waveform[: len(self.waveform)]
        mel_difference = (self._log_mel(waveform) - self.mel).abs().mean(1)
        spectral = _decibels(waveform, self._config).clamp_min(self.floor_db) - self.decibels.clamp_min(self.floor_db)
        distortion = mel_cepstral_distances(self._cepstra, mel_cepstra(waveform.numpy()))
        distances = {
            "mel_distance_nats": _mean(mel_difference),
            "log_spectral_distance_db": _mean(spectral.square().mean(1).sqrt()),
            "mcd_db": ShareEstimate(float(distortion.sum()), len(distortion)),
            "energy_correlation": _correlation(self.energy_db, energy_db(waveform)),
        }
        return distances | compare_pitch(self.pitch, pitch(waveform))


def compare_pitch(reference: Pitch, other: Pitch) -> dict[str, ShareEstimate]:
    """Return the F0 error on frames voiced in both, and the share of frames voiced in one only."""
    both = reference.voiced & other.voiced
    first, second = reference.hz[both], other.hz[both]
    semitones = 12 * torch.log2(second / first)
    return {
        "f0_rmse_hz": _mean((second - first).square()),  # the root is taken of the mean over all clips
        "f0_rmse_semitones": _mean(semitones.square()),
        "f0_correlation": _correlation(first, second),
        "voicing_error": _mean((reference.voiced != other.voiced).float()),
    }


def _mean(values: Tensor) -> ShareEstimate:
    return ShareEstimate(float(values.double().sum()), values.numel())


def _correlation(first: Tensor, second: Tensor) -> ShareEstimate:
    """Return the Pearson correlation within the clip, counted once; a count of 0 where there are too few values."""
    if first.numel() < MIN_VOICED_FRAMES or first.std() < 1e-6 or second.std() < 1e-6:
        return ShareEstimate(0.0, 0)
    return ShareEstimate(float(torch.corrcoef(torch.stack([first, second]).double())[0, 1]), 1)


def _decibels(waveform: Tensor, mel: MelConfig) -> Tensor:
    """Return spectral magnitudes [T, K] in dB."""
    spectrum = torch.stft(
        waveform,
        mel.window_samples,
        mel.hop_samples,
        window=torch.hann_window(mel.window_samples),
        return_complex=True,
    )
    return 20 * spectrum.abs().T.clamp_min(1e-6).log10()
