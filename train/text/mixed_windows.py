"""Training windows of stored tokens and latents: recorded speech, and rendered prose. B batch, T frames.

Everything about a window follows from (seed, step, part), so that a run resumes exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from undertone.engine.config import ModelConfig
from undertone.engine.network import Gaussian
from undertone.train.alignment.segments import SILENCE
from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_corpus import clips_of, read_index
from undertone.train.data.flat_files import Clip
from undertone.train.data.unit_ids import TokenFile
from undertone.train.model.windows import Windows, switch_to_aligned, window_start
from undertone.train.text.posterior_file import LatentFile
from undertone.train.text.prose import Prose
from undertone.train.text.unit_selection import UnitSelector

MAX_SENTENCES = 12  # of an utterance
UTTERANCE_FRAMES = 16  # empty ones: the language part reads no utterance embedding


@dataclass(kw_only=True)
class LatentWindows(Windows):
    """One batch of the language part: the posterior is given, mels are empty."""

    posterior: Gaussian  # [B, T, Z]
    is_text: Tensor  # bool [B]

    def to(self, device: torch.device) -> "LatentWindows":
        """Return the same on a device."""
        tensors = {
            name: value.to(device, non_blocking=True) for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        mean, logstd = (value.to(device, non_blocking=True) for value in (self.posterior.mean, self.posterior.logstd))
        return LatentWindows(**tensors, posterior=Gaussian(mean, logstd))

    def pin_memory(self) -> "LatentWindows":
        """Move the batch to memory that a GPU reads by itself; returns it."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value.pin_memory())
        self.posterior = Gaussian(self.posterior.mean.pin_memory(), self.posterior.logstd.pin_memory())
        return self


@dataclass(frozen=True)
class StoredFrames:
    """Stored tokens and posteriors of the flat files."""

    tokens: np.ndarray  # uint16 [frames], of the tokenizer
    latents: LatentFile
    aligned: np.ndarray | None = None  # uint16 [frames], of the aligned transcripts, where those are to be predicted

    @classmethod
    def read(cls, tokens: Path, latents: Path, latent_dim: int, aligned: Path | None = None) -> "StoredFrames":
        """Open the files, memory-mapped.

        Raises:
            CorpusError: they are not of the same frames.
        """
        said = np.memmap(aligned, dtype=np.uint16, mode="r") if aligned else None
        found = cls(np.memmap(tokens, dtype=np.uint16, mode="r"), LatentFile.read(latents, latent_dim), said)
        for path, rows in ((latents, len(found.latents.mean)), (aligned, len(found.tokens if said is None else said))):
            if rows != len(found.tokens):
                raise CorpusError(
                    f"{path} has {rows} frames, {tokens} has {len(found.tokens)}: clips were added to the prepared "
                    "folder since. Run the stage that wrote the shorter file again; it goes on where the file ends."
                )
        return found


