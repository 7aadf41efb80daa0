"""Diffusion samplers and whole continuations against the recorded ones."""

import copy

import pytest
import torch

from tests.golden.golden import Golden, RecordedNoise, close, golden
from undertone.engine.files.checkpoints import fold_weight_norm
from undertone.engine.generation.generate import generate
from undertone.engine.generation.sampling import Sampling
from undertone.engine.network.decoder import solvers
from undertone.engine.network.layers.basic import apply_mask, length_mask
from undertone.engine.vocoders.hifigan import HiFiGAN

DDIM = ("ddim_eta0_10", "ddim_eta0_100", "ddim_eta05_10_pad", "ddim_eta05_100", "ddim_eta1_7")


def draws(g: Golden, case: str, start: int = 0, count: int | None = None) -> list[torch.Tensor]:
    """Recorded draws of a case in order."""
    names = g.cases[case]["rng_order"][start:]
    return [g[name] for name in names[:count]]


@pytest.mark.parametrize("case", DDIM)
def test_ddim(case: str) -> None:
    g = golden()
    start, condition, lengths = (g[f"{case}/{name}"] for name in ("start", "cond", "lengths"))
    settings = g.cases[case]
    assert solvers.timesteps(settings["steps"], 1000)[:-1] == g[f"{case}/times"].tolist()
    fresh = g.vectors.get(f"{case}/noise", torch.zeros(settings["n_noise_draws"], *start.shape))
    noise = RecordedNoise(fresh)
    decoder = g.model().decoder
    mel = decoder.sample(
        condition,
        length_mask(lengths, start.shape[1]),
        noise,
        solver="ddim",
        steps=settings["steps"],
        eta=settings["eta"],
        start=start,
    )
    close(mel / decoder.config.input_scale, g[f"{case}/out"], case)
    assert noise.finished()


@pytest.mark.parametrize("case", DDIM)
@torch.no_grad()
def test_ddim_noise_estimates(case: str) -> None:
    g = golden()
    decoder, condition = g.model().decoder, g[f"{case}/cond"]
    mask = length_mask(g[f"{case}/lengths"], condition.shape[1])
    for step in g.cases[case]["kept_steps"]:
        t = g[f"{case}/times"][step].expand(len(condition))
        eps = decoder.denoise(g[f"{case}/step{step}/x"], t, condition, mask)
        close(eps, g[f"{case}/step{step}/eps"], f"{case} step {step}")


def test_hundred_timesteps() -> None:
    assert solvers.timesteps(100, 1000) == golden()["ddim_times_100"].tolist()


@pytest.mark.parametrize("t", [0, 1, 500, 999])
@torch.no_grad()
def test_one_ancestral_step(t: int) -> None:
    g = golden()
    reference = g[f"ancestral/t{t}/x_prev"]
    decoder = g.model().decoder
    x, condition = g["unet/x"][:2], g["unet/cond"][:2]
    times = torch.full((2,), t)
    x0 = decoder.predict_x0(x, times, decoder.denoise(x, times, condition))
    close(x0, g[f"ancestral/t{t}/x0_clamped"], "x0")
    noise = RecordedNoise([g[f"ancestral/t{t}/rng/000_randn_like"]] if t else [])
    close(solvers.ancestral_step(x, x0, t, decoder.schedule, None, noise), reference, "step")
    assert noise.finished()


