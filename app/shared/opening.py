"""The beginning of a run's sound, made before the run is asked for."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from undertone.app.shared.live_player import Broadcast, samples_text
from undertone.engine import Sampling
from undertone.engine.audio.reading import CheckedPrompt


@dataclass(frozen=True)
class ContinuationSettings:
    """The settings of a run."""

    seconds: float
    num_takes: int
    seed: int
    sampling: Sampling


@dataclass(frozen=True, eq=False)
class Opening:
    """What a run will begin with, if it is of this prompt with these settings.

    Attributes:
        sound: float32 [samples].
        id: its name, which the run that follows takes over.
    """

    prompt: CheckedPrompt
    settings: ContinuationSettings
    sound: Tensor
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    def begins(self, prompt: CheckedPrompt, settings: ContinuationSettings) -> bool:
        """Return whether the run of a prompt with these settings begins with this sound."""
        return self.prompt is prompt and self.settings == settings

    def value(self, key: str, prompt_samples: int) -> dict[str, Any]:
        """Return the value of the page's widget that holds it.

        Args:
            key: what the page said of itself when it asked.
            prompt_samples: of the whole prompt as the model says it.
        """
        return {"key": key, "id": self.id, "samples": samples_text(self.sound), "prompt": prompt_samples}

    def lead(self, broadcast: Broadcast) -> None:
        """Let a broadcast go on behind this sound."""
        broadcast.follow(self.id, len(self.sound))
