"""Recipes: every one loads and runs two steps at a test's size; one extends another; overrides reach every key."""

from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import save_file

from tests.train.tiny_recipes import MODEL
from undertone.engine.config import WhisperConfig
from undertone.engine.errors import SettingsError
from undertone.engine.network import VAEGSLM
from undertone.engine.tokenizers.whisper_encoder import WhisperEncoder
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.model.recipe import ModelRecipe
from undertone.train.model.stage import ModelStage
from undertone.train.recipes import load_recipe, load_recipe_of, recipe_names, with_overrides
from undertone.train.student.recipe import StudentRecipe
from undertone.train.student.stage import StudentStage
from undertone.train.tokenizer.hubert_units import HubertRecipe
from undertone.train.tokenizer.recipe import TokenizerRecipe, WhisperRecipe
from undertone.train.tokenizer.stage import TokenizerStage
from undertone.train.tokenizer.whisper_stage import WhisperStage
from undertone.train.vocoder.recipe import VocoderRecipe
from undertone.train.vocoder.stage import VocoderStage

# What makes any recipe small enough for a test, as `undertone train RECIPE --set KEY=VALUE` would.
SMALL = {
    "model": """steps=2 window_frames=64 batch_size=2 dev_batches=1 precision=float32 compile=false
        model.encoder.channels=16 model.encoder.hidden_channels=[16]
        model.transformer.dim=16 model.transformer.num_layers=1 model.transformer.num_heads=2
        model.transformer.feedforward_dim=16 model.utterance.channels=[8,8,8,8] model.utterance.dim=8
        model.decoder.channels=16 model.decoder.hidden_channels=[16,16,16,16,16,16] model.decoder.time_dim=16""",
    "tokenizer": """steps=2 frames_per_step=400 model.dim=16 model.num_layers=2 model.num_heads=2
        model.feedforward_dim=16 model.feature_layer=1 model.num_units=12 model.phone_parts=null bf16=false""",
    "whisper": """steps=2 frames_per_step=400 trained_layers=1 model.num_units=12 model.phone_parts=null
        model.classifier_dim=16 bf16=false""",
    "student": "steps=2 window_frames=24 batch_size=2 pool_batches=1 dev_batches=1",
    "vocoder": """steps=2 batch=1 adversarial_batch=1 segment_frames=12 precision=float32
        discriminators.period_width=2 discriminators.resolution_width=2 evaluation_clips=1""",
}
SMALL_CODES = """model.codes.num_entries=8 model.codes.depth_dim=16 model.codes.depth_layers=1
    model.codes.depth_heads=2 model.codes.depth_feedforward_dim=16"""
SMALL_GENERATOR = {
    "vocos": "generator.channels=16 generator.hidden_channels=16 generator.num_layers=1",
    "hifigan": "generator.channels=64",
    "source_filter": """generator.channels=16 generator.hidden_channels=16 generator.num_layers=1
        generator.pitch_channels=16 generator.pitch_hidden_channels=16 generator.pitch_layers=1""",
}


def small(name: str) -> list[str]:
    """The overrides of a recipe."""
    recipe = load_recipe(name)
    words = SMALL[recipe.stage].split()
    if isinstance(recipe, VocoderRecipe):
        words += SMALL_GENERATOR[recipe.generator.kind].split()
    if isinstance(recipe, ModelRecipe):
        words += ["frames_per_batch=256"] if recipe.frames_per_batch else []
        words += ["model.num_tokens=12"] if recipe.tokens else []
        words += SMALL_CODES.split() if recipe.model.beside == "codes" else []
    return words


