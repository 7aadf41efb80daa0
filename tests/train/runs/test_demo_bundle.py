"""The small recipe from corpus to bundle, at a test's size."""

import lzma
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.train.tiny_recipes import MODEL, TOKENIZER
from undertone.engine.bundle import load_bundle
from undertone.engine.config import PhonePartsConfig, VocosConfig
from undertone.engine.errors import SettingsError
from undertone.engine.tokenizers import PARTS_OF_PHONE
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.loop.saved_recipe import save_recipe
from undertone.train.loop.stage_export import WEIGHTS
from undertone.train.model.recipe import LANGUAGE, SOUND
from undertone.train.runs.demo_bundle import DemoRecipes, find_licence, train_demo
from undertone.train.vocoder.recipe import DiscriminatorConfig, VocoderRecipe

VOCODER = VocoderRecipe(
    generator=VocosConfig(channels=32, hidden_channels=64, num_layers=2),
    discriminators=DiscriminatorConfig(periods=(2, 5), period_width=2, n_ffts=(256,), resolution_width=2),
    steps=2,
    segment_frames=12,
    batch=2,
    evaluation_clips=1,
)
MODELS = tuple(
    MODEL.model_copy(update={"part": part, "name": name, "steps": 2, "pitch_weight": 0.1})
    for part, name in (("decoder", "half-decoder"), ("language", "half-language"), ("all", "whole"))
)


def test_each_model_run_goes_on_from_the_one_before_and_the_bundle_names_them_all(
    corpus: Path, lexicon_folder: Path, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    out = train_demo(
        corpus, lexicon_folder, tmp_path / "bundle", work, DemoRecipes(TOKENIZER, VOCODER, MODELS), cpu=True
    )
    decoder, language = (load_file(str(work / name / WEIGHTS)) for name in ("half-decoder", "half-language"))
    for key, value in decoder.items():
        assert torch.equal(value, language[key]) == (key.split(".")[0] not in LANGUAGE), key
    bundle = load_bundle(out)
    assert bundle.config.provenance is not None
    assert set(bundle.config.provenance.steps) == {"tokenizer", "vocoder", "half-decoder", "half-language", "model"}


@pytest.mark.usefixtures("roughly_fitted_points")
def test_with_text_the_transformer_learns_from_prose_last(corpus: Path, lexicon_folder: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    with lzma.open(tmp_path / "books.tsv.xz", "wt") as file:
        sentences = ("We saw the sea.", "The old man ran, a dog ran.", "One red hat sat.", "The cat saw a man.")
        file.write("book\tsentence\n" + "".join(f"emma\t{sentence}\n" for sentence in sentences * 3))
    num_parts = PARTS_OF_PHONE * (len(Lexicon(lexicon_folder).inventory) + 1)
    tokenizer = TOKENIZER.model_copy(
        update={"model": TOKENIZER.model.model_copy(update={"phone_parts": PhonePartsConfig(), "num_units": num_parts})}
    )
    guided = MODEL.model.decoder.model_copy(update={"guidance": 2.0})
    sizes = MODEL.model.model_copy(update={"num_tokens": num_parts, "decoder": guided})
    sound = MODELS[0].model_copy(update={"name": "sound", "part": "sound"})
    phones = MODELS[1].model_copy(update={"name": "phones", "window_frames": 16})
    frames = MODELS[1].model_copy(update={"name": "frames"})
    models = tuple(
        recipe.model_copy(update={"model": sizes, "spoken_tokens": True, "condition_dropout": 0.2})
        for recipe in (MODELS[0], MODELS[2], sound, phones, frames)
    )
    recipes = DemoRecipes(tokenizer, VOCODER, models[:3], (models[3], models[4]))
    with pytest.raises(ValueError, match="need text"):
        train_demo(corpus, lexicon_folder, tmp_path / "bundle", work, recipes, cpu=True)
    out = train_demo(corpus, lexicon_folder, tmp_path / "bundle", work, recipes, cpu=True, text=tmp_path)
    provenance = load_bundle(out).config.provenance
    assert "prose of " in provenance.data[-1]
    assert list(provenance.steps) == [
        "tokenizer", "vocoder", "half-decoder", "whole", "sound", "phones", "model"
    ]  # fmt: skip
    whole, heard, as_phones, as_frames = (
        load_file(str(work / name / WEIGHTS)) for name in ("whole", "sound", "phones", "frames")
    )

    def taught(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
        return {key.split(".")[0] for key, value in before.items() if not torch.equal(value, after[key])}

    assert taught(whole, heard) == set(SOUND)
    assert taught(heard, as_phones) == {"transformer", "prior_head"}
    assert taught(as_phones, as_frames) == set(LANGUAGE)
    again = train_demo(corpus, lexicon_folder, tmp_path / "bundle", work, recipes, cpu=True, text=tmp_path)
    assert load_bundle(again).fingerprint == load_bundle(out).fingerprint


def test_what_would_stop_the_chain_after_hours_stops_it_at_once(
    corpus: Path, lexicon_folder: Path, tmp_path: Path
) -> None:
    sizes = MODEL.model.model_copy(update={"num_tokens": 13})
    unfit = DemoRecipes(TOKENIZER, VOCODER, (MODELS[0].model_copy(update={"model": sizes}),))
    with pytest.raises(SettingsError, match="num_tokens 13, the tokenizer 'phonetic' makes 12 units"):
        train_demo(corpus, lexicon_folder, tmp_path / "bundle", tmp_path / "work", unfit, cpu=True)
    begun = tmp_path / "begun"
    save_recipe(begun / "half-decoder", MODELS[0])
    (begun / "half-decoder" / "trained.json").write_text('{"steps": 2}')
    other = DemoRecipes(TOKENIZER, VOCODER, (MODELS[0].model_copy(update={"beta": 0.3}),))
    with pytest.raises(SettingsError, match=r"half-decoder was begun with other settings: beta was 0\.04 and is 0\.3"):
        train_demo(corpus, lexicon_folder, tmp_path / "bundle", begun, other, cpu=True)
    assert not (begun / "prepared").exists()


def test_a_budget_is_shared_out_in_the_recipes_proportions() -> None:
    recipes = DemoRecipes.load(
        "demo-tokenizer",
        "vocoder-source-filter",
        ("demo-decoder", "demo-model", "demo-sound"),
        ("demo-phones", "demo-text"),
    )
    scaled = recipes.within(10.0)
    minutes = [recipe.minutes for recipe in (scaled.tokenizer, scaled.vocoder, *scaled.all_models)]
    assert sum(filter(None, minutes)) == pytest.approx(10.0)
    assert None not in minutes


@pytest.mark.parametrize(
    ("data", "licence"),
    [
        (("libri, 4.92 h, CC-BY-4.0 (LibriSpeech, Panayotov et al.)", "lj, 0.69 h, Public domain"), "cc-by-4.0"),
        (("vctk, 0.43 h, ODC-By / CC-BY-4.0 (CSTR VCTK Corpus)",), "cc-by-4.0"),
        (("libri, 4.92 h, CC-BY-4.0", "mine, 1.00 h, licence not stated"), "not stated"),
        (("libri, 4.92 h, CC-BY-NC-4.0",), "not stated"),
        (("recordings",), "not stated"),
        ((), "not stated"),
    ],
)
def test_nobodys_recordings_get_a_licence_that_their_owner_did_not_give(data: tuple[str, ...], licence: str) -> None:
    assert find_licence(data) == licence
