"""A frame as loops that Numba compiles: the transformer with its cache, the prior heads and the inverse flow.

Every row of a batch is summed in the same order whatever stands beside it, so a take does not depend on its batch
mates. L layers, B batch, T cache positions, H heads, Dh head dim, D transformer dim, F feed-forward dim, N token dim,
Z latent dims, V' token ids, C couplings, E hidden size of the flow. All arrays are float32 unless said otherwise.

A frame is the reading of its weights: matrices are read as float16 where that is exact, which halves it.
"""

import logging
import math
import platform
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

Array = NDArray[np.float32]
Matrix = Array | NDArray[np.uint16]  # float32, or the bits of float16
Function = TypeVar("Function", bound=Callable[..., Any])

# Sums may be split over the lanes of a vector register; infinities and the sign of zero keep their meaning.
REORDERED = {"reassoc", "contract"}
ONE, HALF = np.float32(1.0), np.float32(0.5)
SQRT_HALF = np.float32(0.5**0.5)
ERF_IS_ONE = np.float32(4.0)  # from here on, in float32

log = logging.getLogger(__name__)


def reads_halves() -> bool:
    """Return whether this machine's processor turns float16 into float32 by itself."""
    machine = platform.machine().lower()
    return machine in ("arm64", "aarch64") or bool(llvmlite.binding.get_host_cpu_features().get("f16c"))


def matrix(weight: Array, rounded: bool = False) -> Matrix:
    """Return a copy of a matrix as the kernels read it: the bits of float16 where no value changes by that.

    Args:
        weight: float32.
        rounded: whether values may change to the nearest float16; none may become infinite.
    """
    weight = np.array(weight, dtype=np.float32, order="C")
    with np.errstate(over="ignore"):
        half = weight.astype(np.float16)
    fits = np.isfinite(half).all() if rounded else np.array_equal(half, weight)
    return half.view(np.uint16) if reads_halves() and fits else weight


