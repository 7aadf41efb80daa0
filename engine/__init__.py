"""Speech in, speech out: analysis, continuation, decoding, and the bundle on disk. No UI, no database, no training."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from engine.errors import AudioError, BundleError, SettingsError, UndertoneError

if TYPE_CHECKING:
    from engine.audio import AudioLimits, check_prompt, read_audio
    from engine.bundle import Bundle, BundleConfig, load_bundle, save_bundle
    from engine.engine import Engine
    from engine.sampling import PRESETS, PUBLISHED, Sampling
    from engine.saved import wav_bytes
    from engine.speech import Speech
    from engine.stream import Chunk
    from engine.take import Take
    from engine.take_settings import TakeSettings
    from engine.threads import settle_threads

__all__ = [
    "PRESETS",
    "PUBLISHED",
    "AudioError",
    "AudioLimits",
    "Bundle",
    "BundleConfig",
    "BundleError",
    "Chunk",
    "Engine",
    "Sampling",
    "SettingsError",
    "Speech",
    "Take",
    "TakeSettings",
    "UndertoneError",
    "check_prompt",
    "load_bundle",
    "read_audio",
    "save_bundle",
    "settle_threads",
    "wav_bytes",
]

# Where each name lives. It is imported on first use: errors, configurations and settings need no torch, which takes
# seconds and memory that a process without a model (the one that serves raters) should not spend.
_HOMES = {
    "engine.audio": ("AudioLimits", "check_prompt", "read_audio"),
    "engine.bundle": ("Bundle", "BundleConfig", "load_bundle", "save_bundle"),
    "engine.engine": ("Engine",),
    "engine.sampling": ("PRESETS", "PUBLISHED", "Sampling"),
    "engine.speech": ("Speech",),
    "engine.stream": ("Chunk",),
    "engine.saved": ("wav_bytes",),
    "engine.take": ("Take",),
    "engine.take_settings": ("TakeSettings",),
    "engine.threads": ("settle_threads",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Return a public name from its module, which is imported now."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
