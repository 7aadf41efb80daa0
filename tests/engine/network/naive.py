"""VAE-GSLM written a second time, slowly and from the formulas of the paper's specification: one item, float64, loops.

Weights come under the published names. Nothing of the network package is used. T frames, C channels.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    """x [T, in] to [T, out]; a convolution of width 1 is a linear map too."""
    weight = w[f"{name}.weight"]
    y = x @ weight.reshape(weight.shape[0], weight.shape[1]).T
    return y + w[f"{name}.bias"] if f"{name}.bias" in w else y


def channel_norm(w: Weights, name: str, x: Tensor, eps: float = 1e-6) -> Tensor:
    """Every frame over its channels, variance divided by C - 1, eps inside the root."""
    frames = []
    for frame in x:
        centred = frame - frame.mean()
        variance = (centred**2).sum() / (len(frame) - 1)
        frames.append(centred / torch.sqrt(variance + eps) * w[f"{name}.weight"] + w[f"{name}.bias"])
    return torch.stack(frames)


def rms_norm(w: Weights, name: str, x: Tensor, eps: float = 1e-6) -> Tensor:
    return x / torch.sqrt((x**2).mean(-1, keepdim=True) + eps) * w[f"{name}.scale"]


def gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def silu(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-x))


def depthwise(w: Weights, name: str, x: Tensor, ahead: bool) -> Tensor:
    """One filter per channel; zeros before the first frame, or after the last."""
    weight, size = w[f"{name}.weight"][:, 0], w[f"{name}.weight"].shape[2]
    reach = 2 * ((size - 1) // 2)
    out = torch.zeros_like(x)
    for t in range(len(x)):
        for k in range(size):
            source = t + k if ahead else t + k - reach
            if 0 <= source < len(x):
                out[t] += weight[:, k] * x[source]
    return out + w[f"{name}.bias"]


def stack(
    w: Weights,
    name: str,
    x: Tensor,
    act: str,
    ahead_from: int = 99,
    skips: tuple[int | None, ...] = (),
    conditioned: tuple[bool, ...] = (),
    condition: Tensor | None = None,
    time: Tensor | None = None,
) -> Tensor:
    activation = silu if act == "silu" else torch.relu
    x = linear(w, f"{name}.linear", x)
    records = [x]
    i = 0
    while f"{name}.layers.{i}.conv1.weight" in w:
        block = f"{name}.layers.{i}"
        h = depthwise(w, f"{block}.conv1", x, ahead=i >= ahead_from)
        if time is not None:
            h = h + linear(w, f"{block}.time_emb", activation(time)[None])
        h = channel_norm(w, f"{block}.norm", h)
        if conditioned and conditioned[i]:
            assert condition is not None
            h = torch.cat([h, condition], dim=1)
        x = x + linear(w, f"{block}.conv3", activation(linear(w, f"{block}.conv2", h)))
        skip = skips[i] if skips else None
        if skip is not None:
            x = linear(w, f"{name}.skip_conv.{i}", torch.cat([x, records[skip]], dim=1))
        records.append(x)
        i += 1
    return linear(w, f"{name}.out_linear", channel_norm(w, f"{name}.final_norm", x))


def slopes(heads: int) -> list[float]:
    """2^(-8 (k + 1) / n) for a power of two; else interleaved with every second slope of twice the power below."""
    if heads & (heads - 1) == 0:
        return [2.0 ** (-8 * (k + 1) / heads) for k in range(heads)]
    below = 1
    while below * 2 < heads:
        below *= 2
    return slopes(below) + slopes(2 * below)[0::2][: heads - below]


def attention(w: Weights, name: str, x: Tensor, heads: int) -> Tensor:
    query, key, value = linear(w, f"{name}.in_proj", x).chunk(3, dim=1)
    width = x.shape[1] // heads
    out = torch.zeros_like(x)
    for h, slope in enumerate(slopes(heads)):
        part = slice(h * width, (h + 1) * width)
        for i in range(len(x)):
            scores = torch.stack(
                [query[i, part] @ key[j, part] / math.sqrt(width) - slope * (i - j) for j in range(i + 1)]
            )
            weights = torch.exp(scores - scores.max())
            out[i, part] = (weights / weights.sum()) @ value[: i + 1, part]
    return linear(w, f"{name}.out_proj", out)


def transformer(w: Weights, x: Tensor, heads: int) -> Tensor:
    x = linear(w, "transformer.0.linear", x)
    i = 0
    while f"transformer.0.layers.{i}.linear1.weight" in w:
        layer = f"transformer.0.layers.{i}"
        x = x + attention(w, f"{layer}.self_attn", rms_norm(w, f"{layer}.norm1", x), heads)
        h = gelu(linear(w, f"{layer}.linear1", rms_norm(w, f"{layer}.norm3", x)))
        x = x + linear(w, f"{layer}.linear2", h)
        i += 1
    return rms_norm(w, "transformer.0.final_norm", x)


def flow(w: Weights, z: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
    """Base values and the log determinant of each frame's Jacobian."""
    logdet = torch.zeros(len(z), dtype=z.dtype)
    i = 0
    while f"transformer_flow.layers.{i}.linear1.weight" in w:
        layer = f"transformer_flow.layers.{i}"
        lo, hi = z.chunk(2, dim=1)
        h = linear(w, f"{layer}.linear1", hi)
        centred = h - h.mean(1, keepdim=True)
        h = centred / torch.sqrt((centred**2).mean(1, keepdim=True) + 1e-6)
        h = h * w[f"{layer}.norm.weight"] + w[f"{layer}.norm.bias"]
        gain, offset = linear(w, f"{layer}.film.linear", condition).chunk(2, dim=1)
        shift, raw = linear(w, f"{layer}.linear2", gelu(gain * h + offset)).chunk(2, dim=1)
        scale = 2.0 - 1.5 / (1 + torch.exp(-raw))
        z = torch.cat([hi, lo * scale + shift], dim=1)
        logdet = logdet + torch.log(scale).sum(1)
        i += 1
    return z, logdet


