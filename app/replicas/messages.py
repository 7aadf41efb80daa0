"""What is asked of a replica and what it answers. T frames, Z latent dims, S utterance dims, M mel bins."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from undertone.app.replicas.records import RecordError, RecordMessage, pack, parse_message
from undertone.engine import Chunk, Sampling, Speech, Take, TakeSettings, TakesRequest
from undertone.engine.generation.take import Ended
from undertone.engine.generation.take_settings import StepKind


class ReplicaFacts(RecordMessage):
    """What an app has to know of the replicas.

    Attributes:
        bundle_sha256: of their bundle.
        dtype: of their transformer.
        slots: requests that all of them together may work at.
    """

    bundle_sha256: str
    dtype: Literal["float32", "bfloat16"]
    slots: Annotated[int, Field(ge=1)]


class TakesMessage(RecordMessage):
    """A request for takes, beside the tensors of its speech."""

    seconds: float
    sampling: Sampling
    seed: int
    num_takes: int
    step: StepKind | None
    speech_seconds: float
    start_seconds: float
    end_seconds: float | None


class TakeMessage(RecordMessage):
    """A finished take, beside its tensors."""

    prompt_frames: int
    ended: Ended
    settings: TakeSettings
    seconds: float


class AnswerMessage(RecordMessage):
    """A chunk, why there is none, or that the request still waits for its turn (`is_waiting`).

    Attributes:
        frames_total: 0 while it waits.
        refusal: in words; "" for a chunk.
        by: whose fault a refusal is: the settings', or the replica's.
    """

    frames_done: int = 0
    frames_total: int = 0
    lengths: tuple[int, ...] = ()
    takes: tuple[TakeMessage, ...] = ()
    refusal: str = ""
    by: Literal["settings", "replica"] = "replica"

    @property
    def is_waiting(self) -> bool:
        """Return whether this is neither a chunk nor a refusal."""
        return not self.frames_total and not self.refusal


def pack_request(request: TakesRequest, seed: int) -> bytes:
    """Return a request as a record; the mel of its speech, which no continuation reads, stays here."""
    speech = request.speech
    message = TakesMessage(
        seconds=request.seconds,
        sampling=request.sampling,
        seed=seed,
        num_takes=request.num_takes,
        step=request.step,
        speech_seconds=speech.seconds,
        start_seconds=speech.start_seconds,
        end_seconds=speech.end_seconds,
    )
    tensors = {"tokens": speech.tokens, "latents": speech.latents, "utterance": speech.utterance, "audio": speech.audio}
    if speech.latents_logstd is not None:
        tensors["latents_logstd"] = speech.latents_logstd
    return pack(message, tensors)


def read_request(text: bytes, tensors: dict[str, Tensor]) -> TakesRequest:
    """Return the request of a record; the engine checks what is in it. Raises RecordError."""
    message = parse_message(TakesMessage, text)
    tokens = _typed(tensors, "tokens", torch.int64, 1)
    latents = _typed(tensors, "latents", torch.float32, 2)
    logstd = _typed(tensors, "latents_logstd", torch.float32, 2) if "latents_logstd" in tensors else None
    if logstd is not None and (logstd.shape != latents.shape or not torch.isfinite(logstd).all()):
        raise RecordError("latents_logstd has not the shape of latents, or values that are not finite.")
    speech = Speech(
        tokens=tokens,
        latents=latents,
        latents_logstd=logstd,
        utterance=_typed(tensors, "utterance", torch.float32, 1),
        mel=torch.zeros(0, 0),
        audio=_typed(tensors, "audio", torch.float32, 1),
        seconds=message.speech_seconds,
        start_seconds=message.start_seconds,
        end_seconds=message.end_seconds,
    )
    return TakesRequest(speech, message.seconds, message.sampling, message.seed, message.num_takes, message.step)


def pack_chunk(chunk: Chunk) -> bytes:
    """Return a chunk as a record."""
    takes = tuple(
        TakeMessage(
            prompt_frames=take.prompt_frames, ended=take.ended, settings=take.settings, seconds=take.speech.seconds
        )
        for take in chunk.takes
    )
    tensors = {"audio": chunk.audio}
    for index, take in enumerate(chunk.takes):
        speech = take.speech
        parts = {"tokens": speech.tokens, "latents": speech.latents, "mel": speech.mel, "audio": speech.audio}
        tensors |= {f"{index}.{name}": tensor for name, tensor in parts.items()}
    message = AnswerMessage(
        frames_done=chunk.frames_done, frames_total=chunk.frames_total, lengths=chunk.lengths, takes=takes
    )
    return pack(message, tensors)


def read_chunk(message: AnswerMessage, tensors: dict[str, Tensor], utterance: Tensor) -> Chunk:
    """Return the chunk of an answer. Raises RecordError.

    Args:
        utterance: of the prompt, which its takes share, [S].
    """
    audio = _typed(tensors, "audio", torch.float32, 2)
    if len(message.lengths) != len(audio) or not all(0 <= length <= audio.shape[1] for length in message.lengths):
        raise RecordError(f"lengths {message.lengths} do not fit audio of shape {list(audio.shape)}.")
    takes = tuple(_read_take(take, tensors, f"{index}.", utterance) for index, take in enumerate(message.takes))
    return Chunk(audio, message.lengths, message.frames_done, message.frames_total, takes)


def _read_take(message: TakeMessage, tensors: dict[str, Tensor], prefix: str, utterance: Tensor) -> Take:
    speech = Speech(
        tokens=_typed(tensors, f"{prefix}tokens", torch.int64, 1),
        latents=_typed(tensors, f"{prefix}latents", torch.float32, 2),
        latents_logstd=None,
        utterance=utterance,
        mel=_typed(tensors, f"{prefix}mel", torch.float32, 2),
        audio=_typed(tensors, f"{prefix}audio", torch.float32, 1),
        seconds=message.seconds,
    )
    return Take(speech, message.prompt_frames, message.ended, message.settings)


def _typed(tensors: dict[str, Tensor], name: str, dtype: torch.dtype, dimensions: int) -> Tensor:
    tensor = tensors.get(name)
    if tensor is None or tensor.dtype != dtype or tensor.ndim != dimensions:
        found = "none" if tensor is None else f"{tensor.dtype} {list(tensor.shape)}"
        raise RecordError(f"tensor {name!r} is {found}; expected {dtype} with {dimensions} dimensions.")
    return tensor
