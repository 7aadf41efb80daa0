"""Analyses of prompts, each made once: while its owner looks at the page, where the model has nothing else to do."""

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from weakref import WeakKeyDictionary

from undertone.app.shared.model_queue import ModelQueue
from undertone.engine import Engine, Speech
from undertone.engine.audio.reading import CheckedPrompt

log = logging.getLogger(__name__)


class PromptAnalyses:
    """Prompts as the model sees them, for as long as somebody has the prompt. Safe to use from several threads.

    Args:
        queue: while somebody waits in it or works, nothing is analysed ahead.
    """

    def __init__(self, engine: Engine, queue: ModelQueue) -> None:
        self._engine, self._queue = engine, queue
        self._lock = threading.Lock()
        self._analyses: WeakKeyDictionary[CheckedPrompt, Future[Speech]] = WeakKeyDictionary()
        self._newest: Future[Speech] | None = None
        # One thread, on a CPU: on a GPU it takes no time worth saving, and a shared one may be touched in a turn alone.
        self._thread = ThreadPoolExecutor(1, "prompt-analysis") if engine.device.type == "cpu" else None

    def begin(self, prompt: CheckedPrompt) -> None:
        """Begin to analyse a prompt that will perhaps be asked for; one that has not begun gives way to it."""
        if self._thread is None or self._queue.num_working or self._queue.num_waiting:
            return
        with self._lock:
            if prompt in self._analyses:
                return
            if self._newest is not None:
                self._newest.cancel()
            self._newest = self._analyses[prompt] = self._thread.submit(self._engine.analyse_prompt, prompt)

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
