"""Sounds of the bench as files in the visitor's own folder."""

import hashlib
from pathlib import Path

import soundfile
from torch import Tensor

from undertone.app.prosody.visit import ProsodyVisit
from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.engine.prosody import EditedTake, Rendering


def heard(visit: ProsodyVisit, audio: Tensor) -> Path:
    """Write [samples] as a 16-bit wav file, which every browser plays."""
    samples = audio.numpy()
    path = visit.folder / f"heard-{hashlib.sha256(samples.tobytes()).hexdigest()[:16]}.wav"
    if not path.is_file():
        soundfile.write(path, samples, SAMPLE_RATE_HZ, subtype="PCM_16")
    return path


def saved(visit: ProsodyVisit, made: Rendering | EditedTake) -> tuple[Path, Path]:
    """Lossless sound and the settings that make it again; the same for the same settings."""
    settings = made.settings if isinstance(made, Rendering) else made.prosody
    digest = hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:8]
    kind = "prosody" if isinstance(made, Rendering) else "continued"
    return made.save(visit.folder, f"undertone-{kind}-{digest}")
