"""`undertone finetune`: a bundle's model trained on, on other recordings, from corpus to bundle."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from undertone.engine import BundleConfig, load_bundle
from undertone.engine.bundle import check_bundle_may_be_written
from undertone.engine.config import Config
from undertone.engine.errors import SettingsError
from undertone.train.data.clean import CleanSettings
from undertone.train.data.prepare import prepare
from undertone.train.loop.budget import Clock
from undertone.train.loop.saved_recipe import save_recipe
from undertone.train.loop.stage_export import export_stage, is_exported, trained_numbers
from undertone.train.model.recipe import ModelRecipe
from undertone.train.runs.replace_parts import replace_parts
from undertone.train.runs.stages import run_model

START, TOKENIZER = "start", "tokenizer"  # folders in the work folder: the bundle's parts as finished runs


@dataclass(frozen=True)
class Finetuned:
    """What fine-tuning made, and the losses per frame on the corpus' dev split before and after it."""

    bundle: Path
    before: dict[str, float]
    after: dict[str, float]

    def lines(self) -> list[str]:
        """Return one line for each loss: its name, before, after."""
        return [
            f"{name.replace('_', ' ')}: {self.before[name]:.4f} before, {self.after[name]:.4f} after"
            for name in ("reconstruction", "kl", "cross_entropy")
            if name in self.before and name in self.after
        ]


def finetune(
    bundle: Path,
    corpus: Path,
    out: Path,
    work: Path,
    recipe: ModelRecipe,
    data: tuple[str, ...] = (),
    tokenizer: Path | None = None,
    lexicon: Path | None = None,
    cpu: bool = False,
    workers: int = 2,
    accept_changes: bool = False,
) -> Finetuned:
    """Train the model of a bundle on a corpus and write the bundle that holds it; an interrupted call goes on.

    Args:
        bundle: folder of the bundle to begin with; its vocoder stays.
        corpus: recordings, in any layout that `prepare` reads; the split train is trained on, dev is measured.
        out: the bundle to write.
        work: prepared corpus and runs.
        recipe: what is trained and for how long; its model is replaced by the bundle's.
        data: the corpus with its licence, for the provenance.
        tokenizer: run of another tokenizer with units of the same meaning, which the new bundle is given too.
        lexicon: folder of cmudict.dict, for a recipe with spoken_tokens.
        workers: processes that prepare and assign tokens on the CPU.
        accept_changes: resume with a recipe that differs from the one the run was begun with.
    Raises:
        SettingsError: a recipe with spoken_tokens and no tokenizer run, since a bundle's tokenizer cannot align; or a
            work folder that was begun with another bundle.
        CorpusError: nothing usable in the corpus.
        BundleError: no bundle, a tokenizer that does not fit it, or `out` exists and is no bundle.
    """
    if recipe.spoken_tokens and tokenizer is None:
        raise SettingsError(
            "spoken_tokens needs --tokenizer, the run of the tokenizer: a bundle holds no phone classifier to align "
            "with"
        )
    check_bundle_may_be_written(out)
    loaded = load_bundle(bundle)
    recipe = recipe_for(recipe, loaded.config)
    save_recipe(work / START, loaded.config.model, bundle=loaded.fingerprint)  # refuses a folder of another bundle
    prepared = work / "prepared"
    prepare(corpus, prepared, workers=workers, settings=clean_settings(loaded.config))
    if tokenizer is None:
        assert isinstance(loaded.tokenizer, nn.Module)
        export_once(loaded.tokenizer, loaded.config.tokenizer, work / TOKENIZER)
    export_once(loaded.model, recipe, work / START)
    run = work / recipe.name
    tokens_of = tokenizer or work / TOKENIZER
    run_model(recipe, prepared, tokens_of, run, cpu, work / START, lexicon, workers, accept_changes, measure_start=True)
    after = trained_numbers(run)
    before = {name.removeprefix("start_"): value for name, value in after.items() if name.startswith("start_")}
    return Finetuned(replace_parts(bundle, out, tokenizer=tokenizer, model=run, data=data), before, after)


def recipe_for(recipe: ModelRecipe, config: BundleConfig) -> ModelRecipe:
    """Return a recipe that trains the model of a bundle."""
    fitted = {"model": config.model, "tokens": config.model.num_tokens > 1}
    return ModelRecipe.model_validate({**dict(recipe), **fitted})


def clean_settings(config: BundleConfig) -> CleanSettings:
    """Return the settings with which recordings are prepared as the bundle prepares its prompts."""
    loudness = config.prompt_loudness_lufs
    return CleanSettings(mel=config.model.mel, loudness_lufs=loudness, trim=loudness is not None)


def export_once(network: nn.Module, config: Config, out: Path) -> None:
    """Write a part of the bundle as a finished run, where it is not there."""
    if not is_exported(out):
        out.mkdir(parents=True, exist_ok=True)
        export_stage(network, config, Clock(), out, {})
