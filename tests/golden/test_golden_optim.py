"""Optimiser updates and schedules of the training package against the recorded ones."""

import pytest
import torch

from tests.golden.golden import RecordedNoise, close, golden
from undertone.engine.network import losses, total
from undertone.engine.published.names import published_name
from undertone.train.model.recipe import ModelRecipe
from undertone.train.model.stage import parameter_groups

PUBLISHED_STEPS = 1_200_000


def test_three_updates_move_every_weight_as_published() -> None:
    g = golden()
    names = g.cases.get("optim", {}).get("rng_order") or pytest.skip("only in the full golden set")
    case, model = g.cases["optim"], g.model()
    groups = parameter_groups(model, 0.1)
    assert [len(group["params"]) for group in groups] == [group["n"] for group in case["param_groups"]]
    optimizer = torch.optim.AdamW(groups, lr=case["lr"][0], betas=(0.9, 0.98), eps=1e-8)
    for row, expected in enumerate(case["losses"]):
        micro = "pad" if row % 2 == 0 else "nopad"
        posterior, initial, _unused, timesteps, eps = (g[name] for name in names[5 * row : 5 * row + 5])
        inputs = [g[f"{micro}/in/{name}"] for name in ("tokens", "mel", "lengths", "utt", "utt_lengths")]
        terms = losses(model(*inputs, RecordedNoise([posterior, initial, eps]), timesteps=timesteps))
        kl_weight = expected[4]
        loss = total(terms, kl_weight, gamma=0.5)
        got = torch.stack([loss, terms.kl, terms.reconstruction, terms.cross_entropy])
        for value, reference in zip(got, expected[:4], strict=True):
            close(value, torch.tensor(reference), f"row {row}")
        loss.backward()
        if row % 2:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    for name, parameter in model.named_parameters():
        key = published_name(name)
        after = case["param_after"][key]
        assert parameter.double().norm().item() == pytest.approx(after["l2"], rel=5e-5), name
        if f"optim/after/{key}" in g.vectors:
            close(parameter.reshape(g[f"optim/after/{key}"].shape), g[f"optim/after/{key}"], name)


def test_learning_rate_of_the_published_recipe() -> None:
    recipe = ModelRecipe()
    for step, rate in golden().schedules["vae_gslm_closed_form"].items():
        assert recipe.rate(int(step) / PUBLISHED_STEPS) == pytest.approx(rate, rel=1e-9), step


def test_kl_weight_of_the_published_recipe() -> None:
    recipe = ModelRecipe()
    for step, weight in golden().schedules["kld_weight"].items():
        assert recipe.kl_weight(int(step) / PUBLISHED_STEPS) == pytest.approx(weight, rel=1e-9, abs=1e-15), step
