"""A frame of a large model, by several threads: each takes rows of the product at work, or heads, until none is left.

A frame is a row of phases, each cut into blocks. One thread leads: it opens a phase, takes blocks like the others, and
goes on once all are done. The others help as long as they have a processor; where one is busy, the leader does more.
A row is summed by one thread, in the order of `kernels.linear`: the numbers do not depend on how many there were.

Letters as in `kernels`. The phase and its next block are one number, so that a helper who comes late takes what is at
work now: `phase << 32 | block`.
"""

from typing import Any, NamedTuple

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from undertone.engine.network.compiled.kernels import (
    Array,
    Weights,
    attend,
    compiled,
    enter_frame,
    gelu,
    linear,
    rms_norm,
)

BLOCK_WEIGHTS = 2**16  # of a product, about 7 us: few enough that nobody waits long for the last one
PHASE_BITS = 32
BLOCK_MASK = 2**PHASE_BITS - 1
NOT_BEGUN, OVER = 0, 2**31 - 1  # phases before the first, whose blocks are all taken, and behind the last
NEXT, DONE = 0, 16  # places in `state`, in cache lines of their own
STATE_SIZE = 32
# Phases of a layer.
ATTENTION_INPUT, ATTEND, ATTENTION_OUTPUT, EXPAND, PROJECT = range(5)
PHASES = 5
SPINS = 2_000  # looks before the processor is offered to others


class SharedFrame(NamedTuple):
    """What the threads of a frame have in common."""

    state: NDArray[np.int64]  # [32]: the phase and its next block, and how many blocks of it are done
    blocks: NDArray[np.int64]  # [5], of the phases of a layer
    rows: NDArray[np.int64]  # [5], of a block: rows of a matrix, or heads
    tokens: NDArray[np.int64]  # [B]
    latents: Array  # [B, Z]
    positions: NDArray[np.int64]  # [B], frames of each row before this one
    keys: Array  # [L, rows, H, T, Dh], of which the first B rows are these
    values: Array  # [L, rows, H, T, Dh]
    x: Array  # [B, D], between the layers
    normed: Array  # [B, D]
    heads: Array  # [B, 3 D]
    found: Array  # [B, D], by the heads
    inside: Array  # [B, F]
    change: Array  # [B, D]
    hidden: Array  # [B, D], the result: normed, behind the last layer


