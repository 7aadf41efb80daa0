"""The stage that distils the decoder: the student goes its own way and is pulled to the teacher's at every step.

B batch, T frames, M mel bins, K steps of the student.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from undertone.engine.config import ModelConfig, StudentConfig
from undertone.engine.network import VAEGSLM, Student
from undertone.engine.network.decoder.solvers import dpm_solver
from undertone.engine.network.layers.basic import apply_mask, length_mask
from undertone.train.data.augmentation import AugmentationConfig
from undertone.train.loop.averaging import averaged_model
from undertone.train.loop.gradients import apply_gradients
from undertone.train.loop.metrics import Sample
from undertone.train.loop.run import step_seed
from undertone.train.model.window_sources import held_out_windows, window_source
from undertone.train.model.windows import Windows
from undertone.train.student.paths import TeacherPath, join_paths, lesson_of, teacher_path, window_condition
from undertone.train.student.recipe import StudentRecipe

DEV_SEED = 1


@dataclass
class StudentWindows:
    """Settings of the windows: those of the recipe, and the sizes of the model that is the teacher."""

    model: ModelConfig
    window_frames: int
    batch_size: int
    utterance_seconds: tuple[float, float]
    pool_shards: int
    seed: int
    frames_per_batch: int | None = None
    utterance_augmentation: AugmentationConfig | None = None


def student_of(model: VAEGSLM, recipe: StudentRecipe) -> Student:
    """Return a student with the weights of its teacher, from which it begins."""
    guidance = model.config.decoder.guidance if recipe.guidance is None else recipe.guidance
    student = Student(model.config, StudentConfig(steps=recipe.student_steps, guidance=guidance))
    student.decoder.load_state_dict(model.decoder.state_dict())
    return student


def distance(x: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return the mean absolute difference of [B, T, M] over the real frames of a bool [B, T] mask."""
    return apply_mask((x - target).abs(), mask).sum() / (mask.sum() * x.shape[-1])


def path_loss(states: list[Tensor], targets: Tensor, mask: Tensor, waypoint_weight: float) -> Tensor:
    """Return the distance of x0 from its target, and with a weight the mean one of the states before it.

    Args:
        states: [B, T, M] after each of the student's K steps.
        targets: [K, B, T, M].
        mask: bool [B, T].
    """
    distances = [distance(state, target, mask) for state, target in zip(states, targets, strict=True)]
    *waypoints, end = distances
    return end + waypoint_weight * torch.stack(waypoints).mean() if waypoints else end


