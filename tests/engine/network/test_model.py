"""What must hold of the network at any size: cache, causality, invertibility, batching, dtypes, the two solvers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.engine.network.network_sizes import SIZES, random_model, sized_config
from undertone.engine.config import DecoderConfig, ModelConfig
from undertone.engine.errors import SettingsError
from undertone.engine.network import VAEGSLM, Gaussian, favour_single_frames, losses, total
from undertone.engine.network.decoder import solvers
from undertone.engine.network.decoder.schedule import Schedule
from undertone.engine.network.layers.attention import causal_attention
from undertone.engine.network.layers.basic import ChannelNorm, length_mask
from undertone.engine.network.layers.depthwise import DepthwiseConv
from undertone.engine.noise import BatchNoise, SeededNoise


@pytest.fixture(params=list(SIZES))
def model(request: pytest.FixtureRequest) -> VAEGSLM:
    return random_model(sized_config(request.param))


@pytest.fixture
def six_heads() -> VAEGSLM:
    return random_model(sized_config("six heads"))


def inputs(model: VAEGSLM, batch: int, frames: int) -> Tensor:
    return torch.randn(batch, frames, model.config.token_dim, generator=torch.Generator().manual_seed(5))


@torch.no_grad()
@pytest.mark.parametrize("parts", [(1,) * 12, (5, 1, 1, 5), (4, 4, 4), (11, 1)])
def test_cached_equals_uncached(model: VAEGSLM, parts: tuple[int, ...]) -> None:
    x = inputs(model, 2, 12)
    cache = model.new_cache(2, 16)
    pieces = [model.transform(piece, cache=cache) for piece in x.split(parts, dim=1)]
    assert cache.position == 12
    torch.testing.assert_close(torch.cat(pieces, dim=1), model.transform(x), atol=2e-6, rtol=1e-5)


@torch.no_grad()
def test_the_cache_refuses_more_than_it_holds(six_heads: VAEGSLM) -> None:
    cache = six_heads.new_cache(1, 4)
    six_heads.transform(inputs(six_heads, 1, 3), cache=cache)
    with pytest.raises(ValueError, match="4 positions, 3 are filled and 2 more"):
        six_heads.transform(inputs(six_heads, 1, 2), cache=cache)
    assert cache.position == 3


def test_more_positions_than_the_model_has_are_refused(six_heads: VAEGSLM) -> None:
    with pytest.raises(ValueError, match="1025 positions were asked for and the model has 1024"):
        six_heads.transform(inputs(six_heads, 1, 1025))


def dependence(output: Tensor, source: Tensor, frame: int) -> Tensor:
    """Frames of the source [1, T, C] that a frame of the output depends on, by gradient."""
    (gradient,) = torch.autograd.grad(output[0, frame].sum(), source, retain_graph=True)
    return gradient[0].abs().sum(-1).nonzero().flatten()


def test_hidden_states_are_causal(model: VAEGSLM) -> None:
    x = inputs(model, 1, 12).requires_grad_()
    hidden = model.transform(x)
    for frame in (0, 5, 11):
        assert dependence(hidden, x, frame).tolist() == list(range(frame + 1))


def test_the_posterior_is_causal_with_the_reach_of_its_blocks(model: VAEGSLM) -> None:
    config = model.config.encoder
    reach = len(config.hidden_channels) * 2 * ((config.kernel_size - 1) // 2)
    mel = torch.randn(1, 30, 80, requires_grad=True)
    seen = dependence(model.posterior(mel).mean, mel, 25)
    assert seen.max() == 25
    assert seen.min() == max(0, 25 - reach)


def test_the_decoder_sees_as_far_as_its_blocks_reach(model: VAEGSLM) -> None:
    config = model.config.decoder
    reach = 2 * ((config.kernel_size - 1) // 2)
    back = config.first_anticausal_block * reach
    ahead = (len(config.hidden_channels) - config.first_anticausal_block) * reach
    frames = back + ahead + 5
    x = torch.randn(1, frames, 80, requires_grad=True)
    condition = torch.randn(1, frames, model.config.token_dim + model.config.utterance.dim)
    seen = dependence(model.decoder.denoise(x, torch.tensor([500]), condition), x, back + 2)
    assert (seen.min(), seen.max()) == (2, back + 2 + ahead)


@given(seed=st.integers(0, 2**31), size=st.sampled_from(list(SIZES)), spread=st.floats(0.01, 10.0))
@settings(max_examples=25, deadline=None)
def test_the_flow_is_invertible(seed: int, size: str, spread: float) -> None:
    model = random_model(sized_config(size), seed)
    generator = torch.Generator().manual_seed(seed)
    latents = spread * torch.randn(2, 3, model.config.latent_dim, generator=generator)
    condition = torch.randn(2, 3, model.config.transformer.dim, generator=generator)
    with torch.no_grad():
        base, _ = model.flow(latents, condition)
        back = model.flow.inverse(base, condition)
    torch.testing.assert_close(back, latents, atol=1e-4 * spread, rtol=1e-3)


def test_the_flow_reports_the_volume_of_its_jacobian(model: VAEGSLM) -> None:
    condition = torch.randn(1, 1, model.config.transformer.dim)
    latents = torch.randn(model.config.latent_dim)
    jacobian = torch.autograd.functional.jacobian(
        lambda z: model.flow(z.view(1, 1, -1), condition)[0].view(-1), latents
    )
    _, logdet = model.flow(latents.view(1, 1, -1), condition)
    torch.testing.assert_close(logdet.sum(), torch.linalg.slogdet(jacobian).logabsdet, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_padding_never_reaches_the_language_model(model: VAEGSLM) -> None:
    """Posterior and transformer of an item are the same alone and in a padded batch; the decoder's are not."""
    mel, x = torch.randn(2, 14, 80), inputs(model, 2, 14)
    mask = length_mask(torch.tensor([14, 9]), 14)
    alone = model.posterior(mel[1:, :9])
    padded = model.posterior(mel, mask)
    torch.testing.assert_close(padded.mean[1, :9], alone.mean[0], atol=1e-5, rtol=1e-4)
    hidden = model.transform(x, mask)
    torch.testing.assert_close(hidden[1, :9], model.transform(x[1:, :9])[0], atol=1e-5, rtol=1e-4)
    assert (hidden[1, 9:] == 0).all()


