"""Where a model run's windows come from: flat files or shards, by number of windows or by a budget of frames.

Micro-batch `part` of step n is the same for any number of processes: a step has gradient_accumulation x processes
parts, and process r of R takes the parts r, r + R, and so on.
"""

from pathlib import Path
from typing import Protocol

import numpy as np

from undertone.engine.config import ModelConfig
from undertone.engine.errors import SettingsError
from undertone.train.data.augmentation import AugmentationConfig
from undertone.train.data.batches import FrameBatches, frame_batches
from undertone.train.data.pool import Pool, is_sharded, load_pool, shard_numbers
from undertone.train.data.shard_stream import Plan, ShardStream, StreamSettings
from undertone.train.model.windows import ClipWindows, NoTokens, Windows, WindowSampler

FRAME_MULTIPLE = 64  # a budget's batches have few different lengths, so that a compiled network is compiled few times
HELD_OUT_SHARDS = 2


class WindowRecipe(Protocol):
    """Settings of the batches, as a recipe has them."""

    model: ModelConfig
    window_frames: int
    batch_size: int
    frames_per_batch: int | None
    utterance_seconds: tuple[float, float]
    utterance_augmentation: AugmentationConfig | None
    pool_shards: int
    seed: int


class WindowSource(Protocol):
    """Training windows by number."""

    def windows(self, step: int, part: int) -> Windows:
        """Return the micro-batch `part` of a step; the same at every call."""
        ...


def window_source(
    recipe: WindowRecipe,
    prepared: Path,
    tokens: Path | None,
    parts: int,
    pitch: Path | None = None,
    aligned: Path | None = None,
) -> WindowSource:
    """Return the source that fits the prepared folder and the recipe.

    Args:
        tokens: what `assign_tokens` returned, None to train without tokens.
        parts: micro-batches in a step, over all processes.
        pitch: what `assign_pitch` returned for a flat folder, None where no pitch is needed.
        aligned: what `assign_aligned_tokens` returned for a flat folder, None to predict the tokenizer's tokens.
    Raises:
        SettingsError: `utterance_augmentation` and a folder in shards, whose samples are not read in training.
    """
    if is_sharded(prepared):
        if recipe.utterance_augmentation is not None:
            raise SettingsError(f"{prepared} is in shards, whose sound is not read; leave utterance_augmentation out")
        return StreamedWindows(recipe, prepared, tokens.name if tokens else None, parts)
    sampler = _flat_windows(recipe, prepared, "train", tokens, pitch, aligned, recipe.utterance_augmentation)
    return BudgetWindows(recipe, sampler, parts) if recipe.frames_per_batch else RandomWindows(recipe, sampler)


def held_out_windows(
    recipe: WindowRecipe,
    prepared: Path,
    tokens: Path | None,
    pitch: Path | None = None,
    aligned: Path | None = None,
) -> ClipWindows:
    """Return windows of the dev split, of its first shards where it has many."""
    if is_sharded(prepared):
        numbers = shard_numbers(prepared, "dev")[:HELD_OUT_SHARDS]
        field = tokens.name if tokens else None
        return _windows_of(recipe, load_pool(prepared, "dev", numbers, recipe.model.mel, tokens=field))
    return _flat_windows(recipe, prepared, "dev", tokens, pitch, aligned)


def _flat_windows(
    recipe: WindowRecipe,
    prepared: Path,
    split: str,
    tokens: Path | None,
    pitch: Path | None,
    aligned: Path | None,
    augmentation: AugmentationConfig | None = None,
) -> WindowSampler:
    frames, seconds = recipe.window_frames, recipe.utterance_seconds
    return WindowSampler(prepared, split, tokens, recipe.model, frames, seconds, pitch, aligned, augmentation)


def _windows_of(recipe: WindowRecipe, pool: Pool) -> ClipWindows:
    tokens = pool.tokens or NoTokens()
    return ClipWindows(pool.corpus, tokens, recipe.model, recipe.window_frames, recipe.utterance_seconds)


def _random(recipe: WindowRecipe, step: int, part: int) -> np.random.Generator:
    return np.random.default_rng((recipe.seed, step, part, 0))


