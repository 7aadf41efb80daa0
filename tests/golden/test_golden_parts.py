"""Cache, ALiBi, flow, time embedding, U-Net, features and vocoder against the recorded ones."""

import pytest
import torch

from tests.golden.golden import close, golden
from undertone.engine.audio.mel import LogMel, denormalise, normalise
from undertone.engine.config import MelConfig
from undertone.engine.files.checkpoints import fold_weight_norm
from undertone.engine.network.layers.alibi import AlibiBias, alibi_slopes
from undertone.engine.network.layers.basic import apply_mask, length_mask
from undertone.engine.tokenizers.units import nearest_centroid
from undertone.engine.vocoders.hifigan import HiFiGAN


@torch.no_grad()
def test_cached_steps_give_the_recorded_hidden_states() -> None:
    g = golden()
    model, inputs, prefix = g.model(), g["nopad/transformer_input"], g.cases["kv"]["prefix"]
    cache = model.new_cache(len(inputs), inputs.shape[1])
    hidden = [model.transform(inputs[:, :prefix], cache=cache)]
    for recorded, stored in (("key", cache.keys), ("value", cache.values)):
        layer = stored[0, :, :, :prefix].transpose(1, 2).flatten(2)
        close(layer, g[f"kv/layer0_{recorded}_after_prefix"], recorded)
    hidden += [model.transform(inputs[:, i : i + 1], cache=cache) for i in range(prefix, inputs.shape[1])]
    close(torch.cat(hidden, dim=1), g["kv/output"], "kv")


@pytest.mark.parametrize("heads", [1, 2, 3, 6, 8, 12, 16])
def test_alibi_slopes(heads: int) -> None:
    close(torch.from_numpy(alibi_slopes(heads)).float(), golden()[f"alibi/slopes_{heads}_heads"])


def test_alibi_bias() -> None:
    reference = golden()["alibi/bias_12"]
    bias = AlibiBias(reference.shape[0], 64)(12, 12)[0]
    past = torch.ones(12, 12).tril().bool()
    close(bias[:, past], reference[:, past])
    assert bias[:, ~past].isneginf().all()


@torch.no_grad()
def test_flow_both_ways() -> None:
    g = golden()
    model, x, condition = g.model(), g["flow/x"], g["flow/c"]
    base, logdet = model.flow(x, condition)
    close(base, g["flow/forward"], "forward")
    close(logdet, g["flow/logdet"], "logdet")
    close(model.flow.inverse(x, condition), g["flow/reverse"], "reverse")


@torch.no_grad()
def test_time_embedding_and_unet() -> None:
    g = golden()
    decoder, t = g.model().decoder, g["time/t"]
    close(decoder.unet.time.sinusoid.table[t], g["time/sincos"], "sincos")
    close(decoder.unet.time(t), g["time/emb"], "time")
    close(decoder.denoise(g["unet/x"], t, g["unet/cond"]), g["unet/eps"], "unet")


@pytest.mark.parametrize("samples", [16000, 16001, 15999, 12345])
def test_mel(samples: int) -> None:
    g = golden()
    mel = LogMel(MelConfig())
    log_mel = mel(g[f"mel/wav_{samples}"])
    close(log_mel, g[f"mel/log_{samples}"], "log")
    close(normalise(log_mel, mel.config), g[f"mel/norm_{samples}"], "normalised")


def test_mel_of_a_batch_is_that_of_its_rows_and_silence_beyond_their_ends() -> None:
    g = golden()
    mel = LogMel(MelConfig())
    batch, wav = g["mel/batch_encode"], g["mel/wav_16000"]
    for row, length in zip(batch, g["mel/batch_lengths"].tolist(), strict=True):
        close(mel(wav)[:length], row[:length], "spoken")
        assert torch.allclose(row[length:], mel(torch.zeros(16_000))[length:])


def test_mel_filterbank_and_window() -> None:
    g = golden()
    close(LogMel(MelConfig()).filterbank, g["mel/fb"], "filterbank")
    close(LogMel(MelConfig()).window, g["mel/window"], "window")


def test_units() -> None:
    g = golden()
    assert torch.equal(nearest_centroid(g["kmeans/features_fp16"], g["kmeans/centroids"]), g["kmeans/ids"])


@torch.no_grad()
def test_vocoder() -> None:
    g = golden()
    vocoder = HiFiGAN(g.vocoder)
    vocoder.load_state_dict(fold_weight_norm(g.generator))
    mel, lengths = g["vocoder/mel_norm"], g["vocoder/lengths"]
    close(vocoder(mel), g["vocoder/gen_raw_nown"], "generator")
    mask = length_mask(lengths, mel.shape[1])
    hop = g.vocoder.mel.hop_samples
    audio = vocoder(apply_mask(denormalise(mel, g.config.mel), mask))
    reference = g["vocoder/decode"]
    close(audio * mask.repeat_interleave(hop, dim=1), reference, "decode")
    close(vocoder(mel), g["vocoder/gen_raw"], "generator with weight norm")
    close(vocoder(mel) * mask.repeat_interleave(hop, dim=1), g["vocoder/decode_norescale"], "as is")
