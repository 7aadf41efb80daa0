"""Compiles the model's step where that was not done: `python -m undertone.app.server.kernel_store`.

Numba stores it beside its source for all later processes. The model's process may not write there, and would compile
it anew at each start, for some nine seconds of processor time; the front process has it done once.
"""

import os
import sys
from pathlib import Path

from undertone import engine

COMPILED = Path(engine.__file__ or "").parent / "network" / "compiled"
LAST = "advance_frame"  # of the kernels to be compiled
NICENESS = 5


def kernels_are_stored(folder: Path = COMPILED) -> bool:
    """Return whether a process of this Python finds the kernels compiled; neither they nor Numba are imported."""
    source = folder / "kernels.py"
    version = f"py{sys.version_info.major}{sys.version_info.minor}"
    stored = folder.glob(f"__pycache__/kernels.{LAST}-*.{version}.nbi")
    return any(path.stat().st_mtime >= source.stat().st_mtime for path in stored)


def compile_kernels() -> None:
    """Compile and store the kernels, with the smallest network that has them: they are the same for every size.

    Bundles hold float16, which the kernels read as such; those for other weights are compiled when they are met.
    """
    from undertone.engine.config import EncoderConfig, ModelConfig, TransformerConfig
    from undertone.engine.network import VAEGSLM, CompiledStep

    os.nice(NICENESS)
    small = ModelConfig(
        num_tokens=3,
        token_dim=4,
        encoder=EncoderConfig(channels=4, hidden_channels=(4,)),
        transformer=TransformerConfig(dim=4, num_layers=1, num_heads=1, feedforward_dim=4),
    )
    CompiledStep.load(VAEGSLM(small).eval().half().float())


if __name__ == "__main__":
    compile_kernels()