@intrinsic
def widened(typing_context: Any, value: Any) -> Any:
    """Return the float32 of a value of a matrix: itself, or what the bits of a float16 stand for."""

    def convert(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fpext(builder.bitcast(arguments[0], ir.HalfType()), ir.FloatType())

    if value == types.uint16:
        return types.float32(types.uint16), convert
    return value(value), lambda context, builder, signature, arguments: arguments[0]


@intrinsic
def float_of_bits(typing_context: Any, bits: Any) -> Any:
    """Return the float32 that the bits of an int32 stand for."""

    def convert(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), convert


class Weights(NamedTuple):
    """What a frame reads; matrices as [out, in], row by row in memory."""

    token_embedding: Array  # [V', N]
    latent_input: Matrix  # [N, Z]
    latent_bias: Array
    input: Matrix  # [D, N]
    slopes: Array  # [H], of ALiBi
    attention_scale: Array  # [L, D]
    attention_input: Matrix  # [L, 3 D, D]
    attention_output: Matrix  # [L, D, D]
    feedforward_scale: Array  # [L, D]
    expand: Matrix  # [L, F, D]
    expand_bias: Array  # [L, F]
    project: Matrix  # [L, D, F]
    project_bias: Array  # [L, D]
    final_scale: Array  # [D]
    hidden: Matrix  # [2 D, D], of the condition and of the token
    hidden_bias: Array
    logits: Matrix  # [V', D]
    logits_bias: Array
    readers: Matrix  # [2 Z + 2 E C, D], of the condition: mean, logstd, and gain and offset of every coupling
    readers_bias: Array
    flow_input: Matrix  # [C, E, Z / 2], in the order in which the flow is undone
    flow_input_bias: Array  # [C, E]
    flow_scale: Array  # [C, E]
    flow_offset: Array  # [C, E]
    flow_output: Matrix  # [C, Z, E]
    flow_output_bias: Array  # [C, Z]
    constants: Array  # [4]: eps of the norms, eps of the flow's, and where the flow's scale begins and how far it goes


def compiled(function: Function) -> Function:
    """Return a function that is compiled at its first call, and stored for the next process where there is room."""
    options = {"nogil": True, "fastmath": REORDERED, "error_model": "numpy"}
    try:
        dispatcher: Any = numba.njit(cache=True, **options)(function)
        copy_stored(function, Path(dispatcher.stats.cache_path))
    except RuntimeError as error:  # no folder can be written to
        log.info("%s is compiled anew in every process: %s", function.__name__, error)
        dispatcher = numba.njit(**options)(function)
    ready: Function = dispatcher
    return ready


def copy_stored(function: Callable[..., Any], folder: Path) -> None:
    """Copy what another process compiled beside a function's file to where this one looks for it.

    A server whose model process may not write beside the code has a folder of its own for it, empty at every start.
    What is left of older versions of the code, where the function began in another line, stays behind.
    """
    code = function.__code__
    source = Path(code.co_filename)
    stored = source.parent / "__pycache__"
    if folder.resolve() == stored.resolve():
        return
    for path in stored.glob(f"{source.stem}.{function.__name__}-{code.co_firstlineno}.*.nb[ic]"):
        if not (folder / path.name).exists():
            shutil.copyfile(path, folder / path.name)


@compiled
def linear(x: Array, weight: Matrix, bias: Array, out: Array) -> None:
    """Write weight x + bias into `out` [B, out] for x [B, in]; a row of the weight is read once for all of B."""
    for row in range(weight.shape[0]):
        for b in range(x.shape[0]):
            total = bias[row]
            for i in range(weight.shape[1]):
                total += widened(weight[row, i]) * x[b, i]
            out[b, row] = total


@compiled
def rms_norm(x: Array, scale: Array, eps: np.float32, out: Array) -> None:
    """Write x / sqrt(mean(x^2) + eps) * scale into `out`, both [B, D]."""
    for b in range(x.shape[0]):
        square = np.float32(0.0)
        for i in range(x.shape[1]):
            square += x[b, i] * x[b, i]
        factor = ONE / np.float32(math.sqrt(square / np.float32(x.shape[1]) + eps))
        for i in range(x.shape[1]):
            out[b, i] = x[b, i] * factor * scale[i]


@compiled
def gelu(x: Array) -> None:
    """Apply the exact GELU in place, within 1e-6: erf as the quotient of polynomials that Eigen and XLA have.

    The loop runs in a vector's lanes, which calls of the C library's erf would keep it from.
    """
    for b in range(x.shape[0]):
        for i in range(x.shape[1]):
            z = min(max(x[b, i] * SQRT_HALF, -ERF_IS_ONE), ERF_IS_ONE)
            q = z * z
            above = np.float32(-2.72614225801306e-10) * q + np.float32(2.77068142495902e-08)
            above = above * q + np.float32(-2.10102402082508e-06)
            above = above * q + np.float32(-5.69250639462346e-05)
            above = above * q + np.float32(-7.34990630326855e-04)
            above = above * q + np.float32(-2.95459980854025e-03)
            above = above * q + np.float32(-1.60960333262415e-02)
            below = np.float32(-1.45660718464996e-05) * q + np.float32(-2.13374055278905e-04)
            below = below * q + np.float32(-1.68282697438203e-03)
            below = below * q + np.float32(-7.37332916720468e-03)
            below = below * q + np.float32(-1.42647390514189e-02)
            x[b, i] = HALF * x[b, i] * (ONE + z * above / below)


@compiled
def exp_of_negative(x: np.float32) -> np.float32:
    """Return exp(x) of x <= 0 within 2 units of the last place, in operations that run in a vector's lanes.

    x = n log(2) + r, exp(r) as the polynomial of Cephes' `expf`.
    """
    x = max(x, np.float32(-87.0))
    n = np.int32(x * np.float32(1.44269504) - HALF)
    r = x - np.float32(n) * np.float32(0.693359375) + np.float32(n) * np.float32(2.12194440e-4)
    y = np.float32(1.9875691500e-4) * r + np.float32(1.3981999507e-3)
    y = y * r + np.float32(8.3334519073e-3)
    y = y * r + np.float32(4.1665795894e-2)
    y = y * r + np.float32(1.6666665459e-1)
    y = y * r + np.float32(5.0000001201e-1)
    return (y * r * r + r + ONE) * float_of_bits(np.int32((n + np.int32(127)) << np.int32(23)))


@compiled
def attend_head(
    query: Array, key: Array, value: Array, slope: np.float32, position: np.int64, scores: Array, found: Array
) -> None:
    """Write what a query [Dh] finds in one head's cache, up to and with its own frame, into `found` [Dh].

    Args:
        query: [Dh].
        key: [T, Dh].
        value: [T, Dh].
        slope: of ALiBi.
        position: of the query's own frame.
        scores: scratch [T].
        found: [Dh].
    """
    size = query.shape[0]
    norm = ONE / np.float32(math.sqrt(np.float32(size)))
    for t in range(position + 1):
        score = np.float32(0.0)
        for i in range(size):
            score += query[i] * key[t, i]
        scores[t] = score * norm - slope * np.float32(position - t)
    highest = np.float32(-np.inf)
    for t in range(position + 1):
        highest = max(highest, scores[t])
    total = np.float32(0.0)
    for t in range(position + 1):
        scores[t] = exp_of_negative(scores[t] - highest)
        total += scores[t]
    for t in range(position + 1):
        scores[t] /= total
    for i in range(size):
        found[i] = np.float32(0.0)
    four_by_four = position + 1 - (position + 1) % 4  # what was found is read and written once for four frames
    for t in range(0, four_by_four, 4):
        for i in range(size):
            nearer = scores[t + 2] * value[t + 2, i] + scores[t + 3] * value[t + 3, i]
            found[i] += scores[t] * value[t, i] + scores[t + 1] * value[t + 1, i] + nearer
    for t in range(four_by_four, position + 1):
        for i in range(size):
            found[i] += scores[t] * value[t, i]


@compiled
def attend(
    heads: Array,
    keys: Array,
    values: Array,
    slopes: Array,
    positions: NDArray[np.int64],
    first: int,
    last: int,
    scores: Array,
    out: Array,
) -> None:
    """Write a frame's keys and values into one layer's cache, and what its queries find there into `out` [B, D].

    Args:
        heads: query, key and value of every row, [B, 3 D].
        keys: [rows, H, T, Dh], of which the first B are these.
        values: [rows, H, T, Dh].
        slopes: [H].
        positions: frames of each row before this one, and where it is written, int64 [B].
        first: head of a row to begin with, counted over all rows; 0 to B H.
        last: head to end before.
        scores: scratch [T].
        out: [B, D].
    """
    _, num_heads, _, size = keys.shape
    dim = num_heads * size
    for one in range(first, last):
        b, h = one // num_heads, one % num_heads
        position, begin = positions[b], h * size
        for i in range(size):
            keys[b, h, position, i] = heads[b, dim + begin + i]
            values[b, h, position, i] = heads[b, 2 * dim + begin + i]
        query, found = heads[b, begin : begin + size], out[b, begin : begin + size]
        attend_head(query, keys[b, h], values[b, h], slopes[h], position, scores, found)


@compiled
def enter_frame(w: Weights, tokens: NDArray[np.int64], latents: Array, x: Array) -> None:
    """Write what the first layer reads of a frame into `x` [B, D]: token and latents, summed and projected."""
    frame = np.empty((len(tokens), w.latent_input.shape[0]), np.float32)
    linear(latents, w.latent_input, w.latent_bias, frame)
    for b in range(len(tokens)):
        for i in range(frame.shape[1]):
            frame[b, i] = w.token_embedding[tokens[b], i] + max(frame[b, i], np.float32(0.0))
    linear(frame, w.input, np.zeros(w.input.shape[0], np.float32), x)


@compiled
def advance_frame(
    w: Weights,
    tokens: NDArray[np.int64],
    latents: Array,
    keys: Array,
    values: Array,
    positions: NDArray[np.int64],
    hidden: Array,
) -> None:
    """Write the normed hidden state [B, D] behind a frame into `hidden`, its keys and values into the cache.

    Args:
        w: weights.
        tokens: int64 [B].
        latents: [B, Z].
        keys: [L, rows, H, T, Dh], of which the first B rows are these.
        values: [L, rows, H, T, Dh].
        positions: frames of each row before this one, int64 [B].
        hidden: [B, D].
    """
    batch, dim, wide = len(tokens), w.input.shape[0], w.expand.shape[1]
    none = np.zeros(3 * dim, np.float32)
    x, normed = np.empty((batch, dim), np.float32), np.empty((batch, dim), np.float32)
    change = np.empty((batch, dim), np.float32)
    heads, inside = np.empty((batch, 3 * dim), np.float32), np.empty((batch, wide), np.float32)
    scores = np.empty(positions.max() + 1, np.float32)
    enter_frame(w, tokens, latents, x)
    for layer in range(w.attention_scale.shape[0]):
        rms_norm(x, w.attention_scale[layer], w.constants[0], normed)
        linear(normed, w.attention_input[layer], none, heads)
        attend(heads, keys[layer], values[layer], w.slopes, positions, 0, batch * keys.shape[2], scores, normed)
        linear(normed, w.attention_output[layer], none, change)
        x += change
        rms_norm(x, w.feedforward_scale[layer], w.constants[0], normed)
        linear(normed, w.expand[layer], w.expand_bias[layer], inside)
        gelu(inside)
        linear(inside, w.project[layer], w.project_bias[layer], change)
        x += change
    rms_norm(x, w.final_scale, w.constants[0], hidden)


@compiled
def draw_frame(
    w: Weights, hidden: Array, normal: Array, temperature: np.float32, logits: Array, latents: Array
) -> None:
    """Write token logits [B, V'] and drawn latents [B, Z] of the frame after a hidden state.

    Args:
        w: weights.
        hidden: [B, D].
        normal: N(0, 1) [B, Z].
        temperature: of the latents.
        logits: [B, V'].
        latents: [B, Z].
    """
    batch, dim = hidden.shape
    size, width, half = latents.shape[1], w.flow_input.shape[1], latents.shape[1] // 2
    inner = np.empty((batch, dim), np.float32)  # contiguous, unlike a part of a wider one: it is read in vectors
    linear(hidden, w.hidden[dim:], w.hidden_bias[dim:], inner)
    linear(np.maximum(inner, np.float32(0.0)), w.logits, w.logits_bias, logits)
    read = np.empty((batch, w.readers.shape[0]), np.float32)
    linear(hidden, w.hidden[:dim], w.hidden_bias[:dim], inner)
    linear(np.maximum(inner, np.float32(0.0)), w.readers, w.readers_bias, read)
    for b in range(batch):
        for i in range(size):
            latents[b, i] = read[b, i] + temperature * np.float32(math.exp(read[b, size + i])) * normal[b, i]
    inside, moved = np.empty((batch, width), np.float32), np.empty((batch, size), np.float32)
    for c in range(w.flow_input.shape[0]):
        gains = read[:, 2 * size + 2 * width * c :]
        linear(latents[:, :half], w.flow_input[c], w.flow_input_bias[c], inside)
        for b in range(batch):
            mean = np.float32(0.0)
            for i in range(width):
                mean += inside[b, i]
            mean /= np.float32(width)
            square = np.float32(0.0)
            for i in range(width):
                square += (inside[b, i] - mean) * (inside[b, i] - mean)
            factor = ONE / np.float32(math.sqrt(square / np.float32(width) + w.constants[1]))
            for i in range(width):
                normed = (inside[b, i] - mean) * factor * w.flow_scale[c, i] + w.flow_offset[c, i]
                inside[b, i] = gains[b, i] * normed + gains[b, width + i]
        gelu(inside)
        linear(inside, w.flow_output[c], w.flow_output_bias[c], moved)
        for b in range(batch):
            for i in range(half):
                share = ONE / (ONE + np.float32(math.exp(-moved[b, half + i])))
                before = (latents[b, half + i] - moved[b, i]) / (w.constants[2] + w.constants[3] * share)
                latents[b, half + i] = latents[b, i]
                latents[b, i] = before
