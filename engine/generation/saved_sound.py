"""Settings that lie beside a sound: how they are written, and what differs here from where the sound was made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from pydantic import BaseModel
from torch import Tensor

from undertone.engine.audio.wav import float_wav
from undertone.engine.bundle import Bundle
from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.engine.errors import SettingsError
from undertone.engine.files.atomic_files import whole_file, write_whole
from undertone.engine.generation.take_settings import ENGINE_VERSION


class Environment(Protocol):
    """Machine, versions and bundle with which a sound was made, as its settings have them."""

    engine_version: int
    torch_version: str
    dtype: str  # of the transformer
    threads: int
    bundle_name: str
    bundle_sha256: str


def environment(bundle: Bundle, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """Return what saved settings say of where a sound is made, by field."""
    return {
        "torch_version": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "dtype": str(dtype),
        "threads": torch.get_num_threads(),
        "bundle_name": bundle.name,
        "bundle_sha256": bundle.fingerprint,
    }


@dataclass(frozen=True)
class EnvironmentDifference:
    """Value that was another where the sound was made."""

    name: str
    saved: object
    here: object
    decides: bool  # a replay refuses; else the samples may differ by rounding


def environment_differences(saved: Environment, bundle: Bundle, dtype: torch.dtype) -> list[EnvironmentDifference]:
    """Return what differs here from where the sound was made."""
    compared = (
        EnvironmentDifference("bundle", saved.bundle_sha256, bundle.fingerprint, decides=True),
        EnvironmentDifference("engine version", saved.engine_version, _same_version(saved, bundle), decides=True),
        EnvironmentDifference("torch version", saved.torch_version, torch.__version__, decides=True),
        EnvironmentDifference("dtype", saved.dtype, str(dtype), decides=True),
        EnvironmentDifference("number of threads", saved.threads, torch.get_num_threads(), decides=False),
    )
    return [difference for difference in compared if difference.saved != difference.here]


def _same_version(saved: Environment, bundle: Bundle) -> int:
    """Return the engine version whose samples are to be compared with a saved one's.

    Version 2 rounds otherwise where frames are made by the compiled step, or samples by a vocoder that counts periods;
    all else is as in version 1, and comes again to the byte.
    """
    as_before = getattr(saved, "step", "modules") == "modules" and not hasattr(bundle.vocoder, "history_frames")
    return 1 if as_before and saved.engine_version == 1 else ENGINE_VERSION


def check_environment(saved: Environment, bundle: Bundle, dtype: torch.dtype, sound: str) -> None:
    """Check that the same settings give the same samples here.

    Args:
        sound: what was made, for the error: "take" or "rendering".
    Raises:
        SettingsError: another bundle, version or dtype; it says which.
    """
    for difference in environment_differences(saved, bundle, dtype):
        if difference.decides:
            hint = saved.bundle_name if difference.name == "bundle" else ""
            refuse_difference(difference.name, difference.saved, difference.here, sound, hint)


def check_same(name: str, saved: object, here: object, sound: str) -> None:
    """Check one value that a replay must find again. Raises SettingsError naming both."""
    if saved != here:
        refuse_difference(name, saved, here, sound)


def refuse_difference(name: str, saved: object, here: object, sound: str, hint: str = "") -> None:
    """Raise SettingsError: the sound was made with another value than there is here."""
    called = f" ({hint})" if hint else ""
    raise SettingsError(
        f"this {sound} was made with another {name}{called}: {str(saved)[:16]}, here it is {str(here)[:16]}. "
        f"Replay needs the same {name}."
    )


def save_sound(audio: Tensor, settings: BaseModel, folder: str | Path, stem: str) -> tuple[Path, Path]:
    """Write `stem`.wav (float32 [samples], lossless) and `stem`.json; returns both paths."""
    wav, text = (Path(folder) / f"{stem}.{kind}" for kind in ("wav", "json"))
    with whole_file(wav) as unfinished:
        unfinished.write_bytes(wav_bytes(audio))
    return wav, write_whole(text, settings.model_dump_json(indent=2) + "\n")


def wav_bytes(waveform: Tensor, sample_rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    """Return [samples] as the bytes of a 32-bit float wav file: the same samples give the same bytes."""
    return float_wav(sample_bytes(waveform), sample_rate_hz)


def sample_bytes(waveform: Tensor) -> bytes:
    """Return [samples] as little-endian float32."""
    return waveform.detach().to("cpu", torch.float32).contiguous().numpy().astype("<f4").tobytes()
