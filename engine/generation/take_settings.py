"""What made a take, without its sound: the JSON beside the wav. Needs no torch, so that studies can read it."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from undertone.engine.config import Config
from undertone.engine.errors import SettingsError
from undertone.engine.files.validation import parse_json, read_json, validate_values
from undertone.engine.generation.sampling import Sampling

ENGINE_VERSION = 2  # counts up when the same settings no longer give the same samples
MAX_SEED = 2**31 - 1
MAX_TAKES = 16

SoundFormat = Literal["wav", "flac", "mp3", "ogg"]
# How the frames of a take are computed: by the network's modules one after the other, or by one compiled function, the
# latter with all weights as they are or, of a large model, with its matrices rounded to float16. They differ by
# rounding, and so in what is drawn.
StepKind = Literal["modules", "compiled", "compiled-float16"]
WrittenRate = Literal[16_000, 24_000, 48_000]


class SavedSettings(Config):
    """Base of what lies as JSON beside a sound that was made."""

    what: ClassVar[str]  # the settings are of, for messages

    @classmethod
    def read(cls, source: str | Path) -> Self:
        """Return the settings in a JSON file.

        Raises:
            SettingsError: naming the file and the key.
        """
        values = read_json(Path(source), f"the settings of {cls.what}", SettingsError)
        return validate_values(cls, values, str(source), SettingsError, complete=True)

    @classmethod
    def parse(cls, text: str | bytes, source: str = "the settings") -> Self:
        """Return the settings in a JSON text.

        Raises:
            SettingsError: naming the source and the key.
        """
        values = parse_json(text, source, f"the settings of {cls.what}", SettingsError)
        return validate_values(cls, values, source, SettingsError, complete=True)


class WrittenSound(Config):
    """How a take's samples were written, where that was not as a float wav at the engine's rate by `Take.save`."""

    format: SoundFormat
    sample_rate_hz: WrittenRate
    encoding: str  # of the samples in the file, as libsndfile calls it: FLOAT, PCM_16, MPEG_LAYER_III, VORBIS
    samples_sha256: str  # of the take's float32 samples at 16 kHz, before any of this: what a replay must give again


class TakeSettings(SavedSettings):
    """What made a take: the JSON beside the wav."""

    what = "a take"
    format_version: Literal[1] = 1
    engine_version: int = ENGINE_VERSION
    torch_version: str
    device: str  # "cpu" or the GPU's name
    dtype: str  # of the transformer
    threads: Annotated[int, Field(ge=1, le=1024)]
    bundle_name: str
    bundle_sha256: str
    prompt_sha256: str  # of the 16 kHz prompt samples
    frames_sha256: str  # of the prompt's tokens, latents and utterance embedding
    prompt_start_seconds: float
    prompt_end_seconds: float | None
    prompt_frames: int
    seconds: float  # of continuation at most
    sampling: Sampling
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)]  # of the first take of the batch; take i has seed + i
    num_takes: Annotated[int, Field(ge=1, le=MAX_TAKES)]  # drawn together: sums are rounded differently in other sizes
    index: Annotated[int, Field(ge=0)]  # of this take in the batch
    step: StepKind = "modules"  # then the key is left out, as before there was another
    # Drawn by the modules beside takes of other requests, whose number changes how sums are rounded: a replay gives its
    # samples to 1e-3, and others from where a draw fell beside a boundary. Where it is false the key is left out.
    together: bool = False
    written: WrittenSound | None = None  # None: as float wav at 16 kHz; then the key is left out, as it was before
    # Of the take whose saved sound the prompt was cut from: a replay needs that sound. None where it was a recording.
    prompt_take: "TakeSettings | None" = None

    @model_serializer(mode="wrap")
    def _leave_out_default(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = dump(self)
        if self.step == "modules":
            values.pop("step", None)
        if not self.together:
            values.pop("together", None)
        if self.written is None:
            values.pop("written", None)
        if self.prompt_take is None:
            values.pop("prompt_take", None)
        return values
