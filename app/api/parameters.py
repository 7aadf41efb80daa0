"""Parameters of the API, checked before anything is decoded. Times are in seconds."""

import secrets
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from undertone.engine import Engine, Sampling, SettingsError
from undertone.engine.config import Guidance
from undertone.engine.generation.take_settings import MAX_SEED
from undertone.engine.probe import DirectionProbe
from undertone.engine.prosody import DirectionEdit, DurationEdit, LatentEdit, LatentSource, OwnLatents

MAX_API_TAKES = 4
MAX_STEPS = 100  # of the decoder; what is beyond is for the command line, on a machine of one's own
MAX_EDITS = 32
_SAMPLING = ("token_temperature", "latent_temperature", "top_p", "top_k", "guidance", "steps", "end", "min_seconds")

Temperature = Annotated[float, Field(ge=0.0, le=2.0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0.0, le=600.0, allow_inf_nan=False)]
Edit = dict[str, Any]  # checked as a whole by `LatentEdit`
Duration = dict[str, Any]  # by `DurationEdit`


class PromptParameters(BaseModel):
    """Which part of the recording is used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt_start: Seconds = 0.0
    prompt_seconds: Annotated[float, Field(gt=0.0, le=60.0, allow_inf_nan=False)] = 3.0

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Return the parameters in loose values; texts that are numbers are read as such.

        Raises:
            SettingsError: naming the parameter and what was expected, never its value.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part)[:40] for part in first["loc"]) or "the parameters"
            raise SettingsError(f"{name}: {first['msg']}.") from None


class DecodingParameters(PromptParameters):
    """What a continuation and a resynthesis have in common; None is the default of `undertone continue`.

    Attributes:
        latents: of which latents are spoken, before `edit`.
        durations: stretches of the recording and pauses in it.
        voice_of_other: speak in the voice of the other recording.
    """

    seed: Annotated[int, Field(ge=0, le=MAX_SEED - MAX_API_TAKES)] | None = None
    guidance: Guidance | None = None
    steps: Annotated[int, Field(ge=1, le=MAX_STEPS)] | None = None
    edit: Annotated[list[Edit], Field(max_length=MAX_EDITS)] = []
    latents: LatentSource = OwnLatents()
    durations: Annotated[list[Duration], Field(max_length=MAX_EDITS)] = []
    voice_of_other: bool = False

    @property
    def sampling(self) -> Sampling:
        """Return the settings of the engine. Raises SettingsError."""
        given = {name: getattr(self, name, None) for name in _SAMPLING}
        return Sampling.of(**{name: value for name, value in given.items() if value is not None})

    @property
    def seed_or_drawn(self) -> int:
        """Return the seed, drawn where none is given."""
        return secrets.randbelow(MAX_SEED - MAX_API_TAKES) if self.seed is None else self.seed

    def latent_edit(self, engine: Engine) -> LatentEdit | None:
        """Return the edit, its directions by name filled in from the bundle's probe; None for none.

        Raises:
            SettingsError: an edit that there is not.
        """
        if not self.edit:
            return None
        return LatentEdit.of(edits=[_with_direction(edit, engine) for edit in self.edit])

    @property
    def duration_edit(self) -> DurationEdit:
        """Return the changes of durations. Raises SettingsError."""
        return DurationEdit.of(changes=self.durations)

    @property
    def is_edited(self) -> bool:
        """Return whether anything but the recording as it is is spoken."""
        return bool(self.edit or self.durations or self.voice_of_other or self.latents != OwnLatents())


class ContinueParameters(DecodingParameters):
    """A continuation. Where the prompt is edited first, there is one take.

    Attributes:
        system: that goes on from the prompt, of those beside the voice; None is the voice.
    """

    system: Annotated[str, Field(max_length=100)] | None = None
    seconds: Annotated[float, Field(gt=0.0, le=120.0, allow_inf_nan=False)] = 10.0
    takes: Annotated[int, Field(ge=1, le=MAX_API_TAKES)] = 1
    token_temperature: Temperature | None = None
    latent_temperature: Temperature | None = None
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    top_k: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    end: Literal["auto", "learned", "voice", "never"] | None = None
    min_seconds: Annotated[float, Field(ge=0.0, le=10.0)] | None = None


class ResynthesiseParameters(DecodingParameters):
    """A resynthesis: the same words with the latents that `latents` names, then edited."""


def _with_direction(edit: Edit, engine: Engine) -> Any:
    """Return an edit; one along a direction that is only named gets its vectors."""
    if edit.get("kind") != "direction" or "vector" in edit:
        return edit
    known: dict[str, DirectionProbe] = {}
    if engine.bundle.probe is not None:
        known = {direction.name: direction for direction in engine.bundle.probe.directions}
    found = known.get(str(edit.get("name")))
    if found is None:
        listed = ", ".join(repr(name) for name in known) or "none"
        raise SettingsError(f"this voice has no measured direction of this name; it has {listed}.")
    return DirectionEdit.along(found, **{name: value for name, value in edit.items() if name not in ("kind", "name")})
