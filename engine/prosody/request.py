"""Request for a rendering: its checks, its settings, and the frames that follow from it."""

from dataclasses import dataclass, replace

from torch import Tensor

from undertone.engine.engine import Engine
from undertone.engine.errors import SettingsError
from undertone.engine.generation.sampling import Sampling
from undertone.engine.generation.saved_sound import environment
from undertone.engine.generation.speech import Speech
from undertone.engine.generation.take import Take
from undertone.engine.generation.take_settings import MAX_SEED
from undertone.engine.probe import LatentStatistics
from undertone.engine.progress import CallProgress
from undertone.engine.prosody.alignment import transfer_latents, unit_distances
from undertone.engine.prosody.durations import DurationEdit, apply_durations
from undertone.engine.prosody.edit import LatentEdit, apply_edit
from undertone.engine.prosody.morph import DecoderFrames, morph_frames
from undertone.engine.prosody.prior_draws import redraw_latents
from undertone.engine.prosody.settings import (
    LatentSource,
    MorphedLatents,
    OwnLatents,
    ProsodySettings,
    RecordingSettings,
    RedrawnLatents,
    TransferredLatents,
)

Source = Speech | Take


@dataclass(frozen=True, eq=False)
class ProsodyRequest:
    """Request for one rendering."""

    engine: Engine
    source: Source
    other: Source | None  # for transfer and morph
    latents: LatentSource
    edit: LatentEdit
    durations: DurationEdit  # applied behind `edit`
    utterance: Tensor | None  # [S] another voice
    statistics: LatentStatistics | None  # None: the probe's, or the source's own
    sampling: Sampling
    seed: int

    def settings(self) -> ProsodySettings:
        """Return what is needed to make it again.

        Raises:
            SettingsError: a setting out of its range, frames of another bundle, or another recording that is missing.
        """
        speech = speech_of(self.source)
        voice = speech.utterance if self.utterance is None else self.utterance
        self.engine.check_decoder(self.sampling)
        self.engine.check_frames(speech.tokens, speech.latents, voice)
        if not 0 <= self.seed <= MAX_SEED:
            raise SettingsError(f"seed is {self.seed}; expected 0 to {MAX_SEED}.")
        needs_other = isinstance(self.latents, TransferredLatents | MorphedLatents)
        if needs_other and self.other is None:
            raise SettingsError(f"{self.latents.kind} latents need another recording; give it as `other`.")
        engine = self.engine
        return ProsodySettings(
            **environment(engine.bundle, engine.device, engine.dtype),
            source=_recording_settings(self.source),
            other=_recording_settings(self.other) if needs_other and self.other is not None else None,
            latents=self.latents,
            edit=self.edit,
            durations=self.durations,
            statistics=self.statistics or reference_statistics(engine, speech),
            utterance=None if self.utterance is None else tuple(self.utterance.tolist()),
            sampling=self.sampling,
            seed=self.seed,
            continuation=None,
        )

    def frames(self, settings: ProsodySettings, progress: CallProgress) -> DecoderFrames:
        """Return tokens, edited latents and the utterance embedding.

        Raises:
            SettingsError: frames of another bundle, an edit that does not fit, or too many frames.
        """
        frames = self._unedited(progress)
        rate = self.engine.frame_rate_hz
        frames = replace(frames, latents=apply_edit(frames.latents, self.edit, settings.statistics, rate))
        frames = apply_durations(frames, self.durations, self.engine.bundle.config.tokenizer, rate)
        if self.utterance is not None:
            frames = replace(frames, utterance=self.utterance)
        self.engine.check_frames(frames.tokens, frames.latents, frames.utterance)
        most = self.engine.bundle.config.model.transformer.max_positions
        if not self.durations.is_identity and len(frames.tokens) > most:
            raise SettingsError(
                f"with these durations the speech has {len(frames.tokens) / rate:.1f} s; "
                f"this model has {most / rate:.1f} s. "
                "Stretch less, or cut a shorter clip."
            )
        return frames

    def _unedited(self, progress: CallProgress) -> DecoderFrames:
        speech, latents = speech_of(self.source), self.latents
        own = DecoderFrames.of(speech)
        if isinstance(latents, RedrawnLatents):
            draws = redraw_latents(
                self.engine, speech, latents.seed, latents.latent_temperature, latents.num_draws, progress
            )
            return replace(own, latents=draws[latents.index], latents_logstd=None)
        if self.other is None or isinstance(latents, OwnLatents):
            return own
        other = speech_of(self.other)
        self.engine.check_frames(other.tokens, other.latents, other.utterance)
        distances = unit_distances(self.engine)
        if isinstance(latents, TransferredLatents):
            return replace(own, latents=transfer_latents(other, speech, distances), latents_logstd=None)
        return morph_frames(speech, other, latents.amount, distances, latents.timing)


def speech_of(source: Source) -> Speech:
    """Return a take's speech: the prompt, re-synthesised, and what follows."""
    return source.speech if isinstance(source, Take) else source


def reference_statistics(engine: Engine, speech: Speech) -> LatentStatistics:
    """Return what one sigma is: measured on much speech where the bundle has been probed, else over this clip."""
    probe = engine.bundle.probe
    return LatentStatistics.of(speech.latents) if probe is None else probe.statistics


def _recording_settings(source: Source) -> RecordingSettings:
    speech = speech_of(source)
    return RecordingSettings(
        audio_sha256=speech.audio_sha256,
        frames_sha256=speech.frames_sha256,
        start_seconds=speech.start_seconds,
        end_seconds=speech.end_seconds,
        num_frames=speech.num_frames,
        take=source.settings if isinstance(source, Take) else None,
    )
