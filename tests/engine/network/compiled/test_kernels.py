"""What the kernels compute is what the C library and float32 matrices give, within float32."""

import math

import numpy as np
import pytest
import torch

from tests.engine.network.network_sizes import random_model
from tests.tiny_bundle import tiny_model_config
from undertone.engine.network import CompiledStep
from undertone.engine.network.compiled import kernels


def test_gelu_is_the_exact_one_within_1e_6() -> None:
    x = np.linspace(-9.0, 9.0, 20_001, dtype=np.float32)
    found = x[None].copy()
    kernels.gelu(found)
    expected = [0.5 * value * (1 + math.erf(value / 2**0.5)) for value in x.tolist()]
    np.testing.assert_allclose(found[0], expected, atol=1e-6, rtol=0)


def test_the_exponential_of_what_is_negative_is_right_in_the_last_places() -> None:
    x = np.concatenate([np.linspace(-86.0, 0.0, 5_001), -np.logspace(-30, 1, 200)]).astype(np.float32)
    found = [kernels.exp_of_negative(value) for value in x]
    np.testing.assert_allclose(found, np.exp(x.astype(np.float64)), rtol=3e-7)
    assert 0.0 <= kernels.exp_of_negative(np.float32(-1e30)) < 1e-37


def test_a_matrix_is_halved_only_where_no_value_changes() -> None:
    exact = np.array([[0.5, -(2.0**-14)], [65504.0, 2.0**-24]], np.float32)
    for weight in (np.float32([[0.1]]), np.float32([[1e6]]), np.float32([[2.0**-25]])):
        assert kernels.matrix(weight).dtype == np.float32
        assert kernels.matrix(weight, rounded=True).dtype == (
            np.uint16 if kernels.reads_halves() and weight < 65504 else np.float32
        )
    if kernels.reads_halves():
        assert np.array_equal(kernels.matrix(exact).view(np.float16), exact)


@torch.inference_mode()
def test_halves_are_read_as_the_float32_that_they_stand_for(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(tiny_model_config(learned_end=True), 0).eval().half().float()
    step = CompiledStep(model)
    monkeypatch.setattr(kernels, "reads_halves", lambda: False)
    widened = CompiledStep(model)
    if kernels.reads_halves():
        assert step.weight_bytes < 0.6 * widened.weight_bytes
    token, latent, normal = torch.tensor([3]), torch.full((1, 4), 0.3), torch.full((1, 4), -0.4)
    hidden = [one.advance(token, latent, model.new_cache(1, 2)) for one in (step, widened)]
    torch.testing.assert_close(hidden[0], hidden[1], atol=1e-6, rtol=1e-5)
    for halved, whole in zip(step.draw(hidden[0], normal, 0.8), widened.draw(hidden[0], normal, 0.8), strict=True):
        torch.testing.assert_close(halved, whole, atol=1e-5, rtol=1e-4)
