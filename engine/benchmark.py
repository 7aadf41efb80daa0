"""How fast a bundle runs on this machine: the numbers that `undertone bench` prints."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.engine.energy import EnergyMeter
from undertone.engine.engine import Engine
from undertone.engine.generation.decode import FrameNoise, decode_mel
from undertone.engine.generation.generate import PartialTakes, generate
from undertone.engine.generation.sampling import PUBLISHED, Sampling
from undertone.engine.generation.speech import Speech
from undertone.engine.generation.take_settings import StepKind
from undertone.engine.generation.together import TakesRequest
from undertone.engine.network import CompiledStep
from undertone.engine.noise import SeededNoise
from undertone.engine.published.loop import published_loop

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
    step: StepKind  # what makes the frames
    decoder: str  # what makes the mel, with its steps
    first_audio_seconds: float  # analysis and the first samples, which begin the prompt
    first_continuation_seconds: float  # analysis and the first sample behind the prompt
    real_time_factor: float  # wall time of the whole stream / seconds
    cpu_real_time_factor: float  # processor time of it / seconds: a busy neighbour changes it less
    step_milliseconds: float  # mean of a frame: transformer, heads, flow and draws
    step_p95_milliseconds: float
    frames_per_second: float  # drawn
    memory_bandwidth_fraction: float  # weights read per step / step time / copy bandwidth; above 1 they sit in a cache
    copy_gigabytes_per_second: float  # read and written, measured
    decoder_seconds: float  # prompt and continuation at once
    vocoder_seconds: float  # the same frames
    analysis_real_time_factor: float  # wall time of the analysis / prompt_seconds
    peak_memory_bytes: int | None  # of the process, or of the GPU; None on Windows, which does not say
    # Of the whole stream, by all processors of the machine or the GPU, whoever else uses them / seconds; None where
    # the platform does not tell.
    joules_per_second: float | None
    # The same continuation made otherwise in the same process, where that was asked for.
    against: str | None = None
    against_real_time_factor: float | None = None
    against_cpu_real_time_factor: float | None = None
    times_faster: float | None = None  # wall time of the other / of this
    times_less_cpu: float | None = None  # the same of the processor time
    # Its frames and its mel alone, measured in turns with this one's.
    against_frames_per_second: float | None = None
    frames_times_faster: float | None = None  # wall time of a frame of the other / of this
    frames_times_less_cpu: float | None = None
    against_decoder_seconds: float | None = None
    decoder_times_faster: float | None = None  # wall time of a mel of the other / of this
    decoder_times_less_cpu: float | None = None


@dataclass(frozen=True)
class BatchBenchmark:
    """Speed of the frames of several takes that are drawn together."""

    batch: int
    step_milliseconds: float  # mean, for a frame of every take
    step_p95_milliseconds: float
    frames_per_second: float  # of all takes together


@dataclass(frozen=True)
class LoadBenchmark:
    """Seconds that visitors wait who press at the same moment, one take each, from the press; p50 and p95 over them."""

    visitors: int
    policy: str  # "in turn", as the pages serve them, or "together", frame by frame
    first_audio_p50_seconds: float  # analysis and the first samples, which begin the prompt
    first_audio_p95_seconds: float
    finish_p50_seconds: float
    finish_p95_seconds: float


@dataclass(frozen=True)
class Rival:
    """Another way to make the same continuation, to be compared with."""

    name: str
    sampling: Sampling
    step: StepKind
    is_published_loop: bool = False  # whether its frames, measured alone, are made as the published code makes them


# As published: 100 steps of DDIM on the whole at once, every frame by the modules one after the other.
REFERENCE = Rival("reference", PUBLISHED, "modules", is_published_loop=True)
# As before there was a student or a compiled step.
DIFFUSION = Rival("diffusion", Sampling(solver="dpm++", end="never"), "modules")


def benchmark(
    engine: Engine,
    waveform: Tensor | None = None,
    prompt_seconds: float = 3.0,
    seconds: float = 10.0,
    sampling: Sampling = Sampling(end="never"),
    step: StepKind | None = None,
    rival: Rival | None = None,
) -> Benchmark:
    """Measure a bundle; this takes about four times as long as one continuation.

    Args:
        waveform: at least `prompt_seconds` at 16 kHz; None takes a synthetic voice, the speed does not depend on it.
        step: what makes the frames; None is the engine's own.
        rival: is measured as well, for the ratio.
    Raises:
        SettingsError: settings that the bundle cannot follow.
    """
    if waveform is None:
        waveform = synthetic_voice(prompt_seconds)
    if engine.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(engine.device)
    speech = engine.analyse(waveform, engine.sample_rate_hz, 0.0, prompt_seconds)
    compiled = None if step == "modules" else engine.compiled_step()
    ways = [(sampling, step)] + ([(rival.sampling, rival.step)] if rival else [])
    for settings, kind in ways:  # first calls allocate and choose kernels
        engine.continue_(speech, 0.2, settings, seed=0, step=kind)
    analysis = _best(engine, lambda: engine.analyse(waveform, engine.sample_rate_hz, 0.0, prompt_seconds))
    meter = EnergyMeter(engine.device)
    own = _stream_times(engine, speech, seconds, sampling, step)
    joules = meter.joules()
    others = [_stream_times(engine, speech, seconds, *way) for way in ways[1:]]
    loops, decoders = (
        [_drafts(engine, speech, seconds, sampling, compiled)],
        [_decoder(engine, speech, seconds, sampling)],
    )
    if rival is not None:
        loops.append(_rival_drafts(engine, speech, seconds, rival))
        decoders.append(_decoder(engine, speech, seconds, rival.sampling))
    frames = _in_turns(engine, [_next_of(drafts) for drafts in loops], round(seconds * engine.frame_rate_hz) - 1)
    mels = _in_turns(engine, decoders, REPEATS)
    steps = [one.wall for one in frames[0]]
    step_seconds = sum(steps) / len(steps)
    vocoder = _best(engine, lambda: engine.bundle.vocoder(_repeated(engine, speech, seconds, speech.mel)))
    model = engine.bundle.model
    names = ("transformer", "prior_head", "flow", "latent_input")  # the last two where there are latents
    read = [module for name, module in model.named_children() if name in names]
    weight_bytes = sum(p.numel() * p.element_size() for module in read for p in module.parameters())
    if compiled is not None:
        weight_bytes = compiled.weight_bytes
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
        step="modules" if compiled is None else compiled.kind,
        decoder=_decoder_name(engine, sampling),
        first_audio_seconds=analysis + own.first,
        first_continuation_seconds=analysis + own.behind_prompt,
        real_time_factor=own.whole / seconds,
        cpu_real_time_factor=own.cpu / seconds,
        step_milliseconds=1e3 * step_seconds,
        step_p95_milliseconds=1e3 * _percentile(sorted(steps), 0.95),
        frames_per_second=1 / step_seconds,
        memory_bandwidth_fraction=weight_bytes / step_seconds / copy,
        copy_gigabytes_per_second=copy / 1e9,
        decoder_seconds=min(one.wall for one in mels[0]),
        vocoder_seconds=vocoder,
        analysis_real_time_factor=analysis / prompt_seconds,
        peak_memory_bytes=peak,
        joules_per_second=None if joules is None else joules / seconds,
        **(_compare(rival, own, others[0], seconds) | _compare_parts(frames, mels) if rival else {}),
    )


def benchmark_batch(
    engine: Engine,
    batch: int,
    seconds: float = 10.0,
    sampling: Sampling = Sampling(end="never"),
    step: StepKind | None = None,
    prompt_seconds: float = 3.0,
) -> BatchBenchmark:
    """Measure the frames of takes that are drawn together, without their sound.

    Args:
        batch: takes of one prompt, with seeds of their own.
        step: what makes the frames; None is the engine's own.
    Raises:
        SettingsError: settings that the bundle cannot follow.
    """
    speech = engine.analyse(synthetic_voice(prompt_seconds), SAMPLE_RATE_HZ)
    compiled = None if step == "modules" else engine.compiled_step()
    for length in (0.2, seconds):  # first calls allocate and choose kernels
        drafts = _drafts(engine, speech, length, sampling, compiled, batch)
        (frames,) = _in_turns(engine, [_next_of(drafts)], round(length * engine.frame_rate_hz) - 1)
    steps = [one.wall for one in frames]
    mean = sum(steps) / len(steps)
    return BatchBenchmark(batch, 1e3 * mean, 1e3 * _percentile(sorted(steps), 0.95), batch / mean)


def benchmark_load(
    engine: Engine,
    visitors: int,
    seconds: float = 10.0,
    sampling: Sampling = Sampling(end="never"),
    step: StepKind | None = None,
    prompt_seconds: float = 3.0,
) -> list[LoadBenchmark]:
    """Measure what visitors wait who come at once: served one after the other, and all together.

    Args:
        visitors: each with a prompt of its own.
        step: what makes the frames; None is the engine's own.
    Raises:
        SettingsError: settings that the bundle cannot follow.
    """
    voice = synthetic_voice(prompt_seconds + 0.1 * visitors)
    prompts = [
        voice[round(0.1 * i * SAMPLE_RATE_HZ) :][: round(prompt_seconds * SAMPLE_RATE_HZ)] for i in range(visitors)
    ]
    engine.continue_(engine.analyse(prompts[0], SAMPLE_RATE_HZ), 0.2, sampling, seed=0, step=step)
    return [
        _load_benchmark(policy, serve(engine, prompts, seconds, sampling, step))
        for policy, serve in (("in turn", _serve_in_turn), ("together", _serve_together))
    ]


def _load_benchmark(policy: str, waited: list[tuple[float, float]]) -> LoadBenchmark:
    first, finish = (sorted(column) for column in zip(*waited, strict=True))
    percentiles = [_percentile(column, share) for column in (first, finish) for share in (0.5, 0.95)]
    return LoadBenchmark(len(waited), policy, *percentiles)


def _percentile(ordered: list[float], share: float) -> float:
    """Return the smallest value that so large a share of the ordered values does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _serve_in_turn(
    engine: Engine, prompts: list[Tensor], seconds: float, sampling: Sampling, step: StepKind | None
) -> list[tuple[float, float]]:
    """Return for every prompt the seconds from the beginning to its first samples and to its end."""
    start, waited = time.perf_counter(), []
    for seed, prompt in enumerate(prompts):
        first = 0.0
        for chunk in engine.stream(engine.analyse(prompt, SAMPLE_RATE_HZ), seconds, sampling, seed=seed, step=step):
            if not first and chunk.lengths[0]:
                first = time.perf_counter() - start
        waited.append((first, time.perf_counter() - start))
    return waited


