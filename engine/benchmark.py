"""How fast a bundle runs on this machine: the numbers that `undertone bench` prints."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.engine.engine import Engine
from undertone.engine.generation.decode import FrameNoise, decode_mel
from undertone.engine.generation.generate import generate
from undertone.engine.generation.sampling import Sampling
from undertone.engine.generation.speech import Speech
from undertone.engine.noise import SeededNoise

COPY_BYTES = 256 * 2**20  # larger than any cache
REPEATS = 3  # the best counts: a neighbour can only slow a run down


@dataclass(frozen=True)
class Benchmark:
    """Speed and memory of a bundle on a machine; seconds are wall time for one take at batch 1."""

    bundle: str
    device: str
    dtype: str
    threads: int
    parameters: int  # of the model, vocoder and tokenizer not counted
    prompt_seconds: float
    seconds: float  # of continuation
    first_audio_seconds: float  # analysis and the first samples, which begin the prompt
    first_continuation_seconds: float  # analysis and the first sample behind the prompt
    real_time_factor: float  # wall time of the whole stream / seconds
    step_milliseconds: float  # one frame: transformer, heads, flow and draws
    memory_bandwidth_fraction: float  # weights read per step / step time / copy bandwidth; above 1 they sit in a cache
    copy_gigabytes_per_second: float  # read and written, measured
    decoder_seconds: float  # prompt and continuation at once
    vocoder_seconds: float  # the same frames
    analysis_real_time_factor: float  # wall time of the analysis / prompt_seconds
    peak_memory_bytes: int  # of the process, or of the GPU


def benchmark(
    engine: Engine,
    waveform: Tensor | None = None,
    prompt_seconds: float = 3.0,
    seconds: float = 10.0,
    sampling: Sampling = Sampling(end="never"),
) -> Benchmark:
    """Measure a bundle; this takes about four times as long as one continuation.

    Args:
        waveform: at least `prompt_seconds` at 16 kHz; None takes a synthetic voice, the speed does not depend on it.
    """
    if waveform is None:
        waveform = synthetic_voice(prompt_seconds)
    if engine.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(engine.device)
    speech = engine.analyse(waveform, engine.sample_rate_hz, 0.0, prompt_seconds)
    engine.continue_(speech, 0.2, sampling, seed=0)  # first calls allocate and choose kernels
    analysis = _best(engine, lambda: engine.analyse(waveform, engine.sample_rate_hz, 0.0, prompt_seconds))
    first_audio, first_continuation, whole = _stream_times(engine, speech, seconds, sampling)
    step = _step_seconds(engine, speech, seconds, sampling)
    decoder, vocoder = _decoding_seconds(engine, speech, seconds, sampling)
    model = engine.bundle.model
    names = ("transformer", "prior_head", "flow", "latent_input")  # the last two where there are latents
    read = [module for name, module in model.named_children() if name in names]
    weight_bytes = sum(p.numel() * p.element_size() for module in read for p in module.parameters())
    peak = _peak_memory_bytes(engine)  # before the copy, whose memory is not the engine's
    copy = copy_bandwidth(engine)
    return Benchmark(
        bundle=engine.bundle.name,
        device=torch.cuda.get_device_name(engine.device) if engine.device.type == "cuda" else "cpu",
        dtype=str(engine.dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        parameters=sum(p.numel() for p in model.parameters()),
        prompt_seconds=prompt_seconds,
        seconds=seconds,
        first_audio_seconds=analysis + first_audio,
        first_continuation_seconds=analysis + first_continuation,
        real_time_factor=whole / seconds,
        step_milliseconds=1e3 * step,
        memory_bandwidth_fraction=weight_bytes / step / copy,
        copy_gigabytes_per_second=copy / 1e9,
        decoder_seconds=decoder,
        vocoder_seconds=vocoder,
        analysis_real_time_factor=analysis / prompt_seconds,
        peak_memory_bytes=peak,
    )


def synthetic_voice(seconds: float, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Tensor:
    """Return a made-up voice [samples] for timing: harmonics whose pitch and loudness move."""
    when = torch.arange(round(seconds * sample_rate_hz)) / sample_rate_hz
    phase = 2 * torch.pi * torch.cumsum(130 + 30 * torch.sin(4 * when), 0) / sample_rate_hz
    buzz = sum((torch.sin(k * phase) / k for k in range(1, 20)), torch.zeros_like(when))
    return 0.2 * buzz * (0.6 + 0.4 * torch.sin(2 * torch.pi * 3 * when))


def copy_bandwidth(engine: Engine) -> float:
    """Return the bytes read and written per second by a large copy on the engine's device."""
    source = torch.ones(COPY_BYTES // 4, device=engine.device)
    target = torch.empty_like(source)
    return 2 * COPY_BYTES / _best(engine, lambda: target.copy_(source))


def _stream_times(engine: Engine, speech: Speech, seconds: float, sampling: Sampling) -> tuple[float, float, float]:
    """Return the seconds to the first samples, to the first ones behind the prompt, and to the end."""
    start = time.perf_counter()
    samples, first, behind = 0, 0.0, 0.0
    prompt_samples = round(speech.seconds * engine.sample_rate_hz)
    for chunk in engine.stream(speech, seconds, sampling, seed=0):
        samples += chunk.lengths[0]
        now = time.perf_counter() - start
        first = first or (now if samples else 0.0)
        behind = behind or (now if samples > prompt_samples else 0.0)
    return first, behind, time.perf_counter() - start


@torch.inference_mode()
def _step_seconds(engine: Engine, speech: Speech, seconds: float, sampling: Sampling) -> float:
    """Return the mean time of a frame behind the prefill, in seconds."""
    tokens, latents = speech.tokens[None].to(engine.device), speech.latents[None].to(engine.device)
    num_frames = round(seconds * engine.frame_rate_hz)
    noise = SeededNoise([0], engine.device)
    drafts = generate(engine.bundle.model, tokens, latents, num_frames, sampling, noise)
    next(drafts)
    next(drafts)
    _wait(engine)
    start = time.perf_counter()
    steps = sum(1 for _ in drafts)
    _wait(engine)
    return (time.perf_counter() - start) / steps


@torch.inference_mode()
def _decoding_seconds(engine: Engine, speech: Speech, seconds: float, sampling: Sampling) -> tuple[float, float]:
    """Return the seconds of decoder and vocoder for as many frames as prompt and continuation have."""
    frames = speech.num_frames + round(seconds * engine.frame_rate_hz)
    index = torch.arange(frames) % speech.num_frames
    tokens, latents = speech.tokens[None, index].to(engine.device), speech.latents[None, index].to(engine.device)
    utterance = speech.utterance[None].to(engine.device)
    log_mel = speech.mel[None, index].to(engine.device)

    def decode() -> Tensor:
        noise = FrameNoise(0, 0, frames, engine.device)
        return decode_mel(engine.bundle.model, tokens, latents, utterance, sampling, noise)

    return _best(engine, decode), _best(engine, lambda: engine.bundle.vocoder(log_mel))


def _best(engine: Engine, work: Callable[[], object]) -> float:
    """Return the shortest wall time of a few runs, in seconds."""
    times = []
    for _ in range(REPEATS):
        _wait(engine)
        start = time.perf_counter()
        work()
        _wait(engine)
        times.append(time.perf_counter() - start)
    return min(times)


def _wait(engine: Engine) -> None:
    if engine.device.type == "cuda":
        torch.cuda.synchronize(engine.device)


def _peak_memory_bytes(engine: Engine) -> int:
    if engine.device.type == "cuda":
        return torch.cuda.max_memory_allocated(engine.device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux kilobytes
