"""Passes are in bfloat16 only where the device computes in it."""

import logging

import pytest
import torch

from undertone.train.loop import precision


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    precision._note_float32.cache_clear()
    return monkeypatch


@pytest.mark.parametrize("usable", [True, False])
def test_a_pass_is_float32_where_bfloat16_would_be_emulated(
    fresh: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, usable: bool
) -> None:
    fresh.setattr(precision, "computes_bfloat16", lambda device_type: usable)
    layer = torch.nn.Linear(4, 4)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            with precision.autocast("cpu", bfloat16=True):
                made = layer(torch.ones(1, 4))
    assert made.dtype == (torch.bfloat16 if usable else torch.float32)
    assert len([record for record in caplog.records if "float32" in record.message]) == (0 if usable else 1)


def test_a_recipe_that_asks_for_float32_gets_it(fresh: pytest.MonkeyPatch) -> None:
    fresh.setattr(precision, "computes_bfloat16", lambda device_type: True)
    with precision.autocast("cpu", bfloat16=False):
        assert torch.nn.Linear(4, 4)(torch.ones(1, 4)).dtype == torch.float32


def test_this_cpu_is_believed_where_it_has_the_instructions() -> None:
    if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported():
        assert precision.computes_bfloat16("cpu")
    if torch.backends.cpu.get_cpu_capability() == "AVX2":
        assert not precision.computes_bfloat16("cpu")
