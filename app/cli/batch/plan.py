"""The names of takes, and which of them are made already: by the settings beside a sound, not by its name."""

from itertools import count
from pathlib import Path
from typing import Any

from undertone.app.cli.batch.prompts import Prompt
from undertone.app.cli.batch.results import Results
from undertone.app.cli.batch.work import Job, Output, read_prompt
from undertone.engine import SettingsError, TakeSettings, UndertoneError
from undertone.engine.audio.reading import cut_prompt
from undertone.engine.bundle import fingerprint, read_config
from undertone.engine.generation.speech import levelled_prompt, tensors_sha256
from undertone.engine.generation.take_settings import ENGINE_VERSION
from undertone.engine.generation.written_sound import ENCODINGS


class Planner:
    """Names for the takes of one call, each used once.

    A take lies at NAME-SEED, or at NAME-SEED-2 and so on where another take has that name.

    Args:
        bundle: folder of it.
    """

    def __init__(self, bundle: Path, output: Output, results: Results) -> None:
        self.output = output
        self.results = results
        self._config = read_config(bundle)
        self._bundle_sha256 = fingerprint(bundle)
        self._taken: set[str] = set()
        self._beside = _Folders()

    def plan(self, prompt: Prompt) -> tuple[Job, bool]:
        """Return the takes of a prompt by name, and whether all of them are made already."""
        expected: dict[str, Any] | None = None
        stems, made = [], True
        for index in range(prompt.settings.takes):
            first = f"{prompt.name}-{prompt.seed + index}"
            for number in count(1):
                stem = first if number == 1 else f"{first}-{number}"
                if stem.casefold() in self._taken:
                    continue
                if not self._beside.has(self.output.folder / stem):
                    made = False
                    break
                if expected is None:
                    expected = self._expected(prompt)
                if self._is_same(stem, expected | {"index": index}):
                    made = made and self._is_complete(stem)
                    break
            self._taken.add(stem.casefold())  # on a disk that knows no capitals, two names would be one file
            stems.append(stem)
        return Job(prompt, tuple(stems)), made

    def _expected(self, prompt: Prompt) -> dict[str, Any]:
        """Return what decides whether a take is the one asked for; none is where the recording cannot be used.

        The versions of torch, the threads and the device do not: a change of them may round a take otherwise, but
        makes no take missing.
        """
        settings = prompt.settings
        try:
            waveform, rate, end_seconds = read_prompt(prompt)
            cut = cut_prompt(waveform, rate, settings.prompt_start, end_seconds)
            samples = levelled_prompt(self._config, cut)
        except UndertoneError:
            return {"prompt_sha256": None}
        return {
            "engine_version": ENGINE_VERSION,
            "bundle_sha256": self._bundle_sha256,
            "prompt_sha256": tensors_sha256(samples),
            "prompt_start_seconds": cut.start_seconds,
            "prompt_end_seconds": cut.end_seconds,
            "seconds": settings.seconds,
            "sampling": settings.sampling,
            "seed": prompt.seed,
            "num_takes": settings.takes,
        }

    def _is_same(self, stem: str, expected: dict[str, Any]) -> bool:
        try:
            saved = TakeSettings.read(self.output.folder / f"{stem}.json")
        except SettingsError:
            return False
        written = saved.written
        asked = (self.output.sound_format, self.output.sample_rate_hz, ENCODINGS[self.output.sound_format])
        if written is None or (written.format, written.sample_rate_hz, written.encoding) != asked:
            return False
        return all(getattr(saved, key) == value for key, value in expected.items())

    def _is_complete(self, stem: str) -> bool:
        sound = f"{stem}.{self.output.sound_format}"
        return (self.output.folder / sound).is_file() and self.results.line_of(sound) is not None


class _Folders:
    """Names without ending of the files in folders, which are listed once."""

    def __init__(self) -> None:
        self._stems: dict[Path, set[str]] = {}

    def has(self, path: Path) -> bool:
        """Return whether a sound or settings have this name."""
        if path.parent not in self._stems:
            files = path.parent.iterdir() if path.parent.is_dir() else ()
            self._stems[path.parent] = {file.stem.casefold() for file in files}
        return path.name.casefold() in self._stems[path.parent]
