"""Weights are stored small, and are the same to the bit when a runtime has loaded them."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from undertone.engine.export.compact import compact_weights

DRAWS = np.random.default_rng(0)


def _half() -> np.ndarray:
    return DRAWS.normal(size=(40, 30)).astype(np.float16).astype(np.float32)


def _eight_bit(axis: int) -> np.ndarray:
    """What a bundle makes of rows in int8; an exporter may have turned them."""
    rows = DRAWS.normal(size=(40, 30)).astype(np.float32)
    scale = np.abs(rows).max(1) / np.float32(127)
    stored = np.rint(rows / scale[:, None]).astype(np.int8).astype(np.float32) * scale[:, None]
    return stored if axis == 0 else np.ascontiguousarray(stored.T)


def _odd() -> np.ndarray:
    return DRAWS.normal(size=(40, 30)).astype(np.float32)


@pytest.mark.parametrize(("values", "bytes_each"), [(_half(), 2), (_eight_bit(0), 1), (_eight_bit(1), 1), (_odd(), 4)])
def test_a_weight_keeps_its_values_and_no_more_bytes_than_it_needs(
    values: np.ndarray, bytes_each: int, tmp_path: Path
) -> None:
    node = helper.make_node("Add", ["x", "weight"], ["y"])
    shape = list(values.shape)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy")
    graph = helper.make_graph([node], "sum", [x], [y], [numpy_helper.from_array(values, "weight")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    compact_weights(model)
    onnx.checker.check_model(model)
    stored = sum(len(weight.raw_data) for weight in model.graph.initializer)
    assert stored <= bytes_each * values.size + 4 * max(values.shape)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (found,) = session.run(None, {"x": np.zeros(shape, np.float32)})
    assert np.array_equal(found, values)
