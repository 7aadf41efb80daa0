"""What a Hugging Face Space says of itself in its environment."""

import os
from collections.abc import Mapping

ZERO_GPU_VARIABLE = "SPACES_ZERO_GPU"


def has_zero_gpu(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether this is a Space with ZeroGPU."""
    return environment.get(ZERO_GPU_VARIABLE, "").lower() in ("1", "t", "true")