def _serve_together(
    engine: Engine, prompts: list[Tensor], seconds: float, sampling: Sampling, step: StepKind | None
) -> list[tuple[float, float]]:
    """Return the same where each joins those at work as soon as its prompt is analysed."""
    start = time.perf_counter()
    first, finish = [0.0] * len(prompts), [0.0] * len(prompts)
    pool = engine.take_pool(len(prompts), None if step == "modules" else engine.compiled_step())
    waiting = list(enumerate(prompts))
    while waiting or pool.num_free < pool.slots:
        events = []
        if waiting:
            seed, prompt = waiting.pop(0)
            speech = engine.analyse(prompt, SAMPLE_RATE_HZ)
            events += pool.add(seed, engine.check_request(TakesRequest(speech, seconds, sampling, seed, step=step)))
        for event in events + pool.step():
            if isinstance(event.outcome, Exception):
                raise event.outcome
            now = time.perf_counter() - start
            if not first[event.key] and event.outcome.lengths[0]:
                first[event.key] = now
            if event.is_last:
                finish[event.key] = now
    return list(zip(first, finish, strict=True))


def _compare(rival: Rival, own: "_StreamTimes", other: "_StreamTimes", seconds: float) -> dict[str, Any]:
    """Return what a benchmark says of a rival, by field."""
    return {
        "against": rival.name,
        "against_real_time_factor": other.whole / seconds,
        "against_cpu_real_time_factor": other.cpu / seconds,
        "times_faster": other.whole / own.whole,
        "times_less_cpu": other.cpu / own.cpu,
    }


