"""Saved settings of a take: read, compared with what is here, and described to the visitor."""

from undertone.engine import Engine, SettingsError, Take, TakeSettings
from undertone.engine.config import FRAME_SECONDS
from undertone.engine.generation.saved_sound import environment_differences as environment_differences
from undertone.engine.prosody import ProsodySettings

MAX_BYTES = 100_000  # the settings of a take have about 1 kB


def read_take_settings(data: bytes, max_takes: int) -> TakeSettings:
    """Read the JSON that "Save the settings" gave.

    Raises:
        SettingsError: it is something else.
    """
    if len(data) > MAX_BYTES:
        raise SettingsError(f"the file has {len(data)} bytes; a take has some 1000. Choose the .json file.")
    saved = TakeSettings.parse(data, "the settings file")
    if saved.num_takes > max_takes:
        raise SettingsError(
            f"the take is one of {saved.num_takes} made together, this page makes at most {max_takes}. "
            "Use `undertone continue --replay`."
        )
    return saved


def differences_text(saved: TakeSettings | ProsodySettings, engine: Engine) -> list[str]:
    """Return what differs here from where the sound was made: with any of these the sound may differ too."""
    words = {"bundle": f"model ({saved.bundle_name})", "dtype": "number type"}
    found = environment_differences(saved, engine.bundle, engine.dtype)
    return [words.get(difference.name, difference.name) for difference in found]


def describe_outcome(saved: TakeSettings, takes: list[Take]) -> str | None:
    """Return a sentence on a run that began from saved settings; None where the visitor has changed them since."""
    made = next((take for take in takes if take.settings.index == saved.index), None)
    if made is None:
        return None
    same = {"prompt_sha256", "prompt_start_seconds", "prompt_end_seconds", "frames_sha256", "prompt_frames", "written"}
    same |= {"prompt_take", "together"}
    if made.settings.model_dump(exclude=same) != saved.model_dump(exclude=same):
        return None
    if made.settings.prompt_sha256 != saved.prompt_sha256:
        return "The clip or its cut differs from the saved one, so this is another take."
    if saved.together or made.settings.together:
        return f"Take {saved.index + 1} is the saved one again, to rounding: it was made together with those of others."
    return f"Take {saved.index + 1} is the saved one again."


def take_cut(saved: TakeSettings) -> tuple[float, float]:
    """Return start and length in seconds of the prompt in its recording."""
    end = saved.prompt_end_seconds
    if end is None:
        end = saved.prompt_start_seconds + saved.prompt_frames * FRAME_SECONDS
    return saved.prompt_start_seconds, round(end - saved.prompt_start_seconds, 6)
