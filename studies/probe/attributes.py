"""Attributes of speech that latents may change: of every frame, and of a clip against its reconstruction.

T frames at 50 Hz, M mel bins.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from undertone.engine.audio.acoustics import SILENT_BELOW_LOUDEST_DB, SILENT_FRAME_DB, energy_db, pitch
from undertone.engine.audio.mel import LogMel
from undertone.engine.config import FRAME_RATE_HZ, MelConfig
from undertone.engine.probe import Attribute

MIN_FRAMES = 10  # fewer say nothing about a clip
TILT_HZ = (200.0, 5000.0)  # where speech has energy
DIP_DB = 2.0  # between syllables (de Jong and Wempe 2009)
SHORTEST_SYLLABLE_FRAMES = 4
RATE_WINDOW_FRAMES = 15
DB_PER_NAT = 20 / np.log(10)

# Of a frame; what the latents are correlated with.
FRAME_ATTRIBUTES = {
    "f0": Attribute(label="F0", unit="semitones", noticeable=1.0),
    "energy": Attribute(label="Energy", unit="dB", noticeable=1.0),
    "tilt": Attribute(label="Spectral tilt", unit="dB/octave", noticeable=1.0),
    "voicing": Attribute(label="Voicing", unit="%", noticeable=5.0),
    "token_rate": Attribute(label="Tokens a second", unit="1/s", noticeable=2.0),
}
# Of a clip; what is measured when a dimension is moved. A semitone and a decibel are about what listeners notice in
# running speech; the others are rough guesses of the same kind and only weigh the attributes against each other.
CLIP_ATTRIBUTES = {
    "f0_mean": Attribute(label="F0 mean", unit="semitones", noticeable=1.0),
    "f0_range": Attribute(label="F0 range", unit="semitones", noticeable=1.5),
    "energy": Attribute(label="Energy", unit="dB", noticeable=1.0),
    "tilt": Attribute(label="Spectral tilt", unit="dB/octave", noticeable=1.0),
    "voicing": Attribute(label="Voiced share", unit="%", noticeable=5.0),
    "syllable_rate": Attribute(label="Syllables a second", unit="1/s", noticeable=0.5),
    "speech_share": Attribute(label="Share of speech", unit="%", noticeable=5.0),
    "spectrum": Attribute(label="Change of the spectrum at equal level", unit="dB", noticeable=3.0),
}


@dataclass(frozen=True, eq=False)
class Tracks:
    """Attributes of every frame of a waveform."""

    f0: Tensor  # [T] semitones above 100 Hz, NaN where unvoiced
    energy: Tensor  # [T] dB of full scale
    tilt: Tensor  # [T] dB/octave
    decibels: Tensor  # [T, M] mel spectrum
    heard: Tensor  # bool [T]: loud enough to be speech

    @property
    def voiced(self) -> Tensor:
        """Return bool [T], True where the frame is voiced."""
        return ~self.f0.isnan()

    @property
    def syllable_rate(self) -> float:
        """Return the peaks of the energy contour per second, in the frames that are loud enough to be speech."""
        from scipy.signal import find_peaks  # a second to load, and a page needs only the names of attributes

        window = torch.hann_window(7, periodic=False)[1:-1]
        smooth = F.conv1d(F.pad(self.energy[None, None], (2, 2), mode="replicate"), (window / window.sum())[None, None])
        contour = smooth[0, 0].numpy()
        least = float(contour.max()) - SILENT_BELOW_LOUDEST_DB
        peaks, _ = find_peaks(contour, height=least, prominence=DIP_DB, distance=SHORTEST_SYLLABLE_FRAMES)
        return len(peaks) * FRAME_RATE_HZ / max(int(self.heard.sum()), 1)


def analyse_tracks(waveform: Tensor, mel: MelConfig = MelConfig()) -> Tracks:
    """Return the tracks of [samples] at 16 kHz."""
    energy = energy_db(waveform)
    decibels = LogMel(mel)(waveform) * DB_PER_NAT
    return Tracks(
        f0=12 * torch.log2(pitch(waveform).hz / 100),
        energy=energy,
        tilt=_tilt(decibels, mel),
        decibels=decibels,
        heard=energy > max(SILENT_FRAME_DB, float(energy.max()) - SILENT_BELOW_LOUDEST_DB),
    )


def frame_attributes(waveform: Tensor, tokens: Tensor, mel: MelConfig = MelConfig()) -> dict[str, Tensor]:
    """Return each of FRAME_ATTRIBUTES, float32 [T], NaN where it does not apply; tokens int64 [T]."""
    found = analyse_tracks(waveform, mel)
    nothing = torch.full_like(found.energy, torch.nan)
    change = F.pad((tokens.diff() != 0).float(), (1, 0))
    kernel = torch.ones(1, 1, RATE_WINDOW_FRAMES) / RATE_WINDOW_FRAMES
    rate = F.conv1d(change[None, None], kernel, padding=RATE_WINDOW_FRAMES // 2)[0, 0] * FRAME_RATE_HZ
    return {
        "f0": torch.where(found.heard, found.f0, nothing),
        "energy": torch.where(found.heard, found.energy, nothing),
        "tilt": torch.where(found.heard, found.tilt, nothing),
        "voicing": torch.where(found.heard, 100 * found.voiced.float(), nothing),
        "token_rate": torch.where(found.heard, rate, nothing),
    }


def attribute_changes(before: Tracks, after: Tracks) -> dict[str, float]:
    """Return by how much each of CLIP_ATTRIBUTES changed, for those that can be measured on both clips.

    F0 is compared in the frames that are voiced in both, energy and spectrum in the frames that were heard before.
    """
    heard, both = before.heard, before.voiced & after.voiced
    found: dict[str, float] = {
        "syllable_rate": after.syllable_rate - before.syllable_rate,
        "speech_share": 100 * float(after.heard.float().mean() - before.heard.float().mean()),
    }
    if int(heard.sum()) >= MIN_FRAMES:
        difference = (after.decibels - before.decibels)[heard]
        shape = difference - difference.mean(1, keepdim=True)
        found |= {
            "energy": float((after.energy - before.energy)[heard].mean()),
            "tilt": float((after.tilt - before.tilt)[heard].mean()),
            "voicing": 100 * float(after.voiced[heard].float().mean() - before.voiced[heard].float().mean()),
            "spectrum": float(shape.square().mean(1).sqrt().mean()),
        }
    if int(both.sum()) >= MIN_FRAMES:
        found |= {
            "f0_mean": float((after.f0 - before.f0)[both].mean()),
            "f0_range": _range(after.f0[both]) - _range(before.f0[both]),
        }
    return found


def _range(f0: Tensor) -> float:
    """Return the distance between the 5th and the 95th percentile."""
    low, high = f0.quantile(torch.tensor([0.05, 0.95])).tolist()
    return high - low


def _tilt(decibels: Tensor, mel: MelConfig) -> Tensor:
    """Return the slope [T] of the spectrum over octaves, by least squares."""
    top = 2595 * np.log10(1 + mel.max_hz / 700)
    bottom = 2595 * np.log10(1 + mel.min_hz / 700)
    centres = 700 * (10 ** (np.linspace(bottom, top, mel.num_mels + 2)[1:-1] / 2595) - 1)
    used = (centres >= TILT_HZ[0]) & (centres <= TILT_HZ[1])
    octaves = torch.from_numpy(np.log2(centres[used])).float()
    octaves = octaves - octaves.mean()
    return decibels[:, torch.from_numpy(used)] @ octaves / octaves.square().sum()
