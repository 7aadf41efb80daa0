"""Distillation of a decoder: it comes nearer to its teacher, resumes exactly, and keeps to its teacher's path."""

from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from pydantic import ValidationError

from tests.train.tiny_recipes import MODEL, weights_after
from undertone.engine.config import ModelConfig
from undertone.engine.network import VAEGSLM
from undertone.engine.network.decoder.solvers import dpm_solver
from undertone.train.student.paths import lesson_of
from undertone.train.student.recipe import Objective, StudentRecipe
from undertone.train.student.stage import StudentStage, path_loss

RECIPE = StudentRecipe(
    window_frames=24,
    batch_size=4,
    pool_batches=4,
    pool_uses=8,
    learning_rate=2e-3,
    average_decay=0.9,
    dev_batches=1,
    steps=96,
)


def teacher(**changes: object) -> VAEGSLM:
    """Return a random model whose guided decoder takes twelve steps to where two lead elsewhere."""
    values = {"prediction": "velocity", "input_scale": 1.0, "clamp_range": (-6.5, 4.0), "guidance": 2.0, **changes}
    decoder = MODEL.model.decoder.model_copy(update=values)
    config: ModelConfig = MODEL.model.model_copy(update={"decoder": decoder})
    torch.manual_seed(3)
    return VAEGSLM(config)


def stage(
    prepared: Path, tokens: Path, recipe: StudentRecipe = RECIPE, accelerator: Accelerator | None = None
) -> StudentStage:
    return StudentStage(recipe, teacher(), prepared, tokens, accelerator or Accelerator(cpu=True))


def test_a_student_comes_nearer_to_the_teacher_than_as_many_of_its_steps(prepared: Path, tokens: Path) -> None:
    trained = stage(prepared, tokens)
    before = trained.evaluate(0)
    for step in range(96):
        trained.step(step, step / 96)
    after = trained.evaluate(96)
    assert after["few_steps_to_teacher"] == before["few_steps_to_teacher"]
    assert after["student_to_teacher"] < 0.9 * after["few_steps_to_teacher"]
    assert after["student_to_teacher"] < 0.9 * before["student_to_teacher"]
    assert not any(parameter.requires_grad for parameter in trained.model.parameters())


@pytest.mark.parametrize("objective", ["progressive", "reflow"])
def test_the_other_objectives_come_nearer_to_the_teacher_too(
    prepared: Path, tokens: Path, objective: Objective
) -> None:
    trained = stage(prepared, tokens, RECIPE.model_copy(update={"objective": objective}))
    before = trained.evaluate(0)
    for step in range(96):
        trained.step(step, step / 96)
    after = trained.evaluate(96)
    assert after["student_to_teacher"] < 0.97 * before["student_to_teacher"]


def test_an_objective_says_where_steps_begin_and_where_they_lead(prepared: Path, tokens: Path) -> None:
    made = stage(prepared, tokens, RECIPE.model_copy(update={"student_steps": 4}))
    path, student = made._batch(0), made.student
    own, progressive, reflow = (
        lesson_of(path, student, objective) for objective in ("trajectory", "progressive", "reflow")
    )
    assert own.given is None
    assert progressive.given is not None
    assert torch.equal(progressive.given, own.targets[:-1])
    for lesson in (own, progressive, reflow):  # all lead to the teacher's mel
        assert torch.allclose(lesson.targets[-1], path.states[-1], atol=1e-6)
    assert reflow.given is not None
    assert torch.equal(reflow.given, reflow.targets[:-1])
    # On the arc one velocity, that of its last point, leads from every point to the clean signal.
    t = student.timesteps[2]
    velocity = student.velocity_to(reflow.given[1], path.states[-1], t, -1)
    onward = student.turn(reflow.given[1], velocity, t, student.timesteps[3])
    assert torch.allclose(onward, reflow.targets[2], atol=1e-4)


def test_a_step_that_begins_elsewhere_is_that_step_alone(prepared: Path, tokens: Path) -> None:
    made = stage(prepared, tokens)
    path, student = made._batch(0), made.student
    first, last = student(path.start, path.condition, path.mask, given=path.states[:-1])
    whole = student(path.start, path.condition, path.mask)
    assert torch.equal(first, whole[0])
    assert torch.equal(last, student(path.start, path.condition, path.mask, given=path.states[:1])[1])
    assert not torch.equal(last, whole[1])


def test_a_batch_follows_from_its_number_and_every_path_is_used_alike(prepared: Path, tokens: Path) -> None:
    recipe = RECIPE.model_copy(update={"pool_batches": 3, "pool_uses": 2})
    one, other = stage(prepared, tokens, recipe), stage(prepared, tokens, recipe)
    starts = [one._batch(step).start for step in range(6)]
    assert torch.equal(other._batch(4).start, starts[4])
    seen = [row.sum().item() for start in starts for row in start]
    assert len(set(seen)) == 12
    assert all(seen.count(value) == 2 for value in seen)
    assert not {row.sum().item() for row in one._batch(6).start} & set(seen)


def test_a_path_is_the_one_that_the_teacher_goes(prepared: Path, tokens: Path) -> None:
    made = stage(prepared, tokens, RECIPE.model_copy(update={"student_steps": 4}))
    path, decoder = made._batch(0), made.model.decoder
    predict = decoder.predictor(path.condition, path.mask, 2.0)
    start = path.start.masked_fill(~path.mask.unsqueeze(-1), 0.0)
    end = dpm_solver(predict, start, decoder.schedule, path.mask, 12, decoder.config.solver_power)
    assert torch.allclose(path.states[-1], end, atol=1e-5)
    assert len(path.states) == 4
    assert path_loss(list(path.states), path.states, path.mask, 1.0) == 0


def test_resuming_changes_nothing(prepared: Path, tokens: Path, tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"pool_batches": 2, "pool_uses": 2, "learning_rate_floor": 1.0})

    def make(accelerator: Accelerator) -> StudentStage:
        return stage(prepared, tokens, recipe, accelerator)

    whole, parts = (weights_after(make, tmp_path / name, steps) for name, steps in (("a", [6]), ("b", [3, 6])))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


def test_steps_that_the_teacher_does_not_pass_are_refused() -> None:
    with pytest.raises(ValidationError, match="teacher_steps is 12, which is no multiple of student_steps 5"):
        StudentRecipe(student_steps=5)
