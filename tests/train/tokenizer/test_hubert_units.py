"""HuBERT's units: torchaudio's network against transformers', and the published clustering on flat files and shards."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import HubertConfig as TheirConfig
from transformers import HubertModel

from tests.speechlike import voice
from undertone.engine.bundle import load_bundle
from undertone.engine.config import HubertConfig
from undertone.engine.tokenizers import nearest_centroid
from undertone.engine.tokenizers.hubert import HubertTokenizer
from undertone.train.corpora.source import name_hash
from undertone.train.data.flat_corpus import PreparedCorpus
from undertone.train.data.pool import load_pool, shard_numbers
from undertone.train.data.shards import prepare_shards
from undertone.train.data.unit_ids import TokenFile
from undertone.train.loop.stage_export import trained_numbers
from undertone.train.model.windows import WindowSampler
from undertone.train.runs.stages import run_hubert
from undertone.train.tokenizer.assign_tokens import assign_tokens
from undertone.train.tokenizer.clip_features import HubertFeatures
from undertone.train.tokenizer.hubert_units import (
    HubertRecipe,
    choose_files,
    compute_sampled_features,
    draw_frames,
    lloyd,
    read_sampled_audio,
)
from undertone.train.tokenizer.load import load_tokenizer

OURS = HubertConfig(num_units=12, feature_dim=32, num_layers=2, num_heads=4, feedforward_dim=48)


@pytest.fixture(scope="module")
def theirs() -> HubertModel:
    """A small HuBERT of the large one's kind: stable layer norm, layer-normed convolutions with biases."""
    torch.manual_seed(0)
    config = TheirConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        feat_extract_norm="layer",
        conv_bias=True,
        do_stable_layer_norm=True,
    )
    return HubertModel(config).eval()