@torch.no_grad()
def test_without_the_quirk_an_utterance_is_the_same_alone_and_padded() -> None:
    config = sized_config("six heads")
    honest = config.model_copy(
        update={"utterance": config.utterance.model_copy(update={"quirk_lengths_doubled": False})}
    )
    mel, lengths = torch.randn(3, 40, 80), torch.tensor([40, 23, 31])
    for sizes, equal in ((honest, True), (config, False)):
        model = random_model(sizes)
        batch = model.utterance_embedding(mel, lengths)
        alone = torch.cat([model.utterance_embedding(mel[i : i + 1, :n]) for i, n in enumerate(lengths.tolist())])
        assert torch.allclose(batch, alone, atol=1e-5) is equal


@pytest.mark.parametrize("solver", ["ddim", "ancestral", "dpm++"])
def test_a_row_of_a_batch_is_sampled_as_alone(six_heads: VAEGSLM, solver: str) -> None:
    if solver == "ancestral":  # all timesteps: fewer of them here
        decoder = six_heads.config.decoder.model_copy(update={"timesteps": 30})
        six_heads = random_model(six_heads.config.model_copy(update={"decoder": decoder}))
    condition = torch.randn(2, 9, six_heads.config.token_dim + six_heads.config.utterance.dim)
    both = six_heads.decoder.sample(condition, None, SeededNoise([7, 8]), solver, steps=6)
    one = six_heads.decoder.sample(condition[1:], None, SeededNoise([8]), solver, steps=6)
    assert (both[1:] - one).abs().max() < 5e-3 * one.abs().max()  # random weights magnify rounding
    low, high = six_heads.config.decoder.clamp_range
    scale = six_heads.config.decoder.input_scale
    assert both.isfinite().all()
    if solver != "ancestral":
        assert both.min() >= low * scale - 1e-4
        assert both.max() <= high * scale + 1e-4


