"""Storage of the weights of a graph as small as their values allow: nothing is rounded.

A bundle stores float16, or int8 with a scale for each row. A weight that is one of the two is written so again, with
the operators that make float32 of it; a runtime does them once, when it loads the graph.
"""

import numpy as np
import onnx
from onnx import numpy_helper

SMALLEST_VALUES = 256  # of a weight that is worth it
LEVELS = 127  # of int8, each way


def compact_weights(model: onnx.ModelProto) -> None:
    """Write every float32 weight of a graph as float16 or int8 where that keeps its values, in place."""
    graph, first = model.graph, []
    for weight in list(graph.initializer):
        if weight.data_type != onnx.TensorProto.FLOAT or np.prod(weight.dims) < SMALLEST_VALUES:
            continue
        values = numpy_helper.to_array(weight)
        stored = _stored(weight.name, values)
        if stored is None:
            continue
        graph.initializer.remove(weight)
        initializers, nodes = stored
        graph.initializer.extend(initializers)
        first += nodes
    for node in reversed(first):
        graph.node.insert(0, node)


Stored = tuple[list[onnx.TensorProto], list[onnx.NodeProto]]


def _stored(name: str, values: np.ndarray) -> Stored | None:
    """Return initializers and nodes that together are a weight; None where it cannot be smaller."""
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    if np.array_equal(half.astype(np.float32), values):
        return [numpy_helper.from_array(half, f"{name}.half")], [_cast(f"{name}.half", name)]
    for axis in range(values.ndim) if values.ndim >= 2 else ():
        if (found := eight_bits(values, axis)) is not None:
            steps, scale = found
            tensors = [
                numpy_helper.from_array(steps, f"{name}.steps"),
                numpy_helper.from_array(scale, f"{name}.scale"),
            ]
            product = onnx.helper.make_node("Mul", [f"{name}.whole", f"{name}.scale"], [name])
            return tensors, [_cast(f"{name}.steps", f"{name}.whole"), product]
    return None


def eight_bits(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return a weight as int8 and float32 scales along one axis, whose product it is to the bit; None if it is not."""
    others = tuple(i for i in range(values.ndim) if i != axis)
    peak = np.abs(values).max(axis=others, keepdims=True)
    near = np.where(peak > 0, peak / np.float32(LEVELS), np.float32(1)).astype(np.float32)
    steps = np.rint(values / near)
    scale, known = near, np.zeros(near.shape, dtype=bool)
    # Divided by its levels again a scale is known to a rounding only: its neighbours are tried too.
    for candidate in (near, np.nextafter(near, np.float32(0)), np.nextafter(near, np.float32(np.inf))):
        fits = (steps.astype(np.float32) * candidate == values).all(axis=others, keepdims=True)
        scale, known = np.where(fits & ~known, candidate, scale), known | fits
    return (steps.astype(np.int8), scale) if known.all() else None


def _cast(source: str, target: str) -> onnx.NodeProto:
    return onnx.helper.make_node("Cast", [source], [target], to=onnx.TensorProto.FLOAT)
