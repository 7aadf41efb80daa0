"""The teacher's way from noise to mel, which a student learns. B batch, T frames, M mel bins, C condition dims."""

from dataclasses import dataclass

import torch
from torch import Tensor

from undertone.engine.network import VAEGSLM, Diffusion, Student
from undertone.engine.network.decoder.solvers import dpm_solver
from undertone.engine.network.layers.basic import apply_mask
from undertone.train.model.windows import Windows
from undertone.train.student.recipe import Objective


@dataclass(frozen=True)
class TeacherPath:
    """What the teacher made of noise, and what it read."""

    start: Tensor  # N(0, 1) [B, T, M]
    condition: Tensor  # [B, T, C]
    mask: Tensor  # bool [B, T]
    states: Tensor  # [K, B, T, M], x_t at the student's timesteps behind the first; the last is x0
    mel: Tensor  # [B, T, M], x0 of the recording, which the teacher has not seen

    def rows(self, chosen: Tensor) -> "TeacherPath":
        """Return the items of these int64 numbers."""
        return TeacherPath(
            self.start[chosen], self.condition[chosen], self.mask[chosen], self.states[:, chosen], self.mel[chosen]
        )


@dataclass(frozen=True)
class Lesson:
    """Where a student's K steps begin and what they are pulled to."""

    given: Tensor | None  # [K - 1, B, T, M] for the steps behind the first; None: where the one before ended
    targets: Tensor  # [K, B, T, M]


def lesson_of(path: TeacherPath, student: Student, objective: Objective) -> Lesson:
    """Return what an objective asks of a student on a path.

    Args:
        objective: "trajectory": the student goes its own way, and every step is pulled to where the teacher is then.
            "progressive": every step begins where the teacher is (arXiv 2202.00512). "reflow": every step lies on the
            arc between the noise and the mel that the teacher makes of it (arXiv 2209.03003, whose lines are arcs
            here, as the network predicts velocities on them).
    """
    match objective:
        case "trajectory":
            return Lesson(None, path.states)
        case "progressive":
            return Lesson(path.states[:-1], path.states)
        case "reflow":
            end, start = path.states[-1], apply_mask(path.start, path.mask)
            arc = torch.stack([student.between(end, start, t) for t in student.timesteps[1:]])
            return Lesson(arc[:-1], arc)


def join_paths(paths: list[TeacherPath]) -> TeacherPath:
    """Return the items of several paths as one batch."""
    return TeacherPath(
        torch.cat([path.start for path in paths]),
        torch.cat([path.condition for path in paths]),
        torch.cat([path.mask for path in paths]),
        torch.cat([path.states for path in paths], dim=1),
        torch.cat([path.mel for path in paths]),
    )


@torch.no_grad()
def window_condition(model: VAEGSLM, windows: Windows, generator: torch.Generator) -> Tensor:
    """Return the condition [B, T, C] of windows on the model's device.

    The latents of every window are drawn from its posterior at a temperature of its own, U(0, 1): a prompt is decoded
    at 0, a continuation between.
    """
    posterior = model.posterior(windows.mel)
    temperature = torch.rand(len(windows.mel), 1, 1, generator=generator, device=generator.device)
    normal = torch.randn(posterior.mean.shape, generator=generator, device=generator.device)
    latents = posterior.sample((temperature * normal).to(posterior.mean.device))
    utterance = model.utterance_embedding(windows.utterance_mel, windows.utterance_lengths)
    return model.decoder_condition(windows.tokens, latents, utterance)


@torch.no_grad()
def teacher_path(
    teacher: Diffusion, student: Student, condition: Tensor, mask: Tensor, start: Tensor, mel: Tensor, steps: int
) -> TeacherPath:
    """Run dpm++ from a start and keep x_t where the student will stand.

    Args:
        teacher: asked twice a step, for the student's guidance.
        student: its timesteps must be among those of the teacher.
        condition: [B, T, C].
        mask: bool [B, T].
        start: N(0, 1) [B, T, M].
        mel: x0 of the recording, [B, T, M].
        steps: of the teacher.
    """
    predict = teacher.predictor(condition, mask, student.config.guidance)
    found: dict[int, Tensor] = {}

    def noting(x: Tensor, t: int) -> tuple[Tensor, Tensor]:
        found[t] = x
        return predict(x, t)

    end = dpm_solver(noting, apply_mask(start, mask), teacher.schedule, mask, steps, teacher.config.solver_power)
    states = [found[t] for t in student.timesteps[1:-1]]
    return TeacherPath(start, condition, mask, torch.stack([*states, end]), mel)
