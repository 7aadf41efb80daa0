"""Drawing of tokens and latents behind a prompt, frame by frame (spec section 5).

B takes as one batch, P prompt frames, N frames to draw, Z latent dims, V token ids.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from undertone.engine.generation.sampling import Sampling, token_probabilities
from undertone.engine.network import VAEGSLM, CompiledStep
from undertone.engine.noise import Noise


@dataclass
class PartialTakes:
    """Batch of takes that is being drawn. One request owns it; `generate` fills it in place."""

    tokens: Tensor  # int64 [B, P + N], filled up to num_frames
    latents: Tensor  # float32 [B, P + N, Z]
    num_frames: int  # filled, the prompt included
    lengths: list[int]  # of each take: num_frames, or less where it has ended
    ended: list[bool]  # whether the take drew the end


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
    batch, num_prompt = tokens.shape
    draft = PartialTakes(
        tokens=torch.cat([tokens, tokens.new_zeros(batch, num_frames)], dim=1),
        latents=torch.cat([latents, latents.new_zeros(batch, num_frames, latents.shape[2])], dim=1),
        num_frames=num_prompt,
        lengths=[num_prompt] * batch,
        ended=[False] * batch,
    )
    yield draft
    weight = model.transformer.input.weight
    cache = model.new_cache(batch, num_prompt + num_frames, dtype=weight.dtype)
    may_end = model.config.learned_end and sampling.end in ("auto", "learned")
    if published_draws:
        model.initial_state(noise, batch)
    inputs = torch.cat([model.initial_state(noise, batch), model.fuse(tokens, latents)], dim=1)
    token, latent = tokens[:, -1], latents[:, -1]
    for step in range(num_frames):
        if step == 0 or compiled is None:
            hidden = model.transform(inputs.to(weight.dtype), cache=cache)
        else:
            hidden = compiled.advance(token, latent, cache).unsqueeze(1)
        if not published_draws:
            hidden = hidden[:, -1:]
        can_end = may_end and step >= min_frames
        token, latent = _draw(model, hidden.to(model.dtype), sampling, noise, can_end, compiled)
        if can_end:
            token = _take_ends(draft, token, model.config.num_tokens)
        frame = num_prompt + step
        draft.tokens[:, frame] = token
        draft.latents[:, frame] = latent
        draft.num_frames = frame + 1
        draft.lengths = [length if end else frame + 1 for length, end in zip(draft.lengths, draft.ended, strict=True)]
        yield draft
        if all(draft.ended):
            return
        if compiled is None:
            inputs = model.fuse(token.unsqueeze(1), latent.unsqueeze(1))


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
