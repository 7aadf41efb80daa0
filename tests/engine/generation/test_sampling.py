"""Settings keep to their ranges, and top-k, top-p and temperature leave the right tokens."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from undertone.engine.config import StudentConfig
from undertone.engine.errors import SettingsError
from undertone.engine.generation.sampling import PRESETS, PUBLISHED, Sampling, token_probabilities

LOGITS = torch.tensor([[2.0, 1.0, 0.0, -1.0], [0.0, 0.0, 3.0, 0.0]])


def test_defaults_only_divide_by_the_temperature() -> None:
    assert torch.allclose(token_probabilities(LOGITS, Sampling()), (LOGITS / Sampling().token_temperature).softmax(-1))


def test_zero_temperature_takes_the_likeliest() -> None:
    assert token_probabilities(LOGITS, Sampling(token_temperature=0.0)).tolist() == [[1, 0, 0, 0], [0, 0, 1, 0]]


def test_top_k_keeps_k_tokens() -> None:
    kept = token_probabilities(LOGITS, Sampling(top_k=2))
    assert (kept[0] > 0).tolist() == [True, True, False, False]
    assert torch.allclose(kept.sum(-1), torch.ones(2))


def test_top_p_keeps_the_token_that_crosses_it() -> None:
    probabilities = torch.tensor([[0.5, 0.3, 0.15, 0.05]])
    kept = token_probabilities(probabilities.log(), Sampling(token_temperature=1.0, top_p=0.6))
    assert torch.allclose(kept, torch.tensor([[0.625, 0.375, 0.0, 0.0]]))


@settings(deadline=None)
@given(
    seed=st.integers(0, 1000),
    top_k=st.one_of(st.none(), st.integers(1, 300)),
    top_p=st.floats(1e-6, 1.0),
    temperature=st.floats(0.05, 2.0),
)
def test_it_is_always_a_distribution_that_keeps_the_likeliest(
    seed: int, top_k: int | None, top_p: float, temperature: float
) -> None:
    logits = 5 * torch.randn(3, 200, generator=torch.Generator().manual_seed(seed))
    kept = token_probabilities(logits, Sampling(token_temperature=temperature, top_k=top_k, top_p=top_p))
    assert torch.allclose(kept.sum(-1), torch.ones(3), atol=1e-5)
    assert bool((kept >= 0).all())
    assert bool((kept.gather(-1, logits.argmax(-1, keepdim=True)) > 0).all())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"top_p": 1.4}, "top_p is 1.4"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"token_temperature": -1}, "token_temperature is -1"),
        ({"token_temperature": float("nan")}, "token_temperature is nan"),
        ({"steps": 0}, "steps is 0"),
        ({"solver": "euler"}, "solver is 'euler'.*dpm"),
        ({"temperature": 1.0}, "unknown key 'temperature'; known keys: token_temperature, top_k"),
    ],
)
def test_bad_settings_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Sampling.of(**values)


def test_presets_and_the_published_settings() -> None:
    assert set(PRESETS) == {"faithful", "balanced", "lively"}
    assert PRESETS["faithful"].token_temperature < PRESETS["lively"].token_temperature
    assert PRESETS["balanced"] == Sampling()
    assert all(preset.top_p == 1.0 for preset in PRESETS.values())  # or pauses do not end
    assert (PUBLISHED.solver, PUBLISHED.steps, PUBLISHED.eta) == ("ddim", 100, 0.5)
    assert (PUBLISHED.token_temperature, PUBLISHED.latent_temperature) == (0.85, 0.85)


def test_auto_is_resolved_to_what_a_bundle_takes() -> None:
    student = StudentConfig(steps=2, guidance=2.5)
    chosen = Sampling().resolved(student)
    assert (chosen.solver, chosen.steps) == ("student", 2)
    assert chosen.resolved(student) == chosen
    assert Sampling().resolved(None) == Sampling(solver="dpm++")
    assert Sampling(guidance=1.0).resolved(student).solver == "dpm++"
    assert Sampling(solver="ddim", steps=30).resolved(student) == Sampling(solver="ddim", steps=30)
