"""The reduced copy is a part of the full set, small, and enough to run every kind of case."""

import pytest
import torch

from tests.golden.golden import FULL, REDUCED, golden, read_full, read_reduced

MAX_BYTES = 3_000_000


def test_the_reduced_copy_is_small() -> None:
    assert sum(file.stat().st_size for file in REDUCED.iterdir()) <= MAX_BYTES


def test_the_reduced_copy_has_every_kind_of_case() -> None:
    names = read_reduced().vectors
    kinds = ("pad/grad/", "pad/total_loss", "kv/", "flow/", "ddim_", "sampler/", "mel/", "vocoder/", "kmeans/")
    for kind in kinds:
        assert any(name.startswith(kind) for name in names), kind


@pytest.mark.skipif(not FULL.is_dir(), reason="no full golden set beside the checkout")
def test_the_reduced_copy_equals_the_full_set() -> None:
    full, reduced = read_full(), read_reduced()
    for part in ("weights", "generator", "vectors"):
        for name, tensor in getattr(reduced, part).items():
            assert torch.equal(tensor, getattr(full, part)[name]), name
    assert reduced.model_hp == full.model_hp


def test_the_richest_set_is_used() -> None:
    assert golden().full == FULL.is_dir()