class RandomWindows:
    """Flat files, `batch_size` windows each, clips drawn by length."""

    def __init__(self, recipe: WindowRecipe, sampler: ClipWindows) -> None:
        self.recipe, self.sampler = recipe, sampler

    def windows(self, step: int, part: int) -> Windows:
        return self.sampler.batch(self.recipe.batch_size, _random(self.recipe, step, part))


class BudgetWindows:
    """Flat files, batches of similar windows within a budget of frames; every window once an epoch."""

    def __init__(self, recipe: WindowRecipe, sampler: ClipWindows, parts: int) -> None:
        self.recipe, self.sampler, self.parts = recipe, sampler, parts
        self._clips = clip_per_window([clip.num_frames for clip in sampler.clips], recipe.window_frames)
        self._lengths = window_lengths(np.array([clip.num_frames for clip in sampler.clips]), recipe)[self._clips]
        self._batches = FrameBatches(self._lengths, recipe.frames_per_batch or 0, recipe.seed)

    def windows(self, step: int, part: int) -> Windows:
        chosen = self._batches.batch(step * self.parts + part)
        frames = round_up_frames(int(self._lengths[chosen].max()), self.recipe.window_frames)
        return self.sampler.windows_of(self._clips[chosen], _random(self.recipe, step, part), frames)


class StreamedWindows:
    """Shards: every part of a step has its own stream of pools, so that no shard is read twice in an epoch."""

    def __init__(self, recipe: WindowRecipe, prepared: Path, tokens: str | None, parts: int) -> None:
        self.recipe, self.parts = recipe, parts
        self.settings = StreamSettings(
            prepared, "train", recipe.model.mel, recipe.pool_shards, tokens=tokens, seed=recipe.seed
        )
        self._streams: dict[int, ShardStream] = {}
        self._samplers: dict[int, tuple[Pool, ClipWindows]] = {}

    def windows(self, step: int, part: int) -> Windows:
        if part not in self._streams:
            self._streams[part] = ShardStream(self.settings, part, self.parts, window_plan(self.recipe))
        pool, chosen = self._streams[part].batch(step)
        if part not in self._samplers or self._samplers[part][0] is not pool:
            self._samplers[part] = pool, _windows_of(self.recipe, pool)
        sampler, frames = self._samplers[part][1], None
        if self.recipe.frames_per_batch:
            lengths = window_lengths(np.array([sampler.clips[index].num_frames for index in chosen]), self.recipe)
            frames = round_up_frames(int(lengths.max()), self.recipe.window_frames)
        return sampler.windows_of(chosen, _random(self.recipe, step, part), frames)


def clip_per_window(lengths: list[int] | np.ndarray, window_frames: int) -> np.ndarray:
    """Return clip indices, each as often as the clip holds windows, but once at least."""
    counts = np.maximum(1, np.rint(np.asarray(lengths) / window_frames)).astype(np.int64)
    return np.repeat(np.arange(len(counts)), counts)


def window_lengths(lengths: np.ndarray, recipe: WindowRecipe) -> np.ndarray:
    """Return the frames of a window of each clip, with the one that says where the clip ends."""
    return np.minimum(lengths + int(recipe.model.learned_end), recipe.window_frames)


def round_up_frames(frames: int, window_frames: int) -> int:
    """Return frames rounded up to a multiple of FRAME_MULTIPLE, but no more than a window."""
    return min(window_frames, -(-frames // FRAME_MULTIPLE) * FRAME_MULTIPLE)


def window_plan(recipe: WindowRecipe) -> Plan:
    """Return how a pool is cut into batches: within a budget of frames, or `batch_size` windows each."""

    def by_frames(lengths: np.ndarray, random: np.random.Generator) -> list[np.ndarray]:
        clips = clip_per_window(lengths, recipe.window_frames)
        budget = recipe.frames_per_batch or 0
        return [clips[batch] for batch in frame_batches(window_lengths(lengths, recipe)[clips], budget, random)]

    def by_number(lengths: np.ndarray, random: np.random.Generator) -> list[np.ndarray]:
        clips = random.permutation(clip_per_window(lengths, recipe.window_frames))
        whole = len(clips) // recipe.batch_size * recipe.batch_size
        return list(clips[:whole].reshape(-1, recipe.batch_size)) if whole else [clips]

    return by_frames if recipe.frames_per_batch else by_number
