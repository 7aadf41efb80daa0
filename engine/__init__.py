"""Speech in, speech out: analysis, continuation, decoding, and the bundle on disk. No UI, no database, no training."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from undertone.engine.errors import AudioError, BundleError, SettingsError, UndertoneError

if TYPE_CHECKING:
    from undertone.engine.audio.reading import AudioLimits, check_prompt, read_audio
    from undertone.engine.bundle import Bundle, BundleConfig, load_bundle, save_bundle
    from undertone.engine.engine import Engine
    from undertone.engine.generation.sampling import PRESETS, PUBLISHED, Sampling
    from undertone.engine.generation.saved_sound import wav_bytes
    from undertone.engine.generation.speech import Speech
    from undertone.engine.generation.stream import Chunk
    from undertone.engine.generation.take import Take
    from undertone.engine.generation.take_settings import TakeSettings
    from undertone.engine.generation.together import TakesRequest
    from undertone.engine.progress import CallProgress, Cancelled
    from undertone.engine.threads import limit_threads

__all__ = [
    "PRESETS",
    "PUBLISHED",
    "AudioError",
    "AudioLimits",
    "Bundle",
    "BundleConfig",
    "BundleError",
    "CallProgress",
    "Cancelled",
    "Chunk",
    "Engine",
    "Sampling",
    "SettingsError",
    "Speech",
    "Take",
    "TakeSettings",
    "TakesRequest",
    "UndertoneError",
    "check_prompt",
    "limit_threads",
    "load_bundle",
    "read_audio",
    "save_bundle",
    "wav_bytes",
]

# Where each name lives. It is imported on first use: errors, configurations and settings need no torch, which takes
# seconds and memory that a process without a model (the one that serves raters) should not spend.
_HOMES = {
    "undertone.engine.audio.reading": ("AudioLimits", "check_prompt", "read_audio"),
    "undertone.engine.bundle": ("Bundle", "BundleConfig", "load_bundle", "save_bundle"),
    "undertone.engine.engine": ("Engine",),
    "undertone.engine.generation.sampling": ("PRESETS", "PUBLISHED", "Sampling"),
    "undertone.engine.generation.together": ("TakesRequest",),
    "undertone.engine.generation.speech": ("Speech",),
    "undertone.engine.generation.stream": ("Chunk",),
    "undertone.engine.generation.saved_sound": ("wav_bytes",),
    "undertone.engine.generation.take": ("Take",),
    "undertone.engine.generation.take_settings": ("TakeSettings",),
    "undertone.engine.progress": ("CallProgress", "Cancelled"),
    "undertone.engine.threads": ("limit_threads",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Return a public name from its module, which is imported now."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
