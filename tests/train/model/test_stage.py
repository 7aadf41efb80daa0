"""The halves of the network trained one at a time, and pitch read from the latents."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from pydantic import ValidationError

from tests.train.tiny_recipes import MODEL, constant_schedule, weights_after
from undertone.engine.network import VAEGSLM, Part, TrainingDraws, losses
from undertone.engine.noise import SeededNoise
from undertone.train.model.recipe import LANGUAGE, SOUND, ModelRecipe
from undertone.train.model.stage import ModelStage


@pytest.fixture
def batch() -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    mel = torch.randn(2, 20, 80, generator=generator)
    lengths = torch.tensor([20, 13])
    return torch.randint(0, 12, (2, 20), generator=generator), mel, lengths, mel, lengths


def test_a_half_computes_what_it_computes_in_the_whole(batch: tuple[torch.Tensor, ...]) -> None:
    torch.manual_seed(0)
    network = VAEGSLM(MODEL.model)
    draws = TrainingDraws.draw(MODEL.model, SeededNoise([1, 2], "cpu"), 2, 20)
    whole, decoder, language = (network.training_pass(*batch, draws, part) for part in ("all", "decoder", "language"))
    assert torch.equal(decoder.decoder_output, whole.decoder_output)
    assert torch.equal(language.prior.logits, whole.prior.logits)
    assert torch.equal(language.base, whole.base)
    assert losses(language).reconstruction == 0
    assert torch.equal(losses(decoder).reconstruction, losses(whole).reconstruction)
    assert torch.equal(losses(language).kl, losses(whole).kl)


def test_without_the_language_model_the_kl_is_that_to_a_standard_normal(batch: tuple[torch.Tensor, ...]) -> None:
    torch.manual_seed(0)
    network = VAEGSLM(MODEL.model)
    draws = TrainingDraws.draw(MODEL.model, SeededNoise([1, 2], "cpu"), 2, 20)
    forward = network.training_pass(*batch, draws, "decoder")
    posterior = torch.distributions.Normal(forward.posterior.mean, forward.posterior.logstd.exp())
    log_p = torch.distributions.Normal(0.0, 1.0).log_prob(forward.latents)
    expected = (-posterior.entropy() - log_p)[forward.mask].sum(0)
    assert torch.allclose(losses(forward).kl_per_dim, expected, rtol=1e-4, atol=1e-3)


def test_dropped_latents_move_nothing_that_is_predicted_and_everything_that_is_heard(
    batch: tuple[torch.Tensor, ...],
) -> None:
    torch.manual_seed(0)
    network = VAEGSLM(MODEL.model)
    tokens, mel, lengths, *utterance = batch
    dropped, seen = (
        TrainingDraws.draw(MODEL.model, SeededNoise([1, 2], "cpu"), 2, 20, latent_dropout=share) for share in (1.0, 0.0)
    )
    assert dropped.latent_dropout_mask is not None
    assert dropped.latent_dropout_mask.all()
    assert seen.latent_dropout_mask is None
    assert torch.equal(dropped.diffusion, seen.diffusion)
    first, other = (network.training_pass(tokens, one, lengths, *utterance, dropped) for one in (mel, mel.flip(1)))
    assert torch.equal(first.prior.logits, other.prior.logits)
    assert torch.equal(first.prior.base.mean, other.prior.base.mean)
    assert not torch.equal(first.base, other.base)
    with_all = network.training_pass(tokens, mel, lengths, *utterance, seen)
    assert not torch.equal(first.prior.logits, with_all.prior.logits)
    assert torch.equal(first.decoder_output, with_all.decoder_output)


def test_scheduled_sampling_moves_what_is_predicted_behind_them_and_nothing_before(
    batch: tuple[torch.Tensor, ...],
) -> None:
    torch.manual_seed(0)
    network = VAEGSLM(MODEL.model)
    sampled, real = (
        TrainingDraws.draw(MODEL.model, SeededNoise([1, 2], "cpu"), 2, 20, scheduled_sampling=share)
        for share in (1.0, 0.0)
    )
    assert sampled.scheduled_sampling_mask is not None
    assert real.scheduled_sampling_mask is None
    first = (
        (~sampled.scheduled_sampling_mask).sum(1).tolist()
    )  # frames that are real; what follows is the model's to the end
    assert all(
        row.tolist() == [False] * real_frames + [True] * (20 - real_frames)
        for row, real_frames in zip(sampled.scheduled_sampling_mask, first, strict=True)
    )
    drawn, recorded = (network.training_pass(*batch, draws) for draws in (sampled, real))
    for row, real_frames in enumerate(first):
        seen = min(real_frames + 1, int(batch[2][row]))  # a frame is predicted from those before it
        assert torch.allclose(drawn.prior.mean[row, :seen], recorded.prior.mean[row, :seen], atol=1e-5)
    assert not torch.allclose(drawn.prior.mean, recorded.prior.mean, atol=1e-3)
    assert torch.equal(drawn.latents, recorded.latents)  # what is to be predicted stays real, and so does what is heard
    assert torch.equal(drawn.decoder_output, recorded.decoder_output)


def test_a_decoder_with_the_null_condition_reads_the_utterance_alone(batch: tuple[torch.Tensor, ...]) -> None:
    torch.manual_seed(0)
    network = VAEGSLM(MODEL.model)
    tokens, *rest = batch
    null, whole = (
        TrainingDraws.draw(MODEL.model, SeededNoise([1, 2], "cpu"), 2, 20, condition_dropout=share)
        for share in (1.0, 0.0)
    )
    first, other = (network.training_pass(units, *rest, null) for units in (tokens, tokens.flip(1)))
    assert torch.equal(first.decoder_output, other.decoder_output)
    assert not torch.equal(first.prior.logits, other.prior.logits)
    conditional = network.training_pass(*batch, whole)
    assert torch.equal(first.prior.logits, conditional.prior.logits)
    assert not torch.equal(first.decoder_output, conditional.decoder_output)


def test_a_decoder_of_drawn_latents_reads_the_prior_up_to_where_sampling_begins(
    batch: tuple[torch.Tensor, ...],
) -> None:
    torch.manual_seed(0)
    network = VAEGSLM(MODEL.model)
    shares = [
        {},
        {"drawn_latents": 1.0},
        {"scheduled_sampling": 1.0},
        {"scheduled_sampling": 1.0, "drawn_latents": 1.0},
    ]
    plain, drawn, sampled, both = (
        network.training_pass(*batch, TrainingDraws.draw(MODEL.model, SeededNoise([1, 2], "cpu"), 2, 20, **share))
        for share in shares
    )
    assert torch.equal(drawn.latents, plain.latents)  # what the prior is to predict
    assert torch.equal(drawn.prior.mean, plain.prior.mean)
    assert not torch.allclose(drawn.decoder_output, plain.decoder_output, atol=1e-3)
    draws = TrainingDraws.draw(
        MODEL.model, SeededNoise([1, 2], "cpu"), 2, 20, scheduled_sampling=1.0, drawn_latents=1.0
    )
    assert draws.scheduled_sampling_mask is not None
    everywhere = replace(draws, scheduled_sampling_mask=torch.ones(2, 20, dtype=torch.bool))
    assert torch.equal(
        network.training_pass(*batch, everywhere).decoder_output, sampled.decoder_output
    )  # no real frame is left whose latents could be drawn
    assert not torch.allclose(both.decoder_output, sampled.decoder_output, atol=1e-3)


def test_drawn_latents_teach_the_decoder_and_not_the_prior(batch: tuple[torch.Tensor, ...]) -> None:
    torch.manual_seed(0)
    network = VAEGSLM(MODEL.model)
    draws = TrainingDraws.draw(MODEL.model, SeededNoise([1, 2], "cpu"), 2, 20, drawn_latents=1.0)
    network.training_pass(*batch, draws).decoder_output.sum().backward()
    for name in LANGUAGE:
        gradients = [weight.grad for weight in network.get_submodule(name).parameters()]
        assert all(gradient is None or not gradient.any() for gradient in gradients)


def test_nothing_is_hidden_where_a_run_is_measured(prepared: Path, tokens: Path) -> None:
    shares = {"latent_dropout": 0.5, "scheduled_sampling": 0.5, "condition_dropout": 0.5, "drawn_latents": 0.5}
    recipes = (MODEL, MODEL.model_copy(update=shares))
    plain, hiding = (ModelStage(recipe, prepared, tokens, Accelerator(cpu=True)).evaluate(0) for recipe in recipes)
    assert plain == hiding


def test_guidance_asks_for_the_training_that_it_needs() -> None:
    guided = {"decoder": MODEL.model.decoder.model_copy(update={"guidance": 2.0})}
    values = MODEL.model_dump() | {"model": MODEL.model.model_copy(update=guided)}
    with pytest.raises(ValidationError, match=r"guidance is 2, which needs condition_dropout"):
        ModelRecipe.model_validate(values)
    assert ModelRecipe.model_validate(values | {"condition_dropout": 0.1}).model.decoder.guidance == 2.0
    assert ModelRecipe.model_validate(values | {"part": "language"}).condition_dropout == 0.0


def test_latents_are_drawn_only_where_there_is_a_prior() -> None:
    with pytest.raises(ValidationError, match=r"drawn_latents needs the prior .* part is sound"):
        ModelRecipe.model_validate(MODEL.model_dump() | {"drawn_latents": 0.5, "part": "sound"})


@pytest.mark.parametrize("part", ["decoder", "language", "sound"])
def test_training_a_part_leaves_the_rest_as_it_was(part: Part, prepared: Path, tokens: Path, tmp_path: Path) -> None:
    recipe = MODEL.model_copy(update={"part": part, "average_decay": None})
    stage = ModelStage(recipe, prepared, tokens, Accelerator(cpu=True))
    before = {key: value.clone() for key, value in stage.export_networks()["model"].state_dict().items()}
    stage.step(0, 0.5)
    after = stage.export_networks()["model"].state_dict()
    modules = {key.split(".")[0] for key in before}
    moved = {key.split(".")[0] for key, value in before.items() if not torch.equal(after[key], value)}
    assert moved == {"decoder": modules - set(LANGUAGE), "language": set(LANGUAGE), "sound": set(SOUND)}[part]


def test_a_run_begins_with_the_weights_of_another(prepared: Path, tokens: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    first = ModelStage(MODEL, prepared, tokens, Accelerator(cpu=True)).export_networks()["model"].state_dict()
    moved = {key: value + 0.01 for key, value in first.items()}
    save_file(moved, str(tmp_path / "export.safetensors"))
    started = ModelStage(MODEL, prepared, tokens, Accelerator(cpu=True), tmp_path / "export.safetensors")
    assert all(torch.equal(value, moved[key]) for key, value in started.export_networks()["model"].state_dict().items())


def test_ten_steps_and_ten_resumed_are_twenty_with_pitch(prepared: Path, tokens: Path, tmp_path: Path) -> None:
    recipe = constant_schedule(MODEL.model_copy(update={"part": "decoder", "pitch_weight": 0.1, "pitch_clips": 1.0}))

    def make(accelerator: Accelerator) -> ModelStage:
        return ModelStage(recipe, prepared, tokens, accelerator)

    whole = weights_after(make, tmp_path / "whole", [8])
    resumed = weights_after(make, tmp_path / "resumed", [4, 8])
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
