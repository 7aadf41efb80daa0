"""Plans for GPUs that are not here: counts of the recipe, shared by the processes as the run would share them."""

import pytest
import torch

from tests.train.tiny_recipes import MODEL
from undertone.engine import SettingsError
from undertone.train.model.stage import build_network
from undertone.train.runs.dry_run import memory_bytes, parameters_by_part
from undertone.train.runs.plan import GPUS, USED_SHARE, RunPlan, plan_run

SHARDED = MODEL.model_copy(update={"shard_optimiser": True})
CUDA = torch.device("cuda")


@pytest.fixture(scope="module")
def plan() -> RunPlan:
    return plan_run(SHARDED, "h100", 4)


def test_a_plan_counts_the_parameters_and_frames_of_the_run(plan: RunPlan) -> None:
    parts = parameters_by_part(build_network(MODEL))
    assert plan.parameters == sum(parts.values())
    assert plan.frames_per_step == 4 * MODEL.window_frames * MODEL.batch_size * MODEL.gradient_accumulation
    assert plan.flops_per_step > 0.8 * 3 * 2 * parts["transformer"] * plan.frames_per_step  # both passes, 2 a weight
    assert plan.memory_bytes["weights"] == 4 * plan.parameters
    assert plan.memory_bytes["activations"] > 0


def test_processes_share_the_optimisers_state_and_nothing_else() -> None:
    alone, whole, shared = (
        memory_bytes(recipe, 1000, 1000, CUDA, count) for recipe, count in ((SHARDED, 1), (MODEL, 4), (SHARDED, 4))
    )
    assert (alone["optimiser"], whole["optimiser"], shared["optimiser"]) == (8000, 8000, 2000)
    assert (alone["gradients on the way"], shared["gradients on the way"]) == (0, 4000)
    assert alone["weights"] == shared["weights"] == 4000
    assert alone["gradients"] == shared["gradients"] == 4000


def test_hours_are_those_of_the_operations_on_all_gpus(plan: RunPlan) -> None:
    assert plan.steps is not None
    seconds = plan.steps * plan.flops_per_step / (4 * GPUS["h100"].flops * USED_SHARE)
    assert plan.hours == pytest.approx(seconds / 3600)


def test_a_plan_says_what_fits_and_which_gpus_there_are(plan: RunPlan) -> None:
    text = "\n".join(plan.lines())
    assert "planned on 4 h100" in text
    assert ": fits" in text
    with pytest.raises(SettingsError, match=r"no GPU 'h900'.*h200"):
        plan_run(MODEL, "h900", 1)
