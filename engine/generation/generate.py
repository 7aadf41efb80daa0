"""Drawing of tokens and latents behind a prompt, frame by frame (spec section 5).

B takes as one batch, P prompt frames, N frames to draw, Z latent dims, V token ids.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from undertone.engine.generation.sampling import Sampling, token_probabilities
from undertone.engine.network import VAEGSLM, CompiledStep, KeyValueCache
from undertone.engine.noise import Noise


@dataclass
class PartialTakes:
    """Batch of takes that is being drawn. One request owns it; `generate` fills it in place."""

    tokens: Tensor  # int64 [B, P + N], filled up to num_frames
    latents: Tensor  # float32 [B, P + N, Z]
    num_frames: int  # filled, the prompt included
    lengths: list[int]  # of each take: num_frames, or less where it has ended
    ended: list[bool]  # whether the take drew the end

    def so_far(self) -> "PartialTakes":
        """Return the same tensors with the counts of now, which do not grow with the next frame."""
        return replace(self)


class FrameDrawing:
    """Drawing of the frames of one request, from hidden states that somebody computes: `generate`, or `TakePool`.

    Attributes:
        draft: the frames so far.
        token: of the last frame, int64 [B].
        latent: of the last frame, [B, Z].
    """

    def __init__(
        self,
        model: VAEGSLM,
        tokens: Tensor,
        latents: Tensor,
        num_frames: int,
        sampling: Sampling,
        noise: Noise,
        min_frames: int = 0,
        compiled: CompiledStep | None = None,
    ) -> None:
        batch, num_prompt = tokens.shape
        self.draft = PartialTakes(
            tokens=torch.cat([tokens, tokens.new_zeros(batch, num_frames)], dim=1),
            latents=torch.cat([latents, latents.new_zeros(batch, num_frames, latents.shape[2])], dim=1),
            num_frames=num_prompt,
            lengths=[num_prompt] * batch,
            ended=[False] * batch,
        )
        self.token, self.latent = tokens[:, -1], latents[:, -1]
        self.num_prompt = num_prompt
        self.model = model
        self._sampling = sampling
        self.noise = noise
        self.compiled = compiled
        self._may_end = model.config.learned_end and sampling.end in ("auto", "learned")
        self._min_frames = min_frames

    @property
    def is_done(self) -> bool:
        """Return whether no frame is left to draw."""
        return self.draft.num_frames == self.draft.tokens.shape[1] or all(self.draft.ended)

    def read_prompt(self, cache: KeyValueCache) -> Tensor:
        """Write the prompt into an empty cache; return the hidden state behind every frame of it, [B, 1 + P, D]."""
        draft, frames = self.draft, slice(self.num_prompt)
        first = self.model.initial_state(self.noise, len(draft.lengths))
        inputs = torch.cat([first, self.model.fuse(draft.tokens[:, frames], draft.latents[:, frames])], dim=1)
        return self.model.transform(inputs.to(self.model.transformer.input.weight.dtype), cache=cache)

    def draw(self, hidden: Tensor) -> None:
        """Draw one more frame from the last of the hidden states [B, T, D], of which more than one is published."""
        draft = self.draft
        can_end = self._may_end and draft.num_frames - self.num_prompt >= self._min_frames
        token, self.latent = _draw(
            self.model, hidden.to(self.model.dtype), self._sampling, self.noise, can_end, self.compiled
        )
        self.token = _take_ends(draft, token, self.model.config.num_tokens) if can_end else token
        frame = draft.num_frames
        draft.tokens[:, frame] = self.token
        draft.latents[:, frame] = self.latent
        draft.num_frames = frame + 1
        draft.lengths = [length if end else frame + 1 for length, end in zip(draft.lengths, draft.ended, strict=True)]


def next_hidden(
    model: VAEGSLM, token: Tensor, latent: Tensor, cache: KeyValueCache, compiled: CompiledStep | None
) -> Tensor:
    """Return the hidden state behind one more frame of every row of a cache, [B, 1, D].

    Args:
        token: int64 [B].
        latent: [B, Z].
        compiled: computes it instead of the modules.
    """
    if compiled is not None:
        return compiled.advance(token, latent, cache).unsqueeze(1)
    inputs = model.fuse(token.unsqueeze(1), latent.unsqueeze(1))
    return model.transform(inputs.to(model.transformer.input.weight.dtype), cache=cache)


def generate(
    model: VAEGSLM,
    tokens: Tensor,
    latents: Tensor,
    num_frames: int,
    sampling: Sampling,
    noise: Noise,
    min_frames: int = 0,
    published_draws: bool = False,
    compiled: CompiledStep | None = None,
) -> Iterator[PartialTakes]:
    """Draw frames behind a prompt; yields the same growing draft, first with the prompt alone, then after every frame.

    Args:
        tokens: the prompt's, int64 [B, P].
        latents: the prompt's, [B, P, Z].
        num_frames: N, at most; the model must have P + N positions.
        noise: of this request, with B rows.
        min_frames: continuation before a learned end is allowed.
        published_draws: make the draws that the published sampler makes and throws away, so that
            its recorded noise gives its samples.
        compiled: makes the frames behind the first instead of the modules.
    """
    drawing = FrameDrawing(model, tokens, latents, num_frames, sampling, noise, min_frames, compiled)
    yield drawing.draft
    yield from draw_alone(drawing, published_draws)


def draw_alone(drawing: FrameDrawing, published_draws: bool = False) -> Iterator[PartialTakes]:
    """Draw the frames of one request by itself; yields its draft after every frame."""
    model, batch = drawing.model, len(drawing.draft.lengths)
    cache = model.new_cache(batch, drawing.draft.tokens.shape[1], dtype=model.transformer.input.weight.dtype)
    if published_draws:
        model.initial_state(drawing.noise, batch)
    hidden = drawing.read_prompt(cache)
    while not drawing.is_done:
        drawing.draw(hidden if published_draws else hidden[:, -1:])
        yield drawing.draft
        if not drawing.is_done:
            hidden = next_hidden(model, drawing.token, drawing.latent, cache, drawing.compiled)


def _draw(
    model: VAEGSLM,
    hidden: Tensor,
    sampling: Sampling,
    noise: Noise,
    can_end: bool,
    compiled: CompiledStep | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw token int64 [B] and latents [B, Z] of the frame after the last of the hidden states [B, T, D]."""
    batch, frames, _ = hidden.shape
    normal = noise.normal(batch, frames, model.config.latent_dim)
    if compiled is not None:
        logits, latents = compiled.draw(hidden[:, -1], normal[:, -1], sampling.latent_temperature)
        allowed = logits if can_end else logits[..., : model.config.num_tokens]
        return noise.categorical(token_probabilities(allowed, sampling)).view(batch, -1)[:, -1], latents
    logits = model.token_logits(hidden)
    allowed = logits if can_end else logits[..., : model.config.num_tokens]
    tokens = noise.categorical(token_probabilities(allowed.flatten(0, 1), sampling)).view(batch, frames)
    prior = model.prior(hidden, tokens, logits)
    latents = model.draw_latents(prior.last(), normal[:, -1:], sampling.latent_temperature, tokens[:, -1:], noise)
    return tokens[:, -1], latents[:, 0]


def _take_ends(draft: PartialTakes, token: Tensor, end_token: int) -> Tensor:
    """Note which takes drew the end; they go on with token 0 unheard, so the end never reaches embedding or decoder."""
    ends = token == end_token
    draft.ended = [before or now for before, now in zip(draft.ended, ends.tolist(), strict=True)]
    return token.masked_fill(ends, 0)
