"""What was made, as the JSON that every way of asking answers with."""

from base64 import b64encode
from typing import Any

from torch import Tensor

from undertone.app.api.sounds import whole_sound
from undertone.engine import Chunk, Take
from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.engine.prosody import EditedTake, Rendering


def result_content(made: Chunk | Take | Rendering, with_sound: bool) -> dict[str, Any]:
    """Return takes or a rendering, with their settings.

    Args:
        with_sound: whether the sounds are in it, as base64 of the wav files that `undertone continue` writes.
    """
    if isinstance(made, Rendering):
        return {"object": "rendering", "seconds": made.speech.seconds, **_sound(made.audio, with_sound),
                "settings": made.settings.model_dump(mode="json")}  # fmt: skip
    takes = made.takes if isinstance(made, Chunk) else (made,)
    return {"object": "continuation", "takes": [_take(take, with_sound) for take in takes]}


def _take(take: Take, with_sound: bool) -> dict[str, Any]:
    settings = take.prosody if isinstance(take, EditedTake) else take.settings
    return {
        "index": take.settings.index,
        "seed": take.settings.seed + take.settings.index,
        "ended": take.ended,
        "prompt_seconds": take.prompt_samples / SAMPLE_RATE_HZ,
        "seconds": take.audio.numel() / SAMPLE_RATE_HZ,
        **_sound(take.audio, with_sound),
        "settings": settings.model_dump(mode="json"),
    }


def _sound(audio: Tensor, with_sound: bool) -> dict[str, str]:
    return {"wav": b64encode(whole_sound(audio, "wav")).decode()} if with_sound else {}
