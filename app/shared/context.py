"""The context of every page: the engine, the limits, where files go, and who is here."""

import weakref
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from undertone.app.shared.compared_systems import ComparedSystem
from undertone.app.shared.handover import Handovers
from undertone.app.shared.model_queue import ModelQueue
from undertone.app.shared.prompt_analyses import PromptAnalyses
from undertone.app.shared.prompt_panel import DEFAULT_SECONDS
from undertone.app.shared.shared_prompts import PromptSharing
from undertone.app.shared.take_feedback import TakeFeedback
from undertone.app.shared.visitor import Visit, Visitor
from undertone.engine import AudioLimits, Engine
from undertone.engine.tokenizers import unit_names
from undertone.engine.words import WordDecoder

MODEL_QUEUE = "model"  # heavy events of every page have this concurrency id, and wait in `Context.queue`


@dataclass(frozen=True)
class Context:
    """The site's parts that all visitors share; nothing that belongs to one of them.

    Attributes:
        folder: temporary; each visit makes a folder of its own in it.
        examples: wav files offered as prompts.
        queue: before the model, for all pages and programs.
        handovers: takes on their way to the Prosody page.
        feedback: where quick ratings and draft studies go; None where the site has no listening studies.
        shared_prompts: where prompts go that visitors share with a link; None where the site keeps none.
        others: systems that can go on from the same prompts as the engine.
        ladder: folder of a modality ladder's result, for the page that shows it; None where the site has none.
    """

    engine: Engine
    folder: Path
    examples: tuple[Path, ...] = ()
    queue: ModelQueue = field(default_factory=ModelQueue)
    handovers: Handovers = field(default_factory=Handovers)
    feedback: TakeFeedback | None = None
    shared_prompts: PromptSharing | None = None
    others: tuple[ComparedSystem, ...] = ()
    ladder: Path | None = None
    _visits: weakref.WeakValueDictionary[str, Visitor] = field(default_factory=weakref.WeakValueDictionary)

    @property
    def model_name(self) -> str:
        """Return the name that the bundle gives itself."""
        return self.engine.bundle.name

    @property
    def limits(self) -> AudioLimits:
        """Return the limits of a prompt."""
        return self.engine.limits

    @property
    def max_seconds(self) -> float:
        """Return the longest continuation in seconds that fits behind a prompt of the default length."""
        return max(1.0, float(int(self.engine.max_seconds - DEFAULT_SECONDS)))

    @property
    def unit_names(self) -> tuple[str, ...]:
        """Return the names that the token strip gives to each token."""
        config = self.engine.bundle.config
        names = unit_names(config.tokenizer)
        return names + ("end",) * (config.model.num_token_ids - len(names))

    @cached_property
    def words(self) -> WordDecoder | None:
        """Return the reader of words from the model's tokens; None where they are not phones of English."""
        return WordDecoder.of(self.engine.bundle)

    @cached_property
    def analyses(self) -> PromptAnalyses:
        """Return what analyses prompts, ahead of the press where it can."""
        return PromptAnalyses(self.engine, self.queue)

    def new_visit(self) -> Visit:
        """Return the state of a visitor of the Continue page who has just come."""
        return Visit(self.folder)

    def remember(self, session: str | None, visit: Visitor) -> None:
        """Note which visit belongs to a browser session, so that leaving the page can stop its run."""
        if session is not None:
            self._visits[session] = visit

    def leave(self, session: str | None) -> None:
        """Stop the run of a page whose connection ended. The guard removes its visit when it does not come back."""
        visit = self._visits.get(session or "")
        if visit is not None:
            visit.cancel()
