"""Settings of a rendering: the JSON beside its wav."""

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from undertone.engine.config import Config
from undertone.engine.generation.sampling import Sampling, Temperature
from undertone.engine.generation.take_settings import ENGINE_VERSION, MAX_SEED, MAX_TAKES, SavedSettings, TakeSettings
from undertone.engine.probe import Finite, LatentStatistics
from undertone.engine.prosody.durations import DurationEdit
from undertone.engine.prosody.edit import LatentEdit

Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]


class OwnLatents(Config):
    """The recording's own latents."""

    kind: Literal["own"] = "own"


class RedrawnLatents(Config):
    """Latents drawn from the prior while the tokens stay: how else the model would say it."""

    kind: Literal["redrawn"] = "redrawn"
    seed: Seed = 0  # draw i has seed + i
    latent_temperature: Temperature = Sampling().latent_temperature
    num_draws: Annotated[int, Field(ge=1, le=MAX_TAKES)] = 1  # drawn together: other sizes are rounded differently
    index: Annotated[int, Field(ge=0, lt=MAX_TAKES)] = 0  # of this draw in the batch

    @model_validator(mode="after")
    def _index_is_drawn(self) -> "RedrawnLatents":
        if self.index >= self.num_draws:
            raise ValueError(f"index is {self.index} of {self.num_draws} draws; expected less")
        return self


class TransferredLatents(Config):
    """Latents of the other recording, aligned to this one's tokens."""

    kind: Literal["transferred"] = "transferred"


class MorphedLatents(Config):
    """Latents between this recording and the other."""

    kind: Literal["morphed"] = "morphed"
    amount: Annotated[float, Field(ge=0.0, le=1.0)]  # 0: this recording, 1: the other
    # "between": tokens, timing and voice go over too, and 1 is the other recording itself;
    # "first": this one's tokens, timing and voice stay, and 1 is its tokens with the other's latents.
    timing: Literal["between", "first"] = "between"


LatentSource = Annotated[OwnLatents | RedrawnLatents | TransferredLatents | MorphedLatents, Field(discriminator="kind")]


class RecordingSettings(Config):
    """Identity of a recording or a take: hashes and where it was cut, never the sound."""

    audio_sha256: str  # of the 16 kHz samples
    frames_sha256: str  # of tokens, latents and the utterance embedding
    start_seconds: float
    end_seconds: float | None
    num_frames: int
    take: TakeSettings | None  # of a take: what makes it again


class ProsodySettings(SavedSettings):
    """What made a rendering: the JSON beside the wav."""

    what = "a rendering"
    kind: Literal["prosody"] = "prosody"
    format_version: Literal[1] = 1
    engine_version: int = ENGINE_VERSION
    torch_version: str
    device: str  # "cpu" or the GPU's name
    dtype: str  # of the transformer
    threads: int
    bundle_name: str
    bundle_sha256: str
    source: RecordingSettings
    other: RecordingSettings | None  # for transfer and morph
    latents: LatentSource
    edit: LatentEdit
    durations: DurationEdit = DurationEdit()  # behind `edit`; nothing changed: the key is left out, as it was before
    statistics: LatentStatistics  # the sigmas of the edit, so that a new probe leaves the sound what it was
    utterance: tuple[Finite, ...] | None  # [S] another voice; None: the source's
    sampling: Sampling
    seed: Seed
    continuation: TakeSettings | None  # what the model went on with behind the edited speech

    @model_serializer(mode="wrap")
    def _leave_out_default(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = dump(self)
        if not self.durations.changes:
            values.pop("durations", None)
        return values
