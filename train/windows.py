"""Training windows of tokens and mels, and utterance crops (spec section 4.1). B batch, T frames, M mel bins."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.config import ModelConfig
from train.prepare import Clip, PreparedCorpus
from train.tokens import TokenFile


@dataclass
class Windows:
    """One batch; mels are in the network's units, zero padded."""

    tokens: Tensor  # int64 [B, T]
    mel: Tensor  # [B, T, M]
    lengths: Tensor  # int64 [B]
    utterance_mel: Tensor  # [B, U, M]
    utterance_lengths: Tensor  # int64 [B]


class WindowSampler:
    """Random windows of a split: clips drawn by the number of windows they hold, so that every frame counts alike."""

    def __init__(
        self,
        prepared: Path,
        split: str,
        token_file: Path,
        config: ModelConfig,
        window_frames: int,
        utterance_seconds: tuple[float, float] = (2.0, 4.0),
    ) -> None:
        self.corpus = PreparedCorpus(prepared, split, config.mel)
        self.token_file = TokenFile(token_file)
        self.config, self.window_frames = config, window_frames
        self.utterance_frames = tuple(int(seconds * config.mel.frame_rate_hz) for seconds in utterance_seconds)
        weights = np.array([max(clip.num_frames, window_frames // 2) for clip in self.corpus.clips], dtype=np.float64)
        self._share = weights / weights.sum()

    def batch(self, batch_size: int, random: np.random.Generator) -> Windows:
        """`batch_size` windows; everything random comes from `random`."""
        chosen = random.choice(len(self.corpus.clips), size=batch_size, p=self._share)
        return self._collate([self._window(self.corpus.clips[index], random) for index in chosen])

    def _window(self, clip: Clip, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        end = int(self.config.learned_end)  # one more frame, after the last, whose token says that the clip ends
        latest = max(0, clip.num_frames + end - self.window_frames)
        start = int(random.integers(0, latest + 1))
        count = min(self.window_frames, clip.num_frames - start)
        tokens, mel = self.token_file.tokens(clip, start, count), self._mel(clip, start, count)
        if end and count < self.window_frames:
            tokens = torch.cat([tokens, torch.tensor([self.config.num_tokens])])
            mel = torch.cat([mel, mel[-1:]])
        shortest, longest = self.utterance_frames
        utterance_count = min(int(random.integers(shortest, longest + 1)), clip.num_frames)
        utterance_start = int(random.integers(0, clip.num_frames - utterance_count + 1))
        return tokens, mel, self._mel(clip, utterance_start, utterance_count)

    def _mel(self, clip: Clip, start: int, count: int) -> Tensor:
        return (self.corpus.mel(clip, start, count) - self.config.mel.mean) / self.config.mel.std

    def _collate(self, items: list[tuple[Tensor, Tensor, Tensor]]) -> Windows:
        frames, bins = self.window_frames, self.config.mel.num_mels
        longest = self.utterance_frames[1]
        windows = Windows(
            tokens=torch.zeros(len(items), frames, dtype=torch.int64),
            mel=torch.zeros(len(items), frames, bins),
            lengths=torch.tensor([len(tokens) for tokens, _, _ in items]),
            utterance_mel=torch.zeros(len(items), longest, bins),
            utterance_lengths=torch.tensor([len(utterance) for _, _, utterance in items]),
        )
        for row, (tokens, mel, utterance) in enumerate(items):
            windows.tokens[row, : len(tokens)] = tokens
            windows.mel[row, : len(mel)] = mel
            windows.utterance_mel[row, : len(utterance)] = utterance
        return windows
