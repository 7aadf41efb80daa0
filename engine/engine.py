"""The engine: a bundle in memory, shared by every request and changed by none.

`analyse` turns a recording into Speech, `continue_`, `takes` and `stream` go on from it, `synthesise` gives sound to
tokens and latents, `replay` makes a saved take again.
"""

import logging
import math
import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from undertone.engine.audio.mel import LogMel
from undertone.engine.audio.reading import AudioLimits, CheckedPrompt, cut_prompt
from undertone.engine.audio.voice_activity import VoiceActivity
from undertone.engine.bundle import Bundle, load_bundle
from undertone.engine.errors import AudioError, SettingsError
from undertone.engine.generation.decode import TakeDecoder
from undertone.engine.generation.likelihood import SpeechLikelihood, Stream, speech_likelihood
from undertone.engine.generation.pool import TakePool
from undertone.engine.generation.sampling import Sampling
from undertone.engine.generation.saved_sound import check_environment, check_same, environment
from undertone.engine.generation.speech import Speech, analyse, cpu_copy
from undertone.engine.generation.stream import Chunk, ContinuationRequest, stream_takes
from undertone.engine.generation.take import Take
from undertone.engine.generation.take_settings import MAX_SEED, MAX_TAKES, StepKind, TakeSettings
from undertone.engine.generation.together import TakesRequest, takes_together
from undertone.engine.network import CompiledStep, favour_single_frames
from undertone.engine.progress import CallProgress

Dtype = Literal["auto", "float32", "bfloat16"]
logger = logging.getLogger(__name__)
SHORTEST_SCORED_SECONDS = 0.5  # loudness is measured on 0.4 s or more


def chosen_device(device: str) -> str:
    """Return the device that a name stands for: "auto" is a GPU where there is one."""
    return ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device


