"""An editing session: speech analysed once, with its cards, its history and every sound made from it so far."""

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from undertone.app.prosody.cards import Card, cards_of_clip, cards_of_report
from undertone.app.prosody.clip_evidence import clip_evidence
from undertone.app.prosody.edit_state import EditState, History
from undertone.app.prosody.measures import Measures, measure_sound
from undertone.engine import CallProgress, Engine, Sampling, SettingsError, Speech, Take
from undertone.engine.prosody import (
    EditedTake,
    LatentStatistics,
    OwnLatents,
    RedrawnLatents,
    Rendering,
    continue_from_edited,
    draft,
    redraw_latents,
    reference_statistics,
    resynthesise,
)

KEPT_RENDERINGS = 12  # about 3 MB each for 10 s


@dataclass(frozen=True, eq=False)
class Original:
    """Analysed speech: a recording, or a take of the Continue page."""

    name: str
    source: Speech | Take

    @property
    def speech(self) -> Speech:
        return self.source.speech if isinstance(self.source, Take) else self.source

    @property
    def recording(self) -> Tensor | None:
        """Return [samples] as the engine read them; None for a take, which was never recorded."""
        return None if isinstance(self.source, Take) else self.source.audio


@dataclass(eq=False)
class EditingSession:
    """One recording that a visitor edits, and what the engine made of it.

    Attributes:
        cards: in the order in which edits are applied.
        statistics: what a sigma is.
        before: the reconstruction, to which everything is compared.
        others: second recordings, for transfer, morph and voice.
        rendered: sounds at full quality; the newest last.
        measured: measures of the rendered sounds.
        draws: latents that were drawn together, [T, Z] each.
        last_draw: what was drawn last.
        shown: the edit state that is heard, seen and saved; its rendering is there.
        number: tells the sessions of a visitor apart.
    """

    engine: Engine
    original: Original
    cards: tuple[Card, ...]
    statistics: LatentStatistics
    sampling: Sampling
    seed: int
    before: Rendering
    others: list[Original] = field(default_factory=list)
    history: History = field(default_factory=History)
    rendered: OrderedDict[EditState, Rendering] = field(default_factory=OrderedDict)
    measured: dict[EditState, Measures] = field(default_factory=dict)
    draws: dict[RedrawnLatents, list[Tensor]] = field(default_factory=dict)
    last_draw: RedrawnLatents | None = None
    last_draft: Rendering | None = None
    shown: EditState = field(default_factory=EditState)
    number: int = 0

    @classmethod
    def open(
        cls,
        engine: Engine,
        original: Original,
        sampling: Sampling,
        seed: int,
        progress: CallProgress = CallProgress(),
        statistics: LatentStatistics | None = None,
    ) -> "EditingSession":
        """Return a session of speech, which is reconstructed, with its cards.

        Args:
            seed: of the decoder's noise.
            statistics: of saved settings, so that a sigma is what it was then.
        Raises:
            Cancelled: `progress` said so.
        """
        probe = engine.bundle.probe
        known = statistics or reference_statistics(engine, original.speech)
        before = resynthesise(
            engine, original.source, sampling=sampling, seed=seed, statistics=known, progress=progress
        )
        cards = cards_of_clip(clip_evidence(original.speech), known) if probe is None else cards_of_report(probe)
        editing = cls(engine, original, cards, known, sampling, seed, before)
        editing._keep(EditState(), before)
        return editing

    @property
    def now(self) -> EditState:
        """Return the edit state that the visitor wants, which the page shows as soon as it has been rendered."""
        return self.history.now

    @property
    def after(self) -> Rendering:
        """Return the rendering of `now`; until it has been made, the one that is shown."""
        return self.rendered.get(self.now) or self.rendered[self.shown]

    @property
    def edited_seconds(self) -> float:
        """Return the length of what edits of latents are applied to: of the sound before durations are changed."""
        return (self.before if self.now.durations.changes else self.after).speech.seconds

    def render(self, edit_state: EditState, progress: CallProgress = CallProgress()) -> Rendering:
        """Return the rendering of an edit state at full quality, made once.

        Raises:
            Cancelled: the caller asked to stop.
            SettingsError: it does not fit the recording.
        """
        known = self.rendered.get(edit_state)
        if known is None:
            newest = next(reversed(self.rendered.values()), None)
            known = self._make(edit_state, self.sampling, newest, progress)
        self._keep(edit_state, known)
        return known

    def draft(self, edit_state: EditState, progress: CallProgress = CallProgress()) -> Rendering:
        """Return a quick rendering, to listen to while a slider moves; full quality where that is there already."""
        if edit_state in self.rendered:
            return self.rendered[edit_state]
        self.last_draft = self._make(
            edit_state, draft(self.sampling, self.engine.bundle.config.student), self.last_draft, progress
        )
        return self.last_draft

    def measures(self, edit_state: EditState) -> Measures:
        """Return the measures of a rendered edit state, measured once."""
        if edit_state not in self.measured:
            self.measured[edit_state] = measure_sound(self.rendered[edit_state].audio)
        return self.measured[edit_state]

    def other(self, edit_state: EditState) -> Original | None:
        """Return the second recording of an edit state."""
        return None if edit_state.other is None else self.others[edit_state.other]

    def draw_anew(self, temperature: float, num_draws: int, progress: CallProgress = CallProgress()) -> RedrawnLatents:
        """Draw latents from the prior with a new seed; return what tells them from others.

        Raises:
            Cancelled: `progress` said so.
            SettingsError: the temperature is out of its range.
        """
        if not 0 <= temperature <= 2:
            raise SettingsError(f"latent temperature is {temperature}; expected 0 to 2.")
        draw = RedrawnLatents(seed=secrets.randbelow(900_000), latent_temperature=temperature, num_draws=num_draws)
        self.draw(draw, progress)
        self.last_draw = draw
        return draw

    def draw(self, latents: RedrawnLatents, progress: CallProgress = CallProgress()) -> list[Tensor]:
        """Return all latents [T, Z] that are drawn together, drawn once."""
        key = latents.model_copy(update={"index": 0})
        if key not in self.draws:
            self.draws[key] = redraw_latents(
                self.engine, self.original.speech, key.seed, key.latent_temperature, key.num_draws, progress
            )
        return self.draws[key]

    def continue_from(
        self, edit_state: EditState, seconds: float, progress: CallProgress = CallProgress()
    ) -> EditedTake:
        """Return a continuation of at most `seconds` of the edited speech.

        Raises:
            Cancelled: `progress` said so.
            SettingsError: more seconds than the model has positions for.
        """
        other = self.other(edit_state)
        return continue_from_edited(
            self.engine,
            self.original.source,
            edit_state.edit(self.cards),
            seconds,
            self.sampling,
            self.seed,
            utterance=other.speech.utterance if edit_state.other_voice and other is not None else None,
            latents=edit_state.latents,
            other=None if other is None else other.source,
            durations=edit_state.durations,
            statistics=self.statistics,
            progress=progress,
        )

    def named_sounds(self) -> Sequence[tuple[str, Tensor]]:
        """Return the sounds [samples] that can be compared, by name."""
        recording = self.original.recording
        sounds = [("before", self.before.audio), ("after", self.after.audio)]
        return [*sounds, *([] if recording is None else [("the recording", recording)])]

    def _make(
        self, edit_state: EditState, sampling: Sampling, reuse: Rendering | None, progress: CallProgress
    ) -> Rendering:
        other, latents, source = self.other(edit_state), edit_state.latents, self.original.source
        if edit_state.other_voice and other is None:
            raise SettingsError("another voice needs a second recording; choose one first.")
        if isinstance(latents, RedrawnLatents):
            # The frames that `latents=latents` would give, without drawing them again at every move of a slider.
            drawn = self.draw(latents, progress)[latents.index]
            source = replace(self.original.speech, latents=drawn, latents_logstd=None)
        made = resynthesise(
            self.engine,
            source,
            edit_state.edit(self.cards),
            other.speech.utterance if edit_state.other_voice and other is not None else None,
            sampling,
            self.seed,
            latents=OwnLatents() if isinstance(latents, RedrawnLatents) else latents,
            other=None if other is None else other.source,
            durations=edit_state.durations,
            statistics=self.statistics,
            reuse=reuse,
            progress=progress,
        )
        if not isinstance(latents, RedrawnLatents):
            return made
        described = {"source": self.before.settings.source, "latents": latents}
        return replace(made, settings=made.settings.model_copy(update=described))

    def _keep(self, edit_state: EditState, rendering: Rendering) -> None:
        self.rendered[edit_state] = rendering
        self.rendered.move_to_end(edit_state)
        while len(self.rendered) > KEPT_RENDERINGS:
            oldest = next(key for key in self.rendered if key not in (EditState(), self.now, self.shown, edit_state))
            del self.rendered[oldest]
            self.measured.pop(oldest, None)
