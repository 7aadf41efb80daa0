"""Decoding of frames to mel and sound, block by block: sound starts before the last frame is drawn.

Blocks ARE the decoding of a take, streamed or not: boundaries, context and noise are fixed by the frame index alone,
so a stream and the whole give the same samples. T frames, M mel bins, Z latent dims, S utterance dims.
"""

import hashlib

import torch
from torch import Tensor, nn

from undertone.engine.audio.mel import denormalise
from undertone.engine.bundle import Bundle
from undertone.engine.errors import SettingsError
from undertone.engine.generation.sampling import Sampling
from undertone.engine.network import VAEGSLM, Student
from undertone.engine.noise import NormalNoise
from undertone.engine.progress import CallProgress

# The first sound needs one small block and its context; later ones grow, since each pays for its context again.
BLOCK_FRAMES = (48, 64, 96, 128)  # the last size repeats
NOISE_FRAMES = 64  # drawn from one generator


class FrameNoise:
    """Noise of one take's decoder: draw k of frame i is the same whichever window of frames asks for it.

    Every run of NOISE_FRAMES frames has its own generator, seeded by the take's seed and the run's index,
    which gives the draws in the order in which the solver asks.
    """

    def __init__(self, seed: int, first_frame: int, num_frames: int, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        runs = range(first_frame // NOISE_FRAMES, (first_frame + num_frames - 1) // NOISE_FRAMES + 1)
        self.generators = [torch.Generator().manual_seed(_noise_seed(seed, run)) for run in runs]
        self.window = slice(first_frame % NOISE_FRAMES, first_frame % NOISE_FRAMES + num_frames)

    def normal(self, *shape: int) -> Tensor:
        """Return N(0, 1) noise of shape [1, T, M] for the T frames of the window."""
        runs = [torch.randn(NOISE_FRAMES, shape[2], generator=generator) for generator in self.generators]
        return torch.cat(runs)[None, self.window].to(self.device)


def _noise_seed(seed: int, run: int) -> int:
    """Return a generator's seed that shares nothing with those of other takes and runs."""
    return int.from_bytes(hashlib.blake2b(f"decoder {seed} {run}".encode(), digest_size=7).digest())


def decode_mel(
    model: VAEGSLM,
    tokens: Tensor,
    latents: Tensor,
    utterance: Tensor,
    sampling: Sampling,
    noise: NormalNoise,
    progress: CallProgress = CallProgress(),
    student: Student | None = None,
) -> Tensor:
    """Decode tokens int64 [B, T], latents [B, T, Z] and utterance [B, S] to normalised mel [B, T, M], all at once.

    Args:
        student: of the model's decoder, where there is one.
    Raises:
        Cancelled: the caller asked to stop, before a step of the solver.
        SettingsError: the settings ask for a student that is not there.
    """
    condition = model.decoder_condition(tokens, latents, utterance)
    if sampling.takes_student(None if student is None else student.config):
        if student is None:
            raise SettingsError("solver is 'student', but this decoder has none. Use 'auto' or 'dpm++'.")
        return student.sample(condition, None, noise, progress.check)
    return model.decoder.sample(
        condition,
        None,
        noise,
        sampling.diffusion_solver,
        sampling.steps,
        sampling.eta,
        before_step=progress.check,
        guidance=sampling.guidance,
    )


class TakeDecoder:
    """Decoder of one take, whose frames arrive one by one.

    A block is decoded with `context_frames` of its neighbours on each side and cut out; the vocoder follows as far as
    it has its own context. With `sampling.blocks` off, or for a vocoder that needs everything, the work is done when
    the take is complete.

    Args:
        bundle: shared, read only.
        utterance: [1, S].
        seed: of the take.
        progress: asked before every step of the solver, which may be minutes from the last one of a long take.
    """

    def __init__(
        self, bundle: Bundle, utterance: Tensor, sampling: Sampling, seed: int, progress: CallProgress = CallProgress()
    ) -> None:
        self.bundle = bundle
        self.utterance = utterance
        self.sampling = sampling
        self.seed = seed
        self.progress = progress
        self.hop_samples = bundle.config.model.mel.hop_samples
        self._mel: list[Tensor] = []  # natural-log mel blocks [t, M]
        self._mel_frames = 0
        self._audio_frames = 0

    @property
    def mel(self) -> Tensor:
        """Return the natural-log mel decoded so far, [T, M]."""
        return torch.cat(self._mel)

    def feed(self, tokens: Tensor, latents: Tensor, complete: bool, max_blocks: int | None = None) -> Tensor:
        """Decode what is ready of all frames of the take so far.

        Args:
            tokens: int64 [T].
            latents: [T, Z].
            complete: whether these are all it will have.
            max_blocks: blocks to decode at most; None: all that are ready.
        Returns:
            the samples that follow those returned before, float32 [samples] on the CPU.
        Raises:
            Cancelled: the caller asked to stop.
        """
        pieces: list[Tensor] = []
        while len(pieces) != max_blocks and (end := self._next_end(tokens.shape[0], complete)) is not None:
            self._decode(tokens, latents, end)
            pieces.append(self._vocode(complete and end == tokens.shape[0]))
        return torch.cat(pieces) if pieces else torch.zeros(0)

    def _next_end(self, frames: int, complete: bool) -> int | None:
        """Return the last frame of the next block that can be decoded, None where it must wait or all is done."""
        if complete and self._mel_frames == frames:
            return None
        if not self.sampling.blocks:
            return frames if complete else None
        end = self._mel_frames + BLOCK_FRAMES[min(len(self._mel), len(BLOCK_FRAMES) - 1)]
        if complete:
            return min(end, frames)
        return end if end + self.sampling.context_frames <= frames else None

    def _decode(self, tokens: Tensor, latents: Tensor, end: int) -> None:
        start, context = self._mel_frames, self.sampling.context_frames
        left, right = max(0, start - context), min(tokens.shape[0], end + context)
        mel = self._window_mel(tokens[left:right], latents[left:right], left)
        self._mel.append(denormalise(mel[start - left : end - left], self.bundle.config.model.mel))
        self._mel_frames = end

    def _window_mel(self, tokens: Tensor, latents: Tensor, first_frame: int) -> Tensor:
        """Return the normalised mel [t, M] of tokens [t] and latents [t, Z] from some frame on."""
        noise = FrameNoise(self.seed, first_frame, tokens.shape[0], tokens.device)
        mel = decode_mel(
            self.bundle.model,
            tokens[None],
            latents[None],
            self.utterance,
            self.sampling,
            noise,
            self.progress,
            self.bundle.student,
        )
        return mel[0]

    def _vocode(self, complete: bool) -> Tensor:
        """Return the samples of the frames that have the vocoder's context."""
        context = vocoder_context(self.bundle.vocoder) if self.sampling.blocks else None
        start = self._audio_frames
        end = self._mel_frames if complete else self._mel_frames - (self._mel_frames if context is None else context)
        if end <= start:
            return torch.zeros(0)
        left = 0 if context is None else max(0, start - context)
        first = left if context is None else max(0, start - vocoder_history(self.bundle.vocoder, context))
        right = self._mel_frames if context is None else min(self._mel_frames, end + context)
        audio = self._window_audio(self.mel[first:right], first, left - first)
        self._audio_frames = end
        return audio[(start - left) * self.hop_samples : (end - left) * self.hop_samples]

    def _window_audio(self, mel: Tensor, first_frame: int, history: int) -> Tensor:
        """Return the samples of natural-log mel [t, M] that begins at frame `first_frame`, on the CPU.

        Args:
            history: frames at its beginning that have no samples in the result.
        """
        vocoder = self.bundle.vocoder
        placed = {"first_frame": first_frame, "history": history} if hasattr(vocoder, "history_frames") else {}
        audio: Tensor = vocoder(mel[None], **placed)[0]
        return audio.float().cpu()


def vocoder_context(vocoder: nn.Module) -> int | None:
    """Return the frames on each side that change a block's samples; None where the vocoder needs the whole mel."""
    return getattr(vocoder, "context_frames", None)


def vocoder_history(vocoder: nn.Module, context: int) -> int:
    """Return the frames before a block that change its samples: context, or more where periods are counted."""
    return max(context, int(getattr(vocoder, "history_frames", context)))