def shared_frame(
    w: Weights,
    tokens: NDArray[np.int64],
    latents: Array,
    keys: Array,
    values: Array,
    positions: NDArray[np.int64],
    hidden: Array,
) -> SharedFrame:
    """Return a frame before any thread has begun; arguments as of `kernels.advance_frame`."""
    batch, dim, wide = len(tokens), w.input.shape[0], w.expand.shape[1]
    state = np.zeros(STATE_SIZE, np.int64)
    state[NEXT] = NOT_BEGUN << PHASE_BITS | BLOCK_MASK >> 1
    matrices = {
        ATTENTION_INPUT: w.attention_input,
        ATTENTION_OUTPUT: w.attention_output,
        EXPAND: w.expand,
        PROJECT: w.project,
    }
    rows, blocks = np.ones(PHASES, np.int64), np.full(PHASES, batch * keys.shape[2])
    for kind, matrix in matrices.items():
        rows[kind] = max(1, BLOCK_WEIGHTS // matrix.shape[2])
        blocks[kind] = -(-matrix.shape[1] // rows[kind])
    return SharedFrame(
        state,
        blocks,
        rows,
        tokens,
        latents,
        positions,
        keys,
        values,
        x=np.empty((batch, dim), np.float32),
        normed=np.empty((batch, dim), np.float32),
        heads=np.empty((batch, 3 * dim), np.float32),
        found=np.empty((batch, dim), np.float32),
        inside=np.empty((batch, wide), np.float32),
        change=np.empty((batch, dim), np.float32),
        hidden=hidden,
    )


@intrinsic
def add_atomically(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Add to an int64 of an array as one operation for all threads; return what it was before."""

    def add(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[0], arguments)
        return builder.atomic_rmw("add", place, arguments[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), add


@intrinsic
def read_atomically(typing_context: Any, array: Any, index: Any) -> Any:
    """Return an int64 of an array as another thread wrote it, and see all that it wrote before."""

    def read(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_place(context, builder, signature.args[0], arguments), "seq_cst", 8)

    return types.int64(array, types.intp), read


@intrinsic
def write_atomically(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Write an int64 of an array for other threads to read, behind all that was written before."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[0], arguments)
        builder.store_atomic(arguments[2], place, "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), write


def _place(context: Any, builder: Any, array_type: Any, arguments: Any) -> ir.Value:
    """Return the pointer to an element of a contiguous array; arguments are the array and the index."""
    array = context.make_array(array_type)(context, builder, arguments[0])
    place: ir.Value = cgutils.gep(builder, array.data, arguments[1])
    return place


if llvmlite.binding.address_of_symbol("sched_yield") is None:  # Windows

    @compiled
    def offer_processor() -> None:
        """Go on looking."""

else:
    offer_processor = types.ExternalFunction("sched_yield", types.int32())


@compiled
def wait(spins: int) -> int:
    """Return the next count of looks at what another thread is to change; now and then the processor is offered."""
    if spins < SPINS:
        return spins + 1
    offer_processor()
    return 0


@compiled
def work(w: Weights, f: SharedFrame, phase: int, block: int, none: Array, scores: Array) -> None:
    """Do one block of a phase.

    Args:
        w: weights.
        f: the frame.
        phase: counted over all layers.
        block: of it.
        none: zeros [3 D].
        scores: scratch [T] of this thread.
    """
    layer, kind = phase // PHASES, phase % PHASES
    first, last = block * f.rows[kind], (block + 1) * f.rows[kind]
    if kind == ATTEND:
        attend(f.heads, f.keys[layer], f.values[layer], w.slopes, f.positions, first, last, scores, f.found)
        return
    x, weight, bias, out = f.normed, w.attention_input[layer], none, f.heads
    if kind == ATTENTION_OUTPUT:
        x, weight, out = f.found, w.attention_output[layer], f.change
    elif kind == EXPAND:
        weight, bias, out = w.expand[layer], w.expand_bias[layer], f.inside
    elif kind == PROJECT:
        x, weight, bias, out = f.inside, w.project[layer], w.project_bias[layer], f.change
    last = min(last, weight.shape[0])
    linear(x, weight[first:last], bias[first:last], out[:, first:last])


@compiled
def open_phase(w: Weights, f: SharedFrame, phase: int) -> None:
    """Do what one thread does between two phases, and open the second: NOT_BEGUN is followed by 0."""
    batch, layers = len(f.tokens), w.attention_scale.shape[0]
    layer, kind = phase // PHASES, phase % PHASES
    if phase == 0:
        enter_frame(w, f.tokens, f.latents, f.x)
    elif kind in (ATTENTION_INPUT, EXPAND):
        for b in range(batch):
            for i in range(f.x.shape[1]):
                f.x[b, i] += f.change[b, i]
    if layer == layers:
        rms_norm(f.x, w.final_scale, w.constants[0], f.hidden)
    elif kind == ATTENTION_INPUT:
        rms_norm(f.x, w.attention_scale[layer], w.constants[0], f.normed)
    elif kind == EXPAND:
        rms_norm(f.x, w.feedforward_scale[layer], w.constants[0], f.normed)
    elif kind == PROJECT:
        gelu(f.inside)
    write_atomically(f.state, DONE, 0)
    write_atomically(f.state, NEXT, (OVER if layer == layers else phase) << PHASE_BITS)


@compiled
def share_frame(w: Weights, f: SharedFrame, leads: bool) -> None:
    """Take blocks of whatever phase of a frame is at work, until it is over.

    Args:
        w: weights.
        f: the frame.
        leads: whether this thread, one of all, opens the phases.
    """
    none, scores = np.zeros(w.attention_input.shape[1], np.float32), np.empty(f.positions.max() + 1, np.float32)
    spins = 0
    if leads:
        open_phase(w, f, 0)
    while True:
        seen = read_atomically(f.state, NEXT)
        if seen >> PHASE_BITS < OVER and seen & BLOCK_MASK < f.blocks[(seen >> PHASE_BITS) % PHASES]:
            seen = add_atomically(f.state, NEXT, 1)  # may be of a later phase by now
        phase, block = seen >> PHASE_BITS, seen & BLOCK_MASK
        if phase == OVER:
            return
        if block < f.blocks[phase % PHASES]:
            work(w, f, phase, block, none, scores)
            add_atomically(f.state, DONE, 1)
            spins = 0
        elif leads and read_atomically(f.state, DONE) == f.blocks[phase % PHASES]:
            open_phase(w, f, phase + 1)
        else:
            spins = wait(spins)