class StudentStage:
    """Student, optimiser and the teacher's paths for `undertone.train.loop.run.run_stage`.

    Args:
        model: the finished model, whose decoder is the teacher and whose other parts make the condition; not changed.
        token_file: what `assign_tokens` returned.
    """

    name = "student"

    def __init__(
        self, recipe: StudentRecipe, model: VAEGSLM, prepared: Path, token_file: Path, accelerator: Accelerator
    ) -> None:
        self.recipe, self.accelerator = recipe, accelerator
        self.model = model.to(accelerator.device).eval().requires_grad_(False)
        student = student_of(model, recipe).to(accelerator.device).requires_grad_(True)
        optimizer = torch.optim.AdamW(student.parameters(), recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.0)
        self.network, self.optimizer = accelerator.prepare(student, optimizer)
        self.average: AveragedModel | None = None
        if recipe.average_decay is not None:
            self.average = averaged_model(student, recipe.average_decay)
            accelerator.register_for_checkpointing(self.average)
        settings = StudentWindows(
            model.config,
            recipe.window_frames,
            recipe.batch_size,
            recipe.utterance_seconds,
            recipe.pool_shards,
            recipe.seed,
        )
        self.train_set = window_source(settings, prepared, token_file, accelerator.num_processes)
        self.dev_set = held_out_windows(settings, prepared, token_file)
        self._pool: tuple[int, TeacherPath] | None = None

    @property
    def student(self) -> Student:
        """Return the student that is trained, without what wraps it."""
        student = self.accelerator.unwrap_model(self.network)
        assert isinstance(student, Student)
        return student

    def export_networks(self) -> dict[str, nn.Module]:
        return {"student": self.average.module if self.average else self.student}

    def step(self, step: int, progress: float) -> dict[str, float]:
        """Take one optimiser step on items of the pool, at the learning rate of the progress."""
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate(progress)
        path = self._batch(step)
        lesson = lesson_of(path, self.student, recipe.objective)
        states = self.network(path.start, path.condition, path.mask, given=lesson.given)
        loss = path_loss(states, lesson.targets, path.mask, recipe.waypoint_weight)
        self.accelerator.backward(loss)
        norm = apply_gradients(self.accelerator, self.network.parameters(), self.optimizer, recipe.max_gradient_norm)
        if self.average:
            self.average.update_parameters(self.student)
        frames = float(path.mask.sum())
        return {
            "loss": float(loss.detach()),
            "frames": frames,
            "gradient_norm": norm,
            "learning_rate": recipe.rate(progress),
        }

    def _batch(self, step: int) -> TeacherPath:
        """Return the batch of a step: a function of its number, whatever pool is in memory."""
        recipe, rank = self.recipe, self.accelerator.process_index
        steps_per_pool = recipe.pool_batches * recipe.pool_uses
        number, place = divmod(step, steps_per_pool)
        if self._pool is None or self._pool[0] != number:
            batches = range(number * recipe.pool_batches, (number + 1) * recipe.pool_batches)
            paths = [self._path(self.train_set.windows(i, rank), step_seed(recipe.seed, i, rank)) for i in batches]
            self._pool = number, join_paths(paths)
        pool = self._pool[1]
        use, batch = divmod(place, recipe.pool_batches)  # every item once in each use
        order = np.random.default_rng((recipe.seed, number, use, rank)).permutation(len(pool.start))
        return pool.rows(torch.from_numpy(order[batch :: recipe.pool_batches]))

    def _path(self, windows: Windows, seed: int) -> TeacherPath:
        """Return the teacher's path for windows; its noise follows from the seed."""
        generator = torch.Generator().manual_seed(seed)
        device, teacher = self.accelerator.device, self.model.decoder
        on_device = windows.to(device)
        condition = window_condition(self.model, on_device, generator)
        mask = length_mask(on_device.lengths, condition.shape[1])
        start = torch.randn(windows.mel.shape, generator=generator).to(device)
        mel = teacher.scale(on_device.mel)
        return teacher_path(teacher, self.student, condition, mask, start, mel, self.recipe.teacher_steps)

    @torch.no_grad()
    def evaluate(self, step: int) -> dict[str, float]:
        """Return mel distances in nats on held-out windows: of the student, and of the teacher in as many steps.

        `to_teacher` is from the mel of the teacher's own steps and the same noise, `to_speech` from the recording.
        """
        student = self.export_networks()["student"]
        assert isinstance(student, Student)
        teacher = self.model.decoder
        nats = teacher.config.input_scale * self.model.config.mel.std
        sums: dict[str, float] = {}
        for number in range(self.recipe.dev_batches):
            windows = self.dev_set.batch(self.recipe.batch_size, np.random.default_rng((DEV_SEED, number)))
            path = self._path(windows, step_seed(DEV_SEED, number, 0))
            predict = teacher.predictor(path.condition, path.mask, student.config.guidance)
            start = apply_mask(path.start, path.mask)
            power = teacher.config.solver_power
            few = dpm_solver(predict, start, teacher.schedule, path.mask, self.recipe.student_steps, power)
            own = student(path.start, path.condition, path.mask)[-1].clamp(*teacher.config.clamp_range)
            measured = {
                "student_to_teacher": distance(own, path.states[-1], path.mask),
                "few_steps_to_teacher": distance(few, path.states[-1], path.mask),
                "student_to_speech": distance(own, path.mel, path.mask),
                "few_steps_to_speech": distance(few, path.mel, path.mask),
                "teacher_to_speech": distance(path.states[-1], path.mel, path.mask),
            }
            for key, value in measured.items():
                sums[key] = sums.get(key, 0.0) + nats * float(value) / self.recipe.dev_batches
        return sums

    def samples(self, step: int) -> list[Sample]:
        """Return nothing: what the student makes is the teacher's mel, whose sound the model's own run has."""
        return []
