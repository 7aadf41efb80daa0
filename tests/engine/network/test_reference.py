"""The network against the naive one of naive.py, at sizes the golden numbers do not have."""

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from tests.engine.network import naive
from tests.engine.network.network_sizes import SIZES, random_model, sized_config
from undertone.engine.network import VAEGSLM
from undertone.engine.network.losses import log_densities
from undertone.engine.noise import BatchNoise
from undertone.engine.published import to_published


@pytest.fixture(params=list(SIZES))
def model(request: pytest.FixtureRequest) -> VAEGSLM:
    return random_model(sized_config(request.param))


def weights(model: VAEGSLM) -> Mapping[str, Tensor]:
    return {name: tensor.double() for name, tensor in to_published(model.state_dict()).items()}


def agree(got: Tensor, reference: Tensor) -> None:
    worst = (got.double() - reference).abs().max() / reference.abs().max()
    assert worst < 2e-5, f"{worst:.1e}"


def randn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_posterior(model: VAEGSLM) -> None:
    w, mel = weights(model), randn(13, 80)
    bottleneck = naive.stack(w, "encoder.0", mel.double(), "relu")
    posterior = model.posterior(mel[None])
    agree(posterior.mean[0], naive.linear(w, "encoder.1.mean", bottleneck))
    agree(posterior.logstd[0], naive.linear(w, "encoder.1.logstd", bottleneck))


@torch.no_grad()
def test_transformer(model: VAEGSLM) -> None:
    config = model.config
    inputs = randn(11, config.token_dim)
    reference = naive.transformer(weights(model), inputs.double(), config.transformer.num_heads)
    agree(model.transform(inputs[None])[0], reference)


@torch.no_grad()
def test_prior_heads(model: VAEGSLM) -> None:
    w, hidden = weights(model), randn(5, model.config.transformer.dim)
    prior = model.prior(hidden[None])
    condition = torch.relu(naive.linear(w, "q_spliter.linear", hidden.double()))
    agree(prior.condition[0], condition)
    agree(prior.mean[0], naive.linear(w, "transformer.1.mean", condition))
    agree(prior.logstd[0], naive.linear(w, "transformer.1.logstd", condition))
    token = torch.relu(naive.linear(w, "token_spliter.linear", hidden.double()))
    agree(prior.logits[0], naive.linear(w, "token_predictor.linear", token))


@torch.no_grad()
def test_flow(model: VAEGSLM) -> None:
    latents, condition = randn(7, model.config.latent_dim), randn(7, model.config.transformer.dim, seed=2)
    base, logdet = model.flow(latents[None], condition[None])
    reference, volume = naive.flow(weights(model), latents.double(), condition.double())
    agree(base[0], reference)
    agree(logdet[0].sum(-1), volume)


@pytest.mark.parametrize("length", [24, 17, 9])
@torch.no_grad()
def test_utterance_of_a_padded_clip(model: VAEGSLM, length: int) -> None:
    mel = randn(24, 80)
    embedding = model.utterance_embedding(mel[None], torch.tensor([length]))
    agree(embedding[0], naive.utterance(weights(model), mel.double(), length))


@pytest.mark.parametrize("t", [0, 3, 640, 999])
@torch.no_grad()
def test_unet(model: VAEGSLM, t: int) -> None:
    w, decoder = weights(model), model.config.decoder
    x, condition = randn(15, 80), randn(15, model.config.token_dim + model.config.utterance.dim, seed=3)
    reference = naive.stack(
        w,
        "decoder.model.unet",
        x.double(),
        "silu",
        decoder.first_anticausal_block,
        decoder.skips,
        decoder.conditioned,
        naive.linear(w, "decoder.model.cond_net", condition.double()),
        naive.time_embedding(w, t),
    )
    agree(model.decoder.denoise(x[None], torch.tensor([t]), condition[None])[0], reference)


@torch.no_grad()
def test_fusion_and_decoder_condition(model: VAEGSLM) -> None:
    w, config = weights(model), model.config
    tokens, latents, utterance = torch.tensor([3, 0, 29]), randn(3, config.latent_dim), randn(config.utterance.dim)
    fused = w["token_embedding.weight"][tokens] + torch.relu(naive.linear(w, "token_fuser.linear", latents.double()))
    agree(model.fuse(tokens[None], latents[None])[0], fused)
    condition = model.decoder_condition(tokens[None], latents[None], utterance[None])
    agree(condition[0], torch.cat([fused, utterance.double().expand(3, -1)], dim=1))


@torch.no_grad()
def test_densities(model: VAEGSLM) -> None:
    tokens, mel = torch.tensor([[1, 2, 3, 4, 5]]), randn(1, 5, 80)
    length = torch.tensor([5])
    forward = model(tokens, mel, length, mel, length, BatchNoise(generator=torch.Generator().manual_seed(4)))
    log_p, log_q = log_densities(forward)
    z = forward.latents[0].double()
    _, volume = naive.flow(weights(model), z, forward.prior.condition[0].double())
    normal = torch.distributions.Normal(forward.prior.mean[0].double(), forward.prior.logstd[0].double().exp())
    reference = normal.log_prob(forward.base[0].double()) + volume[:, None] / model.config.latent_dim
    agree(log_p[0], reference)
    entropy = 0.5 + 0.5 * math.log(2 * math.pi) + forward.posterior.logstd[0].double()
    agree(log_q[0], -entropy)


def test_noise_schedule(model: VAEGSLM) -> None:
    schedule = model.decoder.schedule
    for t in (0, 1, 400, 998, 999):
        bar = naive.alpha_bar(t)
        assert schedule.alphas_cumprod[t].item() == pytest.approx(bar, rel=1e-6)
        assert schedule.signal[t].item() == pytest.approx(math.sqrt(bar), rel=1e-6)
        assert schedule.noise[t].item() == pytest.approx(math.sqrt(1 - bar), rel=1e-6)
