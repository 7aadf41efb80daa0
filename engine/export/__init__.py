"""Export of a bundle to ONNX: the graphs of analysis, step, decoder and vocoder, and what a caller must know of them.

`export_onnx` and `write_description` are public. The loop around the graphs is the caller's: app/browser has one in
JavaScript.
"""

from undertone.engine.export.description import write_description
from undertone.engine.export.graphs import export_onnx

__all__ = ["export_onnx", "write_description"]
