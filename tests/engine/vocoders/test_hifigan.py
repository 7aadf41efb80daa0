"""HiFi-GAN at other rates than the golden one: lengths, context, a naive reference, weight norm."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from undertone.engine.config import HiFiGANConfig, MelConfig
from undertone.engine.files.checkpoints import fold_weight_norm
from undertone.engine.vocoders import build_vocoder
from undertone.engine.vocoders.hifigan import HiFiGAN

CONFIGS = {
    "8,5,4,2": HiFiGANConfig(
        channels=32,
        upsample_rates=(8, 5, 4, 2),
        upsample_kernel_sizes=(16, 10, 8, 4),
        resblock_kernel_sizes=(3, 5),
        resblock_dilations=((1, 2), (1, 3)),
    ),
    "5,4,4,2,2": HiFiGANConfig(
        channels=32,
        kernel_size=5,
        upsample_rates=(5, 4, 4, 2, 2),
        upsample_kernel_sizes=(10, 8, 8, 4, 4),
        resblock_kernel_sizes=(3,),
        resblock_dilations=((1, 3, 5),),
        mel=MelConfig(num_mels=40),
    ),
}


@pytest.fixture(params=list(CONFIGS))
def vocoder(request: pytest.FixtureRequest) -> HiFiGAN:
    torch.manual_seed(0)
    vocoder = HiFiGAN(CONFIGS[request.param])
    for parameter in vocoder.parameters():
        torch.nn.init.normal_(parameter, 0, 0.1)
    return vocoder.eval()


def naive(vocoder: HiFiGAN, mel: Tensor) -> Tensor:
    """The generator from its formula and its state dict, float64; transposed convolution as zeros put in between."""
    w = {name: tensor.double() for name, tensor in vocoder.state_dict().items()}
    config = vocoder.config
    x = F.conv1d(mel.double().T[None], w["conv_pre.weight"], w["conv_pre.bias"], padding=config.kernel_size // 2)
    for i, (rate, size) in enumerate(zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True)):
        x = torch.where(x > 0, x, 0.1 * x)
        spread = torch.zeros(1, x.shape[1], (x.shape[2] - 1) * rate + 1, dtype=torch.float64)
        spread[..., ::rate] = x
        cut = rate // 2 + rate % 2
        padded = F.pad(spread, (size - 1 - cut, size - 1 - cut + rate % 2))
        x = F.conv1d(padded, w[f"ups.{i}.weight"].transpose(0, 1).flip(2), w[f"ups.{i}.bias"])
        mixed = torch.zeros_like(x)
        for j, (kernel, dilations) in enumerate(
            zip(config.resblock_kernel_sizes, config.resblock_dilations, strict=True)
        ):
            block, y = f"resblocks.{i * len(config.resblock_kernel_sizes) + j}", x
            for d, dilation in enumerate(dilations):
                h = torch.where(y > 0, y, 0.1 * y)
                weight, bias = w[f"{block}.convs1.{d}.weight"], w[f"{block}.convs1.{d}.bias"]
                h = F.conv1d(h, weight, bias, padding=dilation * (kernel // 2), dilation=dilation)
                h = torch.where(h > 0, h, 0.1 * h)
                weight, bias = w[f"{block}.convs2.{d}.weight"], w[f"{block}.convs2.{d}.bias"]
                y = y + F.conv1d(h, weight, bias, padding=kernel // 2)
            mixed = mixed + y
        x = mixed / len(config.resblock_kernel_sizes)
    x = torch.where(x > 0, x, 0.01 * x)
    return torch.tanh(F.conv1d(x, w["conv_post.weight"], w["conv_post.bias"], padding=config.kernel_size // 2))[0, 0]


@torch.no_grad()
@pytest.mark.parametrize("frames", [1, 7])
def test_it_is_the_formula(vocoder: HiFiGAN, frames: int) -> None:
    mel = torch.randn(frames, vocoder.config.mel.num_mels)
    reference = naive(vocoder, mel)
    assert (vocoder(mel[None])[0] - reference).abs().max() < 2e-5 * reference.abs().max()


@torch.no_grad()
@pytest.mark.parametrize("frames", [1, 3, 20])
def test_every_frame_gives_hop_samples(vocoder: HiFiGAN, frames: int) -> None:
    audio = vocoder(torch.randn(2, frames, vocoder.config.mel.num_mels))
    assert audio.shape == (2, frames * 320)
    assert audio.abs().max() <= 1


@torch.no_grad()
def test_a_block_with_its_context_is_the_same_as_the_whole(vocoder: HiFiGAN) -> None:
    context = vocoder.context_frames
    mel = torch.randn(1, 2 * context + 30, vocoder.config.mel.num_mels)
    whole = vocoder(mel)
    start, end = context + 5, context + 15
    block = vocoder(mel[:, start - context : end + context])
    cut = block[:, context * 320 : (context + 10) * 320]
    torch.testing.assert_close(cut, whole[:, start * 320 : end * 320], atol=1e-5, rtol=1e-4)


def test_the_context_is_no_wider_than_needed_by_much(vocoder: HiFiGAN) -> None:
    context = vocoder.context_frames
    frames = 2 * context + 5
    mel = torch.randn(1, frames, vocoder.config.mel.num_mels, requires_grad=True)
    middle = context + 2
    vocoder(mel)[0, middle * 320 : (middle + 1) * 320].sum().backward()
    assert mel.grad is not None
    seen = mel.grad[0].abs().sum(-1).nonzero().flatten()
    assert seen.min() >= middle - context
    assert seen.max() <= middle + context
    assert seen.max() - seen.min() >= 2 * context - 4


def test_the_published_size() -> None:
    with torch.device("meta"):
        vocoder = HiFiGAN(HiFiGANConfig())
    assert sum(parameter.numel() for parameter in vocoder.parameters()) == 12_920_609
    assert isinstance(build_vocoder(CONFIGS["8,5,4,2"]), HiFiGAN)


@pytest.mark.parametrize(
    ("rates", "sizes", "message"),
    [((8, 5, 4), (16, 10, 8), "multiply to 160"), ((8, 5, 4, 2), (16, 11, 8, 4), "must be twice")],
)
def test_rates_that_do_not_give_the_hop_are_refused(
    rates: tuple[int, ...], sizes: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        HiFiGAN(HiFiGANConfig(upsample_rates=rates, upsample_kernel_sizes=sizes))


def test_folding_gives_what_weight_norm_computes() -> None:
    convolution = torch.nn.utils.parametrizations.weight_norm(torch.nn.ConvTranspose1d(6, 4, 5))
    state = convolution.state_dict()
    state["parametrizations.weight.original0"] *= 1.7
    convolution.load_state_dict(state)
    prefixed = {f"up.{name}": tensor for name, tensor in convolution.state_dict().items()}
    assert torch.equal(fold_weight_norm(prefixed)["up.weight"], convolution.weight)
