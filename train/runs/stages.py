"""The stages as commands run them: from folders to folders, each resumable, each with any number of processes."""

import logging
from pathlib import Path

from accelerate import Accelerator

from undertone.engine import SettingsError, load_bundle
from undertone.engine.config import GriffinLimConfig
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.corpora.source import CorpusError
from undertone.train.data.pool import is_sharded
from undertone.train.data.processes import share
from undertone.train.loop.budget import Clock
from undertone.train.loop.divergence import TrainingError
from undertone.train.loop.run import run_stage
from undertone.train.loop.saved_recipe import save_recipe
from undertone.train.loop.stage_export import WEIGHTS, export_stage
from undertone.train.model.pitch_targets import assign_pitch
from undertone.train.model.recipe import ModelRecipe
from undertone.train.model.stage import ModelStage
from undertone.train.recipes import AnyRecipe
from undertone.train.runs.bundle import copy_clean_settings
from undertone.train.text.align_corpus import align_and_refine
from undertone.train.text.phone_pretraining import PhoneStage
from undertone.train.tokenizer.aligned_tokens import assign_aligned_tokens, wait_for_aligned_tokens
from undertone.train.tokenizer.assign_tokens import assign_tokens
from undertone.train.tokenizer.hubert_units import HubertRecipe, fit_hubert_units
from undertone.train.tokenizer.load import load_tokenizer
from undertone.train.tokenizer.part_alignment import PartAligner
from undertone.train.tokenizer.phonetic_units import fit_units
from undertone.train.tokenizer.recipe import TokenizerRecipe, WhisperRecipe
from undertone.train.tokenizer.stage import TokenizerStage
from undertone.train.tokenizer.whisper_stage import WhisperStage
from undertone.train.vocoder.recipe import VocoderRecipe
from undertone.train.vocoder.stage import VocoderStage

UNTRAINED_PHONE_ERROR_RATE = 0.95  # phone error rate from which on a tokenizer reads next to no phone

log = logging.getLogger(__name__)


def run_tokenizer(
    recipe: TokenizerRecipe | WhisperRecipe,
    prepared: Path,
    lexicon: Path,
    out: Path,
    cpu: bool = False,
    *,
    accept_changes: bool = False,
    timing: Path | None = None,
) -> dict[str, float]:
    """Train a tokenizer on phones, from nothing or on Whisper's encoder, then fit its units.

    Args:
        timing: bundle of the same dictionary, whose units those of the tokenizer are timed like.
        accept_changes: resume with a recipe that differs from the one the run was begun with.
    Returns:
        what was measured of it, in the main process; nothing in others.
    """
    accelerator = Accelerator(cpu=cpu)
    words = Lexicon(lexicon)
    aligner = PartAligner(load_bundle(timing).tokenizer, words) if timing else None
    stage: TokenizerStage | WhisperStage
    if isinstance(recipe, WhisperRecipe):
        stage = WhisperStage(recipe, prepared, words, accelerator)
    else:
        stage = TokenizerStage(recipe, prepared, words, accelerator)
    save_recipe(out, recipe, accept_changes, accelerator.is_main_process)  # nothing is written for a recipe that fails
    clock = run_stage(stage, out, recipe.budget, accelerator, seed=recipe.seed, settings=recipe)
    numbers: dict[str, float] = {}
    if accelerator.is_main_process:
        tokenizer = stage.tokenizer_on_cpu()
        numbers = stage.evaluate(clock.step) | fit_units(
            tokenizer, prepared, words, recipe.unit_frames, recipe.seed, aligner=aligner
        )
        log.info("tokenizer: %s", numbers)
        export_stage(tokenizer, tokenizer.config, clock, out, numbers)
        if warning := phone_error_warning(numbers):
            log.warning("%s: %s", out, warning)
    accelerator.wait_for_everyone()
    return numbers