def _compare_parts(frames: list[list["_Times"]], mels: list[list["_Times"]]) -> dict[str, Any]:
    """Return what a benchmark says of a rival's frames and mels, each in a list behind this one's."""
    (frame, other_frame), (mel, other_mel) = (
        [
            _Times(sum(one.wall for one in times) / len(times), sum(one.cpu for one in times) / len(times))
            for times in frames
        ],
        [_Times(min(one.wall for one in times), min(one.cpu for one in times)) for times in mels],
    )
    return {
        "against_frames_per_second": 1 / other_frame.wall,
        "frames_times_faster": other_frame.wall / frame.wall,
        "frames_times_less_cpu": other_frame.cpu / frame.cpu,
        "against_decoder_seconds": other_mel.wall,
        "decoder_times_faster": other_mel.wall / mel.wall,
        "decoder_times_less_cpu": other_mel.cpu / mel.cpu,
    }


def _decoder_name(engine: Engine, sampling: Sampling) -> str:
    """Return what makes the mel with these settings, for people."""
    student = engine.bundle.config.student
    if student is not None and sampling.takes_student(student):
        return f"student, {student.steps} steps"
    guidance = engine.own_guidance if sampling.guidance is None else sampling.guidance
    return f"{sampling.diffusion_solver}, {sampling.steps} steps" + (f", guidance {guidance:g}" if guidance > 1 else "")


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


@dataclass(frozen=True)
class _StreamTimes:
    """Seconds of one stream: to its first samples, to the first behind the prompt, to its end, and of processors."""

    first: float
    behind_prompt: float
    whole: float
    cpu: float