@pytest.fixture(scope="module")
def weights(theirs: HubertModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hubert")
    save_file({key: value.contiguous() for key, value in theirs.state_dict().items()}, folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def recipe(weights: Path) -> HubertRecipe:
    return HubertRecipe(model=OURS, hubert=str(weights), file_share=0.7, frames_per_unit=40)


@pytest.fixture(scope="module")
def run_folder(recipe: HubertRecipe, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("units")
    run_hubert(recipe, prepared, out, cpu=True)
    return out


def test_the_last_hidden_state_is_that_of_transformers(theirs: HubertModel, weights: Path) -> None:
    ours = HubertTokenizer(OURS)
    ours.load_huggingface(weights)
    waveform = torch.from_numpy(voice(1.3, 140, 3))
    normalised = (waveform - waveform.mean()) / torch.sqrt(waveform.var(unbiased=False) + 1e-7)
    with torch.no_grad():
        expected = theirs(normalised[None]).last_hidden_state[0]
    torch.testing.assert_close(ours.features(waveform), expected, atol=2e-5, rtol=1e-4)


def test_the_recipe_is_the_published_one() -> None:
    recipe = HubertRecipe()
    assert (recipe.model.num_units, recipe.model.num_layers, recipe.model.feature_dim) == (200, 24, 1024)
    assert (recipe.file_share, recipe.iterations, recipe.frames_per_unit, recipe.seed) == (0.1, 20, 256, 1234)


def test_a_random_tenth_of_the_files_is_a_tenth(recipe: HubertRecipe, prepared: Path) -> None:
    chosen = [name for _, name, _ in choose_files(prepared, recipe)]
    everything = PreparedCorpus(prepared, "train").clips
    assert 0 < len(chosen) < len(everything)
    assert chosen == [name for _, name, _ in choose_files(prepared, recipe)]


def test_the_sample_is_that_of_all_features_and_its_clips_alone_are_read(
    recipe: HubertRecipe, weights: Path, prepared: Path, corpus: Path, tmp_path: Path
) -> None:
    recipe = recipe.model_copy(update={"frames_per_unit": 1, "file_share": 1.0})
    tokenizer = HubertTokenizer(OURS)
    tokenizer.load_huggingface(str(weights))
    features = HubertFeatures(tokenizer)
    every, keys = [], []
    flat = PreparedCorpus(prepared, "train")
    for clip in flat.clips:
        every.append(features.features(flat, clip).numpy())
        keys.append(np.random.default_rng((recipe.seed, name_hash(clip.clip_id))).random(len(every[-1])))
    smallest = np.argsort(np.concatenate(keys), kind="stable")[: recipe.model.num_units]
    expected = np.concatenate(every)[smallest]
    shards = tmp_path / "shards"
    prepare_shards(corpus, shards, workers=1, shard_hours=6.0 / 3600)
    for folder in (prepared, shards):
        sample = draw_frames(folder, recipe)
        assert 1 < len(sample.clips) < len(flat.clips)
        assert [clip.clip_id for clip, _ in read_sampled_audio(folder, sample.clips)] == [
            c.clip_id for c in sample.clips
        ]
        found = compute_sampled_features(features, folder, sample, tmp_path / f"{folder.name}.f32")
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_interrupted_features_go_on_behind_the_last_whole_clip(
    recipe: HubertRecipe, weights: Path, prepared: Path, tmp_path: Path
) -> None:
    tokenizer = HubertTokenizer(OURS)
    tokenizer.load_huggingface(str(weights))
    sample = draw_frames(prepared, recipe)

    class Counted(HubertFeatures):
        read = 0

        def of_waveform(self, waveform: torch.Tensor) -> torch.Tensor:
            self.read += 1
            return super().of_waveform(waveform)

    path = tmp_path / "features.f32"
    whole = compute_sampled_features(Counted(tokenizer), prepared, sample, path)
    kept = len(sample.clips[0].frames) + len(sample.clips[1].frames)
    path.write_bytes(path.read_bytes()[: 4 * OURS.feature_dim * kept + 10])
    features = Counted(tokenizer)
    assert np.array_equal(compute_sampled_features(features, prepared, sample, path), whole)
    assert features.read == len(sample.clips) - 2


def test_clustering_ends_where_every_centroid_is_the_mean_of_its_frames() -> None:
    random = np.random.default_rng(0)
    truth = np.eye(4, dtype=np.float32) * 10
    frames = truth[random.integers(0, 4, 400)] + 0.1 * random.standard_normal((400, 4)).astype(np.float32)
    centroids, labels = lloyd(frames, 4, 20, 7)
    assert np.array_equal(nearest_centroid(torch.from_numpy(frames), torch.from_numpy(centroids)).numpy(), labels)
    for unit in range(4):
        np.testing.assert_allclose(centroids[unit], frames[labels == unit].mean(0), atol=1e-4)


def test_units_are_the_nearest_centroids_and_the_mel_is_cut_to_them(
    run_folder: Path, prepared: Path, recipe: HubertRecipe
) -> None:
    tokenizer = load_tokenizer(run_folder)
    assert trained_numbers(run_folder)["files"] > 0
    path = assign_tokens(tokenizer, prepared, workers=1)
    corpus, ids = PreparedCorpus(prepared, "train"), TokenFile(path)
    clip = corpus.clips[0]
    features = tokenizer.features(corpus.audio(clip))
    assert len(features) < clip.num_frames  # its convolutions need 400 samples for the first frame
    assert ids.count(clip) == len(features)
    assert torch.equal(ids.tokens(clip, 0, len(features)), nearest_centroid(features, tokenizer.centroids))
    windows = WindowSampler(prepared, "train", path, load_small_model(), 640)
    assert windows.clips[0].num_frames == len(features)


@pytest.mark.usefixtures("single_items")
def test_worker_processes_assign_the_units_that_one_process_does(
    run_folder: Path, prepared: Path, corpus: Path, tmp_path: Path
) -> None:
    flat, shards = tmp_path / "flat", tmp_path / "shards"
    shutil.copytree(prepared, flat, ignore=shutil.ignore_patterns("tokens-*"))
    prepare_shards(corpus, shards, workers=1)
    tokenizer = load_tokenizer(run_folder)
    alone, together = (assign_tokens(tokenizer, folder, workers) for folder, workers in ((prepared, 1), (flat, 2)))
    assert alone.read_bytes() == together.read_bytes()
    field = assign_tokens(tokenizer, shards, workers=2)
    pool = load_pool(shards, "dev", shard_numbers(shards, "dev"), load_small_model().mel, tokens=field.name)
    ids = {clip.clip_id: TokenFile(alone).tokens(clip) for clip in PreparedCorpus(prepared, "dev").clips}
    assert pool.tokens is not None
    assert all(torch.equal(pool.tokens.tokens(clip), ids[clip.clip_id]) for clip in pool.corpus.clips)


def load_small_model():  # type: ignore[no-untyped-def]
    from tests.train.tiny_recipes import MODEL

    return MODEL.model


def test_shards_give_the_same_files_and_units_as_flat_files(
    run_folder: Path, recipe: HubertRecipe, prepared: Path, corpus: Path, tmp_path: Path
) -> None:
    prepare_shards(corpus, tmp_path, workers=1, shard_hours=6.0 / 3600)
    flat = {name for _, name, _ in choose_files(prepared, recipe)}
    assert {name for _, name, _ in choose_files(tmp_path, recipe)} == flat
    tokenizer = load_tokenizer(run_folder)
    field, path = assign_tokens(tokenizer, tmp_path, workers=1), assign_tokens(tokenizer, prepared, workers=1)
    pool = load_pool(tmp_path, "dev", shard_numbers(tmp_path, "dev"), load_small_model().mel, tokens=field.name)
    ids = {clip.clip_id: TokenFile(path).tokens(clip) for clip in PreparedCorpus(prepared, "dev").clips}
    assert pool.tokens is not None
    for clip in pool.corpus.clips:
        assert torch.equal(pool.tokens.tokens(clip), ids[clip.clip_id])


def test_a_bundle_holds_hubert_and_analyses_a_recording(run_folder: Path, prepared: Path, tmp_path: Path) -> None:
    from tests.train.tiny_recipes import MODEL
    from undertone.engine.config import HiFiGANConfig
    from undertone.engine.vocoders import build_vocoder
    from undertone.train.loop.budget import Clock
    from undertone.train.loop.stage_export import export_stage
    from undertone.train.model.stage import build_network
    from undertone.train.runs.bundle import StageFolders, copy_clean_settings, write_bundle

    vocoder = HiFiGANConfig(channels=64)
    for name in ("model", "vocoder"):
        (tmp_path / name).mkdir()
    export_stage(build_network(MODEL), MODEL, Clock(1, 60.0), tmp_path / "model", {})
    copy_clean_settings(prepared, tmp_path / "model")
    export_stage(build_vocoder(vocoder), vocoder, Clock(1, 60.0), tmp_path / "vocoder", {})
    out = write_bundle(
        StageFolders(run_folder, tmp_path / "vocoder", tmp_path / "model"), tmp_path / "b", "h", "h", (), "x"
    )
    bundle = load_bundle(out)
    assert bundle.config.tokenizer.kind == "hubert"
    assert bundle.config.prompt_loudness_lufs == -23.0
    assert len(bundle.tokenizer.tokens(torch.from_numpy(voice(1.0, 120, 0)))) == 49
