"""Decoding of what has changed since the last time, to the same bits.

A block is a function of the tokens and latents in its window, of the voice, the settings and the seed: where all of
them are what they were, its mel is taken over, and so are the samples of a stretch of mel. T frames, M mel bins.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from undertone.engine.bundle import Bundle
from undertone.engine.generation.decode import TakeDecoder
from undertone.engine.generation.sampling import Sampling
from undertone.engine.progress import CallProgress

Span = tuple[int, int]  # first frame and number of frames


@dataclass(frozen=True)
class DecodedWindows:
    """Mel and samples of one decoding, by window."""

    bundle: Bundle
    utterance: Tensor  # [1, S]
    sampling: Sampling
    seed: int
    threads: int  # sums are rounded differently with others
    mels: dict[Span, tuple[Tensor, Tensor, Tensor]] = field(default_factory=dict)  # tokens, latents, mel
    sounds: dict[Span, tuple[Tensor, Tensor]] = field(default_factory=dict)  # mel, samples

    def serves(self, other: "DecodedWindows") -> bool:
        """Return whether windows of this decoding may stand in another."""
        return (
            self.bundle is other.bundle
            and (self.sampling, self.seed, self.threads) == (other.sampling, other.seed, other.threads)
            and torch.equal(self.utterance, other.utterance)
        )


class BlockDecoder(TakeDecoder):
    """Decoder of a take that keeps its windows for the next.

    Args:
        before: what an earlier decoding kept; used as far as it fits.
        progress: told of every block, and asked before every step of the solver.
    """

    def __init__(
        self,
        bundle: Bundle,
        utterance: Tensor,
        sampling: Sampling,
        seed: int,
        before: DecodedWindows | None = None,
        progress: CallProgress = CallProgress(),
    ) -> None:
        super().__init__(bundle, utterance, sampling, seed, progress)
        self.kept = DecodedWindows(bundle, utterance, sampling, seed, torch.get_num_threads())
        self.decoded_frames = 0  # not taken over, the context of blocks included
        self._before = before if before is not None and before.serves(self.kept) else None
        self._num_frames = 0

    def decode(self, tokens: Tensor, latents: Tensor) -> Tensor:
        """Return the samples float32 [T * hop] of all frames.

        Raises:
            Cancelled: the caller asked to stop.
        """
        self._num_frames = tokens.shape[0]
        audio = self.feed(tokens, latents, complete=True)
        self.progress.update(self._num_frames, self._num_frames)
        return audio

    def _window_mel(self, tokens: Tensor, latents: Tensor, first_frame: int) -> Tensor:
        self.progress.update(self._mel_frames, self._num_frames)
        span = (first_frame, tokens.shape[0])
        old = self._before.mels.get(span) if self._before is not None else None
        if old is not None and torch.equal(old[0], tokens) and torch.equal(old[1], latents):
            mel = old[2]
        else:
            mel = super()._window_mel(tokens, latents, first_frame)
            self.decoded_frames += tokens.shape[0]
        self.kept.mels[span] = (tokens.clone(), latents.clone(), mel)
        return mel

    def _window_audio(self, mel: Tensor, first_frame: int, history: int) -> Tensor:
        span = (first_frame, mel.shape[0])
        old = self._before.sounds.get(span) if self._before is not None else None
        kept = old is not None and torch.equal(old[0], mel)
        audio = old[1] if old is not None and kept else super()._window_audio(mel, first_frame, history)
        self.kept.sounds[span] = (mel, audio)
        return audio
