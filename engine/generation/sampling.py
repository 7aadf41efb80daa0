"""Settings of a continuation, their ranges and presets, and the distribution of the next token."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from undertone.engine.config import Config, DiffusionSolver, Guidance, StudentConfig
from undertone.engine.errors import SettingsError
from undertone.engine.files.validation import validate_values

if TYPE_CHECKING:
    from torch import Tensor

Temperature = Annotated[float, Field(ge=0.0, le=2.0)]
Solver = Literal["auto", "student", DiffusionSolver]
End = Literal["auto", "learned", "voice", "never"]
USUAL_STEPS = 12  # of dpm++


class Sampling(Config):
    """One continuation's settings. Defaults are the demo's; `PUBLISHED` has those of the published script."""

    token_temperature: Temperature = 0.8  # 0 takes the likeliest token
    top_k: Annotated[int, Field(ge=1, le=1_000_000)] | None = None  # tokens to choose from at most
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0  # smallest set of tokens with this probability
    latent_temperature: Temperature = 0.7  # 0 takes the prior's mean
    prompt_temperature: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0  # 0: the prompt's latents are posterior means
    # "auto": the decoder's student, where the bundle has one and neither steps nor guidance ask for what it has not
    # learned, else "dpm++".
    solver: Solver = "auto"
    # Of the diffusion decoder; "ancestral" always takes all, "student" its own.
    steps: Annotated[int, Field(ge=1, le=999)] = USUAL_STEPS
    eta: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5  # noise of "ddim": 0 is deterministic, 1 most random
    guidance: Guidance | None = None  # of the decoder; None: its model's own, 1: none
    blocks: bool = True  # decode in overlapping blocks, so that sound starts early; False: the sequence at once
    # Frames that a block sees of its neighbours. One evaluation of the decoder looks 18 frames back and ahead and every
    # step widens that, but hardly: of the embedded voice, dpm++ with 12 steps, the ln-mel at the seams is off by 3e-3
    # with 18 frames and by 4e-5 with 24 (guidance 1: 2e-3 and 4e-5), against decoding the whole at once.
    context_frames: Annotated[int, Field(ge=18, le=200)] = 24
    end: End = "auto"  # "auto": learned where the model has learned an end, else where the voice ends
    min_seconds: Annotated[float, Field(ge=0.0, le=10.0)] = 2.0  # of continuation before it may end

    @classmethod
    def of(cls, **values: Any) -> "Sampling":
        """Return the settings that loose values give, for example those of a form.

        Raises:
            SettingsError: naming the setting, its value and its range.
        """
        return validate_values(cls, values, "sampling settings", SettingsError)

    def takes_student(self, student: StudentConfig | None) -> bool:
        """Return whether a bundle's student makes the mel, given its configuration: else diffusion does."""
        if self.solver != "auto":
            return self.solver == "student"
        return student is not None and self.guidance in (None, student.guidance) and self.steps == USUAL_STEPS

    def resolved(self, student: StudentConfig | None) -> "Sampling":
        """Return the same settings with the solver, and a student's steps, that a bundle with this student takes."""
        if student is not None and self.takes_student(student):
            return self.model_copy(update={"solver": "student", "steps": student.steps})
        return self if self.solver == "student" else self.model_copy(update={"solver": self.diffusion_solver})

    @property
    def diffusion_solver(self) -> DiffusionSolver:
        """Return the solver where diffusion makes the mel."""
        match self.solver:
            case "ddim" | "ancestral":
                return self.solver
            case _:
                return "dpm++"


# None with top-p: a pause goes on from frame to frame with a probability near one, so that leaving out the least likely
# tokens leaves out its end. At 0.9 eleven of 28 takes of the embedded voice were mostly silence, without it one.
PRESETS: dict[str, Sampling] = {
    "faithful": Sampling(token_temperature=0.7, latent_temperature=0.5),
    "balanced": Sampling(),
    "lively": Sampling(token_temperature=0.9, latent_temperature=0.9),
}

# The published inference configuration (spec section 5).
PUBLISHED = Sampling(
    token_temperature=0.85,
    latent_temperature=0.85,
    prompt_temperature=1.0,
    solver="ddim",
    steps=100,
    eta=0.5,
    guidance=1.0,
    blocks=False,
    end="never",
)


def token_probabilities(logits: "Tensor", sampling: Sampling) -> "Tensor":
    """Return the distribution from which the next token is drawn.

    Args:
        logits: [..., V].
    Returns:
        [..., V], zero for tokens that top-k or top-p leave out.
    """
    import torch  # here, as the settings are also read where no model is: a server of studies starts without torch

    if sampling.token_temperature == 0.0:
        return torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / sampling.token_temperature
    if sampling.top_k is not None and sampling.top_k < logits.shape[-1]:
        threshold = logits.topk(sampling.top_k, dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < threshold, -torch.inf)
    probabilities = logits.softmax(-1)
    if sampling.top_p < 1.0:
        ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
        outside = ordered.cumsum(-1) - ordered >= sampling.top_p  # the token that crosses top_p stays in
        probabilities = probabilities.masked_fill(outside.scatter(-1, order, outside), 0.0)
        probabilities = probabilities / probabilities.sum(-1, keepdim=True)
    return probabilities
