"""ZeroGPU on a Hugging Face Space: continuations are made on a GPU that is lent for the time of a request.

The package `spaces`, which only such a Space has, runs a decorated function in a process of its own that has the GPU.
The engine here stays on the CPU and never touches CUDA: the other process loads its own, once. What goes there is data
that can be pickled, so whether to stop is asked here, between two chunks. Where the quota is used up the CPU does it,
and always where a take is made again that a CPU's compiled step has made.
"""

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import gradio as gr
from torch import Tensor

from undertone.engine import CallProgress, Cancelled, Chunk, Engine, Sampling, Speech
from undertone.engine.generation.stream import ContinuationRequest, stream_takes
from undertone.engine.generation.take_settings import StepKind

DEVICE = "cuda"  # of the process that has the GPU
START_SECONDS = 10.0  # to load the model there
SECONDS_OF_SPEECH = 0.5  # to make a second of one take, with room; further takes share the batch
SECONDS_OF_FURTHER_TAKE = 0.1
LONGEST_SECONDS = 120
_USUAL_STEPS = Sampling().steps
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GpuRequest:
    """What the process with the GPU is told; all of it can be pickled."""

    bundle: Path
    speech: Speech
    seconds: float
    sampling: Sampling
    seed: int
    num_takes: int


def gpu_seconds(request: GpuRequest) -> int:
    """Return for how long the GPU is asked for: a short request waits less, and costs its visitor less quota."""
    of_a_second = SECONDS_OF_SPEECH + SECONDS_OF_FURTHER_TAKE * (request.num_takes - 1)
    work = request.seconds * of_a_second * max(1.0, request.sampling.steps / _USUAL_STEPS)
    return min(LONGEST_SECONDS, math.ceil(START_SECONDS + work))


def make_chunks(request: GpuRequest) -> Iterator[Chunk]:
    """Yield the chunks of a request; runs in the process with the GPU."""
    engine = _engine_there(request.bundle, DEVICE)
    yield from engine.stream(request.speech, request.seconds, request.sampling, request.seed, request.num_takes)


@cache
def _engine_there(bundle: Path, device: str) -> Engine:
    """Return the engine of that process, in float32 as the one here: a replay is refused where the dtype differs."""
    return Engine.from_pretrained(bundle, device=device, dtype="float32")


class ZeroGpuEngine(Engine):
    """An engine on the CPU whose continuations are made on the GPU as long as one is lent.

    Attributes:
        on_gpu: `make_chunks`, run where the GPU is.
        folder: of the bundle.
    """

    on_gpu: Callable[[GpuRequest], Iterator[Chunk]]
    folder: Path

    @classmethod
    def load(cls, folder: Path, spaces: Any = None) -> Self:
        """Load a bundle and tell the Space that there is work for its GPU.

        Args:
            spaces: the package, imported by its name where it is None: before anything touches CUDA.
        """
        spaces = spaces or import_module("spaces")
        engine = cls.from_pretrained(folder, device="cpu")
        assert isinstance(engine, cls)
        engine.folder = folder
        engine.on_gpu = spaces.GPU(duration=gpu_seconds)(make_chunks)
        # The package does it in `Blocks.launch`, which this site, a FastAPI application, never calls; a Space with
        # ZeroGPU that reports no function is ended.
        startup = getattr(getattr(spaces, "zero", None), "startup", None)
        if startup is not None:
            startup()
        return engine

    def stream(
        self,
        speech: Speech,
        seconds: float = 10.0,
        sampling: Sampling = Sampling(),
        seed: int | None = None,
        num_takes: int = 1,
        progress: CallProgress = CallProgress(),
        step: StepKind | None = None,
    ) -> Iterator[Chunk]:
        """Yield chunks as the engine does; a stop is heard between two of them. Raises SettingsError at once."""
        checked = self._request(speech, seconds, sampling, seed, num_takes, step)
        if step not in (None, "modules"):
            return stream_takes(checked, progress)
        request = GpuRequest(self.folder, speech, seconds, sampling, checked.settings[0].seed, num_takes)
        return self._chunks(request, checked, progress)

    def opening(self, *arguments: Any, **more: Any) -> Tensor:
        """Make none: a GPU is asked for when somebody presses Continue, not while they look. Raises Cancelled."""
        raise Cancelled

    def _chunks(self, request: GpuRequest, checked: ContinuationRequest, progress: CallProgress) -> Iterator[Chunk]:
        begun = False
        try:
            for chunk in self.on_gpu(request):
                begun = True
                progress.update(chunk.frames_done, chunk.frames_total)
                yield chunk
        except gr.Error as refused:  # the quota is used up, nobody lends a GPU now, or the time was too short
            if begun:
                raise
            logger.info("no GPU is lent (%s): the CPU makes this one", getattr(refused, "title", "refused"))
        else:
            return
        yield from stream_takes(checked, progress)
