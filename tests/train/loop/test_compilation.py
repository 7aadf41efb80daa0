"""Compiled passes."""

import pytest
import torch

from undertone.train.loop.compilation import CompiledOrPlain


def test_a_compiler_that_fails_is_told_of_once_and_the_plain_function_runs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CXX", "/no/such/compiler")
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("/no/such/compiler",))
    monkeypatch.setattr("torch._inductor.config.force_disable_caches", True)
    torch._dynamo.reset()
    function = CompiledOrPlain(lambda x: (x.sin() * 2 + x.cos()).sum())
    x = torch.arange(6.0, requires_grad=True)
    for _ in range(3):
        function(x).backward()
    expected = 3 * (2 * x.cos() - x.sin())
    torch.testing.assert_close(x.grad, expected)
    assert caplog.text.count("is not compiled") == 1
