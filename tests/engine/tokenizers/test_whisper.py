"""Whisper's log-mel and encoder are transformers' own; a clip costs its own length and hears nothing beyond it."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import WhisperConfig as PublishedConfig
from transformers import WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder as PublishedEncoder

from undertone.engine.config import PhonePartsConfig, WhisperConfig
from undertone.engine.errors import BundleError
from undertone.engine.tokenizers import build_tokenizer, unit_names
from undertone.engine.tokenizers.whisper import WhisperTokenizer
from undertone.engine.tokenizers.whisper_encoder import WhisperEncoder, WhisperLogMel
from undertone.engine.tokenizers.whisper_weights import load_whisper, read_whisper, whisper_sizes

SMALL = WhisperConfig(
    num_units=6, dim=128, num_layers=2, num_heads=2, feedforward_dim=96, max_frames=60, context_frames=10
)


@pytest.fixture(scope="module")
def published() -> PublishedEncoder:
    torch.manual_seed(0)
    config = PublishedConfig(
        d_model=128, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=96, max_source_positions=60
    )
    encoder = PublishedEncoder(config).eval()
    for name, parameter in encoder.named_parameters():
        if name != "embed_positions.weight":
            torch.nn.init.normal_(parameter, std=0.2)
    return encoder


def _encoder(published: PublishedEncoder) -> WhisperEncoder:
    encoder = WhisperEncoder(SMALL).eval()
    load_whisper(encoder, published.state_dict())
    return encoder


@pytest.mark.parametrize("samples", [16_000, 16_123, 48_000])
def test_the_log_mel_is_that_of_the_published_feature_extractor(samples: int) -> None:
    torch.manual_seed(1)
    waveform = 0.1 * torch.randn(samples) * torch.linspace(0, 1, samples)
    mine = WhisperLogMel()(waveform)
    theirs = torch.from_numpy(
        WhisperFeatureExtractor()(waveform.numpy(), sampling_rate=16_000, return_tensors="np").input_features[0]
    ).T
    assert mine.shape == (2 * -(-samples // 320), 80)
    torch.testing.assert_close(mine, theirs[: len(mine)], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_encoder_is_the_published_one_within_rounding(published: PublishedEncoder) -> None:
    mel = torch.randn(2, 120, 80)
    theirs = published(mel.transpose(1, 2)).last_hidden_state
    mine = _encoder(published)(mel, torch.tensor([60, 60]))
    torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_clip_in_a_batch_hears_what_it_hears_alone(published: PublishedEncoder) -> None:
    encoder = _encoder(published)
    mel = torch.randn(2, 80, 80)
    batch = encoder(mel, torch.tensor([40, 23]))
    alone = encoder(mel[1:, :46], torch.tensor([23]))
    torch.testing.assert_close(batch[1:, :23], alone, atol=1e-5, rtol=1e-4)


def test_layers_below_the_trained_ones_get_no_gradient(published: PublishedEncoder) -> None:
    encoder = _encoder(published)
    encoder(torch.randn(1, 40, 80), torch.tensor([20]), frozen_layers=1).sum().backward()
    assert encoder.conv1.weight.grad is None
    assert encoder.layers[0].fc1.weight.grad is None
    assert encoder.layers[1].fc1.weight.grad is not None


@pytest.mark.parametrize("prefix", ["", "encoder.", "model.encoder."])
def test_sizes_and_weights_come_from_a_file_of_an_encoder_or_of_a_whole_whisper(
    published: PublishedEncoder, tmp_path: Path, prefix: str
) -> None:
    tensors = {prefix + name: value.contiguous() for name, value in published.state_dict().items()}
    if prefix:
        tensors["model.decoder.layer_norm.weight"] = torch.ones(3)
    save_file(tensors, str(tmp_path / "model.safetensors"))
    read = read_whisper(tmp_path)
    assert WhisperConfig(**whisper_sizes(read)).model_copy(update={"num_units": 6, "context_frames": 10}) == SMALL
    load_whisper(WhisperEncoder(SMALL), read)


def test_a_file_without_an_encoder_and_learned_positions_are_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, str(tmp_path / "model.safetensors"))
    with pytest.raises(BundleError, match="no Whisper encoder"):
        read_whisper(tmp_path)
    with pytest.raises(BundleError, match="learned positions"):
        load_whisper(WhisperEncoder(SMALL), {"embed_positions.weight": torch.randn(60, 128)})


def _tokenizer(**changes: object) -> WhisperTokenizer:
    torch.manual_seed(3)
    tokenizer = build_tokenizer(SMALL.model_copy(update=changes)).eval()
    assert isinstance(tokenizer, WhisperTokenizer)
    torch.nn.init.normal_(tokenizer.centroids)
    return tokenizer


def _noise(seconds: float) -> Tensor:
    return 0.1 * torch.randn(round(16_000 * seconds), generator=torch.Generator().manual_seed(5))


@torch.no_grad()
def test_a_waveform_has_one_unit_for_every_frame_of_the_models_mel() -> None:
    tokenizer = _tokenizer()
    for samples in (16_000, 16_001, 16_320, 16_479):
        units = tokenizer.tokens(_noise(2)[:samples])
        assert len(units) == -(-samples // 320)
        assert units.dtype == torch.int64


@torch.no_grad()
def test_a_clip_longer_than_the_positions_is_heard_in_windows_with_context() -> None:
    tokenizer = _tokenizer()
    features = tokenizer.features(_noise(3.0))  # 150 frames, 60 positions
    assert features.shape == (150, 128)
    inputs = tokenizer.inputs(_noise(3.0))
    second = tokenizer.encoder(inputs[None, 2 * 30 : 2 * 90], torch.tensor([60]))[0, 10:50]
    torch.testing.assert_close(features[40:80], second)


@torch.no_grad()
def test_the_part_without_the_classifier_makes_the_same_units() -> None:
    tokenizer = _tokenizer(phones=("AA", "B"), num_units=9, phone_parts=PhonePartsConfig(phones=("AA", "B"), dim=4))
    units_only = tokenizer.without_classifier()
    assert units_only.classifier is None
    assert tokenizer.phone_logits(tokenizer.inputs(_noise(1))[None], torch.tensor([50])).shape == (1, 50, 3)
    assert torch.equal(units_only.tokens(_noise(1)), tokenizer.tokens(_noise(1)))
    assert unit_names(units_only.config)[:4] == ("silence", "silence", "silence", "AA")
