"""HuBERT units with small random weights in the Hub's layout: mapping, architecture, normalisation, limits."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from tests.engine.published.published_files import huggingface_hubert
from undertone.engine.config import HubertConfig
from undertone.engine.errors import AudioError, BundleError
from undertone.engine.tokenizers import build_tokenizer
from undertone.engine.tokenizers.hubert import HubertTokenizer

CONFIG = HubertConfig(num_units=12, feature_dim=32, num_layers=2, num_heads=4, feedforward_dim=48)


def weights(seed: int = 0, conv_bias: bool = True) -> dict[str, Tensor]:
    return huggingface_hubert(32, 2, 48, seed, conv_bias)


def load(state: dict[str, Tensor], path: Path) -> HubertTokenizer:
    save_file(state, path)
    tokenizer = HubertTokenizer(CONFIG)
    tokenizer.load_huggingface(path)
    return tokenizer


def naive(w: dict[str, Tensor], waveform: Tensor) -> Tensor:
    """HuBERT with stable layer norm written from its description, under the Hub's names."""
    x = (waveform - waveform.mean()) / torch.sqrt(waveform.var(unbiased=False) + 1e-7)
    x = x[None, None]
    for i, stride in enumerate((5, 2, 2, 2, 2, 2, 2)):
        name = f"feature_extractor.conv_layers.{i}"
        x = F.conv1d(x, w[f"{name}.conv.weight"], w.get(f"{name}.conv.bias"), stride=stride)
        x = F.layer_norm(x.transpose(1, 2), (512,), w[f"{name}.layer_norm.weight"], w[f"{name}.layer_norm.bias"])
        x = F.gelu(x).transpose(1, 2)

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (x.shape[-1],), w[f"{name}.weight"], w[f"{name}.bias"])

    def linear(x: Tensor, name: str) -> Tensor:
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    x = linear(norm(x[0].T, "feature_projection.layer_norm"), "feature_projection.projection")
    g, v = w["encoder.pos_conv_embed.conv.weight_g"], w["encoder.pos_conv_embed.conv.weight_v"]
    kernel = g * v / v.norm(dim=(0, 1), keepdim=True)
    position = F.conv1d(x.T[None], kernel, w["encoder.pos_conv_embed.conv.bias"], padding=64, groups=16)
    x = x + F.gelu(position[0, :, :-1]).T
    for i in range(2):
        layer = f"encoder.layers.{i}"
        h = norm(x, f"{layer}.layer_norm")
        query, key, value = (
            linear(h, f"{layer}.attention.{part}_proj").view(-1, 4, 8).transpose(0, 1) for part in "qkv"
        )
        mixed = torch.softmax(query @ key.transpose(1, 2) / 8**0.5, dim=-1) @ value
        x = x + linear(mixed.transpose(0, 1).reshape(-1, 32), f"{layer}.attention.out_proj")
        h = F.gelu(linear(norm(x, f"{layer}.final_layer_norm"), f"{layer}.feed_forward.intermediate_dense"))
        x = x + linear(h, f"{layer}.feed_forward.output_dense")
    return norm(x, "encoder.layer_norm")


@pytest.mark.parametrize("conv_bias", [True, False])
def test_the_last_hidden_state(tmp_path: Path, conv_bias: bool) -> None:
    state = weights(conv_bias=conv_bias)
    waveform = torch.randn(8000)
    features = load(state, tmp_path / "model.safetensors").features(waveform)
    reference = naive(state, waveform)
    assert features.shape == reference.shape == (24, 32)
    torch.testing.assert_close(features, reference, atol=2e-5, rtol=1e-4)


def test_other_names_of_the_same_weights(tmp_path: Path) -> None:
    state, waveform = weights(), torch.randn(4000)
    reference = load(state, tmp_path / "a.safetensors").features(waveform)
    renamed = {f"hubert.{name}": tensor for name, tensor in state.items()} | {"lm_head.weight": torch.zeros(3, 32)}
    for new, old in (("original0", "weight_g"), ("original1", "weight_v")):
        key = "hubert.encoder.pos_conv_embed.conv."
        renamed[f"{key}parametrizations.weight.{new}"] = renamed.pop(key + old)
    (tmp_path / "folder").mkdir()
    torch.save(renamed, tmp_path / "folder" / "pytorch_model.bin")
    tokenizer = HubertTokenizer(CONFIG)
    tokenizer.load_huggingface(tmp_path / "folder")
    assert torch.equal(tokenizer.features(waveform), reference)


def test_loudness_and_offset_do_not_matter(tmp_path: Path) -> None:
    tokenizer, waveform = load(weights(), tmp_path / "a.safetensors"), torch.randn(4000)
    torch.testing.assert_close(
        tokenizer.features(3.0 * waveform + 0.5), tokenizer.features(waveform), atol=1e-4, rtol=1e-3
    )


@pytest.mark.parametrize(("samples", "frames"), [(400, 1), (719, 1), (720, 2), (16_000, 49), (16_080, 50)])
def test_one_frame_every_twenty_milliseconds(tmp_path: Path, samples: int, frames: int) -> None:
    tokenizer = load(weights(), tmp_path / "a.safetensors")
    tokenizer.centroids.normal_()
    tokens = tokenizer.tokens(torch.randn(samples))
    assert tokens.shape == (frames,)
    assert tokens.dtype == torch.int64
    assert tokens.max() < CONFIG.num_units


def test_too_short_and_too_long() -> None:
    tokenizer = HubertTokenizer(CONFIG)
    with pytest.raises(AudioError, match="399 samples; HuBERT needs at least 400"):
        tokenizer.features(torch.zeros(399))
    with pytest.raises(AudioError, match=r"60.0 s long.*under 60 s"):
        tokenizer.features(torch.zeros(60 * 16_000))


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    state = weights()
    missing = {name: tensor for name, tensor in state.items() if "layers.1.attention.k_proj.bias" not in name}
    with pytest.raises(BundleError, match=r"missing HuBERT tensor .*layers.1.attention.k_proj.bias"):
        load(missing, tmp_path / "a.safetensors")
    with pytest.raises(BundleError, match="unexpected tensor"):
        load(state | {"encoder.layers.7.layer_norm.bias": torch.zeros(32)}, tmp_path / "b.safetensors")
    save_file(state, tmp_path / "c.safetensors")
    wide = HubertTokenizer(CONFIG.model_copy(update={"feature_dim": 64}))
    with pytest.raises(BundleError, match=r"has shape \[32.*expected \[64"):
        wide.load_huggingface(tmp_path / "c.safetensors")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match=r"neither model\.safetensors nor pytorch_model\.bin"):
        wide.load_huggingface(tmp_path / "empty")


def test_the_published_architecture() -> None:
    with torch.device("meta"):
        tokenizer = build_tokenizer(HubertConfig())
    encoder = sum(parameter.numel() for parameter in tokenizer.parameters())
    assert encoder == pytest.approx(315.4e6, rel=0.005)
    assert tokenizer.state_dict()["centroids"].shape == (200, 1024)
