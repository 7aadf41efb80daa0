"""Training windows of tokens and mels, and utterance crops (spec section 4.1). B batch, T frames, M mel bins."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from undertone.engine.audio.disturbances import as_loud_as
from undertone.engine.audio.mel import LogMel, normalise
from undertone.engine.audio.pitch import pitch_contour
from undertone.engine.config import ModelConfig
from undertone.train.data.augmentation import AugmentationConfig, augment_waveform
from undertone.train.data.flat_corpus import FlatCorpus, PreparedCorpus
from undertone.train.data.flat_files import Clip
from undertone.train.data.unit_ids import TokenFile
from undertone.train.model.pitch_targets import PitchFile


@dataclass
class Windows:
    """A batch of windows; mels are normalised and zero padded."""

    tokens: Tensor  # int64 [B, T]
    mel: Tensor  # [B, T, M]
    lengths: Tensor  # int64 [B]
    utterance_mel: Tensor  # [B, U, M]
    utterance_lengths: Tensor  # int64 [B]
    pitch_hz: Tensor | None = None  # [B, T], 0 where unvoiced, NaN where not measured; None without a pitch file
    targets: Tensor | None = None  # int64 [B, T], the tokens to predict, where they are not those that are read
    contour: Tensor | None = None  # [B, T], `pitch_contour` of the clip, for a model that reads it

    def to(self, device: torch.device) -> "Windows":
        """Return the same on a device."""
        tensors = {name: value.to(device, non_blocking=True) for name, value in vars(self).items() if value is not None}
        return Windows(**tensors)

    def pin_memory(self) -> "Windows":
        """Move the batch to memory that a GPU reads by itself; returns it."""
        for name, value in vars(self).items():
            if value is not None:
                setattr(self, name, value.pin_memory())
        return self


class ClipTokens(Protocol):
    """Unit ids of clips."""

    def tokens(self, clip: Clip, start: int = 0, count: int | None = None) -> Tensor:
        """Return int64 [frames] of a clip, or of `count` frames from `start`."""
        ...

    def count(self, clip: Clip) -> int:
        """Return the frames of a clip that have a token."""
        ...


class NoTokens:
    """The ablation without tokens: every frame has the one id there is."""

    def tokens(self, clip: Clip, start: int = 0, count: int | None = None) -> Tensor:
        return torch.zeros(clip.num_frames - start if count is None else count, dtype=torch.int64)

    def count(self, clip: Clip) -> int:
        return clip.num_frames


@dataclass
class Window:
    """One item of a batch."""

    tokens: Tensor  # int64 [T]
    mel: Tensor  # [T, M]
    utterance_mel: Tensor  # [U, M]
    pitch_hz: Tensor | None  # [T]
    targets: Tensor | None = None  # int64 [T]
    contour: Tensor | None = None  # [T]


class ClipWindows:
    """Windows of clips that lie end to end, on disk or in memory; mels are cut to their tokens (spec section 1.4).

    With `aligned_file` (tokenizer/aligned_tokens.py) the tokens to predict are those of the aligned transcripts,
    and the input tokens are those of `switch_to_aligned`.
    """

    def __init__(
        self,
        corpus: FlatCorpus,
        token_file: ClipTokens,
        config: ModelConfig,
        window_frames: int,
        utterance_seconds: tuple[float, float] = (2.0, 4.0),
        pitch_file: PitchFile | None = None,
        aligned_file: ClipTokens | None = None,
        utterance_augmentation: AugmentationConfig | None = None,
    ) -> None:
        self.corpus, self.token_file, self.pitch_file = corpus, token_file, pitch_file
        self.aligned_file, self._augmentation = aligned_file, utterance_augmentation
        self._log_mel = LogMel(config.mel)
        self.config, self.window_frames = config, window_frames
        self.utterance_frames = tuple(int(seconds * config.mel.frame_rate_hz) for seconds in utterance_seconds)
        self.clips = [replace(clip, num_frames=token_file.count(clip)) for clip in corpus.clips]
        weights = np.array([max(clip.num_frames, window_frames // 2) for clip in self.clips], dtype=np.float64)
        self._share = weights / weights.sum()

    def batch(self, batch_size: int, random: np.random.Generator) -> Windows:
        """Return `batch_size` windows, clips drawn by their length, so that every frame counts alike."""
        return self.windows_of(random.choice(len(self.clips), size=batch_size, p=self._share), random)

    def windows_of(self, clips: np.ndarray, random: np.random.Generator, num_frames: int | None = None) -> Windows:
        """Return a random window of each clip, padded to `num_frames` where fewer than a whole window are enough."""
        return self._collate([self._window(self.clips[index], random) for index in clips], num_frames)

    def _window(self, clip: Clip, random: np.random.Generator) -> Window:
        end = self.config.learned_end  # one more frame, after the last, whose token says that the clip ends
        start = window_start(clip.num_frames, self.window_frames, end, random)
        count = min(self.window_frames, clip.num_frames - start)
        tokens, mel = self.token_file.tokens(clip, start, count), self._mel(clip, start, count)
        pitch_hz = self.pitch_file.hz(clip, start, count) if self.pitch_file else None
        targets = self.aligned_file.tokens(clip, start, count) if self.aligned_file else None
        contour = self._contour(clip, start, count)
        if targets is not None:
            tokens = switch_to_aligned(tokens, targets, random)
        if end and count < self.window_frames:
            is_end = torch.tensor([self.config.num_tokens])
            tokens = torch.cat([tokens, is_end])
            targets = None if targets is None else torch.cat([targets, is_end])
            mel = torch.cat([mel, mel[-1:]])
            contour = None if contour is None else torch.cat([contour, contour.new_zeros(1)])
        shortest, longest = self.utterance_frames
        utterance_count = min(int(random.integers(shortest, longest + 1)), clip.num_frames)
        utterance_start = int(random.integers(0, clip.num_frames - utterance_count + 1))
        utterance_mel = self._utterance_mel(clip, utterance_start, utterance_count, random)
        return Window(tokens, mel, utterance_mel, pitch_hz, targets, contour)

    def _utterance_mel(self, clip: Clip, start: int, count: int, random: np.random.Generator) -> Tensor:
        """Return the mel that the utterance encoder reads, of a bad recording where the settings say so.

        The disturbed clip is as loud as the recording: prompts are brought to one loudness before they are read.
        """
        if self._augmentation is None:
            return self._mel(clip, start, count)
        hop = self.config.mel.hop_samples
        waveform = self.corpus.audio(clip, start * hop, min(count * hop, clip.num_samples - start * hop))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(random.integers(2**62)))
            disturbed = augment_waveform(waveform, self._augmentation)
        if disturbed is waveform:
            return self._mel(clip, start, count)
        return normalise(self._log_mel(as_loud_as(disturbed, waveform))[:count], self.config.mel)

    def _contour(self, clip: Clip, start: int, count: int) -> Tensor | None:
        """Return the pitch of a window as the model reads it, against the mean of the whole clip, [count]."""
        if self.pitch_file is None or self.config.beside != "pitch":
            return None
        return pitch_contour(self.pitch_file.hz(clip))[start : start + count]

    def _mel(self, clip: Clip, start: int, count: int) -> Tensor:
        return normalise(self.corpus.mel(clip, start, count), self.config.mel)

    def _collate(self, items: list[Window], num_frames: int | None) -> Windows:
        frames, bins = num_frames or self.window_frames, self.config.mel.num_mels
        longest = self.utterance_frames[1]
        windows = Windows(
            tokens=torch.zeros(len(items), frames, dtype=torch.int64),
            mel=torch.zeros(len(items), frames, bins),
            lengths=torch.tensor([len(item.tokens) for item in items]),
            utterance_mel=torch.zeros(len(items), longest, bins),
            utterance_lengths=torch.tensor([len(item.utterance_mel) for item in items]),
            pitch_hz=torch.full((len(items), frames), torch.nan) if self.pitch_file else None,
            targets=torch.zeros(len(items), frames, dtype=torch.int64) if self.aligned_file else None,
            contour=torch.zeros(len(items), frames) if self.config.beside == "pitch" else None,
        )
        for row, item in enumerate(items):
            windows.tokens[row, : len(item.tokens)] = item.tokens
            windows.mel[row, : len(item.mel)] = item.mel
            windows.utterance_mel[row, : len(item.utterance_mel)] = item.utterance_mel
            if windows.pitch_hz is not None and item.pitch_hz is not None:
                windows.pitch_hz[row, : len(item.pitch_hz)] = item.pitch_hz
            if windows.targets is not None and item.targets is not None:
                windows.targets[row, : len(item.targets)] = item.targets
            if windows.contour is not None and item.contour is not None:
                windows.contour[row, : len(item.contour)] = item.contour
        return windows


def window_start(num_frames: int, window_frames: int, learned_end: bool, random: np.random.Generator) -> int:
    """Return at which frame of a clip a window begins.

    A frame within a clip is in `window_frames` windows, its last one in a single one. The model learns there that a
    clip ends: with a learned end the last window is drawn as often as it takes for the end to come, among the frames of
    the windows, as often as among those of the clips.
    """
    latest = max(0, num_frames + int(learned_end) - window_frames)
    beyond = window_frames - 1 if learned_end and latest else 0
    return min(int(random.integers(0, latest + 1 + beyond)), latest)


def switch_to_aligned(recognised: Tensor, aligned: Tensor, random: np.random.Generator) -> Tensor:
    """Return the input tokens of a window, int64 [T]: a prompt of recognised tokens, then aligned ones.

    Half of the windows have no prompt; in the others it ends at a random frame.
    """
    end = max(0, int(random.integers(-len(recognised), len(recognised))))
    return torch.cat([recognised[:end], aligned[end:]])


class WindowSampler(ClipWindows):
    """Windows of a split of flat files."""

    def __init__(
        self,
        prepared: Path,
        split: str,
        token_file: Path | None,
        config: ModelConfig,
        window_frames: int,
        utterance_seconds: tuple[float, float] = (2.0, 4.0),
        pitch_file: Path | None = None,
        aligned_file: Path | None = None,
        utterance_augmentation: AugmentationConfig | None = None,
    ) -> None:
        tokens = TokenFile(token_file) if token_file else NoTokens()
        corpus = PreparedCorpus(prepared, split, config.mel)
        pitch = PitchFile(pitch_file) if pitch_file else None
        aligned = TokenFile(aligned_file) if aligned_file else None
        super().__init__(
            corpus, tokens, config, window_frames, utterance_seconds, pitch, aligned, utterance_augmentation
        )
