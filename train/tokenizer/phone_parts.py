"""Units that are parts of phones: a linear map, a point for each part, and how parts follow each other.

Each third of each phone, and of silence, is a part. The map and the points are fitted so that the nearer of two points
is the likelier part: minus half a squared distance is a log likelihood, up to a constant. T frames, F dims, V parts.
"""

from typing import TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from undertone.engine.config import PhoneticConfig, WhisperConfig
from undertone.engine.tokenizers import PARTS_OF_PHONE
from undertone.train.corpora.source import CorpusError

PhonesConfig = TypeVar("PhonesConfig", bound=PhoneticConfig | WhisperConfig)
UNLABELLED = -1
STEPS = 1500
FRAMES_PER_STEP = 4096
LEARNING_RATE = 2e-3
TRANSITION_WEIGHT = 0.5  # of transitions, against features; frames in a row are not independent observations
BACK_OFF = 0.01  # share of a part's steps that go to the beginning of any part


def num_parts_of(num_phones: int) -> int:
    """Return the number of parts of so many phones and silence."""
    return PARTS_OF_PHONE * (num_phones + 1)


def with_phones(config: PhonesConfig, phones: tuple[str, ...]) -> PhonesConfig:
    """Return the configuration of a tokenizer that reads these phones.

    Raises:
        CorpusError: units that are parts of phones, and not as many as the phones have.
    """
    parts = config.phone_parts
    num_parts = num_parts_of(len(phones))
    if parts and config.num_units != num_parts:
        raise CorpusError(
            f"{len(phones)} phones and silence have {num_parts} parts, the tokenizer has {config.num_units} units. "
            f"Set num_units to {num_parts} in its recipe, and num_tokens in the model's."
        )
    named = {"phone_parts": parts.model_copy(update={"phones": phones})} if parts else {}
    return cast(PhonesConfig, config.model_copy(update={"phones": phones} | named))


def parts_of(symbols: np.ndarray, ends: np.ndarray, num_phones: int) -> np.ndarray:
    """Return the part that each frame of some segments is, int64 [T]; UNLABELLED in an unknown word.

    Args:
        symbols: of the segments: 0 silence, then the phones, then an unknown word.
        ends: of the segments, in frames; they tile the frames.
    """
    lengths = np.diff(ends, prepend=0)
    within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
    symbol = np.repeat(symbols, lengths)
    parts = PARTS_OF_PHONE * symbol + within * PARTS_OF_PHONE // np.repeat(lengths, lengths)
    return np.asarray(np.where(symbol <= num_phones, parts, UNLABELLED))


def fit_points(
    features: np.ndarray, labels: np.ndarray, projection: nn.Linear, num_parts: int, seed: int = 0
) -> Tensor:
    """Fit the map in place by cross-entropy; return the parts' points.

    Args:
        features: [T, F].
        labels: int64 [T], UNLABELLED frames are left out.
        projection: F to D dims.
    Returns:
        [V, D].
    """
    known = labels != UNLABELLED
    inputs, parts = torch.from_numpy(features[known]).float(), torch.from_numpy(labels[known])
    mean, deviation = inputs.mean(0), inputs.std(0) + 1e-6
    generator = torch.Generator().manual_seed(seed)
    with torch.enable_grad():
        weight = nn.Parameter(torch.randn(projection.weight.shape, generator=generator) * inputs.shape[1] ** -0.5)
        bias = nn.Parameter(torch.zeros(projection.out_features))
        points = nn.Parameter(torch.randn(num_parts, projection.out_features, generator=generator) * 0.5)
        optimizer = torch.optim.AdamW([weight, bias, points], LEARNING_RATE, weight_decay=1e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=STEPS)
        for _ in range(STEPS):
            chosen = torch.randint(len(inputs), (FRAMES_PER_STEP,), generator=generator)
            mapped = ((inputs[chosen] - mean) / deviation) @ weight.T + bias
            loss = nn.functional.cross_entropy(-0.5 * torch.cdist(mapped, points).square(), parts[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        projection.weight.copy_(weight / deviation)
        projection.bias.copy_(bias - (weight / deviation) @ mean)
    return points.detach()


def transition_costs(labels: list[np.ndarray], num_parts: int) -> np.ndarray:
    """Return the cost of going from one part to the next, float32 [V, V]: -2 TRANSITION_WEIGHT log P(next | part).

    Args:
        labels: int64 [T] of each clip; steps from or to UNLABELLED frames do not count.
    """
    steps = np.zeros((num_parts, num_parts))
    for clip in labels:
        before, after = clip[:-1], clip[1:]
        known = (before != UNLABELLED) & (after != UNLABELLED)
        np.add.at(steps, (before[known], after[known]), 1)
    phone = np.arange(num_parts) // PARTS_OF_PHONE
    starts = (steps * (phone[:, None] != phone)).sum(0) + 1e-3
    steps += (BACK_OFF * steps.sum(1, keepdims=True) + 1e-3) * starts / starts.sum()
    costs: np.ndarray = -2 * TRANSITION_WEIGHT * np.log(steps / steps.sum(1, keepdims=True))
    return costs.astype(np.float32)