def _stream_times(
    engine: Engine, speech: Speech, seconds: float, sampling: Sampling, step: StepKind | None
) -> _StreamTimes:
    start, cpu = time.perf_counter(), time.process_time()
    samples, first, behind = 0, 0.0, 0.0
    prompt_samples = round(speech.seconds * engine.sample_rate_hz)
    for chunk in engine.stream(speech, seconds, sampling, seed=0, step=step):
        samples += chunk.lengths[0]
        now = time.perf_counter() - start
        first = first or (now if samples else 0.0)
        behind = behind or (now if samples > prompt_samples else 0.0)
    return _StreamTimes(first, behind, time.perf_counter() - start, time.process_time() - cpu)


@dataclass(frozen=True)
class _Times:
    """Seconds that something took, by the clock and of processors."""

    wall: float
    cpu: float


@torch.inference_mode()
def _in_turns(engine: Engine, works: list[Callable[[], object]], rounds: int) -> list[list[_Times]]:
    """Return the times of several works, each done so many times: a round is all of them, one after the other.

    What else the machine has to do meets all of them alike.
    """
    times: list[list[_Times]] = [[] for _ in works]
    for _ in range(rounds):
        for work, found in zip(works, times, strict=True):
            _wait(engine)
            start, cpu = time.perf_counter(), time.process_time()
            work()
            _wait(engine)
            found.append(_Times(time.perf_counter() - start, time.process_time() - cpu))
    return times


def _next_of(drafts: Iterator[PartialTakes]) -> Callable[[], object]:
    """Return what draws one more frame; the prompt is read and the first frame drawn."""
    with torch.inference_mode():
        next(drafts)
        next(drafts)
    return lambda: next(drafts)


def _drafts(
    engine: Engine, speech: Speech, seconds: float, sampling: Sampling, compiled: CompiledStep | None, batch: int = 1
) -> Iterator[PartialTakes]:
    """Return the drafts of `batch` takes at once."""
    prompt = _prompt(engine, speech, batch)
    num_frames, noise = round(seconds * engine.frame_rate_hz), SeededNoise(list(range(batch)), engine.device)
    return generate(engine.bundle.model, *prompt, num_frames, sampling, noise, compiled=compiled)


def _rival_drafts(engine: Engine, speech: Speech, seconds: float, rival: Rival) -> Iterator[PartialTakes]:
    """Return the drafts of a rival's take."""
    if not rival.is_published_loop:
        compiled = None if rival.step == "modules" else engine.compiled_step()
        return _drafts(engine, speech, seconds, rival.sampling, compiled)
    num_frames, noise = round(seconds * engine.frame_rate_hz), SeededNoise([0], engine.device)
    return published_loop(engine.bundle.model, *_prompt(engine, speech, 1), num_frames, rival.sampling, noise)


def _prompt(engine: Engine, speech: Speech, batch: int) -> tuple[Tensor, Tensor]:
    """Return tokens int64 [batch, P] and latents [batch, P, Z] of the prompt."""
    tokens, latents = speech.tokens.to(engine.device), speech.latents.to(engine.device)
    return tokens.expand(batch, -1), latents.expand(batch, -1, -1)


def _repeated(engine: Engine, speech: Speech, seconds: float, values: Tensor) -> Tensor:
    """Return a batch of one: the prompt's values again and again, for all frames of prompt and continuation."""
    frames = speech.num_frames + round(seconds * engine.frame_rate_hz)
    return values[None, torch.arange(frames) % speech.num_frames].to(engine.device)


def _decoder(engine: Engine, speech: Speech, seconds: float, sampling: Sampling) -> Callable[[], object]:
    """Return what decodes as many frames as prompt and continuation have, at once."""
    tokens, latents = (_repeated(engine, speech, seconds, values) for values in (speech.tokens, speech.latents))
    model, student, utterance = engine.bundle.model, engine.bundle.student, speech.utterance[None].to(engine.device)

    def decode() -> Tensor:
        noise = FrameNoise(0, 0, tokens.shape[1], engine.device)
        return decode_mel(model, tokens, latents, utterance, sampling, noise, student=student)

    return decode


def _best(engine: Engine, work: Callable[[], object]) -> float:
    """Return the shortest wall time of a few runs, in seconds."""
    (times,) = _in_turns(engine, [work], REPEATS)
    return min(one.wall for one in times)


def _wait(engine: Engine) -> None:
    if engine.device.type == "cuda":
        torch.cuda.synchronize(engine.device)


def _peak_memory_bytes(engine: Engine) -> int | None:
    if engine.device.type == "cuda":
        return torch.cuda.max_memory_allocated(engine.device)
    try:
        import resource
    except ModuleNotFoundError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux kilobytes
