"""AdamW spread over processes, here over one: the steps of AdamW, and a state that either of the two goes on with."""

from collections.abc import Iterator
from copy import deepcopy

import pytest
import torch
from torch import distributed, nn

from undertone.train.loop.sharded_optimiser import ShardedAdamW

SETTINGS = {"lr": 0.01, "betas": (0.9, 0.98)}


@pytest.fixture
def group() -> Iterator[None]:
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))


def groups(of: nn.Module) -> list[dict[str, object]]:
    vectors = [p for p in of.parameters() if p.ndim == 1]
    return [{"params": [p for p in of.parameters() if p.ndim > 1], "weight_decay": 0.1}, {"params": vectors}]


def steps(of: nn.Module, optimizer: torch.optim.Optimizer, count: int, first: int = 0) -> None:
    for step in range(first, first + count):
        for group in optimizer.param_groups:
            group["lr"] = 0.01 / (step + 1)
        of(torch.full((3, 4), float(step))).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def test_it_steps_as_adamw_does_and_each_goes_on_from_the_other(group: None) -> None:
    plain, sharded, third = network(), network(), network()
    one, two = torch.optim.AdamW(groups(plain), **SETTINGS), ShardedAdamW(groups(sharded), **SETTINGS)
    steps(plain, one, 4)
    steps(sharded, two, 2)
    third.load_state_dict(sharded.state_dict())
    three = torch.optim.AdamW(groups(third), **SETTINGS)
    three.load_state_dict(deepcopy(two.state_dict()))
    fourth = network()
    fourth.load_state_dict(sharded.state_dict())
    four = ShardedAdamW(groups(fourth), **SETTINGS)
    four.load_state_dict(deepcopy(two.state_dict()))
    for weights, optimizer in ((sharded, two), (third, three), (fourth, four)):
        steps(weights, optimizer, 2, first=2)
        assert all(torch.equal(a, b) for a, b in zip(weights.parameters(), plain.parameters(), strict=True))
