"""Import of the authors' checkpoints: every layout gives the same model, every misfit an error that helps."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.engine.published.published_files import (
    huggingface_hubert,
    write_kmeans,
    write_lightning,
    write_model,
    write_vocoder,
)
from tests.golden.golden import FULL, RecordedNoise, close, golden
from undertone.engine.bundle import load_bundle
from undertone.engine.config import ModelConfig
from undertone.engine.errors import BundleError
from undertone.engine.generation.generate import generate
from undertone.engine.generation.sampling import Sampling
from undertone.engine.network import VAEGSLM
from undertone.engine.published import Published, import_bundle, import_published, to_published
from undertone.engine.published.checkpoints import find_checkpoint
from undertone.engine.published.configs import model_config, vocoder_config
from undertone.engine.published.convert import read_model
from undertone.engine.published.names import DIFFUSION_TABLES


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """The published layout: compact model, vocoder under new weight-norm names, centroids."""
    return {
        "model": write_model(tmp_path / "model", golden()),
        "vocoder": write_vocoder(tmp_path / "vocoder", golden()),
        "kmeans": write_kmeans(tmp_path / "kmeans_v200.npy"),
    }


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_every_layout_gives_the_same_weights(files: dict[str, Path], tmp_path: Path) -> None:
    reference = import_published(**files)
    assert reference.model_config == golden().config
    lightning = write_lightning(tmp_path / "lightning", golden())
    save_file(golden().weights, tmp_path / "model" / "lvtr.safetensors")
    for model in (lightning, tmp_path / "model" / "lvtr.safetensors", tmp_path / "model" / "last-cpt.ckpt"):
        assert same(import_published(**(files | {"model": model})).model_state, reference.model_state), model
    for names in ("old", "folded", "safetensors"):
        vocoder = write_vocoder(tmp_path / names, golden(), names)
        assert same(import_published(**(files | {"vocoder": vocoder})).vocoder_state, reference.vocoder_state), names


def test_a_checkpoint_renamed_as_the_readme_says_is_found(files: dict[str, Path]) -> None:
    (files["model"] / "last-cpt.ckpt").rename(files["model"] / "last.ckpt")
    assert import_published(**files).model_config.latent_dim == 4


@pytest.mark.skipif(not FULL.is_dir(), reason="no full golden set beside the checkout")
def test_what_the_published_training_wrote_can_be_read(files: dict[str, Path], tmp_path: Path) -> None:
    folder = FULL / "lightning_sample"
    compact = import_published(**(files | {"model": folder / "epoch=1-step=6-cpt.ckpt"}))
    full = import_published(**(files | {"model": folder / "epoch=1-step=6.ckpt"}))
    assert same(compact.model_state, full.model_state)
    clean = FULL / "set_a" / "hp_clean.yaml"
    (files["model"] / "hp.yaml").write_text(clean.read_text())
    assert import_published(**files).model_config == golden().config


def test_an_imported_model_runs_as_published(files: dict[str, Path]) -> None:
    published: Published = import_published(**files)
    g = golden()
    with torch.no_grad():
        posterior = published.model().posterior(g["pad/in/mel"], g.mask("pad"))
        close(posterior.mean, g["pad/enc/mean"], "posterior")
        close(published.vocoder()(g["vocoder/mel_norm"]), g["vocoder/gen_raw_nown"], "vocoder")


@torch.no_grad()
def test_a_bundle_of_published_checkpoints_gives_the_published_continuation(
    files: dict[str, Path], tmp_path: Path
) -> None:
    hubert = tmp_path / "hubert"
    hubert.mkdir()
    save_file(huggingface_hubert(32, 24, 4096), hubert / "model.safetensors")
    out = import_bundle(files["model"], files["vocoder"], files["kmeans"], tmp_path / "bundle", hubert=hubert)
    bundle = load_bundle(out)
    g, case = golden(), golden().cases["sampler"]
    assert bundle.tokenizer.tokens(torch.randn(16_000)).shape == (49,)
    assert torch.equal(bundle.tokenizer.centroids, torch.from_numpy(np.load(files["kmeans"])))
    prompt = g["sampler/prior"]
    tokens, mel = prompt[..., 0].long(), prompt[..., 1:]
    noise = RecordedNoise([g[name] for name in case["rng_order"]])
    latents = bundle.model.posterior(mel).sample(noise.normal(*tokens.shape, 4))
    sampling = Sampling(
        token_temperature=case["token_temperature"], latent_temperature=case["temperature"], top_k=None, top_p=1.0
    )
    num_frames = g["sampler/step_logits"].shape[1]
    *_, draft = generate(bundle.model, tokens, latents, num_frames, sampling, noise, published_draws=True)
    close(torch.cat([draft.tokens.unsqueeze(-1), draft.latents], dim=-1), g["sampler/sequence"], "sequence")
    utterance = bundle.model.utterance_embedding(mel)
    condition = bundle.model.decoder_condition(draft.tokens, draft.latents, utterance)
    mel = bundle.model.decoder.sample(condition, None, noise, "ddim", case["ddim_steps"], case["eta"])
    close(mel, g["sampler/mel"], "mel")


def changed(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one dotted key set; None removes it."""
    values = copy.deepcopy(values)
    *sections, last = path.split(".")
    inner = values
    for section in sections:
        inner = inner.setdefault(section, {})
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return values


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("model.encoder.resample_rates", [1, 2, 1], r"encoder.resample_rates is \[1, 2, 1\].*\[1, 1, 1\]"),
        ("model.encoder.identifier", "ResNet", "encoder.identifier is 'ResNet'.*'BottleNeckResNet'"),
        ("model.decoder.cond_unet.unet.layer.condition_type", "film", "condition_type is 'film'.*'concat'"),
        ("model.decoder.cond_unet.unet.upward_layer.kernel_size", 5, "upward_layer has kernel_size"),
        ("model.decoder.diffusion.objective", "pred_x0", "objective is 'pred_x0'"),
        ("model.decoder.diffusion.beta_schedule.identifier", "linear", "beta_schedule.identifier is 'linear'"),
        ("model.transformer.layer.dropout", 0.1, "layer.dropout is 0.1"),
        ("model.transformer.rpe.identifier", "T5RPE", "rpe.identifier is 'T5RPE'"),
        ("model.transformer.layer.cross_attn.nheads", 4, "cross_attn.nheads is 4, a setting that this network"),
        ("model.transformer.flow", None, "missing key 'transformer.flow.conditional'"),
        ("model.latent_dim", None, "missing key 'latent_dim'"),
        ("model.latent_dim", 3, "latent_dim must be even"),
        ("model.encoder.fix_std", 0.1, "encoder.fix_std is 0.1"),
        ("model.utterance_encoder.resample_rates", [-2, -2, -4], "needs one value in all layers"),
        ("model", None, "missing section 'model'"),
    ],
)
def test_settings_that_this_network_lacks_are_named(path: str, value: Any, message: str) -> None:
    hp = changed(golden().model_hp, path, value)
    with pytest.raises(BundleError, match=message) as error:
        model_config(hp, golden().vocoder.mel, "folder/hp.yaml")
    assert "folder/hp.yaml" in str(error.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("feature.power", 2.0, "power is 2.0"),
        ("feature.n_fft", None, "missing key 'n_fft'"),
        ("feature.norm", "slaney", "norm is 'slaney', a setting"),
        ("model.generator.in_channels", 100, "in_channels is 100"),
        ("model.generator.upsample_rates", "5,4", "sizes do not make a vocoder"),
    ],
)
def test_vocoder_settings_too(path: str, value: Any, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        vocoder_config(changed(golden().vocoder_hp, path, value), "hp.yaml")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("model.latent_dim", 6, r"encoder.0.out_linear.weight has shape \[4, 48\], .*hp.yaml asks for \[6, 48\]"),
        ("model.transformer.num_layers", 4, "missing tensor 'transformer.0.layers.3"),
        ("model.transformer.num_layers", 2, "unexpected tensor 'transformer.0.layers.2"),
        ("model.decoder.diffusion.beta_schedule.s", 0.02, "another noise schedule"),
        ("model.encoder.layer.kernel_size", 6, "kernel_size is 6; it must be odd"),
        ("model.decoder.diffusion.timesteps", 999, "time_embedding.maxpos is 1000|alphas_cumprod has shape"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused(files: dict[str, Path], path: str, value: Any, message: str) -> None:
    write_model(files["model"], golden(), changed(golden().model_hp, path, value))
    with pytest.raises(BundleError, match=message):
        import_published(**files)


class Trap:
    """Unpickling this would run code."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (Path.touch, (Path("/nonexistent/trap"),))  # type: ignore[return-value]


def test_no_code_in_a_checkpoint_is_run(files: dict[str, Path]) -> None:
    torch.save({"state_dict": golden().weights, "extra": Trap()}, files["model"] / "last-cpt.ckpt")
    with pytest.raises(BundleError, match="weights_only=True"):
        import_published(**files)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 broken"])
@pytest.mark.parametrize("name", ["last-cpt.ckpt", "x.safetensors"])
def test_a_damaged_file_is_named(files: dict[str, Path], name: str, content: bytes) -> None:
    (files["model"] / "last-cpt.ckpt").unlink()
    (files["model"] / name).write_bytes(content)
    with pytest.raises(BundleError, match=name):
        import_published(**files)


def test_a_missing_file_and_a_folder_with_too_many(files: dict[str, Path]) -> None:
    with pytest.raises(BundleError, match="no file or folder"):
        import_published(files["model"] / "absent", files["vocoder"], files["kmeans"])
    (files["model"] / "last-cpt.ckpt").rename(files["model"] / "a.ckpt")
    (files["model"] / "b.ckpt").write_bytes(b"")
    with pytest.raises(BundleError, match=r"checkpoints found: a.ckpt, b.ckpt"):
        import_published(**files)
    (files["vocoder"] / "hp.yaml").unlink()
    with pytest.raises(BundleError, match=r"hp.yaml cannot be read"):
        import_published(files["model"] / "a.ckpt", files["vocoder"], files["kmeans"])


def test_model_and_vocoder_swapped(files: dict[str, Path]) -> None:
    with pytest.raises(BundleError, match="missing section 'feature'"):
        import_published(files["vocoder"], files["model"], files["kmeans"])


def test_not_finite_weights_are_refused(files: dict[str, Path]) -> None:
    weights = dict(golden().weights)
    weights["q_spliter.linear.bias"] = torch.full_like(weights["q_spliter.linear.bias"], torch.nan)
    torch.save(weights, files["model"] / "last-cpt.ckpt")
    with pytest.raises(BundleError, match=r"q_spliter.linear.bias holds values that are not finite"):
        import_published(**files)


def test_half_of_a_weight_norm_is_refused(files: dict[str, Path]) -> None:
    state = dict(golden().generator)
    del state["ups.1.parametrizations.weight.original0"]
    torch.save(state, files["vocoder"] / "last-cpt.ckpt")
    with pytest.raises(BundleError, match=r"weight norm of 'ups.1' is incomplete"):
        import_published(**files)


def test_centroids_must_fit(files: dict[str, Path], tmp_path: Path) -> None:
    write_kmeans(files["kmeans"], num_units=100)
    with pytest.raises(BundleError, match="has 100 centroids, the model has 200 tokens"):
        import_published(**files)
    np.save(files["kmeans"], np.array([{"a": 1}], dtype=object))
    with pytest.raises(BundleError, match="cannot be read as a NumPy array"):
        import_published(**files)
    np.save(files["kmeans"], np.zeros(200, np.int64))
    with pytest.raises(BundleError, match=r"expected floating point centroids of shape \[200, features\]"):
        import_published(**files)


def test_the_published_size_loads_and_steps(tmp_path: Path) -> None:
    """Random weights in the published layout, all 316 tensors, and a few frames of generation."""
    config = ModelConfig()
    torch.manual_seed(0)
    reference = VAEGSLM(config)
    state = to_published(reference.state_dict())
    bars = reference.decoder.schedule.alphas_cumprod
    state |= {f"decoder.{name}": torch.zeros(1000) for name in DIFFUSION_TABLES} | {"decoder.alphas_cumprod": bars}
    assert len(state) == 316
    assert sum(tensor.numel() for name, tensor in state.items()) == 226_957_564 + 13 * 1000
    save_file(state, tmp_path / "model.safetensors")
    loaded = read_model(tmp_path / "model.safetensors", config, tmp_path / "hp.yaml")
    with torch.device("meta"):
        model = VAEGSLM(config)
    model.to_empty(device="cpu").load_state_dict(loaded)
    assert same(model.state_dict(), reference.state_dict())
    del reference, state, loaded
    tokens, latents = torch.randint(0, 200, (1, 6)), torch.randn(1, 6, 4)
    noise = RecordedNoise(
        [torch.rand(1, 1, 64)] + [draw for _ in range(3) for draw in (torch.randn(1, 1, 4), torch.tensor([7]))]
    )
    with torch.no_grad():
        *_, draft = generate(model.eval(), tokens, latents, 3, Sampling(top_k=None, top_p=1.0), noise)
    assert draft.tokens.shape == (1, 9)
    assert draft.latents.isfinite().all()


def test_without_hubert_at_hand_the_model_is_imported_and_says_what_it_cannot_do(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    bundle = load_bundle(import_bundle(**files, out=tmp_path / "bundle"))
    assert "without HuBERT" in caplog.text
    with pytest.raises(BundleError, match="--hubert"):
        bundle.tokenizer.features(torch.zeros(16_000))


def test_hubert_that_was_asked_for_must_be_there(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="neither"):
        import_bundle(**files, out=tmp_path / "bundle", hubert=tmp_path)


@pytest.mark.skipif(not FULL.is_dir(), reason="the full golden set is not beside the checkout")
def test_a_folder_as_the_training_script_leaves_it_is_a_checkpoint_folder() -> None:
    folder = FULL / "lightning_sample"
    assert find_checkpoint(folder).name == "epoch=1-step=6-cpt.ckpt"
