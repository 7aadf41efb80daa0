"""Streaming of one request: frames are drawn, decoded and yielded as they are ready; no state outlives it."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor

from undertone.engine.audio.voice_activity import VoiceActivity, VoiceEnd
from undertone.engine.bundle import Bundle
from undertone.engine.generation.ahead import MadeAhead, has_second_processor
from undertone.engine.generation.decode import TakeDecoder
from undertone.engine.generation.generate import FrameDrawing, PartialTakes, draw_alone
from undertone.engine.generation.sampling import Sampling
from undertone.engine.generation.speech import Speech, cpu_copy
from undertone.engine.generation.take import Ended, Take
from undertone.engine.generation.take_settings import TakeSettings
from undertone.engine.network import CompiledStep
from undertone.engine.noise import SeededNoise
from undertone.engine.progress import CallProgress

HEARTBEAT_FRAMES = 10  # a chunk comes at least this often, so that progress moves and a stop is heard
FRAMES_AHEAD = 250  # drawn while a block is decoded, at most


@dataclass(frozen=True, eq=False)
class Chunk:
    """Samples that became ready; they follow those of the chunk before."""

    audio: Tensor  # float32 [takes, samples], zeros behind a take's own samples
    lengths: tuple[int, ...]  # samples of each take in `audio`
    frames_done: int  # drawn so far, prompt included
    frames_total: int  # at most
    takes: tuple[Take, ...] = ()  # all of them, in the last chunk

    def of(self, take: int) -> Tensor:
        """Return the new samples of one take, [samples]."""
        return self.audio[take, : self.lengths[take]]


@dataclass(frozen=True, eq=False)
class ContinuationRequest:
    """Request for takes, checked."""

    bundle: Bundle
    speech: Speech
    num_frames: int  # of continuation at most
    sampling: Sampling
    settings: tuple[TakeSettings, ...]  # one for each take
    voice: VoiceActivity | None  # where the end is looked for in the sound
    device: torch.device
    compiled: CompiledStep | None = None  # what makes the frames; None: the modules

    @property
    def min_frames(self) -> int:
        """Return the frames of continuation before which no take may end."""
        rate = self.bundle.config.model.mel.frame_rate_hz
        return min(self.num_frames, round(self.sampling.min_seconds * rate))


@dataclass
class _Row:
    """Take that is being made: its decoder, and its samples so far."""

    decoder: TakeDecoder
    end: VoiceEnd | None
    audio: list[Tensor] = field(default_factory=list)
    decoded: int = 0  # samples
    given: int = 0  # samples handed out
    complete: bool = False
    kept: int = 0  # samples that will surely be part of the take

    def feed(self, tokens: Tensor, latents: Tensor, complete: bool, max_blocks: int | None = None) -> Tensor:
        """Decode what can be decoded; returns the samples to hand out."""
        new = torch.zeros(0) if self.complete else self.decoder.feed(tokens, latents, complete, max_blocks)
        if self.complete or not (complete or new.numel()):
            return new
        self.complete = complete
        self.audio.append(new)
        self.decoded += new.numel()
        self.kept = self.decoded if self.end is None else self.end.feed(new)
        if self.end is not None and complete:
            self.kept = self._whole_frames(self.end.finish())
        given, self.given = self.given, max(self.given, self.kept)
        return torch.cat(self.audio)[given : self.given]

    def _whole_frames(self, samples: int) -> int:
        hop = self.decoder.hop_samples
        return min(-(-samples // hop) * hop, self.decoded)


class TakesInProgress:
    """Takes of one request that are being made: their frames, decoders and sound so far.

    Whoever draws the frames of `drawing` calls `begin` before the first one, `after_frame` behind each, and `finish`.

    Args:
        progress: told of every frame, and asked before every step of the decoder too.
    """

    def __init__(self, request: ContinuationRequest, progress: CallProgress = CallProgress()) -> None:
        speech, sampling, device = request.speech, request.sampling, request.device
        seeds = [settings.seed + settings.index for settings in request.settings]
        noise = SeededNoise(seeds, device)
        utterance = speech.utterance.to(device)[None]
        self.request = request
        self.progress = progress
        self.total = speech.num_frames + request.num_frames
        self.rows = [
            _Row(TakeDecoder(request.bundle, utterance, sampling, seed, progress), _voice_end(request))
            for seed in seeds
        ]
        self.drawing = FrameDrawing(
            request.bundle.model,
            speech.tokens.to(device).expand(len(seeds), -1),
            _prompt_latents(request, noise),
            request.num_frames,
            sampling,
            noise,
            min_frames=request.min_frames,
            compiled=request.compiled,
        )

    def begin(self, draft: PartialTakes) -> Iterator[Chunk]:
        """Yield the beginning of the prompt, block by block, so that the first is heard while the next is decoded.

        Args:
            draft: as it was before the first frame.
        Raises:
            Cancelled: the caller asked to stop; so do the others.
        """
        self.progress.update(draft.num_frames, self.total)
        new = _feed(self.rows, draft, max_blocks=1)
        yield _chunk(new, draft, self.total)
        while any(audio.numel() for audio in new):
            new = _feed(self.rows, draft, max_blocks=1)
            yield _chunk(new, draft, self.total)

    def after_frame(self, draft: PartialTakes) -> Chunk | None:
        """Decode what a new frame makes ready; returns a chunk where there is sound, and now and then.

        Args:
            draft: with the frame; more frames may have been drawn since.
        """
        self.progress.update(draft.num_frames, self.total)
        new = _feed(self.rows, draft)
        if any(audio.numel() for audio in new) or draft.num_frames % HEARTBEAT_FRAMES == 0:
            return _chunk(new, draft, self.total)
        return None

    def finish(self) -> Chunk:
        """Decode the rest; return the last chunk, which has the takes."""
        draft = self.drawing.draft
        new = _feed(self.rows, draft, complete=True)
        self.progress.update(self.total, self.total)
        takes = tuple(_take(self.request, draft, row, i) for i, row in enumerate(self.rows))
        return _chunk(new, draft, self.total, takes)


@torch.inference_mode()
def stream_takes(request: ContinuationRequest, progress: CallProgress = CallProgress()) -> Iterator[Chunk]:
    """Draw and decode the frames of a request; the last chunk has the takes.

    Args:
        progress: told of every frame, and asked before every step of the decoder too.
    Raises:
        Cancelled: the caller asked to stop.
    """
    takes = TakesInProgress(request, progress)
    prompt = takes.drawing.draft.so_far()
    drafts = (draft.so_far() for draft in draw_alone(takes.drawing))
    with MadeAhead(drafts, FRAMES_AHEAD) if _decodes_beside(request) else nullcontext(drafts) as drawn:
        yield from takes.begin(prompt)
        for draft in drawn:
            if (chunk := takes.after_frame(draft)) is not None:
                yield chunk
        yield takes.finish()


def _decodes_beside(request: ContinuationRequest) -> bool:
    """Return whether frames are drawn by one thread and decoded by another.

    The modules would wait for each other, and a step on several threads leaves the decoder no processor.
    """
    return request.compiled is not None and request.compiled.threads == 1 and has_second_processor()


def _feed(rows: list[_Row], draft: PartialTakes, complete: bool = False, max_blocks: int | None = None) -> list[Tensor]:
    """Return the samples of each take that the frames drawn so far make ready, `max_blocks` of each at most."""
    return [
        row.feed(draft.tokens[i, :frames], draft.latents[i, :frames], complete or draft.ended[i], max_blocks)
        for i, (row, frames) in enumerate(zip(rows, draft.lengths, strict=True))
    ]


def _chunk(new: list[Tensor], draft: PartialTakes, total: int, takes: tuple[Take, ...] = ()) -> Chunk:
    padded = torch.nn.utils.rnn.pad_sequence(new, batch_first=True)
    return Chunk(cpu_copy(padded), tuple(audio.numel() for audio in new), draft.num_frames, total, takes)


def _prompt_latents(request: ContinuationRequest, noise: SeededNoise) -> Tensor:
    """Return the prompt's latents [B, P, Z]: the posterior's mean, or a sample of it for each take."""
    batch, temperature = len(request.settings), request.sampling.prompt_temperature
    mean = request.speech.latents.to(request.device).expand(batch, -1, -1)
    logstd = request.speech.latents_logstd
    if temperature == 0.0 or logstd is None:
        return mean
    return mean + temperature * logstd.to(request.device).exp() * noise.normal(*mean.shape)


def _voice_end(request: ContinuationRequest) -> VoiceEnd | None:
    if request.voice is None:
        return None
    hop = request.bundle.config.model.mel.hop_samples
    return VoiceEnd(request.voice, keep_samples=(request.speech.num_frames + request.min_frames) * hop)


def _take(request: ContinuationRequest, draft: PartialTakes, row: _Row, index: int) -> Take:
    """Return the finished take, everything cut to the samples that were handed out."""
    mel = request.bundle.config.model.mel
    frames = row.kept // mel.hop_samples
    ended: Ended = "learned" if draft.ended[index] else "voice" if row.kept < row.decoded else "limit"
    speech = Speech(
        tokens=cpu_copy(draft.tokens[index, :frames]),
        latents=cpu_copy(draft.latents[index, :frames]),
        latents_logstd=None,
        utterance=request.speech.utterance,
        mel=cpu_copy(row.decoder.mel[:frames]),
        audio=cpu_copy(torch.cat(row.audio)[: row.kept]),
        seconds=frames / mel.frame_rate_hz,
    )
    return Take(speech, request.speech.num_frames, ended, request.settings[index])
