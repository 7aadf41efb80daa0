"""What made a take, without its sound: the JSON beside the wav. Needs no torch, so that studies can read it."""

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from undertone.engine.config import Config
from undertone.engine.errors import SettingsError
from undertone.engine.files.validation import checked
from undertone.engine.generation.sampling import Sampling

ENGINE_VERSION = 1  # counts up when the same settings no longer give the same samples
MAX_SEED = 2**31 - 1
MAX_TAKES = 16


class TakeSettings(Config):
    """What made a take: the JSON beside the wav."""

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

    @classmethod
    def read(cls, source: str | Path) -> "TakeSettings":
        """Settings from a JSON file.

        Raises:
            SettingsError: naming the file and the key.
        """
        path = Path(source)
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError(f"{path} cannot be read as settings of a take: {error}.") from error
        if not isinstance(values, dict):
            raise SettingsError(f"{path} holds a {type(values).__name__}; expected the settings of a take.")
        return checked(cls, values, str(path), SettingsError, complete=True)