def stage_of(
    name: str, prepared: Path, tokens: Path, lexicon: Lexicon, weights: Path | None = None
) -> ModelStage | StudentStage | TokenizerStage | WhisperStage | VocoderStage:
    recipe, accelerator = load_recipe(name, small(name)), Accelerator(cpu=True)
    if isinstance(recipe, ModelRecipe):
        return ModelStage(recipe, prepared, tokens, accelerator)
    if isinstance(recipe, StudentRecipe):
        return StudentStage(recipe, VAEGSLM(MODEL.model), prepared, tokens, accelerator)
    if isinstance(recipe, TokenizerRecipe):
        return TokenizerStage(recipe, prepared, lexicon, accelerator)
    if isinstance(recipe, WhisperRecipe):
        assert weights is not None
        sizes = WhisperConfig(dim=64, num_layers=2, num_heads=1, feedforward_dim=32, max_frames=200)
        save_file(WhisperEncoder(sizes).state_dict(), str(weights / "model.safetensors"))
        return WhisperStage(recipe.model_copy(update={"whisper": str(weights)}), prepared, lexicon, accelerator)
    assert isinstance(recipe, VocoderRecipe)
    return VocoderStage(recipe, prepared, accelerator)


@pytest.mark.parametrize("name", [name for name in recipe_names() if name != "hubert-kmeans-200"])
def test_every_recipe_runs_two_steps(name: str, prepared: Path, tokens: Path, lexicon: Lexicon, tmp_path: Path) -> None:
    stage = stage_of(name, prepared, tokens, lexicon, tmp_path)
    for step in range(2):
        metrics = stage.step(step, 0.6)
        assert all(torch.isfinite(torch.tensor(value)) for value in metrics.values()), metrics
        assert metrics["frames"] > 0


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_loads_and_knows_its_budget(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    if not isinstance(recipe, HubertRecipe):
        recipe.budget.progress(1, 1.0, 1.0)


def test_the_published_runs_have_the_published_numbers() -> None:
    base = load_recipe_of(ModelRecipe, "librispeech-960")
    assert (base.beta, base.gamma, base.model.latent_dim, base.model.num_tokens) == (0.04, 0.5, 4, 200)
    assert (base.steps, base.batch_size, base.gradient_accumulation, base.window_frames) == (1_200_000, 8, 2, 640)
    assert base.learning_rate_flat * 1_200_000 == base.kl_warmup * 1_200_000 == 30_000
    large = load_recipe_of(ModelRecipe, "libri-light-60k")
    assert (large.steps, 2 * large.batch_size * large.gradient_accumulation) == (600_000, 192)
    assert large.learning_rate_flat * 600_000 == large.kl_warmup * 600_000 == 30_000


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("librispeech-beta-0.03", {"beta": 0.03}),
        ("librispeech-beta-0.05", {"beta": 0.05}),
        ("librispeech-gamma-1", {"gamma": 1.0}),
        ("librispeech-gamma-2", {"gamma": 2.0}),
        ("librispeech-tokens-only", {"latents": False}),
    ],
)
def test_an_ablation_changes_one_number_of_the_run_that_it_extends(name: str, changed: dict[str, object]) -> None:
    base, ablation = load_recipe("librispeech-960"), load_recipe(name)
    assert ablation == base.model_copy(update={"name": name, **changed})


def test_nested_settings_of_an_extended_recipe_stay() -> None:
    model = load_recipe_of(ModelRecipe, "small-gpu").model
    assert model.decoder.prediction == "velocity"
    assert model.decoder.channels == 384