def test_the_solvers_reach_the_known_end_for_gaussian_data() -> None:
    """For data N(mean, spread^2) the best x0 and the end of the probability flow are known in closed form."""
    mean, spread = 0.4, 0.1
    schedule = Schedule(DecoderConfig())
    bars = schedule.arrays["alphas_cumprod"]

    def predict(x: Tensor, t: int) -> tuple[Tensor, Tensor]:
        signal, variance = bars[t] ** 0.5, 1 - bars[t]
        x0 = mean + signal * spread**2 / (bars[t] * spread**2 + variance) * (x - signal * mean)
        return x0, (x - signal * x0) / variance**0.5

    start = torch.randn(1, 40, 80, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    end = mean + spread * (start - bars[-1] ** 0.5 * mean) / (bars[-1] * spread**2 + 1 - bars[-1]) ** 0.5

    def fast(steps: int) -> float:
        return float((solvers.dpm_solver(predict, start, schedule, None, steps) - end).std() / spread)

    def slow(steps: int) -> float:
        return float((solvers.ddim(predict, start, schedule, None, SeededNoise([0]), steps, 0.0) - end).std() / spread)

    assert slow(900) < 0.01
    assert fast(50) < 0.02
    assert fast(12) < 0.1 * slow(12)
    assert fast(12) < slow(100)
    drawn = solvers.ddim(predict, start, schedule, None, SeededNoise([0]), 500, 1.0)
    assert abs(drawn.std().item() - spread) < 0.1 * spread  # fresh noise keeps the distribution
    assert abs(drawn.mean().item() - mean) < 0.1 * spread


def test_the_ancestral_sampler_draws_from_the_data_distribution() -> None:
    mean, spread = 0.4, 0.1
    schedule = Schedule(DecoderConfig())
    bars = schedule.arrays["alphas_cumprod"]

    def predict(x: Tensor, t: int) -> tuple[Tensor, Tensor]:
        signal, variance = bars[t] ** 0.5, 1 - bars[t]
        return mean + signal * spread**2 / (bars[t] * spread**2 + variance) * (x - signal * mean), x

    drawn = solvers.ancestral(predict, torch.randn(1, 40, 80), schedule, None, SeededNoise([1]))
    assert abs(drawn.std().item() - spread) < 0.1 * spread
    assert abs(drawn.mean().item() - mean) < 0.1 * spread


def test_steps_and_solver_are_checked(six_heads: VAEGSLM) -> None:
    condition = torch.randn(1, 3, six_heads.config.token_dim + six_heads.config.utterance.dim)
    for steps in (0, 1000):
        with pytest.raises(SettingsError, match=f"steps is {steps}"):
            six_heads.decoder.sample(condition, None, SeededNoise([0]), "ddim", steps)
    with pytest.raises(SettingsError, match="solver is 'euler'"):
        six_heads.decoder.sample(condition, None, SeededNoise([0]), "euler")  # type: ignore[arg-type]


def test_the_tables_survive_a_change_of_dtype_and_the_meta_device() -> None:
    config = sized_config("three heads")
    with torch.device("meta"):
        empty = VAEGSLM(config)
    model = random_model(config)
    empty.to_empty(device="cpu").load_state_dict(model.state_dict())
    half = random_model(config).to(torch.bfloat16)
    for other in (empty, half):
        assert other.decoder.schedule.alphas_cumprod.dtype == torch.float32
        assert torch.equal(other.decoder.schedule.alphas_cumprod, model.decoder.schedule.alphas_cumprod)
        assert torch.equal(other.transformer.alibi.slopes, model.transformer.alibi.slopes)


@torch.no_grad()
def test_half_precision_weights_come_close(six_heads: VAEGSLM) -> None:
    half = random_model(six_heads.config).to(torch.bfloat16)
    tokens, mel, length = torch.randint(0, 30, (1, 20)), torch.randn(1, 20, 80), torch.tensor([20])
    results = []
    for network in (six_heads, half):
        noise = BatchNoise(generator=torch.Generator().manual_seed(1))
        results.append(losses(network(tokens, mel, length, mel, length, noise)))
    assert results[1].reconstruction.item() == pytest.approx(results[0].reconstruction.item(), rel=0.05)
    assert results[1].cross_entropy.item() == pytest.approx(results[0].cross_entropy.item(), rel=0.05)


@pytest.mark.parametrize("frames", [7, 200, 431])
@torch.no_grad()
def test_blocked_attention_equals_the_fused_kernel(frames: int) -> None:
    query, key, value = torch.randn(3, 2, 3, frames, 8)
    bias = torch.randn(1, 3, frames, frames).masked_fill(~torch.ones(frames, frames).tril().bool(), -torch.inf)
    exact = causal_attention(query, key, value, bias)
    blocked = causal_attention(query.bfloat16(), key.bfloat16(), value.bfloat16(), bias)
    torch.testing.assert_close(blocked.float(), exact, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("anticausal", [False, True])
@pytest.mark.parametrize("kernel_size", [1, 3, 5, 9])
def test_depthwise_gradients(anticausal: bool, kernel_size: int) -> None:
    conv = DepthwiseConv(3, kernel_size, anticausal).double()
    x = torch.randn(2, 6, 3, dtype=torch.float64, requires_grad=True)

    def run(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(conv, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(run, (x, conv.weight, conv.bias))


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(ValueError, match="kernel_size is 4; it must be odd"):
        DepthwiseConv(3, 4)


def test_the_channel_norm_divides_by_one_less_than_the_channels() -> None:
    norm = ChannelNorm(5, 1e-2)
    x = torch.randn(1, 2, 5)
    reference = (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, unbiased=True, keepdim=True) + 1e-2)
    torch.testing.assert_close(norm(x), reference)


@torch.no_grad()
def test_the_order_of_weights_in_memory_changes_nothing(six_heads: VAEGSLM) -> None:
    x = inputs(six_heads, 1, 6)
    before, state = six_heads.transform(x), {k: v.clone() for k, v in six_heads.state_dict().items()}
    favour_single_frames(six_heads)
    torch.testing.assert_close(six_heads.transform(x), before, atol=1e-6, rtol=1e-5)
    assert all(torch.equal(value, state[name]) for name, value in six_heads.state_dict().items())


def test_gaussian_entropy_is_the_mean_of_the_density() -> None:
    gaussian = Gaussian(torch.tensor([[[0.3]]]), torch.tensor([[[-0.7]]]))
    draws = gaussian.sample(torch.randn(1, 200_000, 1))
    assert gaussian.log_prob(draws).mean().item() == pytest.approx(gaussian.negative_entropy().item(), abs=0.01)
    assert gaussian.sample(torch.ones(1, 1, 1), temperature=0.0).item() == pytest.approx(0.3)


def test_the_published_size_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        model = VAEGSLM(ModelConfig())
    assert sum(parameter.numel() for parameter in model.parameters()) == 226_957_564


def test_a_learned_end_adds_one_row_to_embedding_and_head() -> None:
    plain = sized_config("three heads")
    with_end = plain.model_copy(update={"learned_end": True})
    a, b = random_model(plain).state_dict(), random_model(with_end).state_dict()
    changed = {name for name in a if a[name].shape != b[name].shape}
    assert changed == {"token_embedding.weight", "prior_head.token_logits.weight", "prior_head.token_logits.bias"}
    assert b["token_embedding.weight"].shape[0] == plain.num_tokens + 1


def test_without_the_quirk_the_first_input_is_zero_and_nothing_is_drawn() -> None:
    model = random_model(sized_config("three heads").model_copy(update={"quirk_random_initial_state": False}))
    noise = SeededNoise([3])
    assert (model.initial_state(noise, 1) == 0).all()
    assert torch.equal(noise.normal(1, 2), SeededNoise([3]).normal(1, 2))


def test_published_initialisation() -> None:
    model = VAEGSLM(sized_config("twelve heads"))
    assert all((value == 0).all() for name, value in model.named_parameters() if name.endswith("bias"))
    bound = (model.config.transformer.dim / 3) ** -0.5
    attention = model.transformer.layers[0].attention.input.weight  # type: ignore[union-attr]
    assert 0.9 * bound < attention.abs().max() <= bound
    assert 0.9 < model.token_embedding.weight.abs().max() <= 1


def test_autocast_training_reaches_every_parameter(six_heads: VAEGSLM) -> None:
    tokens, mel, lengths = torch.randint(0, 30, (2, 20)), torch.randn(2, 20, 80), torch.tensor([20, 13])
    with torch.autocast("cpu", torch.bfloat16):
        forward = six_heads(tokens, mel, lengths, mel, lengths, BatchNoise())
    loss = total(losses(forward), 0.04)
    loss.backward()
    assert loss.dtype == torch.float32
    for name, parameter in six_heads.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