def phone_error_warning(numbers: dict[str, float]) -> str | None:
    """Return a warning that a phonetic tokenizer reads next to no phones, None where it does."""
    rate = numbers.get("phone_error_rate", 0.0)
    if rate < UNTRAINED_PHONE_ERROR_RATE:
        return None
    return (
        f"this tokenizer has learnt nothing: its phone error rate on the dev split is {rate:.2f}, and 1 is that of "
        "silence. Its units say next to nothing of what is spoken. Train longer (the same command with a larger "
        "budget, for example --set minutes=60, goes on), or on more transcribed speech."
    )


def run_any_tokenizer(
    recipe: AnyRecipe,
    prepared: Path,
    lexicon: Path | None,
    hubert: str | None,
    out: Path,
    cpu: bool = False,
    accept_changes: bool = False,
    whisper: str | None = None,
    timing: Path | None = None,
) -> None:
    """Make the tokenizer of a recipe.

    Args:
        lexicon: folder of the CMU dictionary, which a phonetic tokenizer needs.
        hubert: weights of HuBERT instead of those that the recipe names.
        whisper: weights of Whisper instead of those that the recipe names.
        timing: see `run_tokenizer`.
    Raises:
        SettingsError: a recipe of another stage, or no lexicon for a phonetic one.
        TrainingError: a tokenizer that has learnt nothing; it is written all the same.
    """
    if isinstance(recipe, HubertRecipe):
        run_hubert(
            recipe.model_copy(update={"hubert": hubert}) if hubert else recipe, prepared, out, cpu, accept_changes
        )
    elif isinstance(recipe, TokenizerRecipe | WhisperRecipe):
        if lexicon is None:
            raise SettingsError(
                "a phonetic tokenizer needs --lexicon, a pronouncing dictionary or the folder of the CMU dictionary "
                "(cmudict.dict)"
            )
        if isinstance(recipe, WhisperRecipe) and whisper:
            recipe = recipe.model_copy(update={"whisper": whisper})
        numbers = run_tokenizer(recipe, prepared, lexicon, out, cpu, accept_changes=accept_changes, timing=timing)
        if warning := phone_error_warning(numbers):
            raise TrainingError(f"{out}: {warning}")
    else:
        raise SettingsError(
            f"{recipe.name} is a recipe of the stage {recipe.stage!r}; expected 'tokenizer', 'whisper' or 'hubert'"
        )


def run_hubert(
    recipe: HubertRecipe, prepared: Path, out: Path, cpu: bool = False, accept_changes: bool = False
) -> None:
    """Cluster the units of HuBERT; one process, on a GPU where there is one."""
    save_recipe(out, recipe, accept_changes)
    tokenizer, numbers = fit_hubert_units(recipe, prepared, Accelerator(cpu=cpu).device, out)
    log.info("units of HuBERT: %s", numbers)
    export_stage(tokenizer, tokenizer.config, Clock(), out, numbers)


def run_tokens(tokenizer: Path, prepared: Path, workers: int = 2, cpu: bool = False) -> Path:
    """Assign the units of a finished tokenizer, this process' share of them, on a GPU where there is one."""
    on_device = load_tokenizer(tokenizer).to(Accelerator(cpu=cpu).device)
    return assign_tokens(on_device, prepared, workers)


def run_vocoder(
    recipe: VocoderRecipe, prepared: Path, out: Path, cpu: bool = False, accept_changes: bool = False
) -> None:
    """Train the vocoder."""
    accelerator = Accelerator(cpu=cpu)
    save_recipe(out, recipe, accept_changes, accelerator.is_main_process)
    stage = VocoderStage(recipe, prepared, accelerator)
    clock = run_stage(stage, out, recipe.budget, accelerator, seed=recipe.seed, settings=recipe)
    assert not isinstance(recipe.generator, GriffinLimConfig)
    if accelerator.is_main_process:
        export_stage(stage.export_networks()["vocoder"].cpu(), recipe.generator, clock, out, stage.evaluate(clock.step))
    accelerator.wait_for_everyone()