def test_a_budget_replaces_the_one_that_was_extended(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: librispeech-960\nminutes: 3\n")
    recipe = load_recipe_of(ModelRecipe, tmp_path / "mine.yaml")
    assert (recipe.steps, recipe.minutes, recipe.name) == (None, 3, "mine")
    assert load_recipe_of(ModelRecipe, tmp_path / "mine.yaml", ["frames=1000"]).minutes is None


def test_recipes_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    with pytest.raises(SettingsError, match="extends itself"):
        load_recipe(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("override", "words"), [("beta", "key=value"), ("bta=1", "bta"), ("model.transformer.layers=2", "layers")]
)
def test_an_override_that_fits_nothing_is_refused(override: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_recipe("librispeech-960", [override])


@pytest.mark.parametrize(
    ("name", "override"),
    [
        ("librispeech-960", "beta=-1"),
        ("librispeech-960", "beta=.nan"),
        ("librispeech-960", "minutes=0"),
        ("librispeech-960", "steps=-5"),
        ("librispeech-960", "batch_size=-4"),
        ("librispeech-960", "window_frames=0"),
        ("librispeech-960", "learning_rate=-1"),
        ("librispeech-960", "utterance_seconds=[4, 2]"),
        ("librispeech-960", "checkpoint_minutes=0"),
        ("librispeech-960", "model.latent_dim=-1"),
        ("librispeech-960", "model.transformer.num_heads=0"),
        ("demo-tokenizer", "frames_per_step=0"),
        ("vocoder-cpu", "segment_frames=0"),
        ("vocoder-cpu", "average_decay=1.5"),
        ("hubert-kmeans-200", "file_share=0"),
    ],
)
def test_a_value_out_of_range_is_an_error_that_names_file_key_and_value(name: str, override: str) -> None:
    key, value = override.split("=")
    with pytest.raises(SettingsError, match=rf"{name}.yaml: {key}") as error:
        load_recipe(name, [override])
    assert "pydantic" not in str(error.value)
    assert value.strip("[].").split(",")[0] in str(error.value)


def test_an_unknown_key_is_named_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"unknown key 'bta'; known keys: .*beta, gamma"):
        load_recipe("librispeech-960", ["bta=1"])
    with pytest.raises(SettingsError, match=r"unknown key 'model.transformer.layers'; known keys: dim, num_layers"):
        load_recipe("librispeech-960", ["model.transformer.layers=1"])


def test_every_number_of_a_recipe_has_a_range() -> None:
    for kind in (ModelRecipe, TokenizerRecipe, VocoderRecipe, HubertRecipe):
        for key, field in kind.model_json_schema()["properties"].items():
            for choice in field.get("anyOf", [field]):
                if choice.get("type") in ("integer", "number"):
                    assert {"minimum", "exclusiveMinimum"} & choice.keys(), (kind.__name__, key)
                    assert {"maximum", "exclusiveMaximum"} & choice.keys(), (kind.__name__, key)


def test_a_recipe_of_another_stage_is_refused() -> None:
    with pytest.raises(SettingsError, match="stage 'vocoder'"):
        load_recipe_of(ModelRecipe, "vocoder-cpu")


def test_overrides_change_settings_that_no_file_holds() -> None:
    changed = with_overrides(MODEL, ["model.latent_dim=2", "steps=7"])
    assert (changed.model.latent_dim, changed.steps) == (2, 7)
    assert changed.model.decoder == MODEL.model.decoder
    with pytest.raises(SettingsError, match="latent_dims"):
        with_overrides(MODEL, ["model.latent_dims=2"])


def test_without_tokens_no_token_reaches_the_network(prepared: Path, tokens: Path, lexicon: Lexicon) -> None:
    stage = stage_of("librispeech-no-tokens", prepared, tokens, lexicon)
    assert isinstance(stage, ModelStage)
    assert stage.train_set.windows(0, 0).tokens.max() == 0
    assert stage.step(0, 0.6)["cross_entropy"] == 0.0


def test_with_tokens_only_the_latents_change_nothing(prepared: Path, tokens: Path, lexicon: Lexicon) -> None:
    stage = stage_of("librispeech-tokens-only", prepared, tokens, lexicon)
    stage.step(0, 0.6)
    network = stage.export_networks()["model"]
    ids = torch.arange(6)[None]
    assert torch.equal(network.fuse(ids, torch.randn(1, 6, 4)), network.fuse(ids, torch.zeros(1, 6, 4)))  # type: ignore[operator]


def test_a_recipe_with_a_key_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "twice.yaml"
    path.write_text("extends: librispeech-960\nbeta: 0.03\nbeta: 0.3\n")
    with pytest.raises(SettingsError, match="line 2 and on line 3"):
        load_recipe(path)
