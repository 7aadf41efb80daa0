"""Training pass, losses and gradients against the recorded ones."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from tests.golden.golden import RecordedNoise, close, golden
from undertone.engine.network import VAEGSLM, TrainingForward, losses, total
from undertone.engine.network.layers.basic import apply_mask, length_mask
from undertone.engine.network.losses import log_densities
from undertone.engine.published.names import published_name

CASES = ("pad", "nopad")


def run(model: VAEGSLM, case: str) -> TrainingForward:
    """The recorded training pass; its third draw belongs to a sample that the published code never uses."""
    g = golden()
    draws = [g[f"{case}/rng/{name}"] for name in ("000_randn_like", "001_rand", "004_randn_like")]
    noise = RecordedNoise(draws)
    inputs = [g[f"{case}/in/{name}"] for name in ("tokens", "mel", "lengths", "utt", "utt_lengths")]
    forward = model(*inputs, noise, timesteps=g[f"{case}/rng/003_randint"])
    assert noise.finished()
    return forward


def outputs(model: nn.Module, names: dict[str, str]) -> dict[str, Tensor]:
    """Fills itself with the outputs of submodules as the model runs: recorded name by module name."""
    kept: dict[str, Tensor] = {}
    for recorded, name in names.items():
        model.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, recorded=recorded: kept.__setitem__(recorded, output)
        )
    return kept


def intermediates() -> Iterator[tuple[str, str, bool]]:
    """Recorded name, our module, and whether the record is [B, C, T]."""
    yield "enc/out", "posterior_encoder.stack", False
    yield "enc/final_norm", "posterior_encoder.stack.norm", True
    yield "transformer_latent", "transformer", False
    yield "q_split", "prior_head.latent_hidden", False
    yield "token_split", "prior_head.token_hidden", False
    yield "token_embedding", "token_embedding", False
    yield "unet/time_emb", "decoder.unet.time", False
    yield "unet/final_norm", "decoder.unet.stack.norm", True
    yield "unet/eps", "decoder.unet", False
    yield "utt/embedding", "utterance_encoder", False
    for i in range(3):
        yield f"enc/layer{i}", f"posterior_encoder.stack.blocks.{i}", True
        yield f"transformer_layer{i}", f"transformer.layers.{i}", False
        yield f"utt/layer{i}", f"utterance_encoder.layers.{i}", True
    for i in range(6):
        yield f"unet/layer{i}", f"decoder.unet.stack.blocks.{i}", True


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("recorded", "module", "channels_first"), list(intermediates()))
def test_an_intermediate_is_the_published_one(case: str, recorded: str, module: str, channels_first: bool) -> None:
    g = golden()
    reference = g[f"{case}/{recorded}"]
    model = g.model()
    kept = outputs(model, {recorded: module})
    with torch.no_grad():
        run(model, case)
    got = kept[recorded].transpose(1, 2) if channels_first else kept[recorded]
    if recorded.endswith("_split"):
        got = got.relu()
    if recorded.startswith("transformer_layer") or recorded == "token_embedding":
        got = apply_mask(got, g.mask(case))  # padding holds values that no real frame can see
    close(got, reference, recorded)


@pytest.mark.parametrize("case", CASES)
def test_the_training_pass_is_the_published_one(case: str) -> None:
    g = golden()
    reference = {name: g[f"{case}/{name}"] for name in ("enc/mean", "log_p", "flow/out")}
    with torch.no_grad():
        forward = run(g.model(), case)
    log_p, log_q = log_densities(forward)
    got = {
        "enc/mean": forward.posterior.mean,
        "enc/logstd": forward.posterior.logstd,
        "sample_q": forward.latents,
        "prior/mean": forward.prior.mean,
        "prior/logstd": forward.prior.logstd,
        "logits": forward.prior.logits,
        "flow/out": forward.base,
        "flow/logdet": forward.logdet,
        "log_p": log_p,
        "log_q": log_q,
        "utt/embedding": forward.utterance,
        "unet/eps": forward.decoder_output,
    }
    for name, tensor in got.items():
        if name in reference or f"{case}/{name}" in g.vectors:
            close(tensor, g[f"{case}/{name}"], name)


@pytest.mark.parametrize("case", CASES)
def test_the_parts_of_the_pass_are_the_published_ones(case: str) -> None:
    g = golden()
    model, tokens, latents = g.model(), g[f"{case}/in/tokens"], g[f"{case}/sample_q"]
    mask = g.mask(case)
    with torch.no_grad():
        fused = model.fuse(tokens, latents)
        initial = model.initial_state(RecordedNoise([g[f"{case}/rng/001_rand"]]), len(tokens))
        inputs = apply_mask(torch.cat([initial, fused[:, :-1]], dim=1), mask)
        close(inputs, g[f"{case}/transformer_input"], "transformer_input")
        condition = model.decoder_condition(tokens, latents, g[f"{case}/utt/embedding"])
        close(model.decoder.unet.project(condition, mask), apply_mask(g[f"{case}/unet/cond_net"], mask), "cond_net")
        mel, t, eps = (g[f"{case}/{name}"] for name in ("in/mel", "rng/003_randint", "rng/004_randn_like"))
        noised = model.decoder.q_sample(model.decoder.scale(mel), t, eps, mask)
        if f"{case}/unet/x_t" in g.vectors:
            close(noised, g[f"{case}/unet/x_t"], "x_t")
            close(apply_mask(condition, mask), apply_mask(g[f"{case}/unet/cond"], mask), "cond")


@pytest.mark.parametrize("case", CASES)
def test_the_losses_are_the_published_sums(case: str) -> None:
    g = golden()
    reference = g[f"{case}/total_loss"]
    with torch.no_grad():
        terms = losses(run(g.model(), case))
    close(terms.reconstruction, g[f"{case}/rec_loss"], "rec")
    close(terms.kl, g[f"{case}/kld"], "kld")
    close(terms.cross_entropy, g[f"{case}/ce_loss"], "ce")
    close(total(terms, kl_weight=0.04, gamma=0.5), reference, "total")
    close(terms.kl_per_dim.mean(), terms.kl, "per dim")
    assert int(terms.num_frames) == g.cases[case]["normalising_length"]


def test_every_gradient_is_the_published_one() -> None:
    g = golden()
    model = g.model()
    total(losses(run(model, "pad")), kl_weight=0.04, gamma=0.5).backward()
    compared = 0
    for name, parameter in model.named_parameters():
        key = f"pad/grad/{published_name(name)}"
        if key in g.vectors:
            assert parameter.grad is not None, name
            close(parameter.grad.reshape(g[key].shape), g[key], name)
            compared += 1
    assert compared == len(list(model.parameters())) if g.full else compared > 100


def test_an_item_alone_differs_from_the_padded_batch_as_published() -> None:
    g = golden()
    model = g.model()
    mel, lengths = g["pad/in/utt"], g["pad/in/utt_lengths"]
    alone = torch.cat([model.utterance_embedding(mel[i : i + 1, :n]) for i, n in enumerate(lengths.tolist())])
    close(alone, g["pad/utt/embedding_single_unpadded"], "utterance")
    x, condition, t = g["pad/unet/x_t"], g["pad/unet/cond"], g["pad/unet/t"]
    frames = int(g["pad/in/lengths"][2])
    single = model.decoder.denoise(x[2:, :frames], t[2:], condition[2:, :frames])
    close(single, g["pad/unet/eps_single_unpadded"], "unet")
    batch = model.decoder.denoise(x, t, condition, length_mask(g["pad/in/lengths"], x.shape[1]))
    affected = (batch[2, :frames] - single[0]).abs().amax(dim=1) > 1e-4
    assert int(affected.sum()) == g.cases["pad"]["frames_affected_by_padding"]
