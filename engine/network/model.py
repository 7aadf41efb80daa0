"""VAE-GSLM: posterior encoder, token-and-latent language model, diffusion decoder (arXiv 2506.14767).

B batch, T frames at 50 Hz, M mel bins, Z latent dims, D transformer dim, S utterance dims, V' token ids.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undertone.engine.config import ModelConfig
from undertone.engine.network.codes import CodeEmbedding, ResidualQuantiser
from undertone.engine.network.decoder.build import build_decoder
from undertone.engine.network.flow import Flow
from undertone.engine.network.gaussian import Gaussian, certain
from undertone.engine.network.layers.basic import apply_mask, length_mask
from undertone.engine.network.layers.cache import KeyValueCache, SlotCache
from undertone.engine.network.layers.transformer import Transformer
from undertone.engine.network.posterior import PosteriorEncoder
from undertone.engine.network.prior import Prior, PriorHead, standard_prior
from undertone.engine.network.training_pass import Part, TrainingDraws, TrainingForward, initial_state
from undertone.engine.network.utterance import UtteranceEncoder
from undertone.engine.noise import Noise


class VAEGSLM(nn.Module):
    """The whole network; mels are normalised, shapes are batched, nothing about a request is kept on it.

    The baselines (`config.beside`) are this network without posterior and flow. What their frames have beside the
    token is measured, not encoded, but takes the latents' way through transformer and decoder.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        if config.has_latents:
            self.posterior_encoder = PosteriorEncoder(config)
        self.token_embedding = nn.Embedding(config.num_token_ids, config.token_dim)
        self.latent_input: nn.Linear | CodeEmbedding
        if config.beside == "codes":
            self.quantiser = ResidualQuantiser(config)
            self.latent_input = CodeEmbedding(config, config.token_dim)
        elif config.beside != "nothing":
            self.latent_input = nn.Linear(config.latent_dim, config.token_dim)
        self.transformer = Transformer(config.token_dim, config.transformer)
        self.prior_head = PriorHead(config)
        if config.has_latents:
            self.flow = Flow(config)
        self.utterance_encoder = UtteranceEncoder(config)
        self.decoder = build_decoder(config)
        self._initialise()

    def _initialise(self) -> None:
        """Initialise as published: biases zero, embeddings U(-1, 1), attention in its own module, else torch's."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
        nn.init.uniform_(self.token_embedding.weight, -1, 1)
        if self.config.beside == "codes":
            nn.init.uniform_(self.get_parameter("latent_input.table.weight"), -1, 1)

    @property
    def dtype(self) -> torch.dtype:
        """Return the dtype of the weights."""
        return self.token_embedding.weight.dtype

    @property
    def device(self) -> torch.device:
        """Return the device of the weights."""
        return self.token_embedding.weight.device

    def posterior(self, mel: Tensor, mask: Tensor | None = None, pitch: Tensor | None = None) -> Gaussian:
        """Return the posterior of every frame, without spread where what stands beside the token is measured.

        Args:
            mel: normalised, [B, T, M].
            mask: bool [B, T].
            pitch: of a model with pitch, `pitch_contour` of every frame, [B, T].
        Raises:
            ValueError: no pitch for a model that reads it.
        """
        if self.config.has_latents:
            return self.posterior_encoder(mel, mask)
        if self.config.beside == "pitch":
            if pitch is None:
                raise ValueError(f"a {self.config.system} reads the pitch of every frame, and none was given")
            return certain(pitch.unsqueeze(-1))
        if self.config.beside == "codes":
            return certain(self.quantiser(mel))
        return certain(mel[..., :0])

    def utterance_embedding(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the utterance embedding float32 [B, S] from the normalised mel [B, T, M] and its int64 lengths [B]."""
        return self.utterance_encoder(mel, lengths)

    def fuse(self, tokens: Tensor, latents: Tensor) -> Tensor:
        """Add token embedding and projected latents, [B, T, token_dim], from int64 [B, T] and [B, T, Z]."""
        if self.config.beside == "nothing":
            return self.token_embedding(tokens)
        if self.config.beside == "codes":
            return self.token_embedding(tokens) + self.latent_input(latents)
        return self.token_embedding(tokens) + F.relu(self.latent_input(latents.to(self.dtype)))

    def initial_state(self, noise: Noise, batch: int) -> Tensor:
        """Return the first transformer input, [B, 1, token_dim]."""
        return initial_state(self.config, noise, batch, self.token_embedding.weight).to(self.dtype)

    def transform(self, inputs: Tensor, mask: Tensor | None = None, cache: KeyValueCache | None = None) -> Tensor:
        """Return the hidden states [B, T, D]; with a cache the frames go behind its position, which advances.

        Raises:
            ValueError: more positions than the model or the cache holds.
        """
        return self.transformer(inputs, mask, cache)

    def new_cache(
        self,
        batch: int,
        max_positions: int,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> KeyValueCache:
        """Return an empty cache for `max_positions` frames, by default in the weights' dtype and on their device."""
        place = self.device if device is None else device
        return KeyValueCache(self.config.transformer, batch, max_positions, dtype or self.dtype, place)

    def new_slots(self, slots: int, max_positions: int) -> SlotCache:
        """Return an empty cache for takes at different frames, in the transformer's dtype and on its device."""
        dtype = self.transformer.input.weight.dtype
        return SlotCache(self.config.transformer, slots, max_positions, dtype, self.device)

    def prior(self, hidden: Tensor, tokens: Tensor | None = None, logits: Tensor | None = None) -> Prior:
        """Return token logits and latent base distribution of every frame; see `PriorHead.forward`."""
        return self.prior_head(hidden, tokens, logits)

    def token_logits(self, hidden: Tensor) -> Tensor:
        """Return the token logits of every frame, float32 [B, T, V'], from [B, T, D]."""
        return self.prior_head.logits(hidden)

    def to_base(self, latents: Tensor, prior: Prior, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the latents on the base of the flow [B, T, Z], and the flow's log determinant [B, T, Z / 2].

        Without latents that have a prior there is no flow, and the base is what was given.
        """
        if self.config.has_latents:
            return self.flow(latents, prior.condition, mask)
        return latents, torch.zeros_like(latents[..., : latents.shape[-1] // 2])

    def draw_latents(
        self, prior: Prior, normal: Tensor, temperature: float, tokens: Tensor | None = None, noise: Noise | None = None
    ) -> Tensor:
        """Draw what stands beside the token of every frame, [B, T, Z].

        Args:
            prior: of the frames.
            normal: N(0, 1) numbers for latents, [B, T, Z].
            temperature: of the latents, or of the codes; a pitch is as it was predicted.
            tokens: of the frame, int64 [B, 1], which codes follow.
            noise: draws codes.
        """
        if self.config.beside == "codes":
            if tokens is None or noise is None:
                raise ValueError("codes are drawn given the frame's own token, and none was given")
            return self.prior_head.depth.draw(prior.condition, tokens, temperature, noise)
        drawn = prior.base.sample(normal, temperature)
        return self.flow.inverse(drawn, prior.condition) if self.config.has_latents else drawn

    def predict(self, tokens: Tensor, latents: Tensor, noise: Noise) -> tuple[Prior, Tensor, Tensor]:
        """Return what the model expects of every frame given those before it: one teacher-forced pass.

        Args:
            tokens: int64 [B, T].
            latents: [B, T, Z], of the same frames.
            noise: draws the first input.
        Returns:
            The prior, the latents on the base of the flow [B, T, Z], and the flow's log determinant [B, T, Z / 2].
        """
        inputs = torch.cat([self.initial_state(noise, len(tokens)), self.fuse(tokens, latents)[:, :-1]], dim=1)
        hidden = self.transform(inputs.to(self.transformer.input.weight.dtype)).to(self.dtype)
        prior = self.prior(hidden, tokens)
        base, logdet = self.to_base(latents, prior)
        return prior, base, logdet

    def decoder_condition(self, tokens: Tensor, latents: Tensor, utterance: Tensor) -> Tensor:
        """Return the decoder's condition [B, T, token_dim + S] from [B, T], [B, T, Z] and [B, S]."""
        return self._condition(self.fuse(tokens, latents), utterance)

    def _teacher_forced_prior(
        self, tokens: Tensor, latents: Tensor, draws: TrainingDraws, mask: Tensor, targets: Tensor
    ) -> Prior:
        """Return the prior of every frame from those before it, as a training pass shows them to the transformer."""
        if draws.latent_dropout_mask is not None:
            latents = latents.masked_fill(draws.latent_dropout_mask.unsqueeze(-1), 0.0)
        fused = self.fuse(tokens, latents)
        inputs = torch.cat([draws.initial.to(fused.dtype), fused[:, :-1]], dim=1)
        return self.prior(self.transform(apply_mask(inputs, mask), mask), targets)

    @torch.no_grad()
    def _scheduled_sampling(
        self, tokens: Tensor, latents: Tensor, draws: TrainingDraws, mask: Tensor, targets: Tensor
    ) -> Tensor:
        """Return the latents [B, T, Z], drawn from the prior where `draws.scheduled_sampling_mask` is True."""
        if draws.scheduled_sampling_mask is None or draws.scheduled_sampling_noise is None:
            return latents
        seen = latents
        for noise in draws.scheduled_sampling_noise:
            prior = self._teacher_forced_prior(tokens, seen, draws, mask, targets)
            drawn = apply_mask(self.draw_latents(prior, noise, 1.0), mask)
            seen = torch.where(draws.scheduled_sampling_mask.unsqueeze(-1), drawn.to(latents.dtype), latents)
        return seen

    def _decoder_input(
        self, fused: Tensor, tokens: Tensor, latents: Tensor, prior: Prior, draws: TrainingDraws
    ) -> Tensor:
        """Return what the decoder reads of every frame, [B, T, token_dim]: `fused`, or with latents from the prior.

        No draws follow a frame that scheduled sampling replaced: their pitch would be another than the recording's.
        No gradient reaches the prior.
        """
        if draws.drawn_latents_mask is None or draws.drawn_latents_noise is None:
            return fused
        replaced = draws.drawn_latents_mask.unsqueeze(1)
        if draws.scheduled_sampling_mask is not None:
            replaced = replaced & ~draws.scheduled_sampling_mask
        with torch.no_grad():
            drawn = self.draw_latents(prior, draws.drawn_latents_noise, 1.0).to(latents.dtype)
        return self.fuse(tokens, torch.where(replaced.unsqueeze(-1), drawn, latents))

    def beside_error(self, prior: Prior, tokens: Tensor, latents: Tensor) -> Tensor | None:
        """Return how far each frame's prediction beside its token is off, [B, T]; None for latents, or nothing.

        Of pitch the absolute error, of codes -ln p given the token.
        """
        if self.config.beside == "codes":
            return self.prior_head.depth.nats(prior.condition, tokens, latents)
        if self.config.beside == "pitch":
            return (prior.base.mean - latents).abs().sum(-1)
        return None

    def _condition(self, fused: Tensor, utterance: Tensor) -> Tensor:
        spread = utterance.to(fused.dtype).unsqueeze(1).expand(-1, fused.shape[1], -1)
        return torch.cat([fused, spread], dim=-1)

    def forward(
        self,
        tokens: Tensor,
        mel: Tensor,
        lengths: Tensor,
        utterance_mel: Tensor,
        utterance_lengths: Tensor,
        noise: Noise,
        timesteps: Tensor | None = None,
        part: Part = "all",
        posterior: Gaussian | None = None,
        latent_dropout: float = 0.0,
        scheduled_sampling: float = 0.0,
        condition_dropout: float = 0.0,
        drawn_latents: float = 0.0,
        pitch: Tensor | None = None,
        targets: Tensor | None = None,
    ) -> TrainingForward:
        """Run one training pass.

        Args:
            tokens: int64 [B, T], any id at padding.
            mel: normalised mel [B, T, M] of the same frames.
            lengths: int64 [B], real frames of each item.
            utterance_mel: normalised mel [B, T', M] of the clip that gives the utterance embedding.
            utterance_lengths: int64 [B].
            noise: source of all random draws.
            timesteps: int64 [B] diffusion timesteps instead of drawn ones.
            part: "all" as published; "decoder" and "sound" leave the language model out, its prior is then N(0, I) and
                all tokens are equally likely; "language" leaves the decoder out, its error is then zero.
            posterior: of every frame where it was computed before, [B, T, Z]; the part "language" then reads no mel.
            latent_dropout: share of frames whose latents the transformer does not see; this and what follows acts in
                training mode only; 0 as published.
            scheduled_sampling: share of items in which, from some frame on, the transformer sees latents as it would
                draw them itself, in parallel (arXiv 1906.07651); 0 as published.
            condition_dropout: share of items whose decoder is given the utterance alone; 0 as published.
            drawn_latents: share of items whose decoder reads latents drawn from the prior of every frame instead of
                the posterior's, up to where scheduled sampling begins; 0 as published.
            pitch: of a model with pitch, `pitch_contour` of every frame, [B, T].
            targets: int64 [B, T], the tokens to predict, where they are not those that are read.
        """
        batch, frames = tokens.shape
        shares = (latent_dropout, scheduled_sampling, condition_dropout, drawn_latents) if self.training else ()
        draws = TrainingDraws.draw(self.config, noise, batch, frames, timesteps, *shares)
        if posterior is None and not self.config.has_latents:
            posterior = self.posterior(mel, pitch=pitch)
        return self.training_pass(
            tokens, mel, lengths, utterance_mel, utterance_lengths, draws, part, posterior, targets
        )

    def training_pass(
        self,
        tokens: Tensor,
        mel: Tensor,
        lengths: Tensor,
        utterance_mel: Tensor,
        utterance_lengths: Tensor,
        draws: TrainingDraws,
        part: Part = "all",
        posterior: Gaussian | None = None,
        targets: Tensor | None = None,
    ) -> TrainingForward:
        """Run one training pass with all random numbers given: a pure function of tensors, the part to compile."""
        mask = length_mask(lengths, tokens.shape[1])
        targets = tokens if targets is None else targets
        if posterior is None:
            posterior = self.posterior(mel, mask)
        latents = apply_mask(posterior.sample(draws.posterior), mask)
        fused = self.fuse(tokens, latents)
        if part in ("decoder", "sound"):
            prior = standard_prior(latents, self.config.num_token_ids)
            base, logdet = latents, latents.new_zeros(*latents.shape[:2], latents.shape[2] // 2)
        else:
            seen = self._scheduled_sampling(tokens, latents, draws, mask, targets)
            prior = self._teacher_forced_prior(tokens, seen, draws, mask, targets)
            base, logdet = self.to_base(latents, prior, mask)
        utterance = self.utterance_embedding(utterance_mel, utterance_lengths)
        predicted = target = torch.zeros_like(mel)
        if part != "language":
            noised = self.decoder.q_sample(self.decoder.scale(mel), draws.timesteps, draws.diffusion, mask)
            condition = self._condition(self._decoder_input(fused, tokens, latents, prior, draws), utterance)
            if draws.null_condition_mask is not None:
                null = self.decoder.null_condition(condition)
                condition = torch.where(draws.null_condition_mask[:, None, None], null, condition)
            predicted = self.decoder.raw(noised, draws.timesteps, condition, mask)
            target = self.decoder.target(self.decoder.scale(mel), draws.timesteps, draws.diffusion, mask)
        return TrainingForward(
            mask=mask,
            tokens=targets,
            posterior=posterior,
            latents=latents,
            prior=prior,
            base=base,
            logdet=logdet,
            decoder_target=target,
            decoder_output=predicted,
            utterance=utterance,
            variational=self.config.has_latents,
            beside_error=self.beside_error(prior, targets, latents) if part in ("all", "language") else None,
        )
