"""The small recipe from corpus to bundle: prepare, tokenizer, units, vocoder, the model's parts, prose, export.

Each part resumes.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from undertone.engine import SettingsError
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.data.prepare import prepare
from undertone.train.loop.saved_recipe import compare_recipe
from undertone.train.loop.stage_export import is_exported
from undertone.train.model.recipe import ModelRecipe
from undertone.train.recipes import load_recipe_of
from undertone.train.runs.bundle import StageFolders, write_bundle
from undertone.train.runs.stages import run_model, run_tokenizer, run_vocoder
from undertone.train.runs.text_stages import train_on_prose
from undertone.train.text.prose import Prose, read_prose
from undertone.train.tokenizer.phone_parts import with_phones
from undertone.train.tokenizer.recipe import TokenizerRecipe, WhisperRecipe
from undertone.train.vocoder.recipe import VocoderRecipe

CC_BY = "cc-by-4.0"
NOT_STATED = "not stated"  # of recordings whose manifest names no licence: their owner must say it
OPEN_LICENCES = ("cc-by-4.0", "cc-by 4.0", "public domain", "cc0")  # all may become a bundle under CC BY 4.0


@dataclass(frozen=True)
class DemoRecipes:
    """The recipes of a demo bundle; the model's are run one after the other, each from what the one before exported.

    Attributes:
        prose: of the transformer on prose, behind the models: first as phones, then as frames (TRAINING_LOG.md, 13).
    """

    tokenizer: TokenizerRecipe | WhisperRecipe
    vocoder: VocoderRecipe
    models: tuple[ModelRecipe, ...]
    prose: tuple[ModelRecipe, ModelRecipe] | None = None

    @classmethod
    def load(
        cls,
        tokenizer: str,
        vocoder: str,
        models: Sequence[str],
        prose: tuple[str, str] | None = None,
        whisper: str | None = None,
    ) -> "DemoRecipes":
        """Load recipes by name or file.

        Args:
            whisper: weights for a tokenizer on Whisper's encoder, instead of those that its recipe names.
        """

        def model(source: str) -> ModelRecipe:
            return load_recipe_of(ModelRecipe, source)

        return cls(
            load_recipe_of(WhisperRecipe, tokenizer).model_copy(update={"whisper": whisper})
            if whisper
            else load_recipe_of(TokenizerRecipe, tokenizer),
            load_recipe_of(VocoderRecipe, vocoder),
            tuple(map(model, models)),
            (model(prose[0]), model(prose[1])) if prose else None,
        )

    @property
    def all_models(self) -> tuple[ModelRecipe, ...]:
        """Return the recipes in their order, with those on prose where there are any."""
        return self.models + (self.prose or ())

    def within(self, minutes: float) -> "DemoRecipes":
        """Return the same recipes with their minutes scaled so that they add up to `minutes`."""
        budgets = [self.tokenizer.minutes, self.vocoder.minutes, *(model.minutes for model in self.all_models)]
        total = sum(budget or 0.0 for budget in budgets)

        def scaled(recipe_minutes: float | None) -> dict[str, float | None]:
            return {"minutes": (recipe_minutes or 0.0) * minutes / total, "steps": None, "frames": None}

        def model(recipe: ModelRecipe) -> ModelRecipe:
            return recipe.model_copy(update=scaled(recipe.minutes))

        return DemoRecipes(
            self.tokenizer.model_copy(update=scaled(self.tokenizer.minutes)),
            self.vocoder.model_copy(update=scaled(self.vocoder.minutes)),
            tuple(map(model, self.models)),
            (model(self.prose[0]), model(self.prose[1])) if self.prose else None,
        )


def train_demo(
    corpus: Path,
    lexicon: Path,
    out: Path,
    work: Path,
    recipes: DemoRecipes,
    cpu: bool = False,
    text: Path | None = None,
    licence: str | None = None,
    languages: tuple[str, ...] = ("en",),
) -> Path:
    """Train every part on the corpus' train split and write the bundle.

    Args:
        corpus: folder with manifest.tsv (splits train and dev are used, test never).
        lexicon: folder with cmudict.dict.
        out: the bundle.
        work: prepared corpus and runs; a second call goes on where the first stopped.
        text: folder of books.tsv.xz for `recipes.prose`.
        licence: of the bundle; None is what the corpus' manifest allows.
        languages: ISO 639 codes of the speech.
    Raises:
        ValueError: recipes for prose and no text, or the other way round.
    """
    if (text is None) != (recipes.prose is None):
        raise ValueError("text needs recipes that are trained on it, and those recipes need text")
    *earlier, model = (work / recipe.name for recipe in recipes.all_models)
    stages = StageFolders(work / "tokenizer", work / "vocoder", model, tuple(earlier))
    data = describe_corpora(corpus)
    licence = licence or find_licence(data)
    words = Lexicon(lexicon)
    check_chain(recipes, stages, words)
    if text is not None:
        read_prose(text, words, work)
    prepared = work / "prepared"
    prepare(corpus, prepared)
    if not is_exported(stages.tokenizer):
        run_tokenizer(recipes.tokenizer, prepared, lexicon, stages.tokenizer, cpu)
    if not is_exported(stages.vocoder):
        run_vocoder(recipes.vocoder, prepared, stages.vocoder, cpu)
    start: Path | None = None
    for recipe in recipes.models:
        folder = work / recipe.name
        if not is_exported(folder):
            run_model(recipe, prepared, stages.tokenizer, folder, cpu, start, lexicon)
        start = folder
    if text is not None and recipes.prose is not None and start is not None:
        train_on_prose(*recipes.prose, start, stages.tokenizer, prepared, text, lexicon, work, cpu)
        data += (describe_prose(read_prose(text, Lexicon(lexicon), work)),)
    return write_bundle(stages, out, "undertone-demo", recipes.all_models[-1].name, data, licence, languages)


def check_chain(recipes: DemoRecipes, stages: StageFolders, lexicon: Lexicon) -> None:
    """Check for what would stop the chain after hours of training.

    Raises:
        SettingsError: recipes that do not fit together, or not the runs that are there already.
        CorpusError: units that are not the parts of the dictionary's phones.
    """
    with_phones(recipes.tokenizer.model, lexicon.inventory)
    num_units = recipes.tokenizer.model.num_units
    for recipe in recipes.all_models:
        if recipe.tokens and recipe.model.num_tokens != num_units:
            raise SettingsError(
                f"the recipe {recipe.name!r} has model.num_tokens {recipe.model.num_tokens}, the tokenizer "
                f"{recipes.tokenizer.name!r} makes {num_units} units; they must be the same"
            )
    folders = (stages.tokenizer, stages.vocoder, *stages.earlier, stages.model)
    for folder, begun in zip(folders, (recipes.tokenizer, recipes.vocoder, *recipes.all_models), strict=True):
        compare_recipe(folder, begun)


def describe_prose(prose: Prose) -> str:
    """Return a description of the prose that the transformer was trained on, for the model card."""
    return f"prose of {len(prose.books)} books, {len(prose):,} sentences, read by the transformer alone"


def find_licence(data: tuple[str, ...]) -> str:
    """Return the licence of a bundle trained on corpora named by `describe_corpora`: CC BY 4.0, or not stated."""
    stated = [(*entry.lower().split(", ", 2), "", "")[2] for entry in data]
    allowed = bool(stated) and all(any(name in entry for name in OPEN_LICENCES) for entry in stated)
    return CC_BY if allowed else NOT_STATED


def describe_corpora(corpus: Path) -> tuple[str, ...]:
    """Return the corpora of the train split with their hours and licences, for the model card."""
    manifest = corpus / "manifest.tsv"
    if not manifest.is_file():
        return (corpus.name,)
    hours: dict[tuple[str, str], float] = {}
    with manifest.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["split"] == "train":
                key = row.get("corpus", corpus.name), row.get("licence", "licence not stated")
                hours[key] = hours.get(key, 0.0) + float(row.get("duration_seconds") or 0) / 3600
    return tuple(f"{name}, {amount:.2f} h, {licence}" for (name, licence), amount in sorted(hours.items()))
