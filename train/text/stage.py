"""The language part trained on speech and on text together, from stored tokens and posteriors."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from accelerate import Accelerator
from pydantic import Field
from torch import Tensor, nn

from undertone.engine.config import Config
from undertone.engine.network import Losses, losses
from undertone.train.alignment.ctc import CorpusAlignment
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.data.flat_corpus import read_index
from undertone.train.model.pitch_readout import PitchLosses
from undertone.train.model.recipe import ModelRecipe
from undertone.train.model.stage import ModelStage
from undertone.train.model.windows import Windows
from undertone.train.text.join_costs import JoinCosts
from undertone.train.text.mixed_windows import LatentWindows, MixedWindows, StoredFrames, TextFrames, open_speech
from undertone.train.text.prose import read_prose, transcribed_prose
from undertone.train.text.unit_inventory import UnitInventory
from undertone.train.text.unit_selection import MAX_CONTIGUOUS_UNITS, UnitSelector
from undertone.train.tokenizer.aligned_tokens import assign_aligned_tokens

PER_SOURCE_METRICS = ("text_cross_entropy", "text_kl", "speech_cross_entropy", "speech_kl")  # logged beside their sums


class TextSettings(Config):
    """Settings of text in the training of the language part."""

    text_share: float = 0.6  # of the windows
    # "transcripts" renders what the speech says already: about as many joins, no new word; the control of "prose".
    source: Literal["prose", "transcripts"] = "prose"
    latent_weight: float = 0.2  # of the latents' term of rendered windows; 0: text teaches tokens alone
    one_voice: bool = True  # a rendered utterance keeps one speaker
    # units of one recording in a row; runs have kept it by this key
    max_contiguous_units: int = Field(default=MAX_CONTIGUOUS_UNITS, alias="max_stretch")


class TextFolders(Config):
    """Folders and files that the stage reads, as `undertone text` writes them."""

    prepared: Path
    tokens: Path  # tokens-NAME.u16
    segments: Path  # segments-NAME.jsonl
    latents: Path  # latents-NAME.f16
    text: Path  # folder of books.tsv.xz
    lexicon: Path  # folder of cmudict.dict
    work: Path  # where encoded prose is kept


def open_prose(
    settings: TextSettings, folders: TextFolders, frames: StoredFrames, num_units: int, held_out: bool = False
) -> TextFrames:
    """Return prose rendered with the units of the train split.

    Args:
        held_out: the books kept aside to measure on.
    """
    clips = read_index(folders.prepared)
    alignment = CorpusAlignment.read(folders.segments)
    inventory = UnitInventory.build(alignment, clips)
    joins = JoinCosts(inventory, frames.latents.normalised(), frames.tokens, num_units)
    renderer = UnitSelector(inventory, settings.one_voice, joins, settings.max_contiguous_units)
    if settings.source == "transcripts":
        clips_of_units = [alignment.clips[name] for name in inventory.clip_ids]
        prose = transcribed_prose(clips_of_units, len(inventory.phones))
    else:
        prose = read_prose(folders.text, Lexicon(folders.lexicon), folders.work, held_out)
    lengths = np.array([clip.num_frames for clip in clips if clip.split == "train"])
    return TextFrames(prose, renderer, lengths)


def ensure_aligned_tokens(recipe: ModelRecipe, folders: TextFolders) -> Path | None:
    """Return the file of what the transcripts say, made once, for a recipe that predicts it."""
    if not recipe.spoken_tokens:
        return None
    return assign_aligned_tokens(folders.prepared, folders.tokens, folders.segments, recipe.model.num_tokens)


def mixed_windows(recipe: ModelRecipe, settings: TextSettings, folders: TextFolders, parts: int = 1) -> MixedWindows:
    """Return training windows of speech and text for a recipe.

    Args:
        parts: micro-batches in a step, over all processes.
    """
    aligned = ensure_aligned_tokens(recipe, folders)
    frames = StoredFrames.read(folders.tokens, folders.latents, recipe.model.latent_dim, aligned)
    speech = open_speech(folders.prepared, folders.tokens, "train", recipe.window_frames)
    text = open_prose(settings, folders, frames, recipe.model.num_tokens)
    return MixedWindows(
        speech, text, frames, recipe.model, recipe.window_frames, recipe.batch_size, settings.text_share, parts,
        recipe.seed,
    )  # fmt: skip


class TextStage(ModelStage):
    """The language part on mixed windows for `train/loop/run.py`; held-out measures are on speech alone, from mels."""

    def __init__(
        self,
        recipe: ModelRecipe,
        settings: TextSettings,
        folders: TextFolders,
        accelerator: Accelerator,
        start: Path,
        loader_workers: int = 0,
    ) -> None:
        if recipe.part != "language":
            raise ValueError(f"text trains the part 'language' alone, the recipe {recipe.name!r} says {recipe.part!r}")
        aligned = ensure_aligned_tokens(recipe, folders)
        super().__init__(recipe, folders.prepared, folders.tokens, accelerator, start, aligned, loader_workers)
        self.settings = settings
        self.train_set = self.prefetch(mixed_windows(recipe, settings, folders, self.parts))
        self._per_source: list[dict[str, float]] = []
        # The last value is logged again where a step had no window of the kind.
        self._last_values = dict.fromkeys(PER_SOURCE_METRICS, 0.0)

    def step(self, step: int, progress: float) -> dict[str, float]:
        """Take one optimiser step; losses of text and of speech are logged too."""
        self._per_source = []
        metrics = super().step(step, progress)
        for name in PER_SOURCE_METRICS:  # always all of them: processes compare their values by position
            values = [found[name] for found in self._per_source if name in found]
            self._last_values[name] = sum(values) / len(values) if values else self._last_values[name]
        return metrics | self._last_values

    def _losses(self, network: nn.Module, windows: Windows) -> tuple[Losses, PitchLosses | None]:
        if not isinstance(windows, LatentWindows):
            return super()._losses(network, windows)
        batch = windows.to(self.accelerator.device)
        forward = self._forward(network, batch, batch.posterior)

        def of_rows(rows: Tensor) -> Losses:
            return losses(replace(forward, mask=forward.mask & rows[:, None]))

        text, speech = of_rows(batch.is_text), of_rows(~batch.is_text)
        for name, terms in {"text": text, "speech": speech}.items():
            if frames := int(terms.num_frames):
                self._per_source.append(
                    {
                        f"{name}_cross_entropy": terms.cross_entropy.item() / frames,
                        f"{name}_kl": terms.kl.item() / frames,
                    }
                )
        return add_losses(speech, text, self.settings.latent_weight), None


def add_losses(speech: Losses, text: Losses, latent_weight: float) -> Losses:
    """Return the sum of both losses; the KL of rendered frames is multiplied by `latent_weight`."""
    return Losses(
        reconstruction=speech.reconstruction + text.reconstruction,
        kl=speech.kl + latent_weight * text.kl,
        kl_per_dim=speech.kl_per_dim + latent_weight * text.kl_per_dim,
        cross_entropy=speech.cross_entropy + text.cross_entropy,
        num_frames=speech.num_frames + text.num_frames,
    )
