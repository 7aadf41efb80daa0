"""Takes of several requests at once: whoever comes joins those at work, and each frame is computed for all together.

A request's draws are its own, and so are its prompt's frames, its decoder and its settings. Only the transformer sees
the others: row by row with the compiled step, where the samples are those of the request alone to the bit; by matrix
products of another size with the modules, which round differently, so that samples agree to 1e-3 until a draw falls
beside a boundary. Takes of the second kind say so in their settings (`together`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from undertone.engine.generation.generate import next_hidden
from undertone.engine.generation.stream import Chunk, ContinuationRequest, TakesInProgress
from undertone.engine.network import VAEGSLM, CompiledStep, SlotCache
from undertone.engine.progress import CallProgress


@dataclass(frozen=True, eq=False)
class PoolEvent:
    """What became of a request: a chunk, of which the last has the takes, or the exception that ended it."""

    key: int
    outcome: Chunk | Exception

    @property
    def is_last(self) -> bool:
        """Return whether the request has left the pool."""
        return isinstance(self.outcome, Exception) or bool(self.outcome.takes)


@dataclass(eq=False)
class _Member:
    """Request at work; its rows of the cache lie behind those of the members before it."""

    key: int
    takes: TakesInProgress

    @property
    def num_rows(self) -> int:
        return len(self.takes.rows)


class TakePool:
    """Slots in which takes are made together. For one thread at a time.

    Args:
        model: of every request.
        compiled: the step with which every request's frames are made; None: the modules.
        slots: takes at work at once.
    """

    def __init__(self, model: VAEGSLM, compiled: CompiledStep | None, slots: int) -> None:
        self.slots = slots
        self._model = model
        self._compiled = compiled
        self._cache: SlotCache = model.new_slots(slots, model.config.transformer.max_positions)
        self._members: list[_Member] = []

    @property
    def num_free(self) -> int:
        """Return the slots in which no take is made."""
        return self._cache.num_free

    @torch.inference_mode()
    def add(self, key: int, request: ContinuationRequest, progress: CallProgress = CallProgress()) -> list[PoolEvent]:
        """Let a request join; returns its first chunks, and what ended it where it did not come further.

        Args:
            key: under which its events come; of no other request at work.
            progress: as for `stream_takes`.
        Raises:
            ValueError: it needs more slots than are free, or another step.
        """
        if len(request.settings) > self.num_free:
            raise ValueError(f"{len(request.settings)} takes need as many slots, {self.num_free} are free")
        if request.compiled is not self._compiled:
            raise ValueError("the frames of this request are to be made by another step than this pool's")
        if self._compiled is None:
            settings = tuple(one.model_copy(update={"together": True}) for one in request.settings)
            request = replace(request, settings=settings)
        events: list[PoolEvent] = []
        try:
            takes = TakesInProgress(request, progress)
            events += [PoolEvent(key, chunk) for chunk in takes.begin(takes.drawing.draft)]
            drawing, weight = takes.drawing, self._model.transformer.input.weight
            cache = self._model.new_cache(len(takes.rows), 1 + drawing.num_prompt, dtype=weight.dtype)
            drawing.draw(drawing.read_prompt(cache)[:, -1:])
        except Exception as error:  # of this request alone: the others go on
            return [*events, PoolEvent(key, error)]
        self._cache.admit(cache)
        self._members.append(_Member(key, takes))
        return events + self._advance(self._members[-1])

    @torch.inference_mode()
    def step(self) -> list[PoolEvent]:
        """Make one frame of every take at work; returns what became ready, in no order but each request's own."""
        if not self._members:
            return []
        members = tuple(self._members)
        try:
            hidden = self._next_hidden()
        except Exception as error:  # of all of them, for example no memory is left
            for member in members:
                self._remove(member)
            return [PoolEvent(member.key, error) for member in members]
        events: list[PoolEvent] = []
        for member, states in zip(members, hidden.split([member.num_rows for member in members]), strict=True):
            events += self._advance(member, partial(member.takes.drawing.draw, states))
        return events

    def _next_hidden(self) -> Tensor:
        """Return the hidden state behind the newest frame of every row in use, [B, 1, D]."""
        drawings = [member.takes.drawing for member in self._members]
        tokens, latents = torch.cat([one.token for one in drawings]), torch.cat([one.latent for one in drawings])
        return next_hidden(self._model, tokens, latents, self._cache, self._compiled)

    def _advance(self, member: _Member, draw: Callable[[], None] = lambda: None) -> list[PoolEvent]:
        """Draw a member's next frame and return what it makes ready.

        The member leaves with its last chunk, or with what went wrong.
        """
        chunks: list[Chunk | None] = []
        try:
            draw()
            chunks.append(member.takes.after_frame(member.takes.drawing.draft))
            if not member.takes.drawing.is_done:
                return [PoolEvent(member.key, chunk) for chunk in chunks if chunk is not None]
            chunks.append(member.takes.finish())
        except Exception as error:  # of this request alone: the others go on
            self._remove(member)
            return [PoolEvent(member.key, error)]
        self._remove(member)
        return [PoolEvent(member.key, chunk) for chunk in chunks if chunk is not None]

    def _remove(self, member: _Member) -> None:
        place = self._members.index(member)
        self._cache.remove(sum(before.num_rows for before in self._members[:place]), member.num_rows)
        del self._members[place]
