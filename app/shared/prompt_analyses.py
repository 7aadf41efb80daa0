"""What is made of prompts before anybody asks for it: while their owner looks at the page and the model is idle."""

import logging
import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from weakref import WeakKeyDictionary

from torch import Tensor

from undertone.app.shared.model_queue import ModelQueue
from undertone.app.shared.opening import ContinuationSettings
from undertone.engine import CallProgress, Cancelled, Engine, Speech
from undertone.engine.audio.reading import CheckedPrompt

# Of continuation in an opening: while it is heard, the run makes these samples again and then some.
BEHIND_PROMPT_SECONDS = 0.5

log = logging.getLogger(__name__)


class PromptAnalyses:
    """Prompts as the model sees and says them, for as long as somebody has them. Safe to use from several threads.

    Args:
        queue: while somebody waits in it or works, nothing is analysed ahead.
    """

    def __init__(self, engine: Engine, queue: ModelQueue) -> None:
        self._engine, self._queue = engine, queue
        self._lock = threading.Lock()
        self._analyses: WeakKeyDictionary[CheckedPrompt, Future[Speech]] = WeakKeyDictionary()
        self._newest: Future[Speech] | None = None
        self._newest_opening: Future[Tensor] | None = None
        # One thread, on a CPU: on a GPU it takes no time worth saving, and a shared one may be touched in a turn alone.
        self._thread = ThreadPoolExecutor(1, "prompt-analysis") if engine.device.type == "cpu" else None

    @property
    def _is_idle(self) -> bool:
        """Return whether nobody uses the model or waits for it."""
        return not (self._queue.num_working or self._queue.num_waiting)

    def begin(self, prompt: CheckedPrompt) -> None:
        """Begin to analyse a prompt that will perhaps be asked for; one that has not begun gives way to it."""
        if self._thread is None or not self._is_idle:
            return
        with self._lock:
            if prompt in self._analyses:
                return
            if self._newest is not None:
                self._newest.cancel()
            self._newest = self._analyses[prompt] = self._thread.submit(self._engine.analyse_prompt, prompt)

    def opening(self, prompt: CheckedPrompt, settings: ContinuationSettings) -> Tensor | None:
        """Return the sound with which a continuation will begin, float32 [samples]; waits for it.

        Returns:
            None where the model has other things to do, or gets some meanwhile, the prompt was not analysed, another
            opening was asked for before this one had begun, or it could not be made: then the run says why.
        """
        if self._thread is None or not self._is_idle:
            return None
        with self._lock:
            analysis = self._analyses.get(prompt)
            if analysis is None:
                return None
            if self._newest_opening is not None:
                self._newest_opening.cancel()

            def make() -> Tensor:  # behind the analysis, in the one thread
                speech, idle = analysis.result(), CallProgress(lambda: not self._is_idle)
                return self._engine.opening(
                    speech,
                    settings.seconds,
                    settings.sampling,
                    settings.seed,
                    settings.num_takes,
                    speech.seconds + BEHIND_PROMPT_SECONDS,
                    idle,
                )

            made = self._newest_opening = self._thread.submit(make)
        try:
            return made.result()
        except (Cancelled, CancelledError):
            return None
        except Exception:
            log.debug("no opening", exc_info=True)
            return None

    def speech(self, prompt: CheckedPrompt) -> Speech:
        """Return a prompt as the model sees it; waits for the analysis that has begun."""
        with self._lock:
            begun = self._analyses.get(prompt)
        if begun is not None:
            try:
                return begun.result()
            except Exception:  # it gave way to another, or failed: then this one says so
                log.debug("analysed again", exc_info=True)
        made: Future[Speech] = Future()
        made.set_result(self._engine.analyse_prompt(prompt))
        with self._lock:
            self._analyses[prompt] = made
        return made.result()