class Engine:
    """Analysis and continuation of speech with one bundle. Safe to call from several threads at once.

    Args:
        bundle: loaded onto `device`.
        dtype: of the transformer; "auto" is bfloat16 on a GPU that has it and float32 elsewhere.
        limits: of recordings.
    """

    def __init__(
        self,
        bundle: Bundle,
        device: torch.device | str = "cpu",
        dtype: Dtype = "auto",
        limits: AudioLimits = AudioLimits(),
    ) -> None:
        self.bundle = bundle
        self.device = torch.device(device)
        self.limits = limits
        self._mel = LogMel(bundle.config.model.mel).to(self.device)
        self._voice = VoiceActivity.load()
        if dtype == "auto":
            fast = self.device.type == "cuda" and torch.cuda.is_bf16_supported()
            dtype = "bfloat16" if fast else "float32"
        self.dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]
        favour_single_frames(bundle.model.transformer.to(self.dtype))
        self._step_lock = threading.Lock()
        self._compiled: CompiledStep | None = None
        self._compiled_tried = False

    @classmethod
    def from_pretrained(cls, source: str | Path, device: str = "auto", dtype: Dtype = "auto") -> "Engine":
        """Load a bundle from a folder or a Hub repository `owner/name`.

        Args:
            device: "auto" takes a GPU where there is one; else "cpu", "cuda", "cuda:1".
        Raises:
            BundleError: the bundle cannot be loaded.
        """
        place = chosen_device(device)
        return cls(load_bundle(source, place), place, dtype)

    def compiled_step(self) -> CompiledStep | None:
        """Return what makes frames, compiled by the first call for it; None where the modules have to.

        Compiling takes some seconds where Numba has stored nothing: a server does it before its first visitor comes.
        """
        with self._step_lock:
            if not self._compiled_tried:
                self._compiled = CompiledStep.load(self.bundle.model)
                self._compiled_tried = True
            return self._compiled

    @property
    def sample_rate_hz(self) -> int:
        """Return the sample rate of every waveform that the engine returns."""
        return self.bundle.config.model.mel.sample_rate_hz

    @property
    def frame_rate_hz(self) -> float:
        """Return the tokens and latents per second."""
        return self.bundle.config.model.mel.frame_rate_hz

    @property
    def max_seconds(self) -> float:
        """Return the seconds of the longest prompt and continuation together."""
        return self.bundle.config.model.transformer.max_positions / self.frame_rate_hz

    def analyse(
        self, waveform: Tensor, sample_rate_hz: int, start_seconds: float = 0.0, end_seconds: float | None = None
    ) -> Speech:
        """Return a recording, or its part between two times, as the model sees it.

        Args:
            waveform: [samples] or [samples, channels], any rate, float or integer.
            end_seconds: None is the end of the recording.
        Raises:
            AudioError: empty, silent, too short, too long, clipped or not finite.
        """
        return self.analyse_prompt(cut_prompt(waveform, sample_rate_hz, start_seconds, end_seconds, self.limits))

    @torch.inference_mode()
    def analyse_prompt(self, prompt: CheckedPrompt) -> Speech:
        """Return a prompt, which has been checked and is not checked again, as the model sees it."""
        return analyse(self.bundle, self._mel, prompt, self.device)

    def likelihoods(
        self, waveforms: Sequence[Tensor], sample_rate_hz: int = 16_000, seed: int = 0, draws: int = 1
    ) -> list[SpeechLikelihood]:
        """Return the log-likelihood of every recording, whole, its tokens and latents apart.

        Recordings are scored one by one, each with the noise of the same seed: none depends on its neighbours. One
        shorter than `SHORTEST_SCORED_SECONDS` is analysed with silence behind it, which is not scored.

        Args:
            waveforms: [samples], or [channels, samples] as torchaudio reads them.
            draws: of the latents, averaged.
        Raises:
            AudioError: empty, silent, not finite, or longer than the model has positions for.
        """
        if draws < 1:
            raise SettingsError(f"draws is {draws}; expected 1 or more.")
        return [
            speech_likelihood(self.bundle, self._whole(waveform, sample_rate_hz), self.device, seed, draws)
            for waveform in waveforms
        ]

    def log_likelihood(
        self,
        waveforms: Sequence[Tensor],
        sample_rate_hz: int = 16_000,
        of: Stream = "both",
        per_frame: bool = False,
        seed: int = 0,
        draws: int = 1,
    ) -> Tensor:
        """Return the log-likelihoods of recordings, nats, float64 [len(waveforms)]; see `likelihoods`.

        Args:
            of: the tokens, the latents, or both.
            per_frame: the mean over frames instead of the sum.
        Raises:
            SettingsError: latents of a system that has none with a density.
        """
        found = self.likelihoods(waveforms, sample_rate_hz, seed, draws)
        return torch.tensor([one.of(of, per_frame) for one in found], dtype=torch.float64)

    def _whole(self, waveform: Tensor, sample_rate_hz: int) -> Speech:
        """Return all frames of a recording, however short."""
        mono = waveform.float().mean(0) if waveform.ndim == 2 else waveform
        if mono.numel() == 0:
            raise AudioError("the recording is empty: it has no samples.")
        seconds = mono.numel() / sample_rate_hz
        if seconds > self.max_seconds:
            raise AudioError(
                f"the recording is {seconds:.2f} s long; this model has positions for {self.max_seconds:.2f} s. Cut it."
            )
        missing = max(0, math.ceil(SHORTEST_SCORED_SECONDS * sample_rate_hz) - mono.numel())
        # A benchmark's recordings are as they are: nobody can record them again at a lower level.
        given = {"min_seconds": 0.0, "max_seconds": self.max_seconds + 1, "max_clipped_share": 1.0}
        limits = self.limits.model_copy(update=given)
        padded = torch.nn.functional.pad(mono, (0, missing))
        speech = self.analyse_prompt(cut_prompt(padded, sample_rate_hz, limits=limits))
        if not missing:
            return speech
        kept = min(speech.num_frames, max(1, math.ceil(seconds * self.frame_rate_hz)))
        logstd = speech.latents_logstd
        return replace(
            speech,
            tokens=speech.tokens[:kept],
            latents=speech.latents[:kept],
            latents_logstd=None if logstd is None else logstd[:kept],
        )

    def continue_(
        self,
        speech: Speech,
        seconds: float = 10.0,
        sampling: Sampling = Sampling(),
        seed: int | None = None,
        progress: CallProgress = CallProgress(),
        step: StepKind | None = None,
    ) -> Take:
        """Return one continuation of at most `seconds`; see `takes`."""
        return self.takes(speech, seconds, sampling, seed, 1, progress, step)[0]

    def takes(
        self,
        speech: Speech,
        seconds: float = 10.0,
        sampling: Sampling = Sampling(),
        seed: int | None = None,
        num_takes: int = 1,
        progress: CallProgress = CallProgress(),
        step: StepKind | None = None,
    ) -> list[Take]:
        """Return several continuations that are drawn as one batch.

        Args:
            seed: take i has `seed + i`; None draws one. The seed used is in `Take.settings`.
            progress: told of every frame, and asked before every step of the decoder too.
            step: what makes the frames; None is the compiled step where there is one. It is in `Take.settings`.
        Raises:
            SettingsError: more seconds than the model has positions for, or a setting out of its range.
            Cancelled: the caller asked to stop.
        """
        takes: tuple[Take, ...] = ()
        for chunk in self.stream(speech, seconds, sampling, seed, num_takes, progress, step):
            takes = chunk.takes
        return list(takes)

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
        """Yield the same samples as `takes`, in chunks as they are ready; the last chunk has the takes.

        The first chunk is the beginning of the prompt as the model says it, before any frame is drawn.

        Args:
            progress: told of every frame, and asked before every step of the decoder too.
        Raises:
            SettingsError: at once, not at the first chunk.
            Cancelled: the caller asked to stop; raised in place of a chunk.
        """
        return stream_takes(self._request(speech, seconds, sampling, seed, num_takes, step), progress)

    def opening(
        self,
        speech: Speech,
        seconds: float,
        sampling: Sampling,
        seed: int,
        num_takes: int = 1,
        most_seconds: float = 3.0,
        progress: CallProgress = CallProgress(),
    ) -> Tensor:
        """Return the beginning of the first take of a stream with the same arguments, float32 [samples].

        Args:
            most_seconds: of sound; no more of the stream is made than that takes.
            progress: asked before every step of the decoder.
        Raises:
            SettingsError: as for `stream`.
            Cancelled: the caller asked to stop.
        """
        most, made = round(most_seconds * self.sample_rate_hz), torch.zeros(0)
        for chunk in self.stream(speech, seconds, sampling, seed, num_takes, progress):
            made = torch.cat([made, chunk.of(0)])
            if len(made) >= most:
                break
        return made[:most]

    def takes_together(self, requests: Sequence[TakesRequest], slots: int = MAX_TAKES) -> list[list[Take]]:
        """Return the takes of several requests with prompts, settings and seeds of their own, drawn together.

        With the compiled step the samples are those of `takes` to the bit; with the modules they agree to 1e-3 until
        a draw falls beside a boundary, as sums over another number of rows are rounded differently, and the settings
        say so (`together`).

        Args:
            slots: takes that are made at once; further ones wait.
        Raises:
            SettingsError: as for `takes`, before anything is made; or requests that want different steps.
        """
        checked = [self.check_request(request) for request in requests]
        steps = {one.settings[0].step for one in checked}
        if len(steps) > 1:
            raise SettingsError("step differs between the requests. Ask for those of one step at a time.")
        if not checked:
            return []
        slots = max(slots, *(len(one.settings) for one in checked))
        return takes_together(self.take_pool(slots, checked[0].compiled), checked)

    def take_pool(self, slots: int, compiled: CompiledStep | None) -> TakePool:
        """Return an empty pool for requests of `check_request` whose frames are made by this step."""
        return TakePool(self.bundle.model, compiled, slots)

    def check_request(self, request: TakesRequest) -> ContinuationRequest:
        """Return a request that can be carried out. Raises SettingsError."""
        return self._request(
            request.speech, request.seconds, request.sampling, request.seed, request.num_takes, request.step
        )

    @torch.inference_mode()
    def synthesise(
        self, tokens: Tensor, latents: Tensor, utterance: Tensor, sampling: Sampling = Sampling(), seed: int = 0
    ) -> Tensor:
        """Return the sound of tokens int64 [T] and latents [T, Z] in the voice of an utterance embedding [S].

        The frames and the seed of a take give the take's samples.

        Returns:
            float32 [T * hop] on the CPU.
        Raises:
            SettingsError: frames of another model, or guidance that this one was not trained for.
        """
        self.check_decoder(sampling)
        self.check_frames(tokens, latents, utterance)
        decoder = TakeDecoder(self.bundle, utterance.to(self.device)[None], sampling, seed)
        return cpu_copy(decoder.feed(tokens.to(self.device), latents.to(self.device), complete=True))

    def replay(
        self,
        settings: TakeSettings | str | Path,
        waveform: Tensor,
        sample_rate_hz: int,
        progress: CallProgress = CallProgress(),
    ) -> Take:
        """Make a saved take again, to the same bytes on the same machine and version.

        One that was drawn together with others' by the modules comes again to 1e-3 of a sample, or differs from where a
        draw fell beside a boundary; a warning is logged.

        Args:
            settings: what `Take.save` wrote beside the wav, or its path.
            waveform: the recording that the prompt was cut from.
            progress: as for `takes`.
        Raises:
            SettingsError: another bundle, prompt or version; it says which.
            Cancelled: the caller asked to stop.
        """
        if not isinstance(settings, TakeSettings):
            settings = TakeSettings.read(settings)
        check_environment(settings, self.bundle, self.dtype, "take")
        speech = self.analyse(waveform, sample_rate_hz, settings.prompt_start_seconds, settings.prompt_end_seconds)
        check_same("prompt", settings.prompt_sha256, speech.audio_sha256, "take")
        check_same("analysis of the prompt", settings.frames_sha256, speech.frames_sha256, "take")
        if settings.together:
            logger.warning("this take was drawn together with others, and comes again to rounding, not to the bit")
        takes = self.takes(
            speech, settings.seconds, settings.sampling, settings.seed, settings.num_takes, progress, settings.step
        )
        return takes[settings.index]

    @property
    def own_guidance(self) -> float:
        """Return how far the model's decoder is guided where settings do not say; 1 is not at all."""
        return self.bundle.config.model.decoder.guidance

    def check_decoder(self, sampling: Sampling) -> None:
        """Check that the bundle can decode as the settings say.

        Raises:
            SettingsError: a student that the bundle has not, or guidance that it was not trained for: the sound of
                that would only break.
        """
        if sampling.guidance not in (None, 1.0) and self.own_guidance == 1.0:
            raise SettingsError(
                f"guidance is {sampling.guidance:g}, but the decoder of bundle {self.bundle.name!r} was trained "
                "without it. Leave it at None or 1."
            )
        if sampling.solver != "student":
            return
        student = self.bundle.config.student
        if student is None:
            raise SettingsError(
                f"solver is 'student', but the decoder of bundle {self.bundle.name!r} has none. Use 'auto' or 'dpm++', "
                "or train one with `undertone student`."
            )
        if sampling.guidance not in (None, student.guidance):
            raise SettingsError(
                f"guidance is {sampling.guidance:g}, but the student of bundle {self.bundle.name!r} was trained with "
                f"{student.guidance:g} and can do no other. Leave it at None, or use solver 'dpm++'."
            )

    def check_frames(self, tokens: Tensor, latents: Tensor, utterance: Tensor) -> None:
        """Check shapes and ranges of what the decoder reads.

        Raises:
            SettingsError: naming the tensor and what was expected.
        """
        model = self.bundle.config.model
        expected = {
            "tokens": (tokens, (tokens.numel(),)),
            "latents": (latents, (tokens.numel(), model.latent_dim)),
            "utterance": (utterance, (model.utterance.dim,)),
        }
        for name, (tensor, shape) in expected.items():
            if tuple(tensor.shape) != shape or tokens.numel() == 0:
                raise SettingsError(f"{name} has shape {list(tensor.shape)}; expected {list(shape)}, not empty.")
            if not torch.isfinite(tensor).all():
                raise SettingsError(f"{name} has values that are not finite.")
        if model.beside == "codes" and not ((latents >= 0) & (latents < model.codes.num_entries)).all():
            raise SettingsError(f"codes go from 0 to {model.codes.num_entries - 1}; some of latents are outside.")
        if int(tokens.min()) < 0 or int(tokens.max()) >= model.num_tokens:
            raise SettingsError(
                f"tokens go from {int(tokens.min())} to {int(tokens.max())}; expected 0 to {model.num_tokens - 1}."
            )

    # -----------------------------------------------------------------------------------------------------------

    def _request(
        self,
        speech: Speech,
        seconds: float,
        sampling: Sampling,
        seed: int | None,
        num_takes: int,
        step: StepKind | None = None,
    ) -> ContinuationRequest:
        """Check what was asked for and write down what is needed to do it again."""
        if not 1 <= num_takes <= MAX_TAKES:
            raise SettingsError(f"num_takes is {num_takes}; expected 1 to {MAX_TAKES}.")
        if seed is None:
            seed = secrets.randbelow(2**31 - MAX_TAKES)
        if not 0 <= seed <= MAX_SEED - num_takes + 1:
            raise SettingsError(f"seed is {seed}; expected 0 to {MAX_SEED - num_takes + 1}.")
        num_frames = self._frames(speech, seconds)
        learned = self.bundle.config.model.learned_end
        if sampling.end == "learned" and not learned:
            raise SettingsError(
                f"end is 'learned', but bundle {self.bundle.name!r} has learned no end. Use 'voice' or 'auto'."
            )
        self.check_decoder(sampling)
        self.check_frames(speech.tokens, speech.latents, speech.utterance)
        compiled = None if step == "modules" else self.compiled_step()
        made_by: StepKind = "modules" if compiled is None else compiled.kind
        if step not in (None, made_by):
            sort = "compiled step in float16" if step == "compiled-float16" else "compiled step"
            raise SettingsError(
                f"the frames are to be made by the {sort}, which bundle {self.bundle.name!r} has not on this machine: "
                "that takes VAE-GSLM in float32 on a CPU, and Numba; large models are compiled in float16, small ones "
                f"are not. Here it would be step {made_by!r}; another take comes of it."
            )
        settings = TakeSettings(
            **environment(self.bundle, self.device, self.dtype),
            prompt_sha256=speech.audio_sha256,
            frames_sha256=speech.frames_sha256,
            prompt_start_seconds=speech.start_seconds,
            prompt_end_seconds=speech.end_seconds,
            prompt_frames=speech.num_frames,
            seconds=seconds,
            sampling=sampling,
            seed=seed,
            num_takes=num_takes,
            index=0,
            step=made_by,
        )
        return ContinuationRequest(
            bundle=self.bundle,
            speech=speech,
            num_frames=num_frames,
            sampling=sampling,
            settings=tuple(settings.model_copy(update={"index": i}) for i in range(num_takes)),
            voice=self._voice if sampling.end == "voice" or (sampling.end == "auto" and not learned) else None,
            device=self.device,
            compiled=compiled,
        )

    def _frames(self, speech: Speech, seconds: float) -> int:
        """Return the frames of continuation for a number of seconds."""
        room = self.bundle.config.model.transformer.max_positions - speech.num_frames
        most = room / self.frame_rate_hz
        if not 1 / self.frame_rate_hz <= seconds <= most:
            raise SettingsError(
                f"seconds is {seconds:g}; after a prompt of {speech.seconds:.2f} s this model can go on for "
                f"{1 / self.frame_rate_hz:g} to {max(most, 0):.2f} s. Ask for less or cut a shorter prompt."
            )
        return round(seconds * self.frame_rate_hz)