def utterance(w: Weights, mel: Tensor, length: int) -> Tensor:
    """Mel [T, M] whose first `length` frames are real; the length doubles where the frames halve."""
    name = "utterance_encoder.0"
    x = linear(w, f"{name}.linear", mel)
    x[length:] = 0
    i = 0
    while f"{name}.layers.{i}.conv.weight" in w:
        weight = w[f"{name}.layers.{i}.conv.weight"]
        frames = (len(x) - 2) // 2 + 1
        y = torch.zeros(frames, weight.shape[0], dtype=x.dtype)
        for t in range(frames):
            for k in range(4):
                if 0 <= 2 * t + k - 1 < len(x):
                    y[t] += weight[:, :, k] @ x[2 * t + k - 1]
        x = torch.relu(channel_norm(w, f"{name}.layers.{i}.norm", y + w[f"{name}.layers.{i}.conv.bias"]))
        length = min(2 * length, len(x))
        i += 1
    return linear(w, f"{name}.out_linear", x)[:length].sum(0) / length


def alpha_bar(t: int, timesteps: int = 1000) -> float:
    """Cumulative product of the clipped cosine schedule."""

    def curve(step: int) -> float:
        return math.cos((step / timesteps + 0.008) / 1.008 * math.pi / 2) ** 2

    product = 1.0
    for step in range(t + 1):
        product *= 1 - min(max(1 - curve(step + 1) / curve(step), 0.0), 0.999)
    return product


def time_embedding(w: Weights, t: int) -> Tensor:
    name = "decoder.model.time_embedding"
    dim = w[f"{name}.lin1.weight"].shape[1]
    row = []
    for k in range(0, dim, 2):
        angle = t * math.exp(-k * math.log(10_000) / dim)
        row += [math.sin(angle), math.cos(angle)]
    return linear(w, f"{name}.lin2", silu(linear(w, f"{name}.lin1", torch.tensor([row], dtype=torch.float64))))[0]
