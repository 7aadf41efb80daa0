"""Speech in, speech out: analysis, continuation, decoding, and the bundle on disk. No UI, no database, no training."""

from engine.audio import AudioLimits, check_prompt, read_audio
from engine.bundle import Bundle, BundleConfig, load_bundle, save_bundle
from engine.engine import Engine
from engine.errors import AudioError, BundleError, SettingsError, UndertoneError
from engine.sampling import PRESETS, PUBLISHED, Sampling
from engine.saved import wav_bytes
from engine.speech import Speech
from engine.stream import Chunk
from engine.take import Take, TakeSettings
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