def run_model(
    recipe: ModelRecipe,
    prepared: Path,
    tokenizer: Path,
    out: Path,
    cpu: bool = False,
    start: Path | None = None,
    lexicon: Path | None = None,
    workers: int = 2,
    accept_changes: bool = False,
    measure_start: bool = False,
    start_of_another_system: bool = False,
) -> None:
    """Assign tokens, where they are not yet, and train VAE-GSLM.

    Args:
        workers: processes that assign tokens, measure pitch and align transcripts on the CPU, 1 for none but this; and
            that build windows for a GPU.
        accept_changes: resume with a recipe that differs from the one the run was begun with.
        start: run whose exported weights to begin with.
        lexicon: folder of cmudict.dict, for a recipe with `spoken_tokens`; the alignment is kept beside `out`.
        measure_start: measure the weights that the run begins with too; the numbers are exported as `start_NAME`.
        start_of_another_system: see `build_network`.
    Raises:
        SettingsError: a recipe that needs the lexicon, without it, or of another number of tokens than the tokenizer's.
    """
    if recipe.tokens and (num_units := load_tokenizer(tokenizer).config.num_units) != recipe.model.num_tokens:
        raise SettingsError(
            f"the tokenizer in {tokenizer} has {num_units} units, the recipe {recipe.name!r} has model.num_tokens "
            f"{recipe.model.num_tokens}; pass --set model.num_tokens={num_units}"
        )
    if recipe.spoken_tokens and lexicon is None:
        raise SettingsError(
            f"the recipe {recipe.name!r} has spoken_tokens, which are aligned with --lexicon, the folder of the CMU "
            "dictionary (cmudict.dict); pass it, or --set spoken_tokens=false"
        )
    tokens = run_tokens(tokenizer, prepared, workers, cpu) if recipe.tokens else None
    if recipe.needs_pitch:
        assign_pitch(prepared, recipe.pitch_clips, recipe.seed, workers)
    accelerator = Accelerator(cpu=cpu)
    aligned: Path | None = None
    if recipe.spoken_tokens and tokens is not None and lexicon is not None:
        aligned = run_aligned_tokens(tokenizer, tokens, prepared, lexicon, out.parent, recipe.model.num_tokens, workers)
    inputs = {"tokens": tokens.name.removesuffix(".u16")} if tokens else {}
    save_recipe(out, recipe, accept_changes, accelerator.is_main_process, **inputs)
    weights = start / WEIGHTS if start else None
    loader_workers = 0 if accelerator.device.type == "cpu" else workers  # beside a GPU cores have nothing else to do
    stage = ModelStage(recipe, prepared, tokens, accelerator, weights, aligned, loader_workers, start_of_another_system)
    train_and_export(stage, prepared, out, measure_start)


def run_aligned_tokens(
    tokenizer: Path, tokens: Path, prepared: Path, lexicon: Path, work: Path, num_units: int, workers: int = 2
) -> Path:
    """Align the transcripts and write what they say as tokens; the first of several processes does it.

    Raises:
        CorpusError: a folder in shards, which hold no spoken tokens.
    """
    if is_sharded(prepared):
        raise CorpusError(f"{prepared} is in shards, which hold no spoken tokens; prepare flat files or leave them out")
    if not share().is_first:
        return wait_for_aligned_tokens(tokens)
    segments = align_and_refine(tokenizer, tokens, prepared, lexicon, work, workers)
    return assign_aligned_tokens(prepared, tokens, segments, num_units)


def train_and_export(stage: ModelStage | PhoneStage, prepared: Path, out: Path, measure_start: bool = False) -> None:
    """Train to the budget of the stage's recipe and write what it made; an interrupted run goes on."""
    recipe, accelerator = stage.recipe, stage.accelerator
    before = {f"start_{name}": value for name, value in stage.evaluate(0).items()} if measure_start else {}
    clock = run_stage(stage, out, recipe.budget, accelerator, seed=recipe.seed, settings=recipe)
    if accelerator.is_main_process:
        numbers = before | stage.evaluate(clock.step)
        copy_clean_settings(prepared, out)
        export_stage(stage.export_networks()["model"].cpu(), recipe, clock, out, numbers)
    accelerator.wait_for_everyone()