class SpeechFrames:
    """Source of whole clips of a split as frame numbers, drawn by length."""

    def __init__(self, clips: Sequence[Clip], tokens: TokenFile, window_frames: int) -> None:
        self.clips = list(clips)
        self.counts = np.array([tokens.count(clip) for clip in self.clips])
        weights = np.maximum(self.counts, window_frames // 2).astype(np.float64)
        self._share = weights / weights.sum()

    def utterance(self, random: np.random.Generator) -> np.ndarray:
        """Return the frame numbers int64 [T] of a clip."""
        number = int(random.choice(len(self.clips), p=self._share))
        offset = self.clips[number].frame_offset
        return np.arange(offset, offset + self.counts[number])


class TextFrames:
    """Source of rendered sentences of one book as frame numbers, as long as clips of speech are.

    Args:
        prose: the sentences.
        renderer: selects their units.
        lengths: of clips of speech, in frames.
    """

    def __init__(self, prose: Prose, renderer: UnitSelector, lengths: np.ndarray) -> None:
        self.prose, self.renderer, self.lengths = prose, renderer, lengths

    def symbols(self, random: np.random.Generator, frames: int) -> list[np.ndarray]:
        """Return sentences, each with the pause before it, until they should last for so many frames."""
        first = int(random.integers(len(self.prose)))
        pause = np.array([self.renderer.inventory.long_pause])
        found: list[np.ndarray] = []
        expected = 0.0
        for number in range(first, min(first + MAX_SENTENCES, len(self.prose))):
            if expected >= frames or self.prose.book[number] != self.prose.book[first]:
                break
            sentence = self.prose.sentence(number)
            found.append(np.concatenate([pause if found else [SILENCE], sentence]))
            expected += len(sentence) * self._frames_per_symbol
        return found

    @property
    def _frames_per_symbol(self) -> float:
        units = self.renderer.inventory.units
        return float((units.end - units.start).mean())

    def utterance(self, random: np.random.Generator) -> np.ndarray:
        """Return the frame numbers int64 [T] of rendered sentences."""
        frames = int(random.choice(self.lengths))
        speaker = self.renderer.draw_speaker(random)
        asked = np.concatenate([*self.symbols(random, frames), [SILENCE]])
        return self.renderer.inventory.units.frames(self.renderer.render(asked, speaker, random).units)


class MixedWindows:
    """Source of training windows of which a share is rendered text.

    Args:
        speech, text: where utterances come from.
        frames: their tokens and posteriors.
        config: of the model.
        window_frames: T.
        batch_size: B.
        text_share: of the windows; exact over the run, not drawn.
        parts: micro-batches in a step, over all processes.
        seed: with the step and the part it decides every window.
    """

    def __init__(
        self,
        speech: SpeechFrames,
        text: TextFrames,
        frames: StoredFrames,
        config: ModelConfig,
        window_frames: int,
        batch_size: int,
        text_share: float,
        parts: int = 1,
        seed: int = 0,
    ) -> None:
        self.speech, self.text, self.frames, self.config = speech, text, frames, config
        self.window_frames, self.batch_size = window_frames, batch_size
        self.text_share, self.parts, self.seed = text_share, parts, seed

    def windows(self, step: int, part: int) -> LatentWindows:
        """Return the micro-batch `part` of a step; the same at every call."""
        first = (step * self.parts + part) * self.batch_size
        rows = range(first, first + self.batch_size)
        text = [int((row + 1) * self.text_share) > int(row * self.text_share) for row in rows]
        random = np.random.default_rng((self.seed, step, part, 0))
        utterances = [(self.text if is_text else self.speech).utterance(random) for is_text in text]
        return self._collate([self._cut(frames, random) for frames in utterances], text, random)

    def _cut(self, frames: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, bool]:
        """Cut a random window of an utterance; return whether the utterance ends in it too."""
        end = self.config.learned_end
        start = window_start(len(frames), self.window_frames, end, random)
        window = frames[start : start + self.window_frames]
        return window, end and len(window) < self.window_frames

    def _tokens(self, numbers: np.ndarray, is_text: bool, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return input tokens and tokens to predict of some frames, int64 [T] each; of prose both are aligned."""
        recognised, aligned = self.frames.tokens, self.frames.aligned
        read = torch.from_numpy(recognised[numbers].astype(np.int64))
        if aligned is None:
            return read, read
        target = torch.from_numpy(aligned[numbers].astype(np.int64))
        return (target if is_text else switch_to_aligned(read, target, random)), target

    def _collate(
        self, cuts: list[tuple[np.ndarray, bool]], is_text: list[bool], random: np.random.Generator
    ) -> LatentWindows:
        """Collate with zero padding; an utterance that ends has one more frame: the end token with the last latents."""
        batch, longest, dims = len(cuts), self.window_frames, self.config.latent_dim
        tokens, targets = torch.zeros(2, batch, longest, dtype=torch.int64)
        mean, logstd = torch.zeros(batch, longest, dims), torch.zeros(batch, longest, dims)
        for row, (numbers, ends) in enumerate(cuts):
            count = len(numbers)
            tokens[row, :count], targets[row, :count] = self._tokens(numbers, is_text[row], random)
            filled = np.append(numbers, numbers[-1:]) if ends else numbers
            if ends:
                tokens[row, count] = targets[row, count] = self.config.num_tokens
            mean[row, : len(filled)] = torch.from_numpy(self.frames.latents.mean[filled].astype(np.float32))
            logstd[row, : len(filled)] = torch.from_numpy(self.frames.latents.logstd[filled].astype(np.float32))
        return LatentWindows(
            tokens=tokens,
            mel=torch.zeros(batch, longest, 1),
            lengths=torch.tensor([len(numbers) + ends for numbers, ends in cuts]),
            utterance_mel=torch.zeros(batch, UTTERANCE_FRAMES, self.config.mel.num_mels),
            utterance_lengths=torch.full((batch,), UTTERANCE_FRAMES),
            targets=targets,
            posterior=Gaussian(mean, logstd),
            is_text=torch.tensor(is_text),
        )


def open_speech(prepared: Path, tokens: Path, split: str, window_frames: int) -> SpeechFrames:
    """Return the clips of a split, with and without transcript."""
    return SpeechFrames(list(clips_of(read_index(prepared), split)), TokenFile(tokens), window_frames)
