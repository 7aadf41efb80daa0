"""Writes the graphs of a bundle, and the file that says what a caller must know to run them."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from undertone.engine.bundle import Bundle
from undertone.engine.errors import BundleError
from undertone.engine.export.analysis import AnalysisGraph
from undertone.engine.export.compact import compact_weights
from undertone.engine.export.sound import DecoderGraph, vocoder_graph
from undertone.engine.export.step import StepGraph

EXAMPLE_FRAMES = 70  # of the inputs that a graph is traced with; any number of frames may be given to it afterwards
OPSET = 20  # the last one that the exporter knows


@dataclass(frozen=True)
class Traced:
    """Module and the inputs that it is traced with."""

    name: str  # of the file, without .onnx
    module: nn.Module
    inputs: dict[str, Tensor]
    dynamic: dict[str, dict[int, str]]  # by input: the axes whose length the caller chooses, and their names
    outputs: tuple[str, ...]


def export_onnx(bundle: Bundle, folder: Path) -> list[Path]:
    """Write analysis.onnx, step.onnx, decoder.onnx and vocoder.onnx of a bundle on the CPU into a folder.

    Inputs and outputs are those of `AnalysisGraph`, `StepGraph`, `DecoderGraph` and the vocoder's graph. Values are
    the bundle's, stored as small as they are.

    Raises:
        BundleError: a system, tokenizer or vocoder that has no such graphs.
    """
    written = []
    for traced in _traced(bundle):
        path = folder / f"{traced.name}.onnx"
        model = exported(traced)
        compact_weights(model)
        onnx.save(model, path)
        written.append(path)
    return written


def _traced(bundle: Bundle) -> list[Traced]:
    """Return the graphs of a bundle before they are traced: one that has no such graph is refused at once."""
    config = bundle.config.model
    if config.beside != "latents" or config.joint_head or not config.has_tokens:
        raise BundleError(
            f"bundle {bundle.name!r} is a {config.system}; only VAE-GSLM with tokens and separate heads can be "
            "exported. Choose another bundle."
        )
    frames, transformer = EXAMPLE_FRAMES, config.transformer
    layers, heads = transformer.num_layers, transformer.num_heads
    head_dim = transformer.dim // heads
    tokens = torch.arange(frames) % config.num_tokens
    latents = torch.zeros(frames, config.latent_dim)
    mel = torch.zeros(frames, config.mel.num_mels)
    analysis = Traced(
        "analysis",
        AnalysisGraph(bundle),
        {"waveform": torch.rand(frames, config.mel.hop_samples, generator=torch.Generator().manual_seed(0))},
        {"waveform": {0: "frames"}},
        ("distances", "latents", "utterance"),
    )
    step = Traced(
        "step",
        StepGraph(bundle.model),
        {
            "initial": torch.zeros(3, config.token_dim),
            "tokens": tokens,
            "latents": latents,
            "position": torch.tensor(0),
            "normal": torch.zeros(config.latent_dim),
            "temperature": torch.tensor(1.0),
        }
        | {f"keys_{i}": torch.zeros(heads, head_dim, 90) for i in range(layers)}
        | {f"values_{i}": torch.zeros(heads, 90, head_dim) for i in range(layers)},
        {"initial": {0: "first"}, "tokens": {0: "frames"}, "latents": {0: "frames"}}
        | {f"keys_{i}": {2: "capacity"} for i in range(layers)}
        | {f"values_{i}": {1: "capacity"} for i in range(layers)},
        ("logits", "drawn", "new_keys", "new_values"),
    )
    decoder = Traced(
        "decoder",
        DecoderGraph(bundle),
        {"tokens": tokens, "latents": latents, "utterance": torch.zeros(config.utterance.dim), "start": mel},
        {"tokens": {0: "frames"}, "latents": {0: "frames"}, "start": {0: "frames"}},
        ("mel",),
    )
    return [analysis, step, decoder, vocoder_trace(vocoder_graph(bundle), config.mel.num_mels)]


def vocoder_trace(graph: nn.Module, num_mels: int) -> Traced:
    """Return a vocoder's graph before it is traced."""
    mel = torch.zeros(EXAMPLE_FRAMES, num_mels)
    return Traced(
        "vocoder",
        graph,
        {"history": mel[:5], "mel": mel, "first_frame": torch.tensor(1)},
        {"history": {0: "before"}, "mel": {0: "frames"}},
        ("samples",),
    )


def exported(traced: Traced) -> onnx.ModelProto:
    """Return the graph of a module.

    It is traced by the older of PyTorch's two exporters, which takes 8 s of processor time for the embedded voice; the
    newer one takes two minutes. What a trace fixes without a word, such as a length, is found by the tests, which give
    other lengths.
    """
    file = io.BytesIO()
    with torch.no_grad(), _exporter():
        torch.onnx.export(
            traced.module.eval(),
            tuple(traced.inputs.values()),
            file,  # type: ignore[arg-type]  # a file in memory does too
            dynamo=False,
            opset_version=OPSET,
            dynamic_axes=traced.dynamic,
            input_names=list(traced.inputs),
            output_names=list(traced.outputs),
        )
    model = onnx.load_from_string(file.getvalue())
    for node in model.graph.node:
        node.ClearField("doc_string")  # the place in our code that a node came from
    return model


@contextmanager
def _exporter() -> Iterator[None]:
    """Teach the exporter the norm that it lacks, and keep its warnings from the person at the command line."""
    torch.onnx.register_custom_op_symbolic("aten::rms_norm", _rms_norm, OPSET)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", torch.jit.TracerWarning)
            warnings.filterwarnings("ignore", "Constant folding")
            yield
    finally:
        torch.onnx.unregister_custom_op_symbolic("aten::rms_norm", OPSET)


def _rms_norm(graph: Any, x: Any, shape: Any, scale: Any, eps: Any) -> Any:
    """Add the nodes of a root-mean-square norm over the last axis, which ONNX Runtime makes one of."""
    two = graph.op("Constant", value_t=torch.tensor(2.0))
    axes = graph.op("Constant", value_t=torch.tensor([-1]))
    mean = graph.op("ReduceMean", graph.op("Pow", x, two), axes, keepdims_i=1)
    return graph.op("Mul", graph.op("Div", x, graph.op("Sqrt", graph.op("Add", mean, eps))), scale)
