"""Systems that a visitor can compare with the voice: bundles beside its own that share its tokenizer and vocoder."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from undertone.engine import Engine
from undertone.engine.bundle import load_bundle, read_config


@dataclass
class ComparedSystem:
    """A system of the comparison, loaded when it is first asked for.

    Attributes:
        name: of the system as in the paper's tables.
        folder: of its bundle.
    """

    name: str
    folder: Path
    _voice: tuple[Path, Engine] = field(repr=False)
    _engine: Engine | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def engine(self) -> Engine:
        """Return its engine, whose tokenizer and vocoder are the voice's own. Raises BundleError."""
        with self._lock:
            if self._engine is None:
                folder, voice = self._voice
                bundle = load_bundle(self.folder, voice.device, (folder, voice.bundle))
                self._engine = Engine(bundle, voice.device, limits=voice.limits)
            return self._engine


def systems_beside(folder: Path, voice: Engine, found: Sequence[Path]) -> tuple[ComparedSystem, ...]:
    """Return the systems whose bundles share the parts of a voice's, in the order in which they were found.

    Args:
        folder: of the voice's bundle.
        found: what `bundles_sharing` returned for it.
    """
    return tuple(ComparedSystem(read_config(path).model.system, path, (folder, voice)) for path in found)