@torch.no_grad()
def test_a_continuation_is_the_published_one() -> None:
    g = golden()
    case, model = g.cases["sampler"], g.model()
    prompt = g["sampler/prior"]
    tokens, mel = prompt[..., 0].long(), prompt[..., 1:]
    noise = RecordedNoise(draws(g, "sampler"))
    utterance = model.utterance_embedding(mel)
    close(utterance, g["sampler/u_c"], "utterance")
    latents = model.posterior(mel).sample(noise.normal(*tokens.shape, model.config.latent_dim))
    sampling = Sampling(
        token_temperature=case["token_temperature"],
        latent_temperature=case["temperature"],
        top_k=None,
        top_p=1.0,
        solver="ddim",
        steps=case["ddim_steps"],
        eta=case["eta"],
    )
    num_frames = g["sampler/step_logits"].shape[1]
    *_, draft = generate(model, tokens, latents, num_frames, sampling, noise, published_draws=True)
    reference = g["sampler/sequence"]
    assert torch.equal(draft.tokens, reference[..., 0].long())
    close(draft.latents, reference[..., 1:], "latents")
    condition = model.decoder_condition(draft.tokens, draft.latents, utterance)
    mel = model.decoder.sample(condition, None, noise, "ddim", case["ddim_steps"], case["eta"])
    close(mel, g["sampler/mel"], "mel")
    assert noise.finished()
    vocoder = HiFiGAN(g.vocoder)
    vocoder.load_state_dict(fold_weight_norm(g.generator))
    scale, offset = g.config.mel.std, g.config.mel.mean
    # This vocoder's random weights magnify rounding: the float32 record is 9e-5 away from float64, and float32 by other
    # kernels (AVX2, AVX-512) 1e-4 to 1.5e-4. In float64 no machine's kernels matter, and what is left is the record's.
    exact = copy.deepcopy(vocoder).double()
    close(exact((g["sampler/mel"] * scale + offset).double()), g["sampler/audio"], "audio", tolerance=1e-4)
    close(vocoder(mel * scale + offset), g["sampler/audio"], "audio of our mel", tolerance=5e-4)


@torch.no_grad()
def test_the_steps_of_a_continuation() -> None:
    g = golden()
    model, sequence = g.model(), g["sampler/sequence"]
    prompt_frames, num_frames = g["sampler/prior"].shape[1], g["sampler/step_logits"].shape[1]
    initial = model.initial_state(RecordedNoise([g["sampler/rng/002_rand"]]), len(sequence))
    fused = model.fuse(sequence[..., 0].long(), sequence[..., 1:])
    hidden = model.transform(torch.cat([initial, fused[:, :-1]], dim=1))[:, -num_frames:]
    prior = model.prior(hidden)
    assert prompt_frames + num_frames == sequence.shape[1]
    close(hidden, g["sampler/step_latent"], "hidden")
    close(prior.logits, g["sampler/step_logits"], "logits")
    close(prior.mean, g["sampler/step_prior_mean"], "mean")
    close(prior.logstd, g["sampler/step_prior_logstd"], "logstd")


@torch.no_grad()
def test_reconstruction() -> None:
    g = golden()
    case, model, mask = g.cases["reconstruct"], g.model(), g.mask("pad")
    tokens, mel = g["pad/in/tokens"], g["pad/in/mel"]
    reference = g["reconstruct/encoded"]
    latents = apply_mask(model.posterior(mel, mask).mean, mask)
    close(torch.cat([tokens.unsqueeze(-1), latents], dim=-1), reference, "encoded")
    utterance = model.utterance_embedding(mel, g["pad/in/lengths"])
    close(utterance, g["reconstruct/u_c"], "utterance")
    noise = RecordedNoise(draws(g, "reconstruct", start=1))  # the first belongs to a sample at temperature 0
    condition = apply_mask(model.decoder_condition(tokens, latents, utterance), mask)
    close(
        model.decoder.sample(condition, mask, noise, "ddim", case["ddim_steps"], case["eta"]),
        g["reconstruct/mel"],
        "mel",
    )
    assert noise.finished()


@torch.no_grad()
def test_likelihood_of_tokens() -> None:
    g = golden()
    model, mask, tokens = g.model(), g.mask("pad"), g["pad/in/tokens"]
    initial = model.initial_state(RecordedNoise([g["likelihood/rng/001_rand"]]), len(tokens))
    fused = model.fuse(tokens, model.posterior(g["pad/in/mel"], mask).mean)
    inputs = apply_mask(torch.cat([initial, fused[:, :-1]], dim=1), mask)
    prior = model.prior(model.transform(inputs, mask))
    log_probability = prior.logits.log_softmax(-1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
    score = (log_probability * mask).sum(1) / mask.sum(1)
    close(score, g["likelihood/score"], "score")
    close(inputs, g["likelihood/transformer_input"], "inputs")
    close(prior.logits, g["likelihood/logits"], "logits")
